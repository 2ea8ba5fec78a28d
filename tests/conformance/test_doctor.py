# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The doctor asks an engine that agents cannot work with, and then the gateway before it: what it found is gone."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gateway import CLIENT_KEY, Gateway

Document = dict[str, Any]
ROOT = Path(__file__).resolve().parents[2]
WINDOW = 4096
ROWS = [f"L{number}" for number in range(50, 66)]


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    """Imports modules of the collection under their own names, from the working tree."""
    place = tmp_path_factory.mktemp("collections")
    (place / "ansible_collections/inferhost").mkdir(parents=True)
    (place / "ansible_collections/inferhost/llm").symlink_to(ROOT)
    sys.path.insert(0, str(place))
    importlib.invalidate_caches()
    yield lambda name: importlib.import_module(f"ansible_collections.inferhost.llm.{name}")
    sys.path.remove(str(place))


def tokens(body: Document) -> int:
    texts = [json.dumps(message.get("content")) for message in body["messages"]]
    return sum(len(text.split()) for text in [*texts, json.dumps(body.get("tools", ""))])


def answered(body: Document) -> tuple[Document, str]:
    """The message of an engine of the wrong kind for agents, and its finish reason."""
    if isinstance(body.get("tool_choice"), dict):
        name = body["tool_choice"]["function"]["name"]
        return {
            "content": None,
            "tool_calls": [{"id": "c1", "index": 0, "type": "function", "function": {"name": name, "arguments": '{"path": "/a"}'}}],
        }, "stop"
    if body.get("tools") and "Read the file" in body["messages"][-1]["content"]:
        path = body["messages"][-1]["content"].rpartition(" ")[2]
        call = {"name": "read_file", "arguments": {"path": path}}
        return {"content": f"<tools>\n{json.dumps(call)}\n</tools>", "tool_calls": []}, "stop"
    form = body.get("structured_outputs") or {}
    if "choice" in form:
        return {"content": form["choice"][0], "tool_calls": []}, "stop"
    if "response_format" in body:
        return {"content": '{"animal": "zebra"}', "tool_calls": []}, "stop"
    thinks = (body.get("chat_template_kwargs") or {}).get("enable_thinking", True)
    return {"content": "A file is a named piece of data.", **({"reasoning": "They ask about files."} if thinks else {}), "tool_calls": []}, "stop"


@pytest.fixture
def engine(collection: Callable[[str], Any]) -> Iterator[Any]:
    server = collection("tests.unit.plugins.scripted_server")

    def chat(seen: Any) -> Any:
        body = seen.json()
        if any(message["role"] == "system" for message in body["messages"][1:]):
            return server.http(400, {"error": {"message": "System message must be at the beginning."}})
        if tokens(body) + body.get("max_tokens", 1) > WINDOW:
            return server.http(400, {"error": {"message": f"max_tokens is too large, the maximum context length is {WINDOW}"}})
        message, reason = answered(body)
        if not body.get("stream"):
            return server.http(200, {"id": "x", "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": reason}]})
        deltas = [({"role": "assistant", **message}, None), ({}, reason)]
        chunks = ({"id": "x", "choices": [{"index": 0, "delta": delta, "finish_reason": end}]} for delta, end in deltas)
        return server.chunked(server.sse(*chunks, "[DONE]"))

    routes = {
        "/health": server.http(200, b""),
        "/version": server.http(200, {"version": "0.32.0"}),
        "/v1/models": server.http(200, {"object": "list", "data": [{"id": "m", "max_model_len": WINDOW}]}),
        "/tokenize": lambda seen: server.http(200, {"count": tokens(seen.json())}),
        "/v1/chat/completions": chat,
    }
    with server.ScriptedServer(routes) as started:
        yield started


def findings(collection: Callable[[str], Any], folder: Path, url: str) -> list[Any]:
    (folder / "proc/1").mkdir(parents=True)
    key = folder / "key"
    key.write_text(CLIENT_KEY)
    context = collection("plugins.module_utils._doctor._collector").Context(fs=str(folder), endpoint=url, api_key_file=str(key))
    report = collection("plugins.module_utils._doctor._run").diagnose(context, "host", ROWS)
    assert CLIENT_KEY not in json.dumps(report.as_dict())
    return list(report.findings)


def test_what_the_doctor_finds_at_an_engine_the_gateway_mends(
    collection: Callable[[str], Any], engine: Any, start: Callable[..., Gateway], tmp_path: Path
) -> None:
    before = findings(collection, tmp_path / "engine", engine.url)
    assert {one.id for one in before} == {"L52", "L54", "L56", "L59", "L62", "L64"}
    gateway = start(engine.url, limits={"max_model_len": WINDOW})
    after = findings(collection, tmp_path / "gateway", gateway.url + "/v1")
    # Nobody searches here, which the doctor knows by the gateway's words.
    unserved = collection("plugins.module_utils._doctor._checks._conversation").UNSERVED
    assert [unserved in one.seen for one in after if one.id == "L57"] == [True]
    behind = [one for one in after if one.id != "L57"]
    # OpenAI's clients keep their system messages first; Anthropic's do not, and theirs are folded.
    assert [(one.id, one.severity) for one in behind] == [("L56", "info")], behind
    assert "/v1/chat/completions" in behind[0].seen
