# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the Anthropic surface share: scripted chunks, and the rules that every stream of events must keep."""

from __future__ import annotations

import json
from typing import Any

from inferhost_proxy import anthropic_message
from inferhost_proxy.anthropic_conversion import Conversion
from inferhost_proxy.anthropic_stream import Answer, Reducer
from inferhost_proxy.anthropic_types import frames
from inferhost_proxy.signatures import signer

Document = dict[str, Any]
SIGN = signer(b"test")
ANSWER = Answer("msg_1", "m", SIGN)
USAGE = {"prompt_tokens": 7, "completion_tokens": 0, "total_tokens": 7}
FINAL = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12, "prompt_tokens_details": {"cached_tokens": 4}}


def chunk(finish: str | None = None, **delta: Any) -> Document:
    """A chunk as vLLM sends it with continuous usage."""
    matched = delta.pop("stop_reason", None)
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish, "stop_reason": matched}
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], "usage": USAGE}


def call(index: int = 0, arguments: str | None = None, name: str | None = None, id: str | None = None) -> Document:
    """A fragment of a call in a chunk; what is None is left out."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    return {"index": index, **({"id": id, "type": "function"} if id is not None else {}), "function": function}


FIRST = chunk(role="assistant", content="")
LAST = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": FINAL}


def sse(*documents: Document, done: bool = True, eol: bytes = b"\n") -> bytes:
    """Chunks as a stream's bytes."""
    lines = [json.dumps(document, ensure_ascii=False).encode() for document in documents] + [b"[DONE]"] * done
    return b"".join(b"data: " + line + eol + eol for line in lines)


def said(*chunks: Document, finish: str | None = "stop") -> bytes:
    """A complete stream around these chunks."""
    return sse(FIRST, *chunks, *([chunk(finish)] if finish else []), LAST)


def parse_events(body: bytes) -> list[Document]:
    """The events of an answer; their names and types are the same."""
    events = []
    for frame in body.split(b"\n\n"):
        if frame:
            name, data = frame.split(b"\n")
            document = json.loads(data.removeprefix(b"data: "))
            assert name == b"event: " + document["type"].encode()
            events.append(document)
    return events


def convert(*pieces: bytes, answer: Answer = ANSWER) -> list[Document]:
    """The events of a stream that arrives in these pieces; a fault is its last event."""
    conversion = Conversion(Reducer(answer), 10**6)
    body = b""
    for piece in pieces:
        body += frames(conversion.feed(piece))
        if conversion.done or conversion.fault:
            break
    else:
        body += frames(conversion.eof())
    events = parse_events(body)
    if conversion.fault is not None:
        return [*events, {"type": "error", "fault": conversion.fault.kind, "message": conversion.fault.message, "status": conversion.fault.status}]
    return events


DELTAS = {
    "text": {"text_delta": "text"},
    "thinking": {"thinking_delta": "thinking", "signature_delta": "signature"},
    "tool_use": {"input_json_delta": "partial_json"},
    "server_tool_use": {"input_json_delta": "partial_json"},
    "web_search_tool_result": {},
}


def check_grammar(events: list[Document]) -> None:
    """One start; blocks one after the other, numbered from 0, each with deltas of its own type that say something; one end."""
    kinds = [event["type"] for event in events if event["type"] != "ping"]
    assert kinds[0] == "message_start"
    assert kinds.count("message_start") == 1
    usage = events[0]["message"]["usage"]
    assert all(isinstance(usage[name], int) for name in ("input_tokens", "output_tokens"))
    assert events[0]["message"]["content"] == []
    complete = kinds[-1] != "error"
    assert kinds[-2:] == ["message_delta", "message_stop"] if complete else "message_delta" not in kinds
    assert kinds.count("message_stop") == complete
    opened, count, deltas = None, 0, 0
    for event in events[1 : -2 if complete else -1]:
        if event["type"] == "content_block_start":
            assert opened is None and event["index"] == count
            opened, count, deltas = event["content_block"], count + 1, 0
            if opened["type"] in ("tool_use", "server_tool_use"):
                assert opened["id"] and opened["name"] and opened["input"] == {}
            elif opened["type"] == "web_search_tool_result":
                # It comes whole, as its start.
                assert opened["tool_use_id"] and opened["content"] is not None
                deltas = 1
            else:
                assert opened[opened["type"]] == ""
        elif event["type"] == "content_block_delta":
            assert opened is not None and event["index"] == count - 1
            member = DELTAS[opened["type"]][event["delta"]["type"]]
            assert event["delta"][member] != ""
            deltas += 1
        elif event["type"] == "content_block_stop":
            assert opened is not None and event["index"] == count - 1
            assert deltas, "a block that says nothing"
            opened = None
    assert opened is None or not complete


def content(events: list[Document]) -> list[Document]:
    """The blocks that the events make, with a call's arguments as the text that they came as."""
    check_grammar(events)
    blocks: list[Document] = []
    for event in events:
        if event["type"] == "content_block_start":
            blocks.append(dict(event["content_block"]))
            if blocks[-1]["type"] in ("tool_use", "server_tool_use"):
                blocks[-1]["input"] = ""
        elif event["type"] == "content_block_delta":
            for name, text in event["delta"].items():
                if name != "type":
                    key = "input" if name == "partial_json" else name
                    blocks[-1][key] = blocks[-1][key] + text
    return blocks


def brief(events: list[Document]) -> list[tuple[str, ...]]:
    """The blocks as (text, …), (thinking, …), (tool_use, name, arguments)."""
    return [
        (block["type"], block["name"], block["input"]) if block["type"] == "tool_use" else (block["type"], block[block["type"]]) for block in content(events)
    ]


def stop_of(events: list[Document]) -> str:
    return str(next(event for event in events if event["type"] == "message_delta")["delta"]["stop_reason"])


def whole_message(document: Document, answer: Answer = ANSWER) -> Any:
    """A whole chat completion as a message."""
    return anthropic_message.accumulate(anthropic_message.convert(json.dumps(document).encode(), Reducer(answer)))
