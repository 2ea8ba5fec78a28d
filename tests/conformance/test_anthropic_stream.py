# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chunks to events: the failures that gateways and engines are known for, by their catalogue ids."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import msgspec
import pytest
from anthropic_kit import ANSWER, FIRST, LAST, SIGN, Document, brief, call, check_grammar, chunk, content, convert, said, sse, stop_of, whole_message

from inferhost_proxy.anthropic_conversion import Conversion
from inferhost_proxy.anthropic_stream import Reducer
from inferhost_proxy.anthropic_types import frames

READ = {"name": "read", "id": "call_1"}
GREP = {"name": "grep", "id": "call_2"}


def test_A01_first_delta_of_a_block_is_kept() -> None:
    events = convert(said(chunk(reasoning="think "), chunk(reasoning="hard"), chunk(content="Hello "), chunk(content="you")))
    assert brief(events) == [("thinking", "think hard"), ("text", "Hello you")]


def test_A02_reasoning_to_text_and_to_a_call() -> None:
    events = convert(said(chunk(reasoning="a"), chunk(content="b"), chunk(tool_calls=[call(arguments='{"x":1}', **READ)]), finish="tool_calls"))
    assert brief(events) == [("thinking", "a"), ("text", "b"), ("tool_use", "read", '{"x":1}')]


def test_A03_arguments_in_the_chunk_that_opens_the_call() -> None:
    events = convert(said(chunk(content="a"), chunk(tool_calls=[call(arguments='{"path":"/x"}', **READ)]), finish="tool_calls"))
    assert brief(events)[1] == ("tool_use", "read", '{"path":"/x"}')


def test_A04_arguments_only_at_the_end() -> None:
    chunks = [chunk(tool_calls=[call(**READ)]), chunk("tool_calls", tool_calls=[call(arguments='{"path":"/x"}')])]
    assert brief(convert(sse(FIRST, *chunks, LAST))) == [("tool_use", "read", '{"path":"/x"}')]


def test_A05_no_empty_text_block_and_no_empty_fragment() -> None:
    chunks = [chunk(content=""), chunk(content="", tool_calls=[call(arguments="", **READ)]), chunk(tool_calls=[call(arguments="{}")])]
    events = convert(said(*chunks, finish="tool_calls"))
    assert brief(events) == [("tool_use", "read", "{}")]
    assert [event["type"] for event in events].count("content_block_delta") == 1


@pytest.mark.parametrize("finish", ["stop", "tool_calls"])
def test_A06_A21_stop_reason_from_what_was_emitted(finish: str) -> None:
    events = convert(said(chunk(content="a"), chunk(tool_calls=[call(arguments="{}", **READ)]), finish=finish))
    assert stop_of(events) == "tool_use"


def test_A07_A08_A23_one_start_and_deltas_of_the_blocks_type() -> None:
    events = convert(said(FIRST, chunk(reasoning="a"), FIRST, chunk(content="b"), chunk(reasoning="c")))
    assert brief(events) == [("thinking", "a"), ("text", "b"), ("thinking", "c")]


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_A09_A24_both_names_of_reasoning(name: str) -> None:
    assert brief(convert(said(chunk(**{name: "a"})))) == [("thinking", "a")]


def test_A09_both_names_at_once_are_one_text() -> None:
    assert brief(convert(said(chunk(reasoning="a", reasoning_content="a")))) == [("thinking", "a")]


def test_A10_every_index_was_started() -> None:
    chunks = [chunk(tool_calls=[call(3, **READ)]), chunk(tool_calls=[call(3, "{}")]), chunk(content="x")]
    events = convert(said(*chunks, finish="tool_calls"))
    assert brief(events) == [("tool_use", "read", "{}"), ("text", "x")]


