# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of chat completions on their way to the client: what is put right, and what stays the same bytes."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rescue_samples import READ, SAMPLES, Sample
from test_rescue import cut, offer, texts

from inferhost_proxy import reasoning, sse
from inferhost_proxy.openai_chat import ChatStream, Rules, whole
from inferhost_proxy.sse import EventSplitter

DONE = b"data: [DONE]\n\n"


def rules(tools: bool = True, **more: Any) -> Rules:
    numbers = itertools.count()
    return Rules(offer() if tools else None, make_id=lambda: f"call_{next(numbers)}", **more)


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, index: int = 0, **more: Any) -> bytes:
    choice = {"index": index, "delta": delta or {}, "logprobs": None, "finish_reason": finish}
    document = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **more}
    return b"data: " + json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def call(index: int | None = 0, **function: Any) -> dict[str, Any]:
    """A tool delta; `id` and `type` are members of it, the rest is the function's."""
    outer = {key: function.pop(key) for key in ("id", "type") if key in function}
    return {**({} if index is None else {"index": index}), **outer, "function": function}


def feed(blocks: list[bytes], given_rules: Rules) -> bytes:
    stream = ChatStream(given_rules)
    splitter = EventSplitter(10**7)
    return b"".join(stream.feed(splitter.feed(block)) for block in blocks)


def documents(data: bytes) -> list[dict[str, Any]]:
    payloads = [sse.data_of(event) for event in sse.events(data)]
    return [json.loads(payload) for payload in payloads if payload not in (b"[DONE]", b"")]


def accumulated(data: bytes) -> dict[int, dict[str, Any]]:
    """Each choice's message as a strict client makes it: a second id or a null is an error."""
    choices: dict[int, dict[str, Any]] = {}
    for document in documents(data):
        for choice in document["choices"]:
            message = choices.setdefault(choice["index"], {"content": "", "reasoning": "", "reasoning_content": "", "calls": [], "finish": None})
            delta = choice["delta"]
            assert delta.get("tool_calls") != [], "an empty tool_calls"
            for key in ("content", "reasoning", "reasoning_content"):
                message[key] += delta.get(key) or ""
            for item in delta.get("tool_calls", []):
                if item["index"] == len(message["calls"]):
                    assert item["id"]
                    assert (item["type"], bool(item["function"]["name"])) == ("function", True)
                    message["calls"].append({"id": item["id"], "name": item["function"]["name"], "arguments": ""})
                else:
                    assert not {"id", "type"} & item.keys()
                    assert "name" not in item["function"]
                message["calls"][item["index"]]["arguments"] += item["function"]["arguments"]
            assert message["finish"] is None or choice["finish_reason"] is None
            message["finish"] = message["finish"] or choice["finish_reason"]
    return choices


def one(data: bytes) -> dict[str, Any]:
    return accumulated(data)[0]


def calls_of(message: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(item["name"], json.loads(item["arguments"])) for item in message["calls"]]


FIRST = {"role": "assistant", "content": ""}
UNTOUCHED = [
    pytest.param([chunk(FIRST), chunk({"content": "a"}), chunk({"content": 'b\u2028 \\ " 🙂\n'}), chunk({}, "stop"), DONE], id="text"),
    pytest.param([chunk({"content": '{"a": [1, "<b>"]} `x` ``` y'}), chunk({}, "stop")], id="text with signs"),
    pytest.param([chunk({"tool_calls": [call(id="x", type="function", name="read", arguments="")]}), chunk({"tool_calls": [call(arguments="{}")]})], id="call"),
    pytest.param([chunk({"content": "a"}, usage={"prompt_tokens": 1}), chunk({}, "length", usage={"prompt_tokens": 1})], id="usage in each"),
    pytest.param([chunk({"content": 'about "tool_calls": []'}), chunk({"content": '"reasoning": "x"'})], id="text about fields"),
    pytest.param([b": comment\n\n", b"id: 7\nevent: x\ndata: 1\n\n", b"data:{bad\n\n\n\n"], id="what is no chunk"),
    pytest.param([b'data: {"choices" : [ {"delta":{"content":1.0e-05, "x": 12345678901234567890123}} ]}\r\n\r\n'], id="other shapes"),
    pytest.param([b'data: {"error":{"message":"x","code":400}}\n\n', DONE], id="error"),
    pytest.param([chunk({"reasoning": "a", "reasoning_content": "a"})], id="both names"),
]


