# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._tool_call import DEFAULT_PATH, Question
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._tool_call_probe import FORMS, check, server
from ansible_collections.inferhost.llm.tests.unit.plugins.scripted_server import ScriptedServer, Seen, chunked, http, pieces, sse

KEY = "sk-secret"
ARGUMENTS = json.dumps({"path": DEFAULT_PATH})
MODELS = http(200, {"data": [{"id": "tiny"}, {"id": "other"}]})
NO_PARSER = http(400, {"error": {"message": '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set', "code": 400}})


def whole(**message: t.Any) -> list[bytes]:
    return http(
        200,
        {"choices": [{"message": {"role": "assistant", "content": None, **message}, "finish_reason": "tool_calls" if message.get("tool_calls") else "stop"}]},
    )


def call(arguments: str = ARGUMENTS) -> dict[str, t.Any]:
    return {"index": 0, "id": "call_1", "type": "function", "function": {"name": "read_file", "arguments": arguments}}


def delta(finish: str | None = None, **delta: t.Any) -> dict[str, t.Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def streamed(arguments: str = ARGUMENTS, size: int = 5) -> list[t.Any]:
    fragments = [{"index": 0, "function": {"arguments": part.decode()}} for part in pieces(arguments.encode(), 7)]
    events: list[t.Any] = [delta(role="assistant", content=""), delta(tool_calls=[call("")])]
    events += [delta(tool_calls=[fragment]) for fragment in fragments]
    events += [delta("tool_calls"), {"choices": [], "usage": {"completion_tokens": 20}}, "[DONE]"]
    return chunked(*pieces(sse(*events), size))


def answering(when_whole: t.Any, when_streamed: t.Any, raw: t.Any = None) -> t.Callable[[Seen], t.Any]:
    def answer(seen: Seen) -> t.Any:
        body = seen.json()
        if body["tool_choice"] == "none":
            return raw or http(500, {"error": {"message": "unexpected"}})
        return when_streamed if body.get("stream") else when_whole

    return answer


def run(routes: t.Mapping[str, t.Any], form: str = "both", model: str | None = None, timeout: float = 5.0) -> tuple[dict[str, t.Any], list[Seen]]:
    with ScriptedServer(routes) as there:
        return check(server(there.url + "/v1", KEY, timeout), Question(), FORMS[form], model), there.seen


def chat(answer: t.Any) -> dict[str, t.Any]:
    return {"/v1/models": MODELS, "/v1/chat/completions": answer}


@pytest.mark.parametrize("size", [1, 13, 100000])
def test_a_good_server(size: int) -> None:
    result, seen = run(chat(answering(whole(tool_calls=[call()]), streamed(size=size))))
    assert (result["ok"], result["model"], result["findings"]) == (True, "tiny", [])
    assert [answer["call"]["arguments"] for answer in result["answers"]] == [{"path": DEFAULT_PATH}] * 2
    assert [one.path for one in seen] == ["/v1/models", "/v1/chat/completions", "/v1/chat/completions"]
    assert {one.headers["authorization"] for one in seen} == {f"Bearer {KEY}"}
    assert KEY not in json.dumps(result)


def test_a_given_model_is_not_looked_up() -> None:
    result, seen = run(chat(answering(whole(tool_calls=[call()]), streamed())), model="mine")
    assert [one.path for one in seen] == ["/v1/chat/completions"] * 2
    assert {one.json()["model"] for one in seen} == {"mine"}
    assert result["ok"]


def test_without_a_parser_the_raw_text_names_the_one_to_set() -> None:
    text = '<tool_call>\n{"name": "read_file", "arguments": {"path": "/a"}}\n</tool_call>'
    result, seen = run(chat(answering(NO_PARSER, NO_PARSER, whole(content=text))))
    assert not result["ok"]
    assert [answer["code"] for answer in result["answers"]] == ["http_400_no_parser"] * 2
    assert [answer["raw_text"] for answer in result["answers"]] == [text] * 2
    assert result["findings"][0]["fix"].startswith("ansible-playbook inferhost.llm.site -e vllm_tool_parser=hermes  #")
    # Asked for once, used for both forms.
    assert sum(one.path == "/v1/chat/completions" and one.json()["tool_choice"] == "none" for one in seen) == 1


def test_the_wrong_parser_leaves_markup() -> None:
    text = "<tool_call>\n<function=read_file>\n<parameter=path>\n/a\n</parameter>\n</function>\n</tool_call>"
    stream = chunked(*pieces(sse(delta(content=text[:20]), delta(content=text[20:]), delta("stop"), "[DONE]"), 11))
    result, _seen = run(chat(answering(whole(content=text), stream)))
    assert [(answer["code"], answer["parser"], answer["raw_text"]) for answer in result["answers"]] == [("unparsed_markup", "qwen3_coder", text)] * 2
    # Both forms fail alike: one finding.
    assert [finding["id"] for finding in result["findings"]] == ["L51"]


STREAMS = [
    pytest.param(chunked(sse(delta(role="assistant"), delta("stop"), "[DONE]")), "empty_stream", id="no-content"),
    pytest.param(chunked(sse("[DONE]")), "empty_stream", id="only-done"),
    pytest.param(chunked(sse(delta(tool_calls=[call()]))), "stream_cut", id="no-done"),
    pytest.param(chunked(sse(delta(tool_calls=[call()])), end=False), "stream_cut", id="connection-lost"),
    pytest.param(chunked(sse(delta(tool_calls=[call()])), 60.0), "stream_cut", id="hangs"),
    pytest.param(chunked(sse(delta(content="x"), {"error": {"message": "engine died"}})), "stream_error", id="error-event"),
    pytest.param(chunked(sse("not json")), "stream_error", id="garbage"),
    pytest.param(http(200, {"choices": []}), "not_json", id="not-a-stream"),
    pytest.param(http(401, {"error": {"message": "bad key"}}), "unauthorized", id="unauthorized"),
    pytest.param([b"garbage"], "network", id="not-http"),
]


@pytest.mark.parametrize("script, code", STREAMS)
def test_broken_streams(script: t.Any, code: str) -> None:
    result, _seen = run(chat(answering(None, script)), form="true", timeout=3)
    assert [answer["code"] for answer in result["answers"]] == [code]
    assert not result["ok"]
    assert len(result["findings"]) == 1


def test_a_stream_that_loses_an_argument() -> None:
    result, _seen = run(chat(answering(whole(tool_calls=[call()]), streamed('{"path": "/srv"}'))))
    assert [answer["code"] for answer in result["answers"]] == ["ok", "stream_differs"]
    assert "/srv" in result["findings"][0]["seen"]


BAD_SERVERS = [
    pytest.param({"/v1/models": http(401, {"error": {"message": "no key"}})}, "unauthorized", id="unauthorized"),
    pytest.param({"/v1/models": http(200, {"data": []})}, "no_model", id="no-models"),
    pytest.param({"/v1/models": http(200, b"<html>hello</html>", "text/html")}, "not_json", id="a-web-page"),
    pytest.param({"/v1/models": http(200, {"data": [None, {"id": 3}]})}, "no_model", id="no-names"),
    pytest.param({"/v1/models": []}, "network", id="closes"),
    pytest.param({"/v1/models": [60.0]}, "network", id="hangs"),
    pytest.param(chat(http(200, b"[1]")), "not_json", id="chat-is-a-list"),
    pytest.param(chat(http(404, {"error": {"message": "no such model"}})), "unknown_model", id="404"),
    pytest.param(chat(http(500, b"Internal Server Error", "text/plain")), "http_error", id="500-in-plain-text"),
]


@pytest.mark.parametrize("routes, code", BAD_SERVERS)
def test_bad_servers(routes: t.Mapping[str, t.Any], code: str) -> None:
    result, _seen = run(routes, form="false", timeout=3)
    assert [answer["code"] for answer in result["answers"]] == [code]
    assert (result["ok"], len(result["findings"])) == (False, 1)


def test_the_address_is_taken_with_and_without_v1() -> None:
    assert server("http://h:1/v1/", None, 1).at("/v1/models") == "http://h:1/v1/models"
    assert server("http://h:1", None, 1).at("/v1/models") == "http://h:1/v1/models"
    assert KEY not in repr(server("http://h:1", KEY, 1))


def counting(with_tools: int) -> t.Callable[[Seen], t.Any]:
    return lambda seen: http(200, {"count": with_tools if seen.json().get("tools") else 20})


@pytest.mark.parametrize(("with_tools", "id"), [(20, "L53"), (180, "L50")])
def test_a_template_that_hides_the_tools(with_tools: int, id: str) -> None:
    plain = answering(whole(content="I cannot read files."), chunked(sse(delta(content="I cannot read files."), delta("stop"), "[DONE]")))
    result, seen = run({**chat(plain), "/tokenize": counting(with_tools)})
    assert [finding["id"] for finding in result["findings"]] == [id]
    # Counted once for both forms.
    assert sum(one.path == "/tokenize" for one in seen) == 2


def test_reasoning_that_is_lost_beside_a_streamed_call() -> None:
    result, _seen = run(chat(answering(whole(reasoning="I should read it.", tool_calls=[call()]), streamed())))
    assert result["ok"]
    (finding,) = result["findings"]
    assert (finding["id"], finding["severity"]) == ("L63", "warning")
    assert finding["seen"].startswith("whole: the call comes with reasoning; streamed: without")
