# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Empty `tool_calls` never reach a client; everything else reaches it byte for byte."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from gateway import CLIENT_KEY, Gateway
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standin import Reply, StandIn, stream

from inferhost_proxy.sse import EventSplitter, EventTooLarge, is_end, last_data
from inferhost_proxy.tool_calls import strip_empty, strip_empty_events

CALL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "read", "arguments": '{"tool_calls": []}'}}

TABLE = [
    # (given, wanted, places)
    (b'{"content":"a","tool_calls":[]}', b'{"content":"a"}', 1),
    (b'{"content":"a" , "tool_calls" : [ ] }', b'{"content":"a"  }', 1),
    (b'{"tool_calls":[],"content":"a"}', b'{"content":"a"}', 1),
    (b'{ "tool_calls": [\n] , "content":"a"}', b'{ "content":"a"}', 1),
    (b'{"tool_calls":[]}', b"{}", 1),
    (b'{"a":1,"tool_calls":[],"b":2}', b'{"a":1,"b":2}', 1),
    (b'{"tool_calls":[],"tool_calls":[],"b":2}', b'{"b":2}', 1),
    (b'[{"tool_calls":[]},{"a":1,"tool_calls":[]}]', b'[{},{"a":1}]', 2),
    (b'{"content":"\\"tool_calls\\":[]"}', b'{"content":"\\"tool_calls\\":[]"}', 0),
    (b'{"content":",\\"tool_calls\\": [ ]"}', b'{"content":",\\"tool_calls\\": [ ]"}', 0),
    (b'{"tool_calls":[{"id":"x"}]}', b'{"tool_calls":[{"id":"x"}]}', 0),
    (b'{"my_tool_calls":[],"tool_calls":null}', b'{"my_tool_calls":[],"tool_calls":null}', 0),
    (b'{"x\\"tool_calls":[]}', b'{"x\\"tool_calls":[]}', 0),
]


@pytest.mark.parametrize(("given_bytes", "wanted", "places"), TABLE)
def test_table(given_bytes: bytes, wanted: bytes, places: int) -> None:
    json.loads(given_bytes)
    assert strip_empty(given_bytes) == (wanted, places)


def without_empty(value: object) -> object:
    """The specification: the same document without empty `tool_calls` members."""
    if isinstance(value, dict):
        return {key: without_empty(item) for key, item in value.items() if not (key == "tool_calls" and item == [])}
    return [without_empty(item) for item in value] if isinstance(value, list) else value


keys = st.sampled_from(["tool_calls", "content", 'x"tool_calls', "tool_calls\\", "\u2028", '"tool_calls":[]'])
leaves = st.one_of(st.none(), st.integers(), st.text(), keys, st.sampled_from([',"tool_calls":[]', '{"tool_calls": [ ]}']))
documents = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=12,
)
layouts = st.sampled_from([{"separators": (",", ":")}, {}, {"indent": 1}, {"ensure_ascii": False}])


@settings(max_examples=500)
@given(documents, layouts)
def test_any_document(document: object, layout: dict[str, object]) -> None:
    raw = json.dumps(document, **layout).encode()  # type: ignore[arg-type]
    stripped, places = strip_empty(raw)
    assert json.loads(stripped) == without_empty(document)
    assert (places == 0) == (stripped == raw)


def test_data_over_several_lines() -> None:
    block = b'event: x\ndata: {"choices":[{"delta":{"content":"a",\ndata: "tool_calls":\ndata: []}}]}\n\n'
    cleaned, places = strip_empty_events(block)
    assert places == 1
    assert cleaned.startswith(b"event: x\ndata: ")
    assert cleaned.endswith(b"\n\n")
    assert json.loads(last_data(cleaned)) == {"choices": [{"delta": {"content": "a"}}]}


def events_of(data: bytes) -> list[bytes]:
    """The events of a stream, as a client's decoder sees them."""
    text = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return [event for event in text.split(b"\n\n") if event.strip()]