@pytest.mark.parametrize("blocks", UNTOUCHED)
@pytest.mark.parametrize("tools", [True, False])
def test_what_needs_no_change_is_the_same_bytes(blocks: list[bytes], tools: bool) -> None:
    stream = ChatStream(rules(tools))
    for block in blocks:
        assert stream.feed(block) is block
    assert stream.broken() == b""
    joined = b"".join(blocks)
    assert ChatStream(rules(tools)).feed(joined) == joined


@settings(max_examples=400)
@given(st.lists(st.sampled_from(["content", "reasoning"]), min_size=1, max_size=5), st.data(), st.booleans())
def test_any_cut_of_the_bytes_gives_the_same(channels: list[str], data: st.DataObject, engine: bool) -> None:
    """However the text is cut into events, and the events into reads, the client has the same answer in the end."""
    pieces = [(channel, piece) for channel in channels for piece in cut(data.draw(texts), data.draw(st.lists(st.integers(0, 10**6), max_size=8)))]
    events = [chunk(FIRST), *(chunk({channel: piece}) for channel, piece in pieces)]
    if engine:
        events.append(chunk({"tool_calls": [call(id="x", type="function", name="list", arguments="{}")]}))
    events += [chunk({}, "stop"), DONE]
    raw = b"".join(events)
    at_once = feed([raw], rules())
    cuts = sorted(place % len(raw) for place in data.draw(st.lists(st.integers(0, 10**6), max_size=40)))
    in_parts = feed([raw[start:end] for start, end in itertools.pairwise([0, *cuts, len(raw)])], rules())
    per_event = feed(events, rules())
    assert accumulated(in_parts) == accumulated(at_once) == accumulated(per_event)
    merged = [("".join(text for _channel, text in group), channel) for channel, group in itertools.groupby(pieces, key=lambda pair: pair[0])]
    again = feed([chunk(FIRST), *(chunk({channel: text}) for text, channel in merged), *events[-(2 + engine) :]], rules())
    assert accumulated(again) == accumulated(at_once)
    message = one(at_once)
    assert message["finish"] == ("tool_calls" if message["calls"] else "stop")
    assert message["reasoning"] == message["reasoning_content"]
    if not calls_of(message):
        assert message["content"] == "".join(text for channel, text in pieces if channel == "content")


@settings(max_examples=300)
@given(st.tuples(texts, texts), st.sampled_from(["stop", "length"]), st.booleans())
def test_stream_and_whole_are_the_same(both: tuple[str, str], finish: str, engine: bool) -> None:
    thoughts, content = both
    calls = [{"id": "x", "type": "function", "function": {"name": "list", "arguments": "{}"}}] if engine else []
    message: dict[str, Any] = {"role": "assistant", "content": content, "reasoning": thoughts, "tool_calls": calls}
    answer = {"id": "c", "choices": [{"index": 0, "message": message, "finish_reason": finish}]}
    choice = json.loads(whole(json.dumps(answer).encode(), rules()).body)["choices"][0]
    deltas: list[dict[str, Any]] = [{"reasoning": thoughts}, {"content": content}]
    deltas += [{"tool_calls": [{"index": 0, **item} for item in calls]}] if engine else []
    streamed = one(feed([*map(chunk, deltas), chunk({}, finish), DONE], rules()))
    assert (choice["message"].get("content") or "") == streamed["content"]
    assert (choice["message"].get("reasoning") or "") == streamed["reasoning"]
    got = [(item["id"], item["function"]["name"], item["function"]["arguments"]) for item in choice["message"].get("tool_calls", [])]
    assert got == [(item["id"], item["name"], item["arguments"]) for item in streamed["calls"]]
    assert choice["finish_reason"] == streamed["finish"]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_rescued_calls_are_calls_for_a_client(sample: Sample) -> None:
    chosen = rules()
    events = [chunk(FIRST), *(chunk({"content": letter}) for letter in sample.text), chunk({}, "stop"), DONE]
    message = one(feed(events, chosen))
    assert (calls_of(message), message["content"], message["finish"]) == (sample.calls, sample.rest, "tool_calls")
    assert len({item["id"] for item in message["calls"]}) == len(sample.calls)


