# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several answers of the engine as one of chat completions: the searches between them are taken out.

A reducer, from complete events in the client's form (as `ChatStream` gives them) to bytes, and the same for whole
answers. The first call of an answer decides: behind a search, the client's calls wait for the model to repeat them with
its results; behind a call of the client, the search waits for the client's next request.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec

from . import citations, openai_chat, sse
from .openai_chat import ChatStream, Rules, Whole
from .openai_request import Members
from .openai_search import DEFERRED, Called, after, total
from .search import Outcome
from .search_text import NAME, told

SEPARATOR = "\n\n"
"""Between the texts of two answers."""
_CONTENT = "content"
_THOUGHTS = ("reasoning", "reasoning_content")
_NOT_JSON = (msgspec.DecodeError, UnicodeError, RecursionError)

Document = dict[str, Any]


@dataclass
class _Call:
    id: str
    name: str
    parts: list[str] = field(default_factory=list)


class Turns:
    def __init__(self) -> None:
        self._first: Document | None = None
        """Identifies the answer: later chunks get its id."""
        self._continued = False
        self._spent: Document | None = None
        self._spoken: set[str] = set()
        """The channels in which an earlier answer said something, so that the next begins a paragraph."""
        self._message: Document = {}
        self._document = b""
        self._sources: dict[str, str] = {}
        """What the searches found."""
        self._written: list[str] = []
        """The text that the client has."""
        self._begin()

    def _begin(self) -> None:
        self._usage: Document | None = None
        self._calls: dict[int, _Call] = {}
        """From the first search on, also those of the client's tools."""
        self._passed: dict[int, int] = {}
        """Numbers of the client's calls, and the client's numbers for them."""
        self._texts: dict[str, list[str]] = {_CONTENT: [], _THOUGHTS[0]: []}
        self._finish: str | None = None
        self._results: list[str] = []
        """What the model is told of its calls, in their order."""
        self.done = False
        """The engine's answer has ended as it should."""
        self.failed = False
        """It has ended with an error, which the client was told."""

    @property
    def calls(self) -> list[Called]:
        """The calls of an answer that is to be continued; empty when it is the last."""
        made = [Called(call.id, call.name, "".join(call.parts)) for call in self._calls.values()]
        return made if made and not self._passed and self._finish != "length" else []

    @property
    def over(self) -> bool:
        """Whether it is the client's turn behind the searches. Here the client's calls wait, and the model makes them again."""
        return False

    @property
    def size(self) -> int:
        """What the engine's next request has more than its last."""
        return len(self._said(_CONTENT)) + len(self._said(_THOUGHTS[0])) + sum(map(len, self._results))

    def _said(self, channel: str) -> str:
        return "".join(self._texts[channel])

    def reader(self, rules: Rules) -> ChatStream:
        return ChatStream(rules)

    def begins(self, _call: Called) -> bytes:
        """The client sees nothing of searches."""
        return b""

    def ends(self, call: Called, outcome: Outcome | None) -> bytes:
        self._sources |= citations.sources_of(outcome.results if outcome is not None else ())
        self._results.append(DEFERRED if outcome is None else told(call.arguments, outcome))
        return b""

    def after(self, members: Members) -> Members:
        """The request that continues the answer."""
        return after(members, self._said(_CONTENT), self._said(_THOUGHTS[0]), self.calls, self._results)

    def go_on(self) -> None:
        """The engine is asked again: its next answer continues this one."""
        self._spent = total(self._spent, self._usage)
        self._spoken |= {channel for channel, parts in self._texts.items() if "".join(parts).strip()}
        self._continued = True
        self._begin()

    def feed(self, block: bytes) -> bytes:
        return b"".join(self._event(event) for event in sse.events(block))

    def take(self, body: bytes, rules: Rules) -> Whole:
        """A whole answer, put to those before it."""
        changed = openai_chat.whole(body, rules)
        try:
            self._document = msgspec.json.encode(self.whole(msgspec.json.decode(changed.body)))
        except (*_NOT_JSON, KeyError, IndexError, TypeError, AttributeError):
            # No answer of chat completions: as it is, so that the client sees what it is.
            self.failed = True
            self._document = changed.body
        return changed

    def document(self) -> bytes:
        """All whole answers as one."""
        return self._document

    def whole(self, document: Document) -> Document:
        choice = document["choices"][0]
        message = dict(choice.get("message") or {})
        calls = [{**call, "index": number} for number, call in enumerate(message.get("tool_calls") or [])]
        out = self._chunk({**document, "choices": [{**choice, "delta": {**message, **({"tool_calls": calls} if calls else {})}}]})
        row = out["choices"][0] if out is not None else {"delta": {}, "finish_reason": None}
        for name, value in row["delta"].items():
            if name == "tool_calls":
                value = [{key: part for key, part in call.items() if key != "index"} for call in value]
            elif isinstance(value, str) and isinstance(self._message.get(name), str):
                value = self._message[name] * (name != "role") + value
            self._message[name] = value if value is not None else self._message.get(name)
        self._message |= self._annotated()
        kept = {key: value for key, value in choice.items() if key != "message"}
        usage = total(self._spent, document.get("usage"))
        merged = {**document, **(self._first or {}), "choices": [{**kept, "message": self._message, "finish_reason": row["finish_reason"] or "stop"}]}
        return merged if usage is None else {**merged, "usage": usage}

    def stopped(self) -> bytes:
        """The end of a stream that is ended here, and not by the engine."""
        if self._document:
            return b""
        chunk = {**(self._first or {}), "object": "chat.completion.chunk"}
        rows: list[Document] = [{**chunk, "choices": [{"index": 0, "delta": self._annotated(), "finish_reason": "stop"}]}]
        if self._usage is not None:
            rows.append({**chunk, "choices": [], "usage": total(self._spent, self._usage)})
        return b"".join(b"data: " + msgspec.json.encode(row) + b"\n\n" for row in rows) + b"data: [DONE]\n\n"

    def _event(self, event: bytes) -> bytes:
        data = sse.data_of(event)
        if data == b"[DONE]":
            self.done = True
            return b"" if self.calls else event
        try:
            chunk = msgspec.json.decode(data)
        except _NOT_JSON:
            return event
        if not isinstance(chunk, dict):
            return event
        if chunk.get("error") is not None:
            self.failed = True
            return event
        changed = self._chunk(chunk)
        if changed is None:
            return b""
        return event if changed == chunk else sse.with_data(event, msgspec.json.encode(changed))

    def _chunk(self, chunk: Document) -> Document | None:
        """The chunk for the client; None where nothing of it is."""
        out = dict(chunk)
        if self._first is None:
            self._first = {key: chunk[key] for key in ("id", "created", "model") if key in chunk}
        elif self._continued:
            out.update(self._first)
        if chunk.get("usage") is not None:
            self._usage = chunk["usage"]
            out["usage"] = total(self._spent, self._usage)
        if not chunk.get("choices"):
            return None if self.calls else out
        out["choices"] = [row for choice in chunk["choices"] if (row := self._choice(choice)) is not None]
        return out if out["choices"] else None

    def _choice(self, choice: Document) -> Document | None:
        delta = dict(choice.get("delta") or {})
        if self._continued:
            delta.pop("role", None)
        for channel, names in ((_THOUGHTS[0], _THOUGHTS), (_CONTENT, (_CONTENT,))):
            given = next((delta[name] for name in names if isinstance(delta.get(name), str)), None)
            if given is not None:
                said = self._say(channel, given)
                if channel == _CONTENT:
                    self._written.append(said)
                delta.update({name: said for name in names if isinstance(delta.get(name), str)})
                if self._continued and not said:
                    delta = {name: value for name, value in delta.items() if name not in names}
        if isinstance(delta.get("tool_calls"), list):
            delta["tool_calls"] = [item for call in delta["tool_calls"] if (item := self._call(call)) is not None]
            if not delta["tool_calls"]:
                del delta["tool_calls"]
        finish = choice.get("finish_reason")
        if isinstance(finish, str):
            self._finish = finish
            if self.calls:
                finish = None
            elif self._calls and not self._passed and finish == "tool_calls":
                finish = "stop"
        if finish is not None:
            delta |= self._annotated()
        row = {**choice, "delta": delta, "finish_reason": finish}
        changed = delta != (choice.get("delta") or {}) or finish != choice.get("finish_reason")
        return None if changed and not delta and finish is None else row

    def _say(self, channel: str, text: str) -> str:
        self._texts[channel].append(text)
        if channel not in self._spoken:
            return text
        if not text.strip():
            return ""
        self._spoken.discard(channel)
        return SEPARATOR + text.lstrip()

    def _annotated(self) -> Document:
        """The links to results in all of the text, as a member of the message."""
        found = citations.url_citations("".join(self._written), self._sources)
        return {"annotations": [{"type": one.pop("type"), "url_citation": one} for one in found]} if found else {}

    def _call(self, item: Document) -> Document | None:
        """The delta of a call as the client gets it; None when the call is not for it now."""
        index = item.get("index", 0)
        function = item.get("function") or {}
        if index in self._passed:
            return {**item, "index": self._passed[index]}
        if index not in self._calls:
            name = str(function.get("name") or "")
            if name != NAME and not self._calls:
                self._passed[index] = len(self._passed)
                return {**item, "index": self._passed[index]}
            self._calls[index] = _Call(str(item.get("id") or ""), name)
        self._calls[index].parts.append(function.get("arguments") or "")
        return None
