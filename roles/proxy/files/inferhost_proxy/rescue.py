# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rescue of tool calls that the model server's parser left in the text or in the reasoning.

A reducer: deltas of text and reasoning in, deltas and calls out, the same for either protocol and for an answer that
comes whole.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

from .call_readers import Tools
from .call_scanner import MAX_HELD, Found, Piece, Scanner

Channel = Literal["reasoning", "content"]


class Offer(NamedTuple):
    """The tools that an answer may call."""

    tools: Tools
    parallel: bool = True


class Delta(NamedTuple):
    channel: Channel
    text: str


class Call(NamedTuple):
    id: str
    name: str
    arguments: str
    notation: str


Part = Delta | Call


def new_id() -> str:
    return f"call_{uuid.uuid4().hex[:24]}"


class Rescue:
    """For one choice of one answer."""

    def __init__(self, offer: Offer, make_id: Callable[[], str] = new_id, max_held: int = MAX_HELD) -> None:
        self._offer = offer
        self._make_id = make_id
        self._calls = 0
        self._scanners: dict[Channel, Scanner] = {
            "reasoning": Scanner(offer.tools, prose=True, max_held=max_held),
            "content": Scanner(offer.tools, prose=False, max_held=max_held),
        }

    @property
    def holds(self) -> bool:
        return self._scanners["content"].holds or self._scanners["reasoning"].holds

    def passed(self, channel: Channel, text: str) -> None:
        """Text without any sign that a call begins with was given out already, while nothing was held."""
        self._scanners[channel].feed(text)

    def feed(self, channel: Channel, text: str) -> list[Part] | None:
        """What can be given out now; None means: this delta as it is."""
        before: list[Part] = []
        reasoning = self._scanners["reasoning"]
        if channel == "content" and reasoning.holds and text.strip():
            # The model went on to its answer, so a call in its thoughts was a thought.
            before = self._parts("reasoning", reasoning.release())
        pieces = self._scanners[channel].feed(text)
        if pieces is None:
            return [*before, Delta(channel, text)] if before else None
        return before + self._parts(channel, pieces)

    def engine_called(self) -> list[Part]:
        """The server's parser found a call: what only waits for the end of the answer is text."""
        self._calls += 1
        parts: list[Part] = []
        for channel, scanner in self._scanners.items():
            if scanner.holds:
                parts += self._parts(channel, scanner.release())
        return parts

    def end(self, complete: bool) -> list[Part]:
        """The rest; `complete` when the model itself ended its answer."""
        content = self._scanners["content"]
        reasoning = self._scanners["reasoning"]
        answered = bool(self._calls) or content.holds or not content.blank
        return self._parts("reasoning", reasoning.end(complete and not answered)) + self._parts("content", content.end(complete))

    def _parts(self, channel: Channel, pieces: Iterable[Piece]) -> list[Part]:
        parts: list[Part] = []
        for piece in pieces:
            if isinstance(piece, Found):
                parts += self._made(piece)
            elif piece:
                parts.append(Delta(channel, piece))
        return parts

    def _made(self, found: Found) -> Iterable[Call]:
        for call in found.calls:
            if self._calls == 0 or self._offer.parallel:
                self._calls += 1
                yield Call(self._make_id(), call.name, call.arguments, found.notation)
