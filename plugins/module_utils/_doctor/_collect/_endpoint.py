# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Endpoints of this host (or the one that was named), asked over HTTP: health, models, a chat, a tool call in both forms."""

from __future__ import annotations

import json
import os
import re
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collector import Collected, Context, collector, unreadable
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._flags import engine_arguments, number, parse
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._chat_stream import ChatStream, error_text
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._endpoint import stream_body
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._http import HttpError, Response, bearer, request, stream_events
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._tool_call import Question, message_of
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._tool_call_probe import FORMS, check, server
from ansible_collections.inferhost.llm.plugins.module_utils._listeners import listeners

# Inside a JSON string each quote carries a backslash, so this is always a key.
_EMPTY_CALLS = re.compile(r'"tool_calls"\s*:\s*\[\s*\]')
_QUICK_S = 10.0
_ANSWER_S = 60.0
_ANY_ADDRESS = ("0.0.0.0", "::", "[::]", "*", "localhost", "")
_DEFAULT_PORTS = {"vllm": 8000, "proxy": 4000, "litellm": 4000}
# A gateway is ready when its engine is.
_HEALTH = {"proxy": "/readyz", "litellm": "/health/liveliness"}
_KEY_FILES = {"proxy": "api_key", "vllm": "engine_key", "litellm": "litellm_key"}


class Target(t.NamedTuple):
    """`ours`: part of an installation by this collection, so a run of it mends what is wrong."""

    url: str
    kind: str
    pid: int | None
    key_file: str | None
    ours: bool = False


@collector("endpoints", root="helps", cost="tokens", timeout_s=300, after=["processes"])
def endpoints(context: Context, facts: Facts) -> Collected:
    gaps: list[str] = []
    return Collected([_probe(context, target) for target in targets(context, facts["processes"], gaps)], gaps)


def targets(context: Context, processes: t.Sequence[t.Mapping[str, t.Any]], gaps: list[str]) -> list[Target]:
    """The endpoint that was named, else each server that runs here. Stored keys go only to ports that our own kinds of server hold."""
    if context.endpoint:
        return [Target(context.endpoint.rstrip("/"), "named", None, context.api_key_file)]
    found = []
    for process in processes:
        # The ports inside a container are not those of the host unless they share the network.
        if process["kind"] in _DEFAULT_PORTS and (not process["container"] or _listens(context, process)):
            address = address_of(context, process, gaps)
            if address is None:
                continue
            stored = _KEY_FILES.get(process["kind"])
            key_file = context.api_key_file or (stored and context.path(os.path.join(context.root, "etc/secrets", stored)))
            ours = process["argv"][0].startswith(context.root.rstrip("/") + "/venvs/")
            found.append(Target(f"http://{address[0]}:{address[1]}", process["kind"], process["pid"], key_file, ours))
    return list({target.url: target for target in found}.values())


def address_of(context: Context, process: t.Mapping[str, t.Any], gaps: list[str]) -> tuple[str, int] | None:
    """Loopback or the one address that a server was told to listen on, and its port; None where only a closed file knows."""
    kind = process["kind"]
    flags = parse(engine_arguments(process["argv"]) or process["argv"][1:])
    host, port = flags.get("--host", ""), number(flags.get("--port"))
    if kind == "proxy" and flags.get("--config"):
        try:
            with open(context.path(os.path.join(process["cwd"] or "/", flags["--config"])), encoding="utf-8") as handle:
                config = json.load(handle)
            host, port = str(config.get("host", "")), int(config.get("port", _DEFAULT_PORTS[kind]))
        except OSError as error:
            gaps.append(unreadable(f"{flags['--config']}, the configuration of process {process['pid']}", error))
            return None
        except (ValueError, AttributeError, TypeError):
            gaps.append(f"{flags['--config']} is not the configuration of a proxy")
            return None
    shown = "127.0.0.1" if host in _ANY_ADDRESS else f"[{host}]" if ":" in host else host
    return shown, port or _DEFAULT_PORTS[kind]


def _listens(context: Context, process: t.Mapping[str, t.Any]) -> bool:
    wanted = address_of(context, process, [])
    return wanted is not None and any(one.port == wanted[1] for one in listeners(context.path("/proc")))


