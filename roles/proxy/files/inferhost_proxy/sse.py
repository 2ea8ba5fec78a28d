# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Framing of server-sent events, on bytes.

The unit handed on is the complete event: a reader gets each as soon as its blank line has arrived, and a stream that
breaks inside an event can still be ended with a well-formed error event.
"""

from __future__ import annotations

import re

import msgspec

_EOL = rb"(?:\r\n|\n|\r(?!\n))"
_BOUNDARY = re.compile(_EOL + _EOL)
_LINE_END = re.compile(rb"\r\n|\n|\r")
_SPLIT_DATA = re.compile(rb"(?:^|[\r\n])data:[^\r\n]*(?:\r\n|\n|\r)data:")
_LONGEST_BOUNDARY = 4


_LAST = frozenset({"message_stop", "error", "response.completed", "response.failed", "response.incomplete"})


class EventTooLarge(Exception):
    """One event is larger than the gateway holds."""


class EventSplitter:
    """Cuts a byte stream after its last complete event and keeps the rest."""

    def __init__(self, max_event_bytes: int) -> None:
        self._rest = bytearray()
        self._limit = max_event_bytes

    def feed(self, data: bytes) -> bytes:
        """Everything that is complete now; empty while an event is still arriving."""
        if not self._rest and data.endswith(b"\n\n"):
            return data
        if len(self._rest) > self._limit:
            raise EventTooLarge
        # What was there before has no boundary of its own, so only the seam and the new bytes are searched.
        start = max(0, len(self._rest) - _LONGEST_BOUNDARY + 1)
        self._rest += data
        end = _last_boundary(self._rest, start)
        complete = bytes(self._rest[:end])
        del self._rest[:end]
        return complete

    def rest(self) -> bytes:
        """The beginning of an event whose end never came."""
        return bytes(self._rest)


def _last_boundary(data: bytearray, start: int) -> int:
    """The index after the last blank line at or behind `start`, 0 without one."""
    if data.find(b"\r", start) < 0:
        found = data.rfind(b"\n\n", start)
        return found + 2 if found >= 0 else 0
    end = 0
    for match in _BOUNDARY.finditer(data, start):
        end = match.end()
    return end


def join_data_lines(block: bytes) -> bytes:
    """The block with each event's data on one line, as a cleaner of single lines needs it.

    No server in use spreads JSON over several data lines, but the format allows it.
    """
    out: list[bytes] = []
    for line in _LINE_END.split(block):
        if line.startswith(b"data:") and out and out[-1].startswith(b"data:"):
            out[-1] += b" " + line[5:].lstrip(b" ")
        else:
            out.append(line)
    return b"\n".join(out)


def has_split_data(block: bytes) -> bool:
    """Whether an event of the block has more than one data line."""
    if b"\r" not in block and block.count(b"\ndata:") == block.count(b"\n\ndata:"):
        return False
    return _SPLIT_DATA.search(block) is not None


def last_data(block: bytes) -> bytes:
    """The data of the last event of a block that carries any."""
    lines = [line[5:].strip() for line in _LINE_END.split(block) if line.startswith(b"data:")]
    return lines[-1] if lines else b""


def is_end(data: bytes) -> bool:
    """Whether this is how a stream ends: OpenAI's marker, the last event of Anthropic's or the Responses API, or an error."""
    if data == b"[DONE]":
        return True
    try:
        event = msgspec.json.decode(data)
    except msgspec.DecodeError:
        return False
    return isinstance(event, dict) and (event.get("type") in _LAST or "error" in event)


def events(block: bytes) -> list[bytes]:
    """The complete events of a block, each with its blank line; joined they are the block."""
    found: list[bytes] = []
    start = 0
    if b"\r" in block:
        for match in _BOUNDARY.finditer(block):
            found.append(block[start : match.end()])
            start = match.end()
    else:
        while (end := block.find(b"\n\n", start)) >= 0:
            found.append(block[start : end + 2])
            start = end + 2
    return [*found, block[start:]] if start < len(block) else found


def data_of(event: bytes) -> bytes:
    """The data of one event; several lines of it are joined."""
    if event.startswith(b"data: ") and event.find(b"\n") == len(event) - 2:
        return event[6:-2].strip()
    lines = [line[5:].strip() for line in _LINE_END.split(event) if line.startswith(b"data:")]
    return b"\n".join(lines)


def with_data(event: bytes, data: bytes) -> bytes:
    """The event with other data; its remaining fields are kept."""
    kept = [line + b"\n" for line in _LINE_END.split(event) if line and not line.startswith(b"data:")]
    return b"".join(kept) + b"data: " + data + b"\n\n"