def test_rescue_is_counted_by_notation() -> None:
    stream = ChatStream(rules())
    stream.feed(chunk({"content": SAMPLES[2].text}))
    assert stream.counts.rescued == {"tool_call": 2}
    body = json.dumps({"choices": [{"message": {"content": SAMPLES[2].text}, "finish_reason": "stop"}]}).encode()
    assert whole(body, rules()).counts.rescued == {"tool_call": 2}


def test_rescue_keeps_the_choices_apart() -> None:
    text = SAMPLES[0].text
    events = [chunk({"content": part}, index=index) for part in (text[:20], text[20:]) for index in (0, 1, 2)]
    events += [chunk({"content": "x"}, index=2), *(chunk({}, "stop", index=index) for index in (0, 1, 2)), DONE]
    choices = accumulated(feed(events, rules()))
    assert [calls_of(choices[index]) for index in (0, 1, 2)] == [[READ]] * 3
    assert [choices[index]["content"] for index in (0, 1, 2)] == ["", "", "x"]


def test_without_a_finish_reason_what_is_held_comes_before_the_end() -> None:
    out = feed([chunk({"content": '{"name": "list", "arguments": {}}'}), DONE], rules())
    assert calls_of(one(out)) == [("list", {})]
    assert out.endswith(DONE)
    assert one(feed([chunk({"content": "a <tool"}), DONE], rules()))["content"] == "a <tool"


def test_A27_an_error_of_the_engine_is_seen_and_what_was_held_too() -> None:
    error = b'data: {"error":{"message":"out of memory","type":"InternalServerError","code":500}}\n\n'
    out = feed([chunk({"content": '<tool_call>{"name": "read"'}), error, DONE], rules())
    events = sse.events(out)
    assert json.loads(sse.data_of(events[0]))["choices"][0]["delta"]["content"] == '<tool_call>{"name": "read"'
    assert events[1:] == [error, DONE]


def test_held_text_of_a_broken_stream_is_text() -> None:
    stream = ChatStream(rules())
    assert stream.feed(chunk({"content": '{"name": "list", "arguments": {}}'})) == b""
    assert one(stream.broken())["content"] == '{"name": "list", "arguments": {}}'


def test_A34_usage_after_the_finish_reason_is_kept() -> None:
    usage = b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}\n\n'
    out = feed([chunk({"content": "x"}), chunk({}, "tool_calls"), usage, DONE], rules())
    assert out.endswith(usage + DONE)
    assert one(feed([chunk({"content": "x"}), chunk({}, "tool_calls")], rules()))["finish"] == "stop"


def test_usage_in_a_chunk_whose_text_is_held_is_kept() -> None:
    out = feed([chunk({"content": "<tool_call>"}, usage={"completion_tokens": 7})], rules())
    assert documents(out)[0]["usage"] == {"completion_tokens": 7}
    assert documents(out)[0]["choices"][0]["delta"] == {}


def test_role_of_a_chunk_whose_text_is_held_is_kept() -> None:
    out = feed([chunk({"role": "assistant", "content": "<tool_call>"})], rules())
    assert documents(out)[0]["choices"][0]["delta"] == {"role": "assistant"}


