# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How each endpoint that answers a chat treats what agents send. At most fourteen small requests an endpoint."""

from __future__ import annotations

import json
import time
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect._endpoint import key_of, targets
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collector import Collected, Context, collector
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint import _behaviour as ask
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._chat_stream import DONE
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._http import HttpError, Response, bearer, request, stream_events
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._tool_call_probe import Server, server

_ANSWER_S = 60.0
# Below the collector's own limit, so that what was learnt until then is kept.
_ALL_S = 330.0
# Neither path nor method: the server has no such surface.
ABSENT = (404, 405, 501)

Reader = t.Callable[[Response], ask.Json]


@collector("behaviour", root="helps", cost="tokens", timeout_s=360, after=["processes", "endpoints"])
def behaviour(context: Context, facts: Facts) -> Collected:
    """Only endpoints that answered a chat are asked, and none without leave to probe."""
    end = time.monotonic() + _ALL_S
    keys = {server(target.url, None, _ANSWER_S).url: key_of(context, target)[0] for target in targets(context, facts["processes"], [])}
    found = []
    for one in facts["endpoints"]:
        if one["chat"] and one["chat"]["status"] == 200:
            found.append(_Probe(server(one["url"], keys.get(one["url"]), _ANSWER_S), one, end).run())
    return Collected(found)


class _Probe:
    """The questions to one endpoint; each later one may hang on earlier answers."""

    def __init__(self, where: Server, endpoint: t.Mapping[str, t.Any], end: float) -> None:
        self._where = where
        self._endpoint = endpoint
        self._model = str(endpoint["models"]["ids"][0])
        self._end = end
        self._answers: dict[str, ask.Json] = {}

    def run(self) -> dict[str, t.Any]:
        self._chat()
        self._messages()
        one = self._endpoint
        return {
            **{name: one[name] for name in ("url", "kind", "ours")},
            "model": self._model,
            "version": one["version"],
            "window": one["models"]["max_model_len"],
            "answers": self._answers,
        }

    def _chat(self) -> None:
        model, window = self._model, self._endpoint["models"]["max_model_len"]
        first = self._put("plain", ask.CHAT, ask.plain(model), ask.chat_facts)
        self._put_stream("streamed", ask.plain(model))
        thinks = reasons(first)
        if not thinks:
            thinks = reasons(self._put("thinking_on", ask.CHAT, ask.thinking(model, on=True), ask.chat_facts))
        if thinks:
            self._put("thinking_off", ask.CHAT, ask.thinking(model, on=False), ask.chat_facts)
        self._put("system_inside", ask.CHAT, ask.system_inside(model), ask.status_of)
        self._put("guided", ask.CHAT, ask.guided(model, quiet=thinks), ask.chat_facts)
        self._put("schema", ask.CHAT, ask.schema(model, quiet=thinks), ask.chat_facts)
        if isinstance(window, int):
            self._put_begun("large_output", ask.CHAT, ask.large_output(model, window))
        if self._endpoint["kind"] == "litellm":
            self._put_without_key()

    def _messages(self) -> None:
        model, window = self._model, self._endpoint["models"]["max_model_len"]
        first = self._put("messages_tool", ask.MESSAGES, ask.messages_tool(model), ask.message_facts)
        if first is None or first["status"] is None or first["status"] in ABSENT:
            return
        self._put("messages_system", ask.MESSAGES, ask.messages_system(model), ask.status_of)
        if isinstance(window, int):
            self._put_begun("messages_large_output", ask.MESSAGES, ask.large_output(model, window))
            if window <= ask.LONGEST_PROMPT:
                self._put_begun("messages_long", ask.MESSAGES, ask.messages_long(model, window))
        self._put("web_search", ask.MESSAGES, ask.web_search(model), ask.message_facts)

    def _put(self, name: str, path: str, body: ask.Json, read: Reader) -> ask.Json | None:
        """Ask and remember; nothing where time is up."""
        left = self._left()
        if left <= 0:
            return None
        try:
            self._answers[name] = read(request("POST", self._where.at(path), body, self._headers(path), left))
        except HttpError as error:
            self._answers[name] = {"status": None, "error": error.message}
        return self._answers[name]

    def _put_stream(self, name: str, body: ask.Json) -> None:
        left = self._left()
        if left <= 0:
            return
        deltas: list[ask.Json] = []
        finish = None
        try:
            for _when, data in stream_events(self._where.at(ask.CHAT), {**body, "stream": True}, self._headers(ask.CHAT), left, left):
                if data.strip() == DONE:
                    break
                choice = _choice(data)
                deltas.append(choice["delta"] if isinstance(choice.get("delta"), dict) else {})
                finish = choice.get("finish_reason") or finish
        except HttpError as error:
            self._answers[name] = ask.status_of(error.response) if error.response else {"status": None, "error": error.message}
            return
        self._answers[name] = ask.stream_facts(deltas, finish)

    def _put_begun(self, name: str, path: str, body: ask.Json) -> None:
        """Whether a stream begins; then it is left, which makes the server stop."""
        left = self._left()
        if left <= 0:
            return
        try:
            for _when, data in stream_events(self._where.at(path), body, self._headers(path), left, left):
                if _is_ping(data):
                    continue
                # A gateway that has promised events already refuses in one.
                error = _error(data)
                self._answers[name] = {"status": 400 if error else 200, "error": error}
                break
            else:
                self._answers[name] = {"status": None, "error": "the stream was empty"}
        except HttpError as error:
            self._answers[name] = ask.status_of(error.response) if error.response else {"status": None, "error": error.message}

    def _put_without_key(self) -> None:
        try:
            answer = request("GET", self._where.at("/v1/models"), timeout=min(10.0, max(1.0, self._left())))
            self._answers["without_key"] = ask.status_of(answer)
        except HttpError as error:
            self._answers["without_key"] = {"status": None, "error": error.message}

    def _left(self) -> float:
        return min(_ANSWER_S, self._end - time.monotonic())

    def _headers(self, path: str) -> dict[str, str]:
        version = {"anthropic-version": "2023-06-01"} if path == ask.MESSAGES else {}
        return {**bearer(self._where.key), **version}


def reasons(answer: t.Mapping[str, t.Any] | None) -> bool:
    """Whether the model thought before it answered, wherever its thoughts ended up."""
    return bool(answer and (answer.get("reasoning") or "<think>" in answer.get("content", "")))


def _choice(data: str) -> t.Mapping[str, t.Any]:
    try:
        chunk = json.loads(data)
        choice = chunk["choices"][0]
    except (ValueError, KeyError, IndexError, TypeError):
        return {}
    return choice if isinstance(choice, dict) else {}


def _is_ping(data: str) -> bool:
    """Only a sign of life, which says nothing about what comes."""
    try:
        return bool(json.loads(data).get("type") == "ping")
    except (ValueError, AttributeError):
        return False


def _error(data: str) -> str:
    try:
        chunk = json.loads(data)
    except ValueError:
        return ""
    error = chunk.get("error") if isinstance(chunk, dict) else None
    return str(error.get("message") if isinstance(error, dict) else error)[:500] if error else ""
