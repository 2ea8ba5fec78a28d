# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every answer with searches in it, and for rescued calls on /v1/messages, however the engine's bytes are cut."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from anthropic_kit import ANSWER, Document, check_grammar, chunk, content, parse_events, said, sse
from hypothesis import given, settings
from hypothesis import strategies as st
from rescue_samples import SAMPLES, TOOLS, Sample
from search_kit import search, turn, turn_as_stream
from test_anthropic_properties import cuts, fragments, texts

from inferhost_proxy import anthropic_history, anthropic_message
from inferhost_proxy.anthropic_conversion import Conversion
from inferhost_proxy.anthropic_request import offered, parse
from inferhost_proxy.anthropic_search import next_one
from inferhost_proxy.anthropic_stream import Answer, Reducer
from inferhost_proxy.anthropic_types import AnswerBlock, Event, frames
from inferhost_proxy.call_readers import Tool
from inferhost_proxy.errors import Fault
from inferhost_proxy.openai_chat import ChatStream, Rules
from inferhost_proxy.openai_search import plan
from inferhost_proxy.openai_turns import Turns
from inferhost_proxy.rescue import Offer
from inferhost_proxy.search import Outcome, Result

SEARCHES = replace(ANSWER, searches=True)
OUTCOMES = {"found": Outcome((Result("T", "https://t.example/", "text", "May"),)), "nothing": Outcome(), "failed": Outcome(error="unavailable")}
calls = st.one_of(
    fragments, st.builds(lambda one, name: {**one, "function": {**one["function"], "name": name}}, fragments, st.sampled_from(["web_search", "read"]))
)
deltas = st.fixed_dictionaries({}, optional={"content": texts, "reasoning": texts, "tool_calls": st.lists(calls, max_size=3)})
legs = st.lists(
    st.tuples(st.lists(st.builds(lambda delta: chunk(**delta), deltas), max_size=6), st.sampled_from(["stop", "tool_calls", "length"])), min_size=1, max_size=3
)


def message(bodies: list[bytes], at: list[int], answer: Answer, outcome: Outcome) -> list[Document]:
    """The events of a message that is made of these answers of the engine, as the gateway's loop would have them."""
    reducer = Reducer(answer)
    events: list[Event] = []
    for body in bodies:
        source = Conversion(reducer, 10**6)
        for piece in cuts(body, at):
            events += source.feed(piece)
            assert source.fault is None
        for made in reducer.pending:
            events += reducer.search_begins(made) + reducer.search_ends(made, outcome)
        if not reducer.pending:
            break
        if reducer.calls_client or body is bodies[-1]:
            events += reducer.finish(None if reducer.calls_client else "pause_turn")
            break
        reducer.go_on()
    return parse_events(frames(events))


@settings(max_examples=100)
@given(legs, st.lists(st.integers(0, 10**5), max_size=8), st.sampled_from(sorted(OUTCOMES)), st.booleans())
def test_any_cut_gives_the_same_message(script: list[tuple[list[Document], str]], at: list[int], outcome: str, single: bool) -> None:
    bodies = [said(*chunks, finish=finish) for chunks, finish in script]
    answer = replace(SEARCHES, single_call=single)
    events = message(bodies, at, answer, OUTCOMES[outcome])
    assert events == message(bodies, [], answer, OUTCOMES[outcome])
    check_grammar(events)
    blocks = content(events)
    uses = [block["id"] for block in blocks if block["type"] == "server_tool_use"]
    assert uses == [block["tool_use_id"] for block in blocks if block["type"] == "web_search_tool_result"], "each has its result"
    assert all(json.loads(block["input"]) is not None for block in blocks if block["type"] == "server_tool_use")
    assert "web_search" not in [block["name"] for block in blocks if block["type"] == "tool_use"]


@settings(max_examples=100)
@given(legs)
def test_without_a_search_in_the_request_nothing_is_one(script: list[tuple[list[Document], str]]) -> None:
    chunks, finish = script[0]
    events = message([said(*chunks, finish=finish)], [], ANSWER, OUTCOMES["found"])
    assert not {"server_tool_use", "web_search_tool_result"} & {block["type"] for block in content(events)}


@settings(max_examples=100)
@given(legs, st.sampled_from(sorted(OUTCOMES)))
def test_C03_what_the_engine_is_asked_next_extends_what_it_was_asked(script: list[tuple[list[Document], str]], outcome: str) -> None:
    """And the client's next request, with the blocks it was sent, extends both."""
    request = parse(msgspec.json.encode({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "q"}]}))
    reducer, made = Reducer(SEARCHES), anthropic_message.Accumulator()
    asked = [anthropic_history.convert(None, request.messages, "fold").messages]
    for chunks, finish in script:
        made.feed(anthropic_message_events(reducer, said(*chunks, finish=finish)))
        if not reducer.pending:
            break
        for each in reducer.pending:
            made.feed(reducer.search_begins(each) + reducer.search_ends(each, OUTCOMES[outcome]))
        if reducer.calls_client:
            made.feed(reducer.finish())
            break
        asked.append(anthropic_history.convert(None, next_one(request, made.content, 9).messages, "fold").messages)
        reducer.go_on()
    later = next_one(request, made.content, 9).messages
    if made.content:
        asked.append(
            anthropic_history.convert(None, [*later, parse(b'{"model":"m","messages":[{"role":"user","content":"go on"}]}').messages[0]], "fold").messages
        )
    for before, after in pairwise(asked):
        assert after[: len(before)] == before