# Tool deltas


def deltas_of(*items: dict[str, Any], finish: str = "tool_calls") -> dict[str, Any]:
    return one(feed([*(chunk({"tool_calls": [item]}) for item in items), chunk({}, finish), DONE], rules(tools=False)))


def test_A11_parallel_calls_stay_two() -> None:
    message = deltas_of(call(0, id="a", name="read", arguments="{}"), call(1, id="b", name="list", arguments="{}"))
    assert [(item["id"], item["name"]) for item in message["calls"]] == [("a", "read"), ("b", "list")]


def test_A12_three_calls_under_one_index_are_three() -> None:
    message = deltas_of(*(call(0, id=name, name="list", arguments="{}") for name in "abc"))
    assert [(item["id"], item["arguments"]) for item in message["calls"]] == [("a", "{}"), ("b", "{}"), ("c", "{}")]


def test_A13_A19_deltas_go_by_index_whatever_their_ids() -> None:
    message = deltas_of(
        call(0, id="a", name="read", arguments=""),
        call(1, id="b", name="list", arguments=""),
        call(0, id=None, arguments='{"path":'),
        call(1, id=None, arguments="{}"),
        call(0, id="", arguments='"x"}'),
    )
    assert calls_of(message) == [("read", {"path": "x"}), ("list", {})]


def test_A28_a_call_begins_when_its_name_is_known() -> None:
    message = deltas_of(call(0, arguments='{"a"'), call(0, id="late", name="read", arguments=": 1"), call(0, arguments="}"))
    assert message["calls"] == [{"id": "late", "name": "read", "arguments": '{"a": 1}'}]


def test_B03_type_is_added() -> None:
    assert documents(feed([chunk({"tool_calls": [call(id="a", name="read", arguments="")]})], rules()))[0]["choices"][0]["delta"]["tool_calls"] == [
        {"index": 0, "id": "a", "type": "function", "function": {"name": "read", "arguments": ""}}
    ]


@pytest.mark.parametrize("missing", [{}, {"id": ""}, {"id": None}])
def test_B04_id_is_made_once_for_each_call(missing: dict[str, Any]) -> None:
    message = deltas_of(call(0, **missing, name="read", arguments=""), call(0, **missing, arguments="{}"), call(1, **missing, name="list", arguments="{}"))
    assert [item["id"] for item in message["calls"]] == ["call_0", "call_1"]


def test_B05_continuations_have_no_nulls() -> None:
    given_item = {"index": 0, "id": None, "type": None, "function": {"name": None, "arguments": "{}"}}
    out = feed([chunk({"tool_calls": [call(id="a", type="function", name="read", arguments="")]}), chunk({"tool_calls": [given_item]})], rules())
    assert documents(out)[1]["choices"][0]["delta"]["tool_calls"] == [{"index": 0, "function": {"arguments": "{}"}}]


def test_B05_ids_and_names_that_are_repeated_come_once() -> None:
    message = deltas_of(*(call(0, id="a", type="function", name="read", arguments=part) for part in ("", "{", "}")))
    assert message["calls"] == [{"id": "a", "name": "read", "arguments": "{}"}]


def test_B06_first_delta_has_all_members() -> None:
    item = documents(feed([chunk({"tool_calls": [call(None, name="read")]})], rules()))[0]["choices"][0]["delta"]["tool_calls"][0]
    assert item == {"index": 0, "id": "call_0", "type": "function", "function": {"name": "read", "arguments": ""}}


def test_deltas_without_an_index() -> None:
    message = deltas_of(call(None, id="a", name="read"), call(None, arguments="{}"), call(None, id="b", name="list"), call(None, id="a", arguments=" "))
    assert [item["arguments"] for item in message["calls"]] == ["{} ", ""]