def test_A11_A12_calls_one_after_the_other() -> None:
    chunks = [chunk(tool_calls=[call(0, **READ)]), chunk(tool_calls=[call(0, '{"a":')]), chunk(tool_calls=[call(0, "1}")])]
    chunks += [chunk(tool_calls=[call(1, **GREP)]), chunk(tool_calls=[call(1, '{"b":')]), chunk(tool_calls=[call(1, "2}")])]
    events = convert(said(*chunks, finish="tool_calls"))
    assert brief(events) == [("tool_use", "read", '{"a":1}'), ("tool_use", "grep", '{"b":2}')]
    assert [block["id"] for block in content(events)] == ["call_1", "call_2"]


def test_A11_the_second_call_is_live_too() -> None:
    """A call that follows a complete one does not wait for the end of the answer."""
    data = sse(FIRST, chunk(tool_calls=[call(0, "{}", **READ)]), chunk(tool_calls=[call(1, **GREP)]), chunk(tool_calls=[call(1, '{"b"')]), done=False)
    events = convert(data)
    assert events[-1]["type"] == "error", "the stream is not at its end"
    assert events[-2]["delta"] == {"type": "input_json_delta", "partial_json": '{"b"'}


def test_A11_every_call_is_number_0() -> None:
    chunks = [chunk(tool_calls=[call(0, '{"a":1}', **READ)]), chunk(tool_calls=[call(0, '{"b":2}', **GREP)])]
    assert brief(convert(said(*chunks))) == [("tool_use", "read", '{"a":1}'), ("tool_use", "grep", '{"b":2}')]


INTERLEAVED = [
    chunk(tool_calls=[call(0, **READ)]),
    chunk(tool_calls=[call(0, '{"a"'), call(1, **GREP)]),
    chunk(tool_calls=[call(1, '{"b"')]),
    chunk(tool_calls=[call(0, ":1}")]),
    chunk(tool_calls=[call(1, ":2}")]),
]


def test_A13_A14_A15_A26c_interleaved_fragments() -> None:
    events = convert(said(*INTERLEAVED, finish="tool_calls"))
    assert brief(events) == [("tool_use", "read", '{"a":1}'), ("tool_use", "grep", '{"b":2}')]


def test_A14_the_first_call_is_passed_on_while_another_waits() -> None:
    events = convert(sse(FIRST, *INTERLEAVED[:3], done=False))
    assert [event["delta"]["partial_json"] for event in events if event["type"] == "content_block_delta"] == ['{"a"']


def test_A16_white_space_between_calls_is_dropped() -> None:
    chunks = [chunk(tool_calls=[call(0, "{}", **READ)]), chunk(content="\n"), chunk(tool_calls=[call(1, "{}", **GREP)]), chunk(content="\n")]
    assert brief(convert(said(*chunks, finish="tool_calls"))) == [("tool_use", "read", "{}"), ("tool_use", "grep", "{}")]


def test_white_space_before_text_belongs_to_it() -> None:
    assert brief(convert(said(chunk(reasoning="\n"), chunk(content="\n\n"), chunk(content="a")))) == [("text", "\n\na")]


def test_A17_text_in_the_chunk_of_a_fragment() -> None:
    chunks = [chunk(tool_calls=[call(0, '{"a"', **READ)]), chunk(content=" and ", tool_calls=[call(0, ":1")]), chunk(tool_calls=[call(0, "}")])]
    assert brief(convert(said(*chunks, finish="tool_calls"))) == [("tool_use", "read", '{"a":1}'), ("text", " and ")]


def test_A18_all_parts_of_one_chunk() -> None:
    everything = chunk("tool_calls", reasoning="r", content="c", tool_calls=[call(0, '{"a":1}', **READ), call(1, '{"b":2}', **GREP)])
    wanted = [("thinking", "r"), ("text", "c"), ("tool_use", "read", '{"a":1}'), ("tool_use", "grep", '{"b":2}')]
    assert brief(convert(sse(FIRST, everything, LAST))) == wanted


