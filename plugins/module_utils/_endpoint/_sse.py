# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Server-sent events: bytes in, the data of each event out."""

from __future__ import annotations

BOM = b"\xef\xbb\xbf"


class SseTooLong(Exception):
    """One event grew past the limit: the peer does not speak server-sent events."""


class SseDecoder:
    """Incremental decoder; a chunk may end anywhere, inside a line ending or a UTF-8 sequence too.

    Lines are split as bytes and decoded whole, so no character is ever cut.
    """

    def __init__(self, max_bytes: int = 4 * 1024 * 1024) -> None:
        self._rest = b""
        self._data: list[str] = []
        self._held = 0
        self._first = True
        self._max_bytes = max_bytes

    def feed(self, chunk: bytes) -> list[str]:
        """Return the data of every event that this chunk completes."""
        self._rest += chunk
        if self._first:
            if len(self._rest) < len(BOM) and BOM.startswith(self._rest):
                return []
            self._first = False
            if self._rest.startswith(BOM):
                self._rest = self._rest[len(BOM) :]
        events: list[str] = []
        for line in self._lines():
            event = self._take(line)
            if event is not None:
                events.append(event)
        if len(self._rest) + self._held > self._max_bytes:
            raise SseTooLong(f"one event is longer than {self._max_bytes} bytes")
        return events

    def _lines(self) -> list[bytes]:
        # A carriage return at the very end may be half of CRLF: it waits for the next chunk.
        ends_open = self._rest.endswith(b"\r")
        text = self._rest[:-1] if ends_open else self._rest
        lines = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop() + (b"\r" if ends_open else b"")
        return lines

    def _take(self, line: bytes) -> str | None:
        if not line:
            if not self._data:
                return None
            event = "\n".join(self._data)
            self._data = []
            self._held = 0
            return event
        field, colon, value = line.partition(b":")
        if field == b"data":
            if colon and value.startswith(b" "):
                value = value[1:]
            self._data.append(value.decode("utf-8", "replace"))
            self._held += len(value)
        return None