def test_arguments_as_an_object() -> None:
    assert calls_of(deltas_of(call(0, id="a", name="read", arguments={"path": "x"}))) == [("read", {"path": "x"})]
    body = {"choices": [{"message": {"tool_calls": [{"id": "a", "function": {"name": "read", "arguments": {"path": "x"}}}]}, "finish_reason": "stop"}]}
    message = json.loads(whole(json.dumps(body).encode(), rules()).body)["choices"][0]["message"]
    assert message["tool_calls"] == [{"id": "a", "type": "function", "function": {"name": "read", "arguments": '{"path": "x"}'}}]


def test_A18_one_delta_with_everything() -> None:
    items = [call(0, id="a", name="read", arguments="{}"), call(1, id="b", name="list", arguments="{}")]
    message = one(feed([chunk({"reasoning": "r", "content": "c", "tool_calls": items}, "tool_calls"), DONE], rules()))
    assert (message["reasoning"], message["content"], len(message["calls"]), message["finish"]) == ("r", "c", 2, "tool_calls")


@pytest.mark.parametrize("reason", [None, "I should rea", "d it."])
def test_B16_B18_reasoning_in_the_chunk_of_a_call(reason: str | None) -> None:
    """None where a call was required; or its last piece, which engines overwrote: what they send is not lost here."""
    delta = {"reasoning": reason, "tool_calls": [call(0, id="a", name="read", arguments="{}")]}
    message = one(feed([chunk({"reasoning": "Hm. "}), chunk(delta), chunk({}, "tool_calls"), DONE], rules()))
    assert message["reasoning"] == "Hm. " + (reason or "")
    assert [item["name"] for item in message["calls"]] == ["read"]


# Empty arrays, reasons, reasoning


@pytest.mark.parametrize("tools", [True, False])
def test_B01_B02_empty_arrays_are_gone(tools: bool) -> None:
    deltas: list[dict[str, Any]] = [{"reasoning": "r", "tool_calls": []}, {"content": "<tool", "tool_calls": []}]
    out = feed([*map(chunk, deltas), chunk({"tool_calls": []}, "stop"), DONE], rules(tools))
    assert b"tool_calls" not in out
    assert one(out)["content"] == "<tool"


def test_B15_no_call_no_reason_for_one() -> None:
    assert deltas_of(finish="tool_calls")["finish"] == "stop"
    body = b'{"choices":[{"index":0,"message":{"content":"a","tool_calls":[]},"finish_reason":"tool_calls"}]}'
    assert json.loads(whole(body, rules(tools=False)).body)["choices"] == [{"index": 0, "message": {"content": "a"}, "finish_reason": "stop"}]


def test_A06_A21_calls_end_with_their_reason() -> None:
    assert deltas_of(call(0, id="a", name="read", arguments="{}"), finish="stop")["finish"] == "tool_calls"
    assert deltas_of(call(0, id="a", name="read", arguments="{"), finish="length")["finish"] == "length"


def test_B17_missing_arguments_pass() -> None:
    assert calls_of(deltas_of(call(0, id="a", name="read", arguments="{}"))) == [("read", {})]


@pytest.mark.parametrize("name", reasoning.NAMES)
@pytest.mark.parametrize("tools", [True, False])
def test_B07_A24_reasoning_under_both_names(name: str, tools: bool) -> None:
    text = 'a "quoted" \\ \u2028 <b> {x}\n'
    out = feed([chunk({name: text}), chunk({name: None, "content": "c"}), chunk({}, "stop"), DONE], rules(tools))
    assert (one(out)["reasoning"], one(out)["reasoning_content"], one(out)["content"]) == (text, text, "c")
    other = next(other for other in reasoning.NAMES if other != name)
    for members in ({name: text}, {name: text, other: None}):
        body = json.dumps({"choices": [{"message": {"content": None, **members}, "finish_reason": "stop"}]}).encode()
        message = json.loads(whole(body, rules(tools)).body)["choices"][0]["message"]
        assert (message["reasoning"], message["reasoning_content"]) == (text, text)