def test_A19_continuations_with_id_null() -> None:
    fragment = {"index": 0, "id": None, "type": None, "function": {"name": None, "arguments": '{"a":1}'}}
    assert brief(convert(said(chunk(tool_calls=[call(0, **READ)]), chunk(tool_calls=[fragment])))) == [("tool_use", "read", '{"a":1}')]


def test_A20_reasoning_between_fragments() -> None:
    chunks = [chunk(tool_calls=[call(0, '{"a"', **READ)]), chunk(reasoning="hm"), chunk(tool_calls=[call(0, ":1}")])]
    assert brief(convert(said(*chunks, finish="tool_calls"))) == [("tool_use", "read", '{"a":1}'), ("thinking", "hm")]


def test_A22_C22_call_without_arguments() -> None:
    chunks = [chunk(tool_calls=[call(0, "", **READ)]), chunk(tool_calls=[call(1, **GREP)])]
    assert brief(convert(said(*chunks, finish="tool_calls"))) == [("tool_use", "read", "{}"), ("tool_use", "grep", "{}")]


ERROR: Document = {"error": {"message": "from the engine", "type": "InternalServerError", "code": 500}}


def test_A25_A26_A27_error_in_the_stream() -> None:
    events = convert(sse(FIRST, chunk(content="a"), ERROR))
    check_grammar(events)
    assert events[-1] == {"type": "error", "fault": "engine_error", "message": "from the engine", "status": 500}
    assert events[-2]["delta"]["text"] == "a", "what came before it is not lost"


@pytest.mark.parametrize("error", ['{"error": "text"}', '{"error": null}', '{"error": {"code": "x"}}', '{"error": 3}'])
def test_A27_odd_errors(error: str) -> None:
    events = convert(sse(FIRST, done=False) + f"data: {error}\n\n".encode())
    assert events[-1]["fault"] == ("upstream_cut" if "null" in error else "engine_error")


@pytest.mark.parametrize("broken", [b"data: {\n\n", b"data: []\n\n", b'data: {"choices":[{"delta":{"content":1}}]}\n\n', b"data: \xff\n\n"])
def test_A26_broken_chunk_is_an_error(broken: bytes) -> None:
    events = convert(said(chunk(content="a"))[:-40] + broken)
    assert convert(sse(FIRST, chunk(content="a"), done=False) + broken)[-1]["fault"] == "upstream_protocol"
    assert events[-1]["type"] == "error"


def test_A26b_text_after_a_call_has_a_block_of_its_own() -> None:
    events = convert(said(chunk(tool_calls=[call(0, "{}", **READ)]), chunk(content="a"), chunk(content="b")))
    assert brief(events) == [("tool_use", "read", "{}"), ("text", "ab")]
    assert stop_of(events) == "tool_use"


def test_A26d_A28_a_call_waits_for_its_name_and_gets_an_id() -> None:
    chunks = [chunk(tool_calls=[call(0, "")]), chunk(tool_calls=[call(0, '{"a":', id="")]), chunk(tool_calls=[call(0, "1}", name="read")])]
    events = convert(said(*chunks))
    assert brief(events) == [("tool_use", "read", '{"a":1}')]
    assert content(events)[0]["id"].startswith("toolu_")


def test_B04_ids_are_there_and_differ() -> None:
    chunks = [chunk(tool_calls=[call(index, "{}", name="read", id=given)]) for index, given in enumerate(["", "same", "same", None])]
    ids = [block["id"] for block in content(convert(said(*chunks)))]
    assert len(set(ids)) == 4 and all(ids)


def test_B15_no_call_survives() -> None:
    assert stop_of(convert(said(chunk(content="a"), chunk(tool_calls=[]), finish="tool_calls"))) == "end_turn"


def test_A29_A30_A31_usage_at_the_start_and_exact_at_the_end() -> None:
    events = convert(said(chunk(content="a")))
    assert events[0]["message"]["usage"] == {"input_tokens": 7, "output_tokens": 0}, "what is unknown is left out"
    assert events[-2]["usage"] == {"input_tokens": 3, "cache_read_input_tokens": 4, "output_tokens": 5}


