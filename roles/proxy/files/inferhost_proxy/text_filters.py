# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Filters of an answer's text: what comes piece by piece goes out again, with what can still become a match held back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

END_OF_THOUGHT = "</think>"
LEAST_REPEATED = 24
"""Shorter texts are said twice on purpose."""
_HEAD = 12


class Filter(Protocol):
    def feed(self, text: str) -> str:
        """What can be given out now."""

    def end(self) -> str:
        """The rest."""


class StrayEnd:
    """Takes away the end of a thought that begins an answer: the engine's parser left it there."""

    def __init__(self) -> None:
        self._held: str | None = ""
        self._taken = False
        """The line breaks behind it go too."""

    def feed(self, text: str) -> str:
        if self._taken:
            text = text.lstrip("\n")
            self._taken = not text
        if self._held is None:
            return text
        self._held += text
        begun = self._held.lstrip()
        if begun.startswith(END_OF_THOUGHT):
            self._held, self._taken = None, True
            return self.feed(begun.removeprefix(END_OF_THOUGHT))
        return "" if END_OF_THOUGHT.startswith(begun) else self.end()

    def end(self) -> str:
        held, self._held = self._held or "", None
        return held


class Stops:
    """Ends a text at the first of some strings, as the engine would."""

    def __init__(self, strings: Sequence[str], include: bool = False) -> None:
        self._strings = [string for string in strings if string]
        self._include = include
        self._held = ""
        self.matched: str | None = None

    def feed(self, text: str) -> str:
        if self.matched is not None:
            return ""
        self._held += text
        found = [(at, -len(string), string) for string in self._strings if (at := self._held.find(string)) >= 0]
        if found:
            at, _length, self.matched = min(found)
            out = self._held[: at + len(self.matched) if self._include else at]
            self._held = ""
            return out
        return self._give(self._held[: len(self._held) - self._open()])

    def _open(self) -> int:
        """So many characters at the end may be the beginning of one of the strings."""
        longest = max(map(len, self._strings), default=1) - 1
        for length in range(min(longest, len(self._held)), 0, -1):
            if any(string.startswith(self._held[-length:]) for string in self._strings):
                return length
        return 0

    def _give(self, text: str) -> str:
        self._held = self._held[len(text) :]
        return text

    def end(self) -> str:
        return self._give(self._held) if self.matched is None else ""


class Repeats:
    """Leaves out a second copy of all that was said, where nothing else follows it."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._head = ""
        """How the answer begins, and so would a copy."""
        self._held = ""

    def feed(self, text: str) -> str:
        pending, self._held = self._held + text, ""
        out = []
        while pending:
            at = self._copy_in(pending)
            out.append(self._say(pending[:at]))
            pending = pending[at:]
            if not pending or self._is_copy(pending, whole=False):
                break
            out.append(self._say(pending[:1]))
            pending = pending[1:]
        self._held = pending
        return "".join(out)

    def end(self) -> str:
        held, self._held = self._held, ""
        return "" if held and self._is_copy(held, whole=True) else held

    def _copy_in(self, text: str) -> int:
        """Where a copy may begin; behind the text when it does not."""
        least = max(0, LEAST_REPEATED - self._length)
        head = self._head
        if len(head) < _HEAD:
            head = (head + text).lstrip()[:_HEAD]
        if len(head) < _HEAD:
            return len(text)
        found = text.find(head, least)
        if found >= 0:
            return found
        starts = range(max(least, len(text) - _HEAD + 1), len(text))
        return next((start for start in starts if head.startswith(text[start:])), len(text))

    def _is_copy(self, text: str, whole: bool) -> bool:
        """Whether a text is copies of what was said, the last one complete or only begun."""
        said = "".join(self._parts).strip()
        self._parts = ["".join(self._parts)]
        rest = text
        while said and rest.startswith(said):
            rest = rest[len(said) :].lstrip()
        return not rest.strip() and rest != text if whole else said.startswith(rest)

    def _say(self, text: str) -> str:
        self._parts.append(text)
        self._length += len(text)
        if len(self._head) < _HEAD:
            self._head = (self._head + text).lstrip()[:_HEAD]
        return text
