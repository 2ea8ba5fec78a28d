# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model's name in answers to requests that used another one. Only the bytes of that member change."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from . import sse

_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[{}\[\]]', re.DOTALL)
_COLON = re.compile(rb"\s*:\s*")
_PATHS = (("model",), ("response", "model"))
"""Of an answer, and of an event of the Responses API."""
_MODEL = b'"model"'
# As engines write it, behind a few plain members: most chunks are done with one match.
_USUAL = re.compile(rb'\{(?:"(?!model")[^"\\]*+":\s?(?:"[^"\\]*+"|[\w.-]++),\s?)*+"model":\s?("[^"\\]*+")')


class Renaming:
    def __init__(self, name: str) -> None:
        self._value = msgspec.json.encode(name)

    def whole(self, document: bytes) -> bytes:
        """A JSON document with this model in it."""
        usual = _USUAL.match(document)
        if usual is not None:
            return document[: usual.start(1)] + self._value + document[usual.end(1) :]
        for path in _PATHS:
            found = span(document, path)
            if found is not None:
                return document[: found[0]] + self._value + document[found[1] :]
        return document

    def events(self, block: bytes) -> bytes:
        """A block of complete events."""
        if _MODEL not in block:
            return block
        return b"".join([self._event(event) for event in sse.events(block)])

    def _event(self, event: bytes) -> bytes:
        if _MODEL not in event:
            return event
        if event.count(b"data:") > 1 and sse.has_split_data(event):
            event = sse.join_data_lines(event)
        start = event.find(b"{")
        return event if start < 0 else event[:start] + self.whole(event[start:])


def span(document: bytes, path: Sequence[str]) -> tuple[int, int] | None:
    """Where the string is that the path of members leads to, with its quotes."""
    wanted = [f'"{name}"'.encode() for name in path]
    depth = reached = 0
    expected: bool | None = None
    for match in _TOKEN.finditer(document):
        token = match[0]
        if expected:
            # This is the value of the member that was looked for.
            expected = None
            if reached == len(wanted):
                return match.span() if token.startswith(b'"') else None
            if token != b"{":
                return None
        if token in (b"{", b"["):
            depth += 1
        elif token in (b"}", b"]"):
            depth -= 1
            if depth <= reached:
                return None
        elif reached < len(wanted) and depth == reached + 1 and token == wanted[reached]:
            colon = _COLON.match(document, match.end())
            if colon is not None:
                reached += 1
                expected = document[colon.end() : colon.end() + 1] in (b'"', b"{")
                if not expected:
                    return None
    return None