def _probe(context: Context, target: Target) -> dict[str, t.Any]:
    key, no_key = key_of(context, target)
    where = server(target.url, key, _ANSWER_S)
    base = where.url
    health = _HEALTH.get(target.kind, "/health")
    found: dict[str, t.Any] = {
        "url": base,
        "kind": target.kind,
        "pid": target.pid,
        "ours": target.ours,
        "version": None,
        "with_key": bool(key),
        "no_key": no_key or "none is known here",
        "health": {**_get(base + health, key)[0], "path": health},
        "models": None,
        "chat": None,
        "tool": None,
        "stream": None,
    }
    answer, body = _get(f"{base}/v1/models", key)
    entries = [entry for entry in (body.get("data") if isinstance(body, dict) else None) or [] if isinstance(entry, dict)]
    found["models"] = {**answer, "ids": [str(entry.get("id")) for entry in entries], "max_model_len": entries[0].get("max_model_len") if entries else None}
    if target.kind == "named" and _is_our_proxy(base):
        found.update(kind="proxy", ours=True)
    if found["kind"] in ("vllm", "named"):
        version = _get(base + "/version", key)[1]
        found["version"] = version.get("version") if isinstance(version, dict) and isinstance(version.get("version"), str) else None
    if entries and context.probe:
        model = str(entries[0].get("id"))
        found["chat"] = _chat(base, model, key)
        if found["chat"]["status"] == 200:
            asked = check(where, Question(), FORMS["both"], model)
            found["tool"] = {"findings": asked["findings"], "notations": _notations(asked["answers"])}
            found["stream"] = _stream(base, model, key)
    return found


def _is_our_proxy(base: str) -> bool:
    """Only ours answers there like this."""
    answer = _get(base + "/livez", None)[1]
    return isinstance(answer, dict) and answer.get("status") == "alive"


def _notations(answers: t.Sequence[t.Mapping[str, t.Any]]) -> list[dict[str, t.Any]]:
    """How the model wrote calls that nobody read, each with the parser that would."""
    found = [{"markup": one["markup"], "parser": one["parser"]} for one in answers if one["markup"]]
    return [one for at, one in enumerate(found) if one not in found[:at]]


def key_of(context: Context, target: Target) -> tuple[str | None, str | None]:
    """The key, or why there should be one and is none."""
    if not target.key_file:
        return None, None
    try:
        with open(target.key_file, encoding="utf-8") as handle:
            key = handle.read().strip()
    except FileNotFoundError:
        return None, f"{context.api_key_file} (api_key_file) is not there" if context.api_key_file else None
    except OSError as error:
        return None, unreadable(target.key_file, error)
    context.redactor.learn(key)
    return key, None


def _answer(response: Response) -> dict[str, t.Any]:
    body = response.json()
    said = isinstance(body, dict) and (body.get("error") or body.get("detail"))
    error = "" if response.status == 200 else error_text(body) if said else response.text()[:300]
    return {"status": response.status, "error": error, "elapsed_s": round(response.elapsed_s, 3)}


def _failed(error: HttpError) -> dict[str, t.Any]:
    return {"status": None, "error": error.message, "elapsed_s": None}


def _get(url: str, key: str | None) -> tuple[dict[str, t.Any], t.Any]:
    try:
        response = request("GET", url, headers=bearer(key), timeout=_QUICK_S)
    except HttpError as error:
        return _failed(error), None
    return _answer(response), response.json()


def _chat(base: str, model: str, key: str | None) -> dict[str, t.Any]:
    body = {"model": model, "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 16, "temperature": 0}
    try:
        response = request("POST", f"{base}/v1/chat/completions", body, bearer(key), _ANSWER_S)
    except HttpError as error:
        return {**_failed(error), "characters": 0, "empty_tool_calls": False}
    message = message_of(response.json())
    characters = len(message.content + message.reasoning) if message else 0
    return {**_answer(response), "characters": characters, "empty_tool_calls": _EMPTY_CALLS.search(response.text()) is not None}


def _stream(base: str, model: str, key: str | None) -> dict[str, t.Any]:
    """Chunks of an answer without a call, with a tool on offer: that is where the empty lists are."""
    stream = ChatStream()
    try:
        for _seen, data in stream_events(f"{base}/v1/chat/completions", stream_body(model), bearer(key), _ANSWER_S, _ANSWER_S):
            stream.feed(data)
    except HttpError as error:
        return {"error": error.message, "chunks": stream.chunks, "empty_tool_calls": stream.chunks_with_empty_tool_calls}
    return {"error": stream.error or "", "chunks": stream.chunks, "empty_tool_calls": stream.chunks_with_empty_tool_calls}
