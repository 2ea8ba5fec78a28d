# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The engine's bytes to events, however they are cut."""

from __future__ import annotations

from . import sse, wire
from .anthropic_stream import Reducer
from .anthropic_types import Event
from .errors import Fault


class Conversion:
    def __init__(self, reducer: Reducer, max_event_bytes: int) -> None:
        self._splitter = sse.EventSplitter(max_event_bytes)
        self._reducer = reducer
        self.done = False
        self.fault: Fault | None = None
        """Why nothing more comes. What came before it is given out first."""

    @property
    def over(self) -> bool:
        """Nothing more is read."""
        return self.done or self.fault is not None

    def feed(self, data: bytes) -> list[Event]:
        """The events of what is complete now."""
        try:
            return self._events(self._splitter.feed(data), last=False)
        except sse.EventTooLarge:
            self.fault = Fault("answer_too_large", "limits.max_event_bytes is reached")
            return []

    def eof(self) -> list[Event]:
        """The connection has ended. The last event may lack its blank line, the stream its end marker."""
        return self._events(self._splitter.rest(), last=True)

    def _events(self, block: bytes, last: bool) -> list[Event]:
        events: list[Event] = []
        try:
            for data in wire.payloads(block):
                if data == wire.DONE:
                    last = True
                    break
                events += self._reducer.feed(wire.chunk(data))
                if self._reducer.stopped:
                    # What the engine still says is for nobody; it ends when its client leaves.
                    last = True
                    break
            if last:
                events += self._reducer.end()
                self.done = True
        except Fault as fault:
            events += self._reducer.broken()
            self.fault = fault
        return events
