# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests of the OpenAI surface on their way to the engine: what it would refuse or ignore, and what stays the same bytes."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rescue_samples import LIST_TOOL, TOOLS

from inferhost_proxy import context
from inferhost_proxy.history import RAW_KEY, as_object, closing, repaired
from inferhost_proxy.openai_request import CHANGES, Ask, Members, prepare

USER = {"role": "user", "content": "x"}


def prepared(body: dict[str, Any], chat: bool = True, most: int | None = None, **layout: Any) -> tuple[dict[str, Any], Ask]:
    ask = prepare(json.dumps(body, **layout).encode(), chat, most)
    return json.loads(ask.body), ask


def turn(*arguments: Any) -> dict[str, Any]:
    calls = [{"id": f"c{number}", "type": "function", "function": {"name": "read", "arguments": given}} for number, given in enumerate(arguments)]
    return {"role": "assistant", "content": None, "tool_calls": calls}


@pytest.mark.parametrize(
    "raw",
    [
        b'{"model":"m","messages":[{"role":"user","content":"a"}],"max_tokens":5,"unknown":{"x":1.0e-5}}',
        b'{ "messages" : [ ] , "tools" : [ ] , "tool_choice" : "none" }',
        b'{"messages":[{"role":"assistant","tool_calls":[{"function":{"arguments":"{\\"a\\": 1}"}}]}]}',
        b'{"messages":[{"role":"user","content":"\\"guided_json\\" and \\"tool_calls\\""}]}',
        b"not json",
        b"[]",
        b"",
        b'{"messages": 5, "tools": {"a": 1}}',
        b'{"messages":[{"tool_calls": 5}]}',
        b'{"a":"\xff"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"messages":[{"role":"user","content":"\\ud83d\\ude42"}]}',
        b'{"messages":[{"role":"user","content":"\\ud83d"',
    ],
)
def test_what_needs_no_change_is_the_same_bytes(raw: bytes) -> None:
    for chat in (True, False):
        assert prepare(raw, chat, 100).body == raw


def test_members_that_are_not_concerned_keep_their_bytes() -> None:
    raw = b'{"x" : 1.0e-5, "messages":[ {"role":"user", "content":"\\u00e9"}, {"tool_calls":[{"function":{"arguments":"{"}}]} ], "y":[1 , 2]}'
    body = prepare(raw, True, None).body
    assert b'"x":1.0e-5' in body
    assert b'{"role":"user", "content":"\\u00e9"}' in body
    assert body.endswith(b'"y":[1 , 2]}')


# The history


@pytest.mark.parametrize(
    ("given_arguments", "wanted"),
    [
        ('{"path": "/a"}', {"path": "/a"}),
        ("", {}),
        (None, {}),
        ({"path": "/a"}, {"path": "/a"}),
        ('"{\\"path\\": \\"/a\\"}"', {"path": "/a"}),
        ('{"path": "/a", "content": "line one\\nline tw', {"path": "/a", "content": "line one\nline tw"}),
        ('{"path": "/a", "list": [1, {"b": 2', {"path": "/a", "list": [1, {"b": 2}]}),
        ('{"text": "two\nlines"}', {"text": "two\nlines"}),
        ('{"path": ', {RAW_KEY: '{"path": '}),
        ("/a", {RAW_KEY: "/a"}),
        ("[1]", {RAW_KEY: "[1]"}),
        ("5", {RAW_KEY: "5"}),
        ("null", {RAW_KEY: "null"}),
        ('{"a": NaN}', {RAW_KEY: '{"a": NaN}'}),
        (["a"], {RAW_KEY: ["a"]}),
        (7, {RAW_KEY: 7}),
    ],
)
def test_B20_history(given_arguments: Any, wanted: dict[str, Any]) -> None:
    body, ask = prepared({"messages": [USER, turn('{"ok": 1}', given_arguments), {"role": "tool", "tool_call_id": "c1", "content": "bad"}]})
    calls = body["messages"][1]["tool_calls"]
    assert json.loads(calls[1]["function"]["arguments"]) == wanted
    assert calls[0]["function"]["arguments"] == '{"ok": 1}'
    assert ask.changes == (() if given_arguments == '{"path": "/a"}' else ("history",))


