# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of the Responses API: tool calls that the engine's parser left in the text become items of their own.

A call that is found follows the message that it was found in. What comes behind it moves up by one, and events are numbered
anew where some were held back or added.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import msgspec

from . import sse
from .counts import Counts, ending
from .openai_chat import Rules, Whole
from .rescue import Call, Delta, Offer, Part, Rescue

_NOT_JSON = (msgspec.DecodeError, UnicodeError, RecursionError)
_OBJECT = msgspec.json.Decoder(dict[str, Any])
ADDED, DONE = "response.output_item.added", "response.output_item.done"
_DELTA, _THOUGHT = "response.output_text.delta", "response.reasoning_text.done"
_CALL = "function_call"
_ENDS_OF_MESSAGE = ("response.output_text.done", "response.content_part.done", DONE)
LAST = ("response.completed", "response.incomplete", "response.failed")
Item = dict[str, Any]


def call_item(call: Call, status: str = "completed") -> Item:
    arguments = call.arguments if status == "completed" else ""
    return {
        "type": "function_call",
        "id": "fc_" + call.id.removeprefix("call_"),
        "call_id": call.id,
        "name": call.name,
        "arguments": arguments,
        "status": status,
    }


class _Message:
    """The message that is being written."""

    def __init__(self, offer: Offer, rules: Rules, index: Any, id: Any) -> None:
        self.rescue = Rescue(offer, rules.make_id, rules.max_held)
        self.index = index
        self.id = id
        self.text = ""
        self.calls: list[Call] = []
        self.held: list[tuple[bytes, Item]] = []
        """Its last events, until it is known whether the model came to its end."""

    def take(self, parts: list[Part]) -> str:
        """The text that can be given out; calls are kept for the end of the message."""
        self.calls += [part for part in parts if isinstance(part, Call)]
        text = "".join(part.text for part in parts if isinstance(part, Delta))
        self.text += text
        return text


class ResponsesStream:
    """Complete events in, bytes out. One for each answer."""

    def __init__(self, offer: Offer, rules: Rules) -> None:
        self._offer = offer
        self._rules = rules
        self._message: _Message | None = None
        self._written: list[_Message] = []
        self._number: int | None = None
        self._moved = 0
        """So many items were put in before what comes."""
        self.counts = Counts()
        self._thought = ""
        """The reasoning, as long as nothing follows it."""

    def feed(self, block: bytes) -> bytes:
        return b"".join(map(self._event, sse.events(block)))

    def broken(self) -> bytes:
        """What is held when the stream breaks, as text."""
        return self._rest(complete=False)

    def _event(self, event: bytes) -> bytes:
        try:
            document = _OBJECT.decode(sse.data_of(event))
        except _NOT_JSON:
            return event
        kind = document.get("type")
        message = self._message
        item = document.get("item")
        if kind == _THOUGHT:
            self._thought = str(document.get("text") or "")
        if kind == ADDED and isinstance(item, dict):
            if self._thought.strip() and item.get("type") == _CALL:
                self.counts.thoughts[ending(self._thought)] += 1
            self._thought = ""
            before = self._close(complete=True)
            out = before + self._sent(event, document)
            if item.get("type") == "message":
                self._message = _Message(self._offer, self._rules, document.get("output_index", 0), item.get("id"))
            return out
        if message is not None and document.get("content_index", 0) != 0:
            # Engines write one text a message; of more, the calls are not looked for.
            return self._close(complete=False) + self._sent(event, document)
        if message is not None and kind == _DELTA and isinstance(document.get("delta"), str):
            return self._delta(message, event, document)
        if message is not None and kind in _ENDS_OF_MESSAGE and document.get("output_index", message.index) == message.index:
            message.held.append((event, document))
            return b""
        if kind in LAST:
            return self._close(complete=kind == "response.completed") + self._sent(event, self._final(document))
        return self._sent(event, document)

    def _delta(self, message: _Message, event: bytes, document: Item) -> bytes:
        parts = message.rescue.feed("content", document["delta"])
        if parts is None:
            message.text += document["delta"]
            return self._sent(event, document)
        text = message.take(parts)
        return self._sent(event, {**document, "delta": text}) if text else b""

    def _rest(self, complete: bool) -> bytes:
        """The text that is still held, as a delta."""
        message = self._message
        text = message.take(message.rescue.end(complete)) if message is not None else ""
        if message is None or not text:
            return b""
        return self._made({"type": _DELTA, "item_id": message.id, "output_index": message.index, "content_index": 0, "delta": text, "logprobs": []})

    def _close(self, complete: bool) -> bytes:
        """The end of the message, and its calls behind it."""
        message = self._message
        if message is None:
            return b""
        out = [self._rest(complete)]
        out += [self._sent(event, _with_text(document, message.text)) for event, document in message.held]
        for call in message.calls:
            out.append(self._call(message.index, call))
        self.counts.rescued.update(call.notation for call in message.calls)
        self._written.append(message)
        self._message = None
        return b"".join(out)

    def _call(self, index: int, call: Call) -> bytes:
        """The events of a call that comes at once."""
        self._moved += 1
        begun, done = call_item(call, "in_progress"), call_item(call)
        where = {"item_id": done["id"], "output_index": index}
        rows: list[Item] = [
            {"type": ADDED, "output_index": index, "item": begun},
            {"type": "response.function_call_arguments.delta", **where, "delta": call.arguments},
            {"type": "response.function_call_arguments.done", **where, "name": call.name, "arguments": call.arguments},
            {"type": DONE, "output_index": index, "item": done},
        ]
        return b"".join(map(self._made, rows))

    def _made(self, document: Item) -> bytes:
        """An event of our own."""
        kind = str(document["type"]).encode()
        return self._sent(b"event: " + kind + b"\n\n", {**document, "sequence_number": -1} if self._number is not None else document)

    def _sent(self, event: bytes, document: Item) -> bytes:
        """The event under its number and in its place."""
        changed = dict(document)
        if isinstance(changed.get("output_index"), int):
            changed["output_index"] += self._moved
        if isinstance(changed.get("sequence_number"), int):
            self._number = changed["sequence_number"] if self._number is None else self._number + 1
            changed["sequence_number"] = self._number
        same = sse.data_of(event)
        if same and changed == _OBJECT.decode(same):
            return event
        return sse.with_data(event, msgspec.json.encode(changed))

    def _final(self, document: Item) -> Item:
        """The whole answer in the last event, as it was streamed."""
        response = document.get("response")
        output = response.get("output") if isinstance(response, dict) else None
        if not isinstance(output, list) or not any(message.calls for message in self._written):
            return document
        written = iter(self._written)
        items: list[Any] = []
        for item in output:
            message = next(written, None) if isinstance(item, dict) and item.get("type") == "message" else None
            items.append(item if message is None else _item_with_text(item, message.text))
            items += [call_item(call) for call in message.calls] if message is not None else []
        return {**document, "response": {**document["response"], "output": items}}