def test_reasoning_as_the_engine_names_it() -> None:
    for name in reasoning.NAMES:
        out = feed([chunk({name: "a <tool"}), chunk({}, "stop")], rules(both_names=False))
        assert [delta for document in documents(out) for delta in document["choices"][0]["delta"].items()] == [(name, "a "), (name, "<tool")]


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(["reasoning", "reasoning_content", "content", "x"]), st.one_of(st.none(), st.text()), max_size=4), st.booleans())
def test_both_names_in_any_document(delta: dict[str, Any], ascii_only: bool) -> None:
    document = {"choices": [{"delta": delta}, {"delta": {"reasoning": "fixed"}}]}
    raw = json.dumps(document, ensure_ascii=ascii_only).encode()
    first, second = (choice["delta"] for choice in json.loads(reasoning.both(raw))["choices"])
    assert second == {"reasoning": "fixed", "reasoning_content": "fixed"}
    values = [delta[name] for name in reasoning.NAMES if delta.get(name) is not None]
    if len(values) == 1:
        assert [first[name] for name in reasoning.NAMES] == [values[0], values[0]]
    else:
        assert first == delta


# What parsers miss, as reported


def rescued(*contents: str, **fields: Any) -> dict[str, Any]:
    return one(feed([*(chunk({"content": part}) for part in contents), chunk({}, "stop"), DONE], rules()))


def test_B08_call_left_in_the_content() -> None:
    message = rescued("<tool_call>\n<func", "tion=read>\n<parameter=path>\n/a\n</parameter>\n</function>\n</tool_call>")
    assert (calls_of(message), message["content"], message["finish"]) == ([("read", {"path": "/a"})], "", "tool_calls")


def test_B10_call_after_reasoning() -> None:
    events = [chunk({"reasoning": letter}) for letter in "thinking"]
    events += [chunk({"content": letter}) for letter in "\n\n<function=read>\n<parameter=path>\n/a\n</parameter>\n</function>"]
    message = one(feed([*events, chunk({}, "stop"), DONE], rules()))
    assert (calls_of(message), message["reasoning"]) == ([("read", {"path": "/a"})], "thinking")


def test_B11_closing_tag_over_chunks_and_a_second_call() -> None:
    text = '<tool_call>{"name": "read", "arguments": {"path": "a"}}</tool_', 'call>\n<tool_call>{"name": "list", "arguments": {}}</tool', "_call>"
    assert calls_of(rescued(*text)) == [("read", {"path": "a"}), ("list", {})]


def test_B11_second_call_leaks_beside_the_engines() -> None:
    events = [
        chunk({"tool_calls": [call(id="x", type="function", name="read", arguments="{}")]}),
        chunk({"content": '\n<tool_call>\n{"name": "list", "arguments": {}}\n</tool_call>'}),
        chunk({}, "tool_calls"),
        DONE,
    ]
    message = one(feed(events, rules()))
    assert calls_of(message) == [("read", {}), ("list", {})]


def test_B12_fences_and_tools_tags() -> None:
    assert calls_of(rescued('```json\n{"name": "list", ', '"arguments": {}}\n```')) == [("list", {})]
    assert calls_of(rescued('<tools>\n{"name": "list", "arguments": {}}\n</tools>')) == [("list", {})]


def test_B13_no_opening_tag() -> None:
    assert calls_of(rescued('</think>{"name": "list", "arguments": {}}</tool_call>')) == [("list", {})]
    assert calls_of(rescued('{"name": "unknown", "arguments": {}}</tool_call>')) == []


def test_E04_E05_bytes_are_never_split_as_text() -> None:
    text = "a\u2028b\u2029c\u0085d 🙂 é"
    raw = chunk({"content": text}) + chunk({}, "stop") + DONE
    for size in (1, 2, 3, 5):
        assert feed([raw[at : at + size] for at in range(0, len(raw), size)], rules()) == raw
