# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Anthropic surface over real sockets, judged by the official SDK where it has an opinion."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import anthropic
import pytest
from anthropic_kit import FIRST, LAST, Document, brief, call, check_grammar, chunk, parse_events, said, sse, stop_of
from gateway import CLIENT_KEY, ENGINE_KEY, Answer, Gateway, eventually
from standin import CUT, HANG, Reply, Seen, StandIn, Step, stream, whole

CHAT, TOKENIZE = "/v1/chat/completions", "/tokenize"
ASK: Any = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
STREAM = {**ASK, "stream": True}
SAY = said(chunk(content="hello"))
WHOLE = {"choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}], "usage": LAST["usage"]}
VERSION = {"anthropic-version": "2023-06-01"}


def client(gateway: Gateway, **options: Any) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=gateway.url, max_retries=0, **(options or {"api_key": CLIENT_KEY}))


def sent(standin: StandIn, path: str = CHAT) -> Document:
    document: Document = json.loads(standin.last(path).body)
    return document


def completion(**message: Any) -> Document:
    finish = message.pop("finish", "stop")
    return {"id": "chatcmpl-1", "choices": [{"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}], "usage": LAST["usage"]}


def made(*arguments: str) -> list[Document]:
    return [{"id": f"call_{n}", "type": "function", "function": {"name": "read", "arguments": each}} for n, each in enumerate(arguments)]


def chunks_of(document: Document) -> bytes:
    """A whole answer as a server streams it, with the calls' fragments in turns."""
    choice = document["choices"][0]
    message = choice["message"]
    chunks = [chunk(reasoning=letter) for letter in message.get("reasoning") or ""] + [chunk(content=letter) for letter in message.get("content") or ""]
    calls = message.get("tool_calls") or []
    chunks += [chunk(tool_calls=[call(n, name=each["function"]["name"], id=each["id"])]) for n, each in enumerate(calls)]
    for place in range(max((len(each["function"]["arguments"]) for each in calls), default=0)):
        parts = [call(n, letter) for n, each in enumerate(calls) if (letter := each["function"]["arguments"][place : place + 1])]
        chunks.append(chunk(tool_calls=parts))
    return said(*chunks, finish=choice["finish_reason"])


@pytest.mark.parametrize(
    "document",
    [
        completion(content="Hello, wörld 🙂"),
        completion(content="", reasoning="only thought"),
        completion(content="a", reasoning="b", tool_calls=made('{"path": "/x"}'), finish="tool_calls"),
        completion(content=None, tool_calls=made('{"path": "/x"}', "{}", '{"a": {"b": [1, "}"]}}'), finish="tool_calls"),
        completion(content="cut of", finish="length"),
        completion(content="no", finish="content_filter"),
        completion(content=""),
    ],
)
def test_accumulated_stream_equals_whole_message(standin: StandIn, gateway: Gateway, document: Document) -> None:
    standin.replies[CHAT] = lambda seen: stream(chunks_of(document)) if json.loads(seen.body).get("stream") else whole(document)
    complete = client(gateway).messages.create(**ASK)
    with client(gateway).messages.stream(**ASK) as events:
        accumulated = events.get_final_message()
    left, right = complete.to_dict(), accumulated.to_dict()
    assert left.pop("id") != right.pop("id")
    for block in right["content"]:  # type: ignore[attr-defined]
        block.pop("parsed_output", None)
    right.pop("parsed_output", None)
    assert {name: value for name, value in right.items() if value is not None} == {name: value for name, value in left.items() if value is not None}
    assert complete.content or complete.stop_reason == "end_turn"


@pytest.mark.parametrize("convention", ["api_key", "auth_token"])
def test_keys_and_headers(standin: StandIn, gateway: Gateway, convention: str) -> None:
    standin.replies[CHAT] = stream(SAY)
    with client(gateway, **{convention: CLIENT_KEY}).messages.stream(**ASK) as events:
        assert events.get_final_text() == "hello"
    seen = standin.last(CHAT)
    assert seen.header("authorization") == f"Bearer {ENGINE_KEY}"
    assert seen.header("x-api-key") is None
    assert seen.header("anthropic-version") is None
    assert seen.header("content-type") == "application/json"


def test_E16_stream_headers_and_query(standin: StandIn, gateway: Gateway) -> None:
    standin.replies[CHAT] = stream(SAY)
    answer = gateway.post("/v1/messages?beta=true", STREAM)
    assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["x-accel-buffering"] == "no"
    assert answer.headers["request-id"] == answer.headers["x-request-id"]
    assert standin.last(CHAT).target == CHAT
    events = parse_events(answer.body)
    assert (brief(events), stop_of(events)) == ([("text", "hello")], "end_turn")


def test_each_event_arrives_without_waiting_for_the_next(standin: StandIn, gateway: Gateway) -> None:
    standin.replies[CHAT] = stream(sse(FIRST, chunk(content="a"), done=False), 5.0, SAY)
    source = gateway.open_stream("/v1/messages", STREAM)
    source.settimeout(2)
    assert b"text_delta" in read_until(source, b'"text_delta","text":"a"}}\n\n')
    source.close()


def read_until(source: socket.socket, wanted: bytes) -> bytes:
    got = b""
    while wanted not in got:
        more = source.recv(65536)
        assert more, f"the answer ended before {wanted!r}: {got[-300:]!r}"
        got += more
    return got


def test_a_whole_answer_to_a_stream_request(standin: StandIn, gateway: Gateway) -> None:
    standin.replies[CHAT] = whole(WHOLE)
    assert brief(parse_events(gateway.post("/v1/messages", STREAM).body)) == [("text", "hello")]


@pytest.mark.parametrize(
    ("status", "wanted", "kind"),
    [
        (400, 400, "invalid_request_error"),
        (403, 403, "permission_error"),
        (404, 404, "not_found_error"),
        (413, 413, "request_too_large"),
        (422, 422, "invalid_request_error"),
        (429, 429, "rate_limit_error"),
        (500, 500, "api_error"),
        (503, 529, "overloaded_error"),
        (504, 504, "timeout_error"),
        (401, 502, "api_error"),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_errors_of_the_engine(standin: StandIn, gateway: Gateway, status: int, wanted: int, kind: str, streamed: bool) -> None:
    body = json.dumps({"error": {"message": "from the engine", "type": "SomeError", "code": status}}).encode()
    standin.replies[CHAT] = Reply([body], status, headers={"content-type": "application/json", "retry-after": "7"})
    answer = gateway.post("/v1/messages", {**ASK, "stream": streamed})
    check_error(answer, wanted, kind)
    if status != 401:
        assert answer.json()["error"]["message"] == "from the engine"
        assert answer.headers["retry-after"] == "7"


def check_error(answer: Answer, status: int, kind: str) -> None:
    document = answer.json()
    assert (answer.status, document["type"], document["error"]["type"]) == (status, "error", kind)
    assert document["error"]["message"]
    assert document["request_id"] == answer.headers["request-id"]


@pytest.mark.parametrize("body", [b"no json", b"{}", b'{"detail":"Not Found"}', b'{"message":"old form"}', b'{"error":"text"}', b'"x"'])
def test_errors_of_any_shape(standin: StandIn, gateway: Gateway, body: bytes) -> None:
    standin.replies[CHAT] = Reply([body], 500)
    check_error(gateway.post("/v1/messages", ASK), 500, "api_error")


def test_E11_errors_reach_the_sdk_as_its_own(standin: StandIn, gateway: Gateway) -> None:
    standin.replies[CHAT] = whole({"error": {"message": "no such model", "type": "NotFoundError", "code": 404}}, 404)
    with pytest.raises(anthropic.NotFoundError) as missing:
        client(gateway).messages.create(**ASK)
    assert missing.value.request_id
    with pytest.raises(anthropic.AuthenticationError) as refused:
        client(gateway, api_key="wrong").messages.create(**ASK)
    assert "No valid API key" in refused.value.message
    with pytest.raises(anthropic.BadRequestError) as bad:
        client(gateway).messages.create(**{**ASK, "tools": [{"type": "web_search_20250305", "name": "web_search"}]})
    assert "web_search_20250305" in bad.value.message


@pytest.mark.parametrize(
    ("steps", "kind", "message"),
    [
        ([CUT], "api_error", "incomplete"),
        ([], "api_error", "incomplete"),
        ([b"data: [DONE]\n\n"], "api_error", "incomplete"),
        ([b'data: {"error":{"message":"engine died","code":500}}\n\ndata: [DONE]\n\n'], "api_error", "engine died"),
        ([b'data: {"error":{"message":"too many","code":429}}\n\n', HANG], "rate_limit_error", "too many"),
        ([b"data: {broken\n\n", HANG], "api_error", "no part of an answer"),
    ],
)
def test_A25_E01_errors_in_the_middle(standin: StandIn, gateway: Gateway, steps: list[Step], kind: str, message: str) -> None:
    standin.replies[CHAT] = stream(sse(FIRST, chunk(content="a"), done=False), *steps)
    answer = gateway.post("/v1/messages", STREAM)
    events = parse_events(answer.body)
    check_grammar(events)
    assert events[-1]["error"]["type"] == kind
    assert message in events[-1]["error"]["message"]
    assert events[-1]["request_id"] == answer.headers["request-id"]
    assert events[2]["delta"]["text"] == "a"
    with pytest.raises(anthropic.APIStatusError), client(gateway).messages.stream(**ASK) as source:
        source.get_final_message()
    assert standin.last(CHAT).closed.wait(2) or HANG not in steps


def test_stream_falls_silent(standin: StandIn, start: Callable[..., Gateway]) -> None:
    gateway = start(timeouts={"idle_seconds": 0.6}, anthropic={"ping_seconds": 0.2})
    standin.replies[CHAT] = stream(sse(FIRST, done=False), HANG)
    events = parse_events(gateway.post("/v1/messages", STREAM).body)
    assert events[-1]["error"]["type"] == "timeout_error"
    assert "ping" in [event["type"] for event in events], "a ping does not keep a dead engine alive"


def test_a_long_prefill_is_no_stall(standin: StandIn, start: Callable[..., Gateway]) -> None:
    """Until the first byte the longer time counts, although the head of the answer is there."""
    gateway = start(timeouts={"idle_seconds": 0.4, "answer_seconds": 10})
    standin.replies[CHAT] = stream(1.2, SAY)
    assert stop_of(parse_events(gateway.post("/v1/messages", STREAM).body)) == "end_turn"


@pytest.fixture
def pinging(start: Callable[..., Gateway]) -> Gateway:
    return start(anthropic={"ping_seconds": 0.2})


@pytest.mark.parametrize(
    "reply",
    [Reply([SAY], headers={"content-type": "text/event-stream"}, before=[1.0]), stream(1.0, SAY), stream(sse(FIRST, chunk(content="a"), done=False), 1.0, SAY)],
    ids=["before the head", "before the first byte", "in the middle"],
)
def test_B26_pings_while_the_engine_is_silent(standin: StandIn, pinging: Gateway, reply: Reply) -> None:
    standin.replies[CHAT] = reply
    source = pinging.open_stream("/v1/messages", STREAM)
    arrived: list[float] = []
    got = b""
    while not got.endswith(b"0\r\n\r\n"):
        got += source.recv(65536)
        arrived.append(time.monotonic())
    source.close()
    assert 3 <= got.count(b'event: ping\ndata: {"type":"ping"}\n\n') <= 5
    assert max(later - earlier for earlier, later in pairwise(arrived)) < 0.5
    assert got.count(b"event: message_start") == got.count(b"event: message_stop") == 1
    with client(pinging).messages.stream(**ASK) as events:
        assert events.get_final_text().endswith("hello")


def test_no_pings_while_events_come_or_for_a_whole_answer(standin: StandIn, pinging: Gateway) -> None:
    steps: list[Step] = [step for _ in range(8) for step in (sse(chunk(content="a"), done=False), 0.1)]
    standin.replies[CHAT] = stream(sse(FIRST, done=False), *steps, said())
    assert b"ping" not in pinging.post("/v1/messages", STREAM).body
    standin.replies[CHAT] = Reply([json.dumps(WHOLE).encode()], before=[0.7])
    assert pinging.post("/v1/messages", ASK).json()["content"] == [{"type": "text", "text": "hello"}]


def test_an_error_behind_a_ping_is_an_event(standin: StandIn, pinging: Gateway) -> None:
    standin.replies[CHAT] = Reply([b'{"error":{"message":"no","code":400}}'], 400, before=[0.5])
    answer = pinging.post("/v1/messages", STREAM)
    events = parse_events(answer.body)
    assert (answer.status, events[0]["type"]) == (200, "ping")
    assert events[-1]["error"] == {"type": "invalid_request_error", "message": "no"}


def sized(prompt: int, window: int) -> Callable[[Seen], Reply]:
    """An engine with a window of so many tokens."""

    def reply(seen: Seen) -> Reply:
        request = json.loads(seen.body)
        if prompt + request["max_tokens"] > window:
            return whole({"error": {"message": "does not fit", "type": "BadRequestError", "code": 400}}, 400)
        return stream(SAY) if request.get("stream") else whole(WHOLE)

    return reply


@pytest.mark.parametrize("limits", [{}, {"max_model_len": 10000}])
@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("wanted", [5000, 64000])
def test_B23_L59_output_is_clamped_to_what_is_left(
    standin: StandIn, start: Callable[..., Gateway], limits: dict[str, int], streamed: bool, wanted: int
) -> None:
    gateway = start(limits=limits)
    standin.replies[CHAT] = sized(7000, 10000)
    standin.replies[TOKENIZE] = whole({"count": 7000, "max_model_len": 10000, "tokens": [1] * 7000})
    assert gateway.post("/v1/messages", {**ASK, "max_tokens": wanted, "stream": streamed}).status == 200
    assert sent(standin)["max_tokens"] == 3000
    asked = [seen.target for seen in standin.seen if seen.target == CHAT]
    assert len(asked) == (1 if limits and wanted > 10000 else 2), "what cannot fit is not tried"


def test_what_fits_is_not_counted(standin: StandIn, start: Callable[..., Gateway]) -> None:
    gateway = start(limits={"max_model_len": 10000, "max_output_tokens": 4000})
    standin.replies[CHAT] = sized(100, 10000)
    assert gateway.post("/v1/messages", {**ASK, "max_tokens": 64000}).status == 200
    assert sent(standin)["max_tokens"] == 4000
    assert TOKENIZE not in [seen.target for seen in standin.seen]


@pytest.mark.parametrize("prompt", [9999, 10000, 12345])
def test_B24_L59_a_prompt_that_does_not_fit(standin: StandIn, gateway: Gateway, prompt: int) -> None:
    standin.replies[CHAT] = sized(prompt, 10000)
    standin.replies[TOKENIZE] = whole({"count": prompt, "max_model_len": 10000, "tokens": []})
    answer = gateway.post("/v1/messages", {**ASK, "max_tokens": 64})
    check_error(answer, 400, "invalid_request_error")
    least = min(256, 10000 // 16)
    assert answer.json()["error"]["message"] == f"prompt is too long: {prompt} tokens > {10000 - least} maximum"
    assert answer.headers["x-should-retry"] == "false"
    assert len([seen for seen in standin.seen if seen.target == CHAT]) == 1


def test_B24_without_a_count_the_engines_words_are_kept(standin: StandIn, gateway: Gateway) -> None:
    words = "This model's maximum context length is 10000 tokens. However, your prompt contains 12345 input tokens."
    standin.replies[CHAT] = whole({"error": {"message": words, "code": 400}}, 400)
    answer = gateway.post("/v1/messages", ASK)
    assert answer.json()["error"]["message"] == f"prompt is too long: {words}"


def test_another_400_is_what_the_engine_said(standin: StandIn, gateway: Gateway) -> None:
    standin.replies[CHAT] = whole({"error": {"message": "bad temperature", "code": 400}}, 400)
    standin.replies[TOKENIZE] = whole({"count": 10, "max_model_len": 10000, "tokens": []})
    assert gateway.post("/v1/messages", ASK).json()["error"]["message"] == "bad temperature"
    assert len([seen for seen in standin.seen if seen.target == CHAT]) == 1


COUNT: Any = {"model": "m", "system": "S", "messages": ASK["messages"], "tools": [{"name": "read", "input_schema": {"type": "object"}}]}


def test_C27_count_tokens_is_exact(standin: StandIn, gateway: Gateway) -> None:
    standin.replies[TOKENIZE] = whole({"count": 1234, "max_model_len": 10000, "tokens": list(range(1234))})
    assert client(gateway).messages.count_tokens(**COUNT).input_tokens == 1234
    counted = sent(standin, TOKENIZE)
    assert [message["role"] for message in counted["messages"]] == ["system", "user"]
    assert counted["tools"][0]["function"]["name"] == "read"
    standin.replies[CHAT] = whole(WHOLE)
    client(gateway).messages.create(max_tokens=9, **COUNT)
    assert all(sent(standin)[name] == counted[name] for name in ("messages", "tools", "model")), "the same prompt is counted and sent"


@pytest.mark.parametrize(
    "reply",
    [whole({"detail": "Not Found"}, 404), Reply([b"x"], 500), whole({"tokens": []}), Reply([b'{"count":'], headers={"content-type": "application/json"})],
)
def test_E13_a_count_is_never_invented(standin: StandIn, gateway: Gateway, reply: Reply) -> None:
    standin.replies[TOKENIZE] = reply
    answer = gateway.post("/v1/messages/count_tokens", COUNT)
    check_error(answer, 503, "api_error")
    assert "input_tokens" not in answer.json()
    assert answer.headers["x-should-retry"] == "false"


def test_count_errors(standin: StandIn, gateway: Gateway) -> None:
    standin.replies[TOKENIZE] = whole({"error": {"message": "The model `x` does not exist.", "code": 404}}, 404)
    check_error(gateway.post("/v1/messages/count_tokens", COUNT), 404, "not_found_error")
    check_error(gateway.post("/v1/messages/count_tokens", {"model": "m"}), 400, "invalid_request_error")
    standin.stop()
    try:
        check_error(gateway.post("/v1/messages/count_tokens", COUNT), 529, "overloaded_error")
    finally:
        standin.start()


def test_E14_models_in_both_shapes(standin: StandIn, gateway: Gateway) -> None:
    given = {"object": "list", "data": [{"id": "a/b", "object": "model", "created": 86400, "max_model_len": 2048}]}
    standin.replies["/v1/models"] = whole(given)
    assert gateway.request("GET", "/v1/models", key=CLIENT_KEY).json() == given
    listed = client(gateway).models.list()
    assert [(model.id, model.type, model.max_input_tokens) for model in listed] == [("a/b", "model", 2048)]
    assert listed.data[0].created_at.isoformat() == "1970-01-02T00:00:00+00:00"
    assert (listed.first_id, listed.last_id, listed.has_more) == ("a/b", "a/b", False)
    assert client(gateway).models.retrieve("a/b").display_name == "a/b"
    check_error(gateway.request("GET", "/v1/models/none", headers=VERSION, key=CLIENT_KEY), 404, "not_found_error")
    check_error(gateway.request("GET", "/v1/models", headers=VERSION), 401, "authentication_error")
    check_error(gateway.request("POST", "/v1/models", b"{}", headers=VERSION, key=CLIENT_KEY), 405, "invalid_request_error")
    standin.replies["/v1/models"] = whole({"error": {"message": "not yet"}}, 503)
    check_error(gateway.request("GET", "/v1/models", headers=VERSION, key=CLIENT_KEY), 529, "overloaded_error")


def test_paths(standin: StandIn, gateway: Gateway) -> None:
    assert gateway.request("HEAD", "/").status == 200
    check_error(gateway.request("GET", "/v1/messages", key=CLIENT_KEY), 405, "invalid_request_error")
    check_error(gateway.post("/v1/messages/batches", {}), 404, "not_found_error")
    check_error(gateway.post("/v1/messages", b"{"), 400, "invalid_request_error")
    assert standin.seen == []


@pytest.mark.parametrize("depth", [100, 450, 800, 950, 50000])
@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/count_tokens"])
def test_deep_json_is_served_or_refused(standin: StandIn, gateway: Gateway, path: str, depth: int) -> None:
    standin.replies[CHAT] = whole(WHOLE)
    standin.replies[TOKENIZE] = whole({"count": 5, "max_model_len": 10000, "tokens": []})
    block = '{"type":"document","source":{"type":"content","content":[' * depth + '{"type":"text","text":"x"}' + "]}}" * depth
    called = '{"type":"tool_use","id":"t","name":"n","input":{"a":' + "[" * depth + "]" * depth + "}}"
    tool = '{"name":"n","input_schema":{"a":' + "[" * depth + "]" * depth + "}}"
    for content, tools in ((block, ""), (called, ""), ('{"type":"text","text":"x"}', tool)):
        role = "assistant" if content is called else "user"
        body = f'{{"model":"m","max_tokens":9,"messages":[{{"role":"{role}","content":[{content}]}}],"tools":[{tools}]}}'
        answer = gateway.post(path, body.encode())
        assert answer.status in (200, 400), answer.body[:300]
        assert answer.status == 400 or depth < 1000
    assert "Traceback" not in gateway.log()


TALK = [chunk(reasoning="r"), chunk(content="c"), chunk(tool_calls=[call(0, "{}", name="read", id="1")]), chunk(tool_calls=[call(1, "{}", name="x", id="2")])]
ALL = [FIRST, *TALK, chunk("tool_calls"), LAST]


# What the client has read when it goes, for each number of chunks that the engine has sent.
MARKS = [b"message_start", b"thinking_delta", b"text_delta", b'"id":"1"', b'"id":"2"', b'"id":"2"', b'"id":"2"']


@pytest.mark.parametrize(("count", "mark"), list(enumerate(MARKS, 1)))
def test_E03_E12_client_leaves_at_every_event(standin: StandIn, gateway: Gateway, count: int, mark: bytes) -> None:
    before = gateway.metric('inferhost_proxy_client_disconnects_total{phase="answer"}')
    standin.replies[CHAT] = stream(sse(*ALL[:count], done=False), HANG)
    source = gateway.open_stream("/v1/messages", STREAM)
    read_until(source, mark)
    gone_at = time.monotonic()
    source.close()
    assert standin.last(CHAT).closed.wait(2), "the engine would go on generating"
    assert time.monotonic() - gone_at < 1
    eventually(lambda: gateway.metric('inferhost_proxy_client_disconnects_total{phase="answer"}') == before + 1)


@pytest.mark.parametrize(("path", "asked"), [("/v1/messages", CHAT), ("/v1/messages/count_tokens", TOKENIZE)])
@pytest.mark.parametrize("streamed", [False, True])
def test_E02_client_leaves_while_the_engine_works(standin: StandIn, gateway: Gateway, path: str, asked: str, streamed: bool) -> None:
    standin.replies[asked] = Reply([], before=[HANG])
    source = gateway.open_stream(path, {**ASK, "stream": streamed})
    eventually(lambda: standin.seen)
    source.close()
    assert standin.last(asked).closed.wait(2)


def test_the_connection_to_the_engine_is_used_again(standin: StandIn, gateway: Gateway) -> None:
    standin.replies[CHAT] = stream(SAY)
    for _ in range(3):
        assert gateway.post("/v1/messages", STREAM).status == 200
        assert not standin.last(CHAT).closed.is_set()


def test_an_engine_that_does_not_close_its_stream(standin: StandIn, gateway: Gateway) -> None:
    """What is complete is ended for the client; the connection behind it is given up."""
    standin.replies[CHAT] = stream(SAY, HANG)
    start = time.monotonic()
    assert stop_of(parse_events(gateway.post("/v1/messages", STREAM).body)) == "end_turn"
    assert time.monotonic() - start < 2
    assert standin.last(CHAT).closed.wait(2)


def test_L72_no_prompt_in_the_log(standin: StandIn, gateway: Gateway) -> None:
    secret = "my secret prompt 4711"
    standin.replies[CHAT] = stream(sse(FIRST, chunk(content=secret), done=False) + b"data: {" + secret.encode() + b"\n\n")
    gateway.post("/v1/messages", {**STREAM, "messages": [{"role": "user", "content": secret}]})
    gateway.post("/v1/messages", {**STREAM, "messages": [{"role": secret, "content": [{"type": secret}]}]})
    standin.replies[CHAT] = whole({"error": {"message": secret, "code": 400}}, 400)
    gateway.post("/v1/messages", {**STREAM, "messages": [{"role": "user", "content": secret}]})
    assert secret not in gateway.log()
    line = gateway.request_line(gateway.post("/v1/messages", ASK).headers["request-id"])
    assert (line["route"], line["outcome"], line["status"]) == ("messages", "engine_error", 400)