def cuts(data: bytes, at: list[int]) -> list[bytes]:
    places = [0, *sorted(place % (len(data) + 1) for place in at), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


@settings(max_examples=500)
@given(st.lists(st.text(), max_size=6), st.sampled_from([b"\n", b"\r\n", b"\r"]), st.lists(st.integers(0, 10**6)))
def test_splitter_any_cut(texts: list[str], eol: bytes, at: list[int]) -> None:
    data = b"".join(b"data: " + json.dumps({"t": text}).encode() + eol + eol for text in texts)
    splitter = EventSplitter(10**6)
    pieces = [splitter.feed(piece) for piece in cuts(data, at)]
    assert b"".join(pieces) + splitter.rest() == data
    for piece in pieces:
        assert not piece or piece.endswith((eol + eol, b"\r\n\r")), "only complete events are handed on"
    assert splitter.rest() in (b"", b"\n")


def test_splitter_hands_an_event_on_at_once() -> None:
    splitter = EventSplitter(100)
    assert splitter.feed(b"data: 1\n") == b""
    assert splitter.feed(b"\ndata: 2") == b"data: 1\n\n"
    assert splitter.feed(b"\n\n") == b"data: 2\n\n"


def test_splitter_is_bounded() -> None:
    splitter = EventSplitter(100)
    assert splitter.feed(b"data: 1\n\ndata: " + b"x" * 101) == b"data: 1\n\n", "what is complete is not lost"
    with pytest.raises(EventTooLarge):
        splitter.feed(b"x")


@pytest.mark.parametrize(
    ("data", "end"),
    [
        (b"[DONE]", True),
        (b'{"type": "message_stop"}', True),
        (b'{"error": {"message": "x"}}', True),
        (b'{"type":"error","error":{}}', True),
        (b'{"choices":[{"delta":{"content":"[DONE]"}}]}', False),
        (b'{"choices":[{"delta":{"content":"\\"error\\""}}]}', False),
        (b"", False),
        (b'{"cho', False),
    ],
)
def test_end_markers(data: bytes, end: bool) -> None:
    assert is_end(data) is end


def delta(**fields: object) -> dict[str, object]:
    return {"id": "c", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": fields, "finish_reason": None}]}


def sse(*documents: object, eol: bytes = b"\n") -> bytes:
    frames = [b"data: " + json.dumps(document, ensure_ascii=False).encode() + eol + eol for document in documents]
    return b"".join(frames) + b"data: [DONE]" + eol + eol


MIXED = [
    delta(role="assistant", content="", tool_calls=[]),
    delta(content='it says "tool_calls": [] — here\u2028too 🙂', tool_calls=[]),
    delta(tool_calls=[CALL]),
    delta(tool_calls=[], content="x"),
    {"id": "c", "choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}},
]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.integers(0, 10**6), max_size=40),
    st.sampled_from(["chunked", "close"]),
    st.sampled_from([b"\n", b"\r\n"]),
)
def test_stream_through_sockets(standin: StandIn, gateway: Gateway, at: list[int], framing: str, eol: bytes) -> None:
    """However TCP cuts the same bytes, the client sees the same events, and none has an empty `tool_calls`."""
    standin.replies["/v1/chat/completions"] = stream(*cuts(sse(*MIXED, eol=eol), at), framing=framing)
    answer = gateway.post("/v1/chat/completions", {"stream": True})
    assert answer.status == 200
    events = events_of(answer.body)
    assert events[-1] == b"data: [DONE]"
    assert [json.loads(event[6:]) for event in events[:-1]] == [without_empty(document) for document in MIXED]


def test_untouched_stream_is_the_same_bytes(standin: StandIn, gateway: Gateway) -> None:
    data = b': comment\n\nid: 7\ndata: {"choices" : [ {"delta":{"content":1.0e-05}} ]}\n\n\n\ndata: [DONE]\n\n'
    standin.replies["/v1/chat/completions"] = stream(data)
    assert gateway.post("/v1/chat/completions", {"stream": True}).body == data


def test_whole_answer(standin: StandIn, gateway: Gateway) -> None:
    raw = b'{"choices":[{"message":{"content":"a","tool_calls":[]},"logprobs":-1.2300e-05}],"big":123456789012345678901234567890}'
    standin.replies["/v1/chat/completions"] = Reply([raw[:20], 0.01, raw[20:]])
    before = gateway.metric("inferhost_proxy_empty_tool_calls_removed_total")
    answer = gateway.post("/v1/chat/completions", {})
    assert answer.body == raw.replace(b',"tool_calls":[]', b"")
    assert answer.headers["content-length"] == str(len(answer.body))
    assert gateway.metric("inferhost_proxy_empty_tool_calls_removed_total") == before + 1


def test_whole_answer_with_a_call_is_the_same_bytes(standin: StandIn, gateway: Gateway) -> None:
    raw = json.dumps({"choices": [{"message": {"content": None, "tool_calls": [CALL]}}]}).encode()
    standin.replies["/v1/chat/completions"] = Reply([raw])
    assert gateway.post("/v1/chat/completions", {}).body == raw


def test_other_routes_are_left_alone(standin: StandIn, gateway: Gateway) -> None:
    raw = b'{"data":[],"tool_calls":[]}'
    standin.replies["/v1/embeddings"] = Reply([raw])
    assert gateway.post("/v1/embeddings", {}).body == raw


def test_each_event_arrives_without_waiting_for_the_next(standin: StandIn, gateway: Gateway) -> None:
    first = b"data: " + json.dumps(delta(content="a", tool_calls=[])).encode() + b"\n\n"
    standin.replies["/v1/chat/completions"] = stream(first, 3.0, b"data: [DONE]\n\n")
    connection = gateway.connect(timeout=2)
    connection.request("POST", "/v1/chat/completions", b"{}", {"authorization": f"Bearer {CLIENT_KEY}"})
    response = connection.getresponse()
    assert json.loads(response.readline()[6:]) == without_empty(delta(content="a"))
    connection.close()
