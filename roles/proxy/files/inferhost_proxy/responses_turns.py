# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several answers of the engine as one of the Responses API, with the searches between them as items.

A reducer, from complete events in the client's form (as `ResponsesStream` gives them) to bytes, and the same for whole
answers. From an answer's first search on, its other items wait until the search has its result: so calls of the client's
own tools come behind it, and end the answer.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import msgspec

from . import citations, openai_responses, responses_search, sse
from .counts import Counts
from .openai_chat import Rules, Whole
from .openai_request import Members, decoded, with_changes
from .openai_responses import ADDED, DONE, LAST, ResponsesStream
from .openai_search import Called, freed, total
from .search import Outcome
from .search_text import NAME

_NOT_JSON = (msgspec.DecodeError, UnicodeError, RecursionError)
_OBJECT = msgspec.json.Decoder(dict[str, Any])
_BEGINNINGS = ("response.created", "response.in_progress", "response.queued")
_COMPLETED = "response.completed"
_ECHOED = ("tools", "tool_choice")
"""Of a request, what an answer repeats and a search changes."""
Item = dict[str, Any]


def new_id() -> str:
    return f"ws_{uuid.uuid4().hex}"


class Unchanged:
    """The reader of a stream that is not looked into."""

    def __init__(self) -> None:
        self.counts = Counts()

    def feed(self, block: bytes) -> bytes:
        return block

    def broken(self) -> bytes:
        return b""