def test_A29_usage_is_there_even_if_the_engine_tells_none() -> None:
    bare = [{**document, "usage": None} for document in (FIRST, chunk(content="a"), chunk("stop"))]
    assert convert(sse(*bare))[0]["message"]["usage"] == {"input_tokens": 0, "output_tokens": 0}


def test_A32_cached_tokens_are_in_the_sum() -> None:
    usage = convert(said(chunk(content="a")))[-2]["usage"]
    assert usage["input_tokens"] + usage["cache_read_input_tokens"] == 7


def test_A34_usage_behind_the_finish_reason_is_read() -> None:
    assert convert(sse(FIRST, chunk("stop", content="a"), LAST))[-2]["usage"]["output_tokens"] == 5


def test_content_behind_the_finish_reason_is_kept() -> None:
    assert brief(convert(sse(FIRST, chunk("stop", content="a"), chunk(content="b"), LAST))) == [("text", "ab")]


@pytest.mark.parametrize(
    "data", [sse(FIRST, chunk(content="a")), sse(FIRST, chunk(content="a"), done=False), b"", sse(), said(chunk(content="a"), finish="abort")]
)
def test_A33_an_unfinished_stream_is_an_error(data: bytes) -> None:
    events = convert(data)
    assert events[-1]["fault"] == "upstream_cut"
    assert not {"message_delta", "message_stop"} & {event["type"] for event in events}


def test_finished_but_without_the_end_marker() -> None:
    assert brief(convert(sse(FIRST, chunk("stop", content="a"), LAST, done=False))) == [("text", "a")]


OPEN_CALL = chunk(tool_calls=[call(0, '{"a"', **READ)])
CALLED = chunk(tool_calls=[call(0, "{}", **READ)])


@pytest.mark.parametrize(
    ("chunks", "finish", "matched", "wanted"),
    [
        ([chunk(content="a")], "stop", None, "end_turn"),
        ([chunk(content="a")], "length", None, "max_tokens"),
        ([chunk(content="a")], "stop", "END", "stop_sequence"),
        ([chunk(content="a")], "stop", "not asked for", "end_turn"),
        ([chunk(content="a")], "stop", 151645, "end_turn"),
        ([chunk(content="a")], "content_filter", None, "refusal"),
        ([chunk(refusal="no")], "stop", None, "refusal"),
        ([CALLED], "stop", None, "tool_use"),
        ([CALLED], "length", None, "max_tokens"),
        ([OPEN_CALL], "length", None, "max_tokens"),
        ([OPEN_CALL], "stop", "END", "stop_sequence"),
        ([CALLED], "stop", "END", "tool_use"),
        ([OPEN_CALL], "tool_calls", None, "tool_use"),
        ([], "stop", None, "end_turn"),
    ],
)
def test_stop_reasons(chunks: list[Document], finish: str, matched: Any, wanted: str) -> None:
    answer = replace(ANSWER, stop_sequences=frozenset({"END"}))
    events = convert(sse(FIRST, *chunks, chunk(finish, stop_reason=matched), LAST), answer=answer)
    check_grammar(events)
    assert events[-2]["delta"] == {"stop_reason": wanted, "stop_sequence": "END" if wanted == "stop_sequence" else None}


def test_only_one_call_when_no_parallel_ones_are_wanted() -> None:
    answer = replace(ANSWER, single_call=True)
    assert brief(convert(said(*INTERLEAVED), answer=answer)) == [("tool_use", "read", '{"a":1}')]
    both = chunk(tool_calls=[call(0, "{}", **READ), call(0, "{}", **GREP)])
    assert brief(convert(said(both), answer=answer)) == [("tool_use", "read", "{}")]


def test_thinking_is_signed() -> None:
    block = content(convert(said(chunk(reasoning="a"), chunk(reasoning="b"), chunk(content="c"))))[0]
    assert block["signature"] == SIGN(["ab"])
    assert block["signature"] != SIGN(["abc"])