def anthropic_message_events(reducer: Reducer, body: bytes) -> list[Event]:
    source = Conversion(reducer, 10**6)
    return source.feed(body)


def shown(blocks: list[AnswerBlock] | list[Document]) -> list[Any]:
    return [{key: value for key, value in block.items() if key not in ("id", "signature")} for block in msgspec.to_builtins(blocks)]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_L51_L52_L58_rescued_on_messages_streamed_and_whole(sample: Sample) -> None:
    offer = offered({"tools": TOOLS, "tool_choice": "auto"})
    document = turn(sample.text)
    whole = anthropic_message.accumulate(anthropic_message.convert(json.dumps(document).encode(), Reducer(replace(ANSWER, offer=offer))))
    found = [(block["name"], block["input"]) for block in msgspec.to_builtins(whole.content) if block["type"] == "tool_use"]
    assert found == [(name, arguments) for name, arguments in sample.calls]
    assert whole.stop_reason == "tool_use"
    body = turn_as_stream(document)
    for at in ([], list(range(0, len(body), 7))):
        source = Conversion(Reducer(replace(ANSWER, offer=offer)), 10**6)
        events = [event for piece in cuts(body, at) for event in source.feed(piece)]
        assert shown(anthropic_message.accumulate(events).content) == shown(whole.content)


def test_A25_held_text_comes_before_the_error_of_a_broken_stream() -> None:
    offer = Offer({"read": Tool("read")})
    source = Conversion(Reducer(replace(ANSWER, offer=offer)), 10**6)
    events = source.feed(sse(chunk(content='<tool_call>{"name": "read", "arg'), done=False)) + source.eof()
    assert source.fault is not None and source.fault.kind == "upstream_cut"
    texts_ = [event["delta"]["text"] for event in parse_events(frames(events)) if event["type"] == "content_block_delta"]
    assert "".join(texts_) == '<tool_call>{"name": "read", "arg'


@pytest.mark.parametrize("choice", ["none", {"type": "function", "function": {"name": "other"}}])
def test_no_rescue_of_tools_that_may_not_be_called(choice: Any) -> None:
    functions = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in ("read", "other")]
    offer = offered({"tools": functions, "tool_choice": choice})
    assert offer is None or list(offer.tools) == ["other"]
    assert offered({"tools": functions, "tool_choice": "auto", "response_format": {}}) is None
    assert offered({}) is None


@settings(max_examples=100)
@given(st.lists(st.sampled_from([search("q"), ("read", '{"a": 1}')]), max_size=3), texts, st.lists(st.integers(0, 10**5), max_size=6))
def test_any_cut_gives_the_same_chat_completion(made: list[tuple[str, str]], text: str, at: list[int]) -> None:
    body = turn_as_stream(turn(text, *made))

    def run(places: list[int]) -> tuple[bytes, list[Any]]:
        from inferhost_proxy import sse as framing

        splitter, chat, turns = framing.EventSplitter(10**6), ChatStream(Rules()), Turns()
        out = b"".join(turns.feed(chat.feed(splitter.feed(piece))) for piece in cuts(body, places))
        assert turns.done
        return out, turns.calls

    assert run(at) == run([])
    out, pending = run([])
    assert b"web_search" not in out
    assert bool(pending) == (bool(made) and made[0][0] == "web_search")
    assert (b"[DONE]" in out) == (not pending)


odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.sampled_from(["web_search", "function", "auto"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "function", "name", "user_location", "approximate", "filters", "city"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=300)
@given(st.fixed_dictionaries({}, optional={"tools": odd, "web_search_options": odd, "tool_choice": odd, "n": odd, "messages": odd}), st.booleans())
def test_any_request_is_planned_left_alone_or_refused(members: Document, always: bool) -> None:
    raw = {key: msgspec.Raw(json.dumps(value).encode()) for key, value in members.items()}
    try:
        found = plan(b'"web_search"', raw, always)
    except Fault as fault:
        assert fault.kind == "invalid_request"
        return
    if found is not None:
        offered_tools = json.loads(bytes(found.members["tools"]))
        assert [tool for tool in offered_tools if isinstance(tool, dict) and tool.get("type") == "web_search"] == []
        assert "web_search_options" not in found.members
