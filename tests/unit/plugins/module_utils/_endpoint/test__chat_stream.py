# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._chat_stream import ChatStream, error_text


def chunk(delta: dict, finish: object = None) -> str:
    return json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})


def test_a_call_is_put_together_argument_by_argument() -> None:
    stream = ChatStream()
    events = [
        chunk({"role": "assistant", "content": ""}),
        chunk({"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "read_file"}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"path": '}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"/a"}'}}]}),
        chunk({}, "tool_calls"),
        json.dumps({"choices": [], "usage": {"completion_tokens": 9}}),
        "[DONE]",
    ]
    carried = [stream.feed(event) for event in events]
    assert carried == [False, True, True, True, False, False, False]
    assert stream.tool_calls == [{"id": "call_1", "name": "read_file", "arguments": '{"path": "/a"}'}]
    assert (stream.finish_reason, stream.usage, stream.done, stream.error) == ("tool_calls", {"completion_tokens": 9}, True, None)
    assert (stream.chunks, stream.fragments) == (6, 3)


def test_two_calls_interleaved() -> None:
    stream = ChatStream()
    for index, text in ((0, "a"), (1, "x"), (0, "b"), (1, "y")):
        stream.feed(chunk({"tool_calls": [{"index": index, "function": {"name": text}}]}))
    assert [call["name"] for call in stream.tool_calls] == ["ab", "xy"]


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_thinking_is_read_from_either_field(name: str) -> None:
    stream = ChatStream()
    stream.feed(chunk({name: "hm"}))
    stream.feed(chunk({"content": "yes"}))
    assert (stream.reasoning, stream.content) == ("hm", "yes")


def test_empty_tool_calls_are_counted_and_carry_nothing() -> None:
    stream = ChatStream()
    assert stream.feed(chunk({"content": "x", "tool_calls": []})) is True
    assert stream.feed(chunk({"tool_calls": []})) is False
    assert (stream.chunks_with_empty_tool_calls, stream.fragments) == (2, 1)


@pytest.mark.parametrize("event, says", [("not json", "not json"), ("[1]", "not a JSON object"), ('{"error": {"message": "engine died"}}', "engine died")])
def test_garbage_and_errors_are_kept(event: str, says: str) -> None:
    stream = ChatStream()
    assert stream.feed(event) is False
    assert stream.error is not None
    assert says in stream.error


@pytest.mark.parametrize(
    "body, text",
    [
        ({"error": {"message": "m", "code": 400}}, "m"),
        ({"detail": "Not Found"}, "Not Found"),
        ({"error": "short"}, "short"),
        (["x"], "['x']"),
    ],
)
def test_error_text(body: object, text: str) -> None:
    assert error_text(body) == text