def test_E04_line_ends_that_only_some_clients_know() -> None:
    text = "a\u2028b\u2029c\u0085d…“"
    data = said(chunk(content=text))
    assert brief(convert(data)) == [("text", text)]
    body = frames(Conversion(Reducer(ANSWER), 10**6).feed(data)).decode()
    assert not set(body) & set("\u2028\u2029\u0085")


def test_E05_cut_inside_a_character() -> None:
    data = said(chunk(content="ü🙂"), chunk(reasoning="…"))
    whole = convert(data)
    assert all(convert(data[:place], data[place:]) == whole for place in range(len(data)))
    assert convert(*(data[place : place + 1] for place in range(len(data)))) == whole


def test_A14_what_waited_for_the_end_of_a_call_is_a_block_of_its_own() -> None:
    begun, rest = chunk(tool_calls=[call(1, "", **READ)]), chunk(reasoning="a", tool_calls=[call(1, "{}")])
    for last, kinds in ((chunk(content="b"), ["tool_use", "thinking", "text"]), (chunk(reasoning="b"), ["tool_use", "thinking"])):
        events = convert(said(begun, rest, last, finish="tool_calls"))
        check_grammar(events)
        assert [block["type"] for block in content(events)] == kinds
    events = convert(said(begun, rest, chunk(tool_calls=[call(2, "{}", "grep", "call_2")]), finish="tool_calls"))
    check_grammar(events)
    assert [block["type"] for block in content(events)] == ["tool_use", "thinking", "tool_use"]


def test_E06_arguments_are_not_parsed_again_and_again() -> None:
    """Many fragments that could each be the end: the time grows with their number, not with its square."""

    def seconds(count: int) -> float:
        fragments = [chunk(tool_calls=[call(0, '{"a":[', **READ)])] + [chunk(tool_calls=[call(0, "{},{}")])] * count
        data = said(*fragments, finish="length")
        start = time.process_time()
        convert(data)
        return time.process_time() - start

    seconds(100)
    # The least of three, because other work on the machine only ever adds. With its square the time would grow 64 times.
    few, many = (min(seconds(count) for _time in range(3)) for count in (1000, 8000))
    assert many < 20 * max(few, 0.005)


def test_whole_answers() -> None:
    message = {
        "role": "assistant",
        "reasoning": "r",
        "content": "c",
        "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "read", "arguments": '{"a": 1}'}},
            {"id": "call_2", "type": "function", "function": {"name": "grep", "arguments": ""}},
            {"id": "call_3", "type": "function", "function": {"name": "cut", "arguments": '{"a'}},
        ],
    }
    made = whole_message({"choices": [{"message": message, "finish_reason": "tool_calls"}], "usage": LAST["usage"]})
    document = json.loads(msgspec.json.encode(made))
    assert document["content"] == [
        {"type": "thinking", "thinking": "r", "signature": SIGN(["r"])},
        {"type": "text", "text": "c"},
        {"type": "tool_use", "id": "call_1", "name": "read", "input": {"a": 1}},
        {"type": "tool_use", "id": "call_2", "name": "grep", "input": {}},
        {"type": "tool_use", "id": "call_3", "name": "cut", "input": {}},
    ]
    assert document["stop_reason"] == "tool_use"
    assert document["usage"] == {"input_tokens": 3, "output_tokens": 5, "cache_read_input_tokens": 4}
    assert (document["type"], document["role"], document["id"], document["model"]) == ("message", "assistant", "msg_1", "m")


@pytest.mark.parametrize("message", [{"content": ""}, {"content": None, "tool_calls": []}, {}])
def test_an_answer_that_says_nothing(message: Document) -> None:
    made = whole_message({"choices": [{"message": message, "finish_reason": "stop"}]})
    assert (made.content, made.stop_reason) == ([], "end_turn")