class ResponseTurns:
    def __init__(self, asked: Members, make_id: Callable[[], str] = new_id) -> None:
        """`asked`: the client's request, as it came."""
        self._echo = {name: decoded(asked[name]) for name in _ECHOED if name in asked}
        self._make_id = make_id
        self._items: list[Item] = []
        """Of the client's answer."""
        self._sources: dict[str, str] = {}
        """What the searches found."""
        self._first: Item = {}
        self._number = -1
        self._spent: Item | None = None
        self._streams = False
        self._continued = False
        self._body = b""
        self._begin()

    def _begin(self) -> None:
        self._since = len(self._items)
        """The items from here on are new to the engine."""
        self._places: dict[Any, int] = {}
        """The engine's numbers of items, and the client's."""
        self._calls: dict[Any, Called] = {}
        self._held: list[tuple[bytes, Item]] = []
        self._last: Item = {}
        self._complete = False
        """The model itself ended its answer."""
        self._unanswered = 0
        """Searches that have no result yet."""
        self.done = False
        self.failed = False

    @property
    def calls(self) -> list[Called]:
        """The searches of an answer that the model ended."""
        return list(self._calls.values()) if self._complete else []

    @property
    def over(self) -> bool:
        """Whether the client's own tools were called too."""
        return any(one.get("type") == "function_call" for one in self._items[self._since :])

    @property
    def size(self) -> int:
        return len(msgspec.json.encode(self._items[self._since :]))

    def reader(self, rules: Rules) -> ResponsesStream | Unchanged:
        self._streams = True
        return ResponsesStream(rules.offer, rules) if rules.offer is not None else Unchanged()

    def feed(self, block: bytes) -> bytes:
        return b"".join(map(self._event, sse.events(block)))

    def take(self, body: bytes, rules: Rules) -> Whole:
        """A whole answer, put to those before it."""
        changed = Whole(body, Counts()) if rules.offer is None else openai_responses.whole(body, rules.offer, rules)
        self._body = changed.body
        try:
            document = _OBJECT.decode(changed.body)
            output = [dict(one) for one in document["output"]]
        except (*_NOT_JSON, KeyError, TypeError, ValueError):
            # No answer of this API: as it is, so that the client sees what it is.
            self.failed = True
            return changed
        self._first = self._first or _identity(document)
        for place, one in enumerate(output):
            if _searches(one):
                self._calls[place] = _call(self._make_id(), one)
            elif self._calls:
                self._held.append((b"", {"type": DONE, "output_index": place, "item": one}))
            else:
                self._items.append(self._annotated(one))
        self._last, self.done = document, True
        self._complete = document.get("status") in (None, "completed")
        self._unanswered = len(self.calls)
        return changed

    def document(self) -> bytes:
        """All whole answers as one."""
        if self.failed:
            return self._body
        self._release()
        merged = self._merged()
        return self._body if merged == self._last else msgspec.json.encode(merged)

    def begins(self, call: Called) -> bytes:
        index = len(self._items)
        self._places[call.id] = index
        self._items.append(responses_search.item(call.id, call.arguments, "in_progress"))
        where = {"output_index": index, "item_id": call.id}
        rows: list[Item] = [{"type": ADDED, "output_index": index, "item": self._items[index]}]
        rows += [{"type": f"response.{responses_search.KIND}.{state}", **where} for state in ("in_progress", "searching")]
        return b"".join(map(self._made, rows))

    def ends(self, call: Called, outcome: Outcome | None) -> bytes:
        index = self._places[call.id]
        self._sources |= citations.sources_of(outcome.results if outcome is not None else ())
        status = "failed" if outcome is None or outcome.error is not None else "completed"
        self._items[index] = one = responses_search.item(call.id, call.arguments, status, outcome)
        completed = {"type": f"response.{responses_search.KIND}.completed", "output_index": index, "item_id": call.id}
        out = (self._made(completed) if status == "completed" else b"") + self._made({"type": DONE, "output_index": index, "item": one})
        self._unanswered -= 1
        return out if self._unanswered else out + self._release()

    def after(self, members: Members) -> Members:
        """The request that continues the answer."""
        return with_changes(responses_search.after(members, self._items[self._since :]), freed(members))

    def go_on(self) -> None:
        self._spent = total(self._spent, self._last.get("usage"))
        self._continued = True
        self._begin()

    def stopped(self) -> bytes:
        """The end of an answer that is ended here, and not by the engine."""
        return self._release() + self._made({"type": _COMPLETED, "response": self._merged()})

    def _event(self, event: bytes) -> bytes:
        data = sse.data_of(event)
        if data == b"[DONE]":
            return b"" if self.calls else event
        try:
            document = _OBJECT.decode(data)
        except _NOT_JSON:
            return event
        kind = document.get("type")
        if kind in LAST:
            return self._end(event, document)
        if kind in _BEGINNINGS and isinstance(document.get("response"), dict):
            self._first = self._first or _identity(document["response"])
            return b"" if self._continued else self._sent(event, {**document, "response": document["response"] | self._echoed(document["response"])})
        self.failed = self.failed or kind == "error"
        given = document.get("output_index")
        index = given if isinstance(given, int) else None
        if kind == ADDED and _searches(_item(document)):
            self._calls[index] = _call(self._make_id(), _item(document))
        elif index in self._calls and index is not None:
            if kind == DONE:
                self._calls[index] = _call(self._calls[index].id, _item(document))
        elif self._calls and kind != "error":
            self._held.append((event, document))
        else:
            return self._placed(event, document)
        return b""

    def _end(self, event: bytes, document: Item) -> bytes:
        self.done, self._complete = True, document["type"] == _COMPLETED
        if isinstance(document.get("response"), dict):
            self._last = document["response"]
        self._unanswered = len(self.calls)
        if self._unanswered:
            return b""
        return self._release() + self._sent(event, {**document, "response": self._merged()} if self._last else document)

    def _release(self) -> bytes:
        """What waited behind searches."""
        held, self._held = self._held, []
        return b"".join([self._placed(event, document) for event, document in held])

    def _placed(self, event: bytes, document: Item) -> bytes:
        """The event with its item in the client's place."""
        index = document.get("output_index")
        if not isinstance(index, int):
            return self._sent(event, document)
        if index not in self._places:
            self._places[index] = len(self._items)
            self._items.append(_item(document))
        place, kind = self._places[index], document.get("type")
        document = {**document, "output_index": place}
        before = b""
        if kind == "response.output_text.done":
            before = self._citations(document)
        elif kind == "response.content_part.done" and isinstance(document.get("part"), dict):
            document["part"] = self._annotated_part(document["part"])
        elif kind == DONE and _item(document):
            document["item"] = self._items[place] = self._annotated(_item(document))
        return before + self._sent(event, document)

    def _citations(self, document: Item) -> bytes:
        """The events of a text's links to results."""
        where: Item = {name: document[name] for name in ("item_id", "output_index", "content_index") if name in document}
        rows = citations.url_citations(str(document.get("text") or ""), self._sources)
        kind = "response.output_text.annotation.added"
        return b"".join([self._made({"type": kind, **where, "annotation_index": number, "annotation": row}) for number, row in enumerate(rows)])

    def _annotated(self, item: Item) -> Item:
        parts = item.get("content")
        if item.get("type") != "message" or not isinstance(parts, list):
            return item
        return {**item, "content": [self._annotated_part(part) if isinstance(part, dict) else part for part in parts]}

    def _annotated_part(self, part: Item) -> Item:
        """The text with its links to results."""
        text = part.get("text")
        found = citations.url_citations(text, self._sources) if isinstance(text, str) else []
        return {**part, "annotations": found} if found else part

    def _made(self, document: Item) -> bytes:
        return self._sent(b"event: " + str(document["type"]).encode() + b"\n\n", {**document, "sequence_number": 0})

    def _sent(self, event: bytes, document: Item) -> bytes:
        """The event under its number; nothing where the answer is no stream."""
        if not self._streams:
            return b""
        changed = dict(document)
        if isinstance(changed.get("sequence_number"), int):
            self._number = changed["sequence_number"] if self._number < 0 else self._number + 1
            changed["sequence_number"] = self._number
        data = sse.data_of(event)
        return event if data and changed == _OBJECT.decode(data) else sse.with_data(event, msgspec.json.encode(changed))

    def _merged(self) -> Item:
        """The whole answer: the engine's last one, with all items."""
        merged = self._last | self._first | self._echoed(self._last)
        if self._continued or self._calls:
            merged["output"] = list(self._items)
            usage = total(self._spent, self._last.get("usage"))
            merged |= {"usage": usage} if usage is not None else {}
        return merged

    def _echoed(self, response: Item) -> Item:
        """What the answer says of the request, as the client wrote it."""
        return {name: value for name, value in self._echo.items() if name in response}


def _identity(response: Item) -> Item:
    return {name: response[name] for name in ("id", "created_at") if name in response}


def _item(document: Item) -> Item:
    item = document.get("item")
    return item if isinstance(item, dict) else {}


def _searches(item: Item) -> bool:
    return item.get("type") == "function_call" and item.get("name") == NAME


def _call(identifier: str, item: Item) -> Called:
    return Called(identifier, NAME, str(item.get("arguments") or ""))
