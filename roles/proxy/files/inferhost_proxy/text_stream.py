# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An answer of chat completions through filters of its text. One reducer for streams, one function for whole answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from . import sse
from .text_filters import Filter, Repeats, Stops, StrayEnd

_NOT_JSON = (msgspec.DecodeError, UnicodeError, RecursionError)
_DOCUMENT = msgspec.json.Decoder(dict[str, Any])
_DONE = b"data: [DONE]\n\n"


class TextRules(NamedTuple):
    """What is done to the text."""

    stops: tuple[str, ...] = ()
    """The request's stop strings, kept from the engine because they would also end its reasoning."""
    include_stop: bool = False
    stray_end: bool = False
    """The end of a thought at the beginning of the text is taken away."""
    deduplicate: bool = False
    choices: int = 1
    with_usage: bool = False
    """The client waits for the figures at the end of the stream."""

    @property
    def active(self) -> bool:
        return bool(self.stops) or self.stray_end or self.deduplicate


NOTHING = TextRules()


@dataclass
class Text:
    """The text of one answer."""

    filters: list[Filter]
    stops: Stops | None
    ended: bool = False

    @property
    def matched(self) -> str | None:
        """The stop string that ended it."""
        return self.stops.matched if self.stops is not None else None

    def feed(self, text: str) -> str:
        for one in self.filters:
            text = one.feed(text)
        return text

    def end(self) -> str:
        """What all of them still hold, the first one's through those behind it."""
        text = ""
        for one in self.filters:
            text = one.feed(text) + one.end() if text else one.end()
        return text


def filtered(rules: TextRules) -> Text:
    stops = Stops(rules.stops, rules.include_stop) if rules.stops else None
    chain: list[Filter | None] = [StrayEnd() if rules.stray_end else None, stops, Repeats() if rules.deduplicate else None]
    return Text([one for one in chain if one is not None], stops)


class TextStream:
    """Complete events in, bytes out."""

    def __init__(self, rules: TextRules) -> None:
        self._rules = rules
        self._choices: dict[int, Text] = {}
        self._over = False
        self._last: dict[str, Any] = {}
        """The last chunk with choices: what is given out late gets its id and model."""

    def broken(self) -> bytes:
        """What is held when the stream breaks."""
        late = [(index, state.end()) for index, state in self._choices.items() if not state.ended]
        rows = [{**self._last, "choices": [{"index": index, "delta": {"content": text}, "finish_reason": None}]} for index, text in late if text]
        return b"".join(b"data: " + msgspec.json.encode(row) + b"\n\n" for row in rows)

    def feed(self, block: bytes) -> bytes:
        return b"".join(map(self._event, sse.events(block)))

    def _event(self, event: bytes) -> bytes:
        if self._over:
            return b""
        data = sse.data_of(event)
        try:
            chunk = _DOCUMENT.decode(data)
            choices = chunk["choices"]
            kept = [one for one in map(self._choice, choices) if one is not None]
        except (*_NOT_JSON, KeyError, TypeError, AttributeError):
            # The end marker, an error, or nothing that is known here.
            return self.broken() + event
        if choices:
            self._last = chunk
        out = event
        if kept != choices:
            out = sse.with_data(event, msgspec.json.encode({**chunk, "choices": kept})) if kept or chunk.get("usage") else b""
        if not self._rules.with_usage and self._all_stopped():
            # Clients leave at the end marker, and that ends the engine's work.
            self._over = True
            return out + _DONE
        return out

    def _all_stopped(self) -> bool:
        stopped = [one for one in self._choices.values() if one.matched is not None]
        return len(stopped) >= self._rules.choices

    def _choice(self, choice: dict[str, Any]) -> dict[str, Any] | None:
        """The choice as the client gets it; None when nothing of it is left."""
        state = self._choices.setdefault(choice.get("index", 0), filtered(self._rules))
        if state.ended:
            return None
        delta, reason = choice.get("delta") or {}, choice.get("finish_reason")
        given = delta.get("content")
        text = state.feed(given) if isinstance(given, str) else ""
        if reason is not None:
            text += state.end()
        matched = state.matched
        state.ended = reason is not None or matched is not None
        if matched is None and text == (given or ""):
            return choice
        changed = {**choice, "delta": _with_text(delta, text, isinstance(given, str))}
        if matched is not None:
            changed |= {"finish_reason": "stop", "stop_reason": matched}
        nothing = not changed["delta"] and changed.get("finish_reason") is None and not choice.get("logprobs")
        return None if nothing else changed


def _with_text(delta: dict[str, Any], text: str, given: bool) -> dict[str, Any]:
    rest = {key: value for key, value in delta.items() if key != "content"}
    # The first delta of an answer has a role and an empty text.
    return {**rest, "content": text} if text or (given and "role" in rest) else rest


def whole(body: bytes, rules: TextRules) -> bytes:
    """The same for an answer that comes whole."""
    try:
        document = _DOCUMENT.decode(body)
        choices = [_whole_choice(choice, rules) for choice in document["choices"]]
    except (*_NOT_JSON, KeyError, TypeError, AttributeError):
        return body
    return body if choices == document["choices"] else msgspec.json.encode({**document, "choices": choices})


def _whole_choice(choice: dict[str, Any], rules: TextRules) -> dict[str, Any]:
    message = choice.get("message") or {}
    given = message.get("content")
    if not isinstance(given, str):
        return choice
    state = filtered(rules)
    text = state.feed(given) + state.end()
    matched = state.matched
    if matched is None:
        return choice if text == given else {**choice, "message": {**message, "content": text}}
    return {**choice, "message": {**message, "content": text}, "finish_reason": "stop", "stop_reason": matched}