def test_B20_arguments_cut_in_the_middle_of_a_character() -> None:
    raw = b'{"messages":[{"role":"assistant","content":"\xc3\xa9","tool_calls":[{"id":"a","function":{"name":"f","arguments":"{\\"a\\": \\"\\ud83d"}}]}]}'
    ask = prepare(raw, True, None)
    body = json.loads(ask.body.decode("utf-8"))
    assert ask.changes == ("history", "characters")
    assert body["messages"][0]["content"] == "é"
    assert isinstance(json.loads(body["messages"][0]["tool_calls"][0]["function"]["arguments"]), dict)


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8)), lambda inner: st.dictionaries(st.text(max_size=4), inner), max_leaves=4
)
arguments = st.one_of(
    json_values, st.text(), json_values.map(json.dumps), st.tuples(json_values.map(json.dumps), st.integers(0, 30)).map(lambda pair: pair[0][: pair[1]])
)


@settings(max_examples=500)
@given(st.lists(arguments, max_size=4), st.booleans())
def test_B20_any_history_is_one_the_engine_takes(given_arguments: list[Any], ascii_only: bool) -> None:
    """What the engine does with each call: read the string as JSON, and give the template an object."""
    body, _ask = prepared({"model": "m", "messages": [USER, turn(*given_arguments), USER]}, ensure_ascii=ascii_only)
    for before, call in zip(given_arguments, body["messages"][1]["tool_calls"], strict=True):
        text = call["function"]["arguments"]
        assert isinstance(text, str)
        assert isinstance(json.loads(text), dict)
        if isinstance(before, str) and isinstance(_loaded(before), dict):
            assert text == before
    assert body["messages"][0] == USER == body["messages"][2]


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def test_repaired_history_does_not_change_again() -> None:
    """The next request extends this one, so that the prefix cache holds."""
    first = json.dumps([USER, turn('{"a": "b')]).encode()
    once = repaired(first)
    assert once is not None
    assert repaired(once) is None
    longer = json.dumps([USER, turn('{"a": "b'), USER]).encode()
    again = repaired(longer)
    assert again is not None
    assert again.startswith(once[:-1])


def test_closing() -> None:
    assert closing('{"a": ["b') == '{"a": ["b"]}'
    assert closing('{"a": 1}') == '{"a": 1}'
    assert as_object("{") == {}


# Structured output


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"guided_json": {"type": "object"}}, {"json": {"type": "object"}}),
        ({"guided_json": '{"type": "object"}', "guided_decoding_backend": "outlines"}, {"json": '{"type": "object"}'}),
        ({"guided_regex": "[a-z]+"}, {"regex": "[a-z]+"}),
        ({"guided_choice": ["yes", "no"], "guided_regex": None}, {"choice": ["yes", "no"]}),
        ({"guided_grammar": "root ::= 'a'"}, {"grammar": "root ::= 'a'"}),
        ({"guided_json": {}, "guided_whitespace_pattern": " "}, {"json": {}, "whitespace_pattern": " "}),
        ({"guided_json_object": True}, {"json_object": True}),
        ({"guided_json": None}, None),
        ({"guided_decoding_backend": "auto"}, None),
        ({"guided_json": {"a": 1}, "structured_outputs": {"regex": "x"}}, {"regex": "x"}),
        ({"guided_json": {"a": 1}, "structured_outputs": None}, {"json": {"a": 1}}),
        ({"guided_json": {"a": 1}, "response_format": {"type": "json_object"}}, None),
    ],
)
@pytest.mark.parametrize("chat", [True, False])
def test_guided_fields(old: dict[str, Any], new: dict[str, Any] | None, chat: bool) -> None:
    body, ask = prepared({"model": "m", **old, "n": 1}, chat)
    assert body.get("structured_outputs") == new
    assert not [key for key in body if key.startswith("guided_")]
    assert (body["model"], body["n"], ask.changes) == ("m", 1, ("structured_outputs",))


# The context


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_B23_more_than_the_context(name: str) -> None:
    assert prepared({name: 32000}, most=2047)[0] == {name: 2047}
    assert prepared({name: 2047}, most=2047)[1].changes == ()
    assert prepared({name: 32000}, most=None)[1].changes == ()
    assert prepared({name: "x"}, most=5)[0] == {name: "x"}