def _with_text(document: Item, text: str) -> Item:
    """The end of a message with the text that was given out."""
    if "text" in document:
        return {**document, "text": text}
    if isinstance(document.get("part"), dict):
        return {**document, "part": {**document["part"], "text": text}}
    return {**document, "item": _item_with_text(document["item"], text)} if isinstance(document.get("item"), dict) else document


def _item_with_text(item: Item, text: str) -> Item:
    content = item.get("content")
    if not isinstance(content, list) or len(content) != 1 or not isinstance(content[0], dict):
        return item
    return {**item, "content": [{**content[0], "text": text}]}


def whole(body: bytes, offer: Offer, rules: Rules) -> Whole:
    """The same for an answer that comes whole."""
    counts = Counts()
    try:
        document = _OBJECT.decode(body)
        output = document["output"]
        complete = document.get("status") != "incomplete"
        items = [made for item in output for made in _items(item, offer, rules, complete, counts.rescued.update)]
        counts.thoughts.update(_thoughts(output))
    except (*_NOT_JSON, KeyError, TypeError, AttributeError):
        return Whole(body, Counts())
    return Whole(msgspec.json.encode({**document, "output": items}) if counts.rescued else body, counts)


def _items(item: Item, offer: Offer, rules: Rules, complete: bool, count: Callable[[list[str]], None]) -> list[Item]:
    content = item.get("content")
    text = content[0].get("text") if item.get("type") == "message" and isinstance(content, list) and len(content) == 1 else None
    if not isinstance(text, str):
        return [item]
    rescue = Rescue(offer, rules.make_id, rules.max_held)
    parts = rescue.feed("content", text)
    given: list[Part] = [Delta("content", text)] if parts is None else parts
    given = given + rescue.end(complete)
    calls = [part for part in given if isinstance(part, Call)]
    if not calls:
        return [item]
    count([call.notation for call in calls])
    left = "".join(part.text for part in given if isinstance(part, Delta))
    return [_item_with_text(item, left), *map(call_item, calls)]


def _thoughts(output: list[Item]) -> Iterator[str]:
    """How the reasoning ends that a call follows."""
    for before, item in pairwise(output):
        content = before.get("content") or [{}]
        if before.get("type") == "reasoning" and item.get("type") == _CALL and (text := str(content[-1].get("text") or "")).strip():
            yield ending(text)