def members(**fields: Any) -> Members:
    ask = prepare(json.dumps(fields).encode(), True, None)
    assert ask.members is not None
    return ask.members


def test_cheap_bound() -> None:
    small = members(messages=[USER], max_tokens=100)
    assert not context.in_doubt(60, small, 2048)
    assert context.in_doubt(60, small, 1100)
    picture = members(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x"}}]}])
    assert context.in_doubt(60, picture, 10**6), "an image has tokens that the body does not show"


@pytest.mark.parametrize(
    ("asked", "count", "wanted"),
    [
        ({"max_tokens": 1000}, 500, {"max_tokens": 500 - context.RESERVE}),
        ({"max_tokens": 1000, "max_completion_tokens": 900}, 500, {"max_tokens": 492, "max_completion_tokens": 492}),
        ({"max_tokens": 1000}, 999, {"max_tokens": 1}),
        ({"max_tokens": 100}, 500, None),
        ({}, 500, None),
    ],
)
def test_what_the_context_leaves(asked: dict[str, int], count: int, wanted: dict[str, int] | None) -> None:
    given_members = members(messages=[USER], **asked)
    body = context.fitted(given_members, count, 1000)
    assert (None if body is None else json.loads(body)) == (None if wanted is None else {"messages": [USER], **wanted})


def test_B24_input_alone_is_too_long() -> None:
    with pytest.raises(context.ContextExceeded) as refused:
        context.fitted(members(messages=[USER], max_tokens=1), 1000, 1000)
    assert refused.value.status == 400
    assert "maximum context length is 1000 tokens" in refused.value.message
    assert "input alone has 1000" in refused.value.message


def test_what_the_tokenizer_is_asked() -> None:
    given_members = members(model="m", messages=[USER], tools=TOOLS, chat_template_kwargs={"a": 1}, temperature=1, stream=True)
    counting = context.counting(given_members)
    assert counting is not None
    assert json.loads(counting.body) == {"model": "m", "messages": [USER], "tools": TOOLS, "chat_template_kwargs": {"a": 1}}
    assert context.counting(members(prompt=[1, 2, 3])) == context.Counting(known=3)
    text = context.counting(members(model="m", prompt=["abc"]))
    assert text is not None
    assert json.loads(text.body) == {"model": "m", "prompt": "abc"}
    assert context.counting(members(prompt=["a", "b"])) is None
    assert (context.count_of(b'{"count": 5, "tokens": []}'), context.count_of(b"oops")) == (5, None)


def test_offer() -> None:
    assert prepared({"tools": TOOLS})[1].offer is not None
    assert prepared({"tools": TOOLS}, chat=False)[1].offer is None
    assert prepared({"tools": TOOLS, "tool_choice": "none"})[1].offer is None
    assert prepared({"tools": TOOLS, "response_format": {"type": "text"}})[1].offer is not None
    for data in ({"response_format": {"type": "json_object"}}, {"structured_outputs": {"json": {}}}, {"guided_json": {}}):
        assert prepared({"tools": TOOLS, **data})[1].offer is None, "its JSON is an answer and no call"
    named = prepared({"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "list"}}})[1].offer
    assert named is not None
    assert list(named.tools) == ["list"]
    assert prepared({"tools": [LIST_TOOL, {"type": "other"}]})[1].offer is None
    assert set(CHANGES) == {"structured_outputs", "max_tokens", "history", "characters", "stop"}


def test_a_large_request_costs_little() -> None:
    """1 MB, many turns with calls: the bound is generous, the machine may be busy."""
    history = [message for _ in range(120) for message in (USER, turn(json.dumps({"path": "x" * 2000})), {"role": "tool", "content": "y" * 6000})]
    raw = json.dumps({"messages": history, "tools": TOOLS, "max_tokens": 5}).encode()
    assert len(raw) > 900_000
    best = min(_seconds(raw) for _ in range(7))
    assert best < 0.05, f"{best * 1000:.1f} ms"


def _seconds(raw: bytes) -> float:
    start = time.process_time()
    assert prepare(raw, True, 10**6).body is raw
    return time.process_time() - start
