# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds tool calls in one text that arrives in pieces.

Given out at once is everything that cannot be the beginning of a call. A beginning is held until it is one or none, and
never more of it than a bound. What stands in code, in a fence or behind a quotation mark is quoted and no call.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from .call_readers import RawCall, Tools
from .notations import ARRAY, BY_OPENING, FENCE, HEADS, OBJECT, ORPHANS, PARTIAL, TOKENS, TRIGGER, Notation

MAX_HELD = 256 * 1024
MAX_ENDS = 16
"""So many closing tags are tried: the first may stand in an argument."""
MAX_REFUSED = 64
"""After so many that began as calls and were none, the rest of the text is not looked at."""
MAX_LINE = 256
MAX_PARTIAL = 256
"""No opening is longer, nor any sensible run of backticks."""
QUOTES = tuple("\"'`\u201c\u2018\u00ab\u201e")

_IN_STRING = re.compile(r'["\\]')
_STRUCTURE = re.compile(r'["{}\[\]]')
_CLOSING = {"{": "}", "[": "]"}
_MARKS = re.compile(r"\n|`+|~{3,}")
_BETWEEN_CALLS = re.compile(r"[\s;,]*")


class Found(NamedTuple):
    text: str
    calls: tuple[RawCall, ...]
    notation: str


Piece = str | Found


class Balance:
    """Finds the end of a JSON value, looking at each character once."""

    def __init__(self, start: int) -> None:
        self._at = start
        self._open: list[str] = []
        """The closing signs that are to come, the next one last."""
        self._in_string = False

    def end(self, text: str) -> int:
        """The index behind the value, 0 while it is not complete."""
        while match := (_IN_STRING if self._in_string else _STRUCTURE).search(text, self._at):
            sign = match[0]
            if sign == "\\":
                if match.end() == len(text):
                    self._at = match.start()
                    return 0
                self._at = match.end() + 1
                continue
            self._at = match.end()
            if sign == '"':
                self._in_string = not self._in_string
                continue
            if sign in _CLOSING:
                self._open.append(_CLOSING[sign])
            elif self._open:
                self._open.pop()
            if not self._open:
                return self._at
        self._at = len(text)
        return 0

    def missing(self, text: str) -> str:
        """What would end a value that is cut off; nothing if it is not cut off."""
        if self.end(text):
            return ""
        return ('"' if self._in_string else "") + "".join(reversed(self._open))


class Scanner:
    def __init__(self, tools: Tools, prose: bool, max_held: int = MAX_HELD) -> None:
        """`prose`: everything found is a call only if nothing but calls follows, and only unmistakable notations are."""
        self._tools = tools
        self._prose = prose
        self._max_held = max_held
        self._held = ""
        self._waiting: list[Piece] = []
        """Calls, and the white space between them, that are calls if nothing else follows."""
        self._refused = 0
        self._skip = False
        """What is held begins with an opening that is none."""
        self._begin(None)
        self._blank = True
        self._line = ""
        self._fence = ""
        self._code = ""
        self._after_call = False

    @property
    def holds(self) -> bool:
        return bool(self._held or self._waiting)

    @property
    def blank(self) -> bool:
        """Whether nothing but white space was given out."""
        return self._blank

    def feed(self, text: str) -> list[Piece] | None:
        """What can be given out now; None means: this text as it is."""
        if not self._held and not self._waiting and TRIGGER.search(text) is None:
            if text:
                self._note(text)
            return None
        out: list[Piece] = []
        self._held += text
        while self._step(out):
            pass
        return None if out == [text] else out

    def end(self, complete: bool) -> list[Piece]:
        """The rest. Of an answer that was broken off, what waits is text."""
        out: list[Piece] = []
        while self._candidate is not None:
            calls = self._read(self._held[self._candidate.body_from :]) if complete else None
            if calls:
                self._accept(out, self._held, "", calls)
            else:
                self._refuse()
            while self._step(out):
                pass
        if complete and _BETWEEN_CALLS.fullmatch(self._held):
            out += [piece for piece in self._waiting if isinstance(piece, Found)]
            if not self._waiting:
                self._give(out, self._held)
        else:
            self._release(out)
            self._give(out, self._held)
        self._waiting, self._held = [], ""
        return out

    def release(self) -> list[Piece]:
        """Everything held as text."""
        return self.end(complete=False)

    def _step(self, out: list[Piece]) -> bool:
        """Go as far as the next decision; False when more text is needed for it."""
        return self._search(out) if self._candidate is None else self._judge(out)

    def _search(self, out: list[Piece]) -> bool:
        text = self._held
        partial = PARTIAL.search(text, max(0, len(text) - MAX_PARTIAL))
        limit = partial.start() if partial and not self._off else len(text)
        at = 0
        for token in TOKENS.finditer(text):
            if token.start() >= limit:
                break
            self._give(out, text[at : token.start()])
            at = token.start()
            skip, self._skip = self._skip, False
            if token[0] in ORPHANS and self._after_call:
                if self._waiting:
                    self._waiting.append(token[0])
                self._held = text[token.end() :]
                return True
            notation = None if skip else self._opening(token[0])
            if notation is not None:
                self._begin(notation)
                self._held = text[at:]
                return True
            self._give(out, token[0])
            at = token.end()
        self._give(out, text[at:limit])
        self._held = text[limit:]
        return False

    @property
    def _off(self) -> bool:
        return self._refused >= MAX_REFUSED

    def _opening(self, token: str) -> Notation | None:
        """The notation that may begin here."""
        if self._off or self._fence or self._code:
            return None
        strong = BY_OPENING.get(token)
        if strong is not None and strong.strong:
            return None if self._line.endswith(QUOTES) else strong
        if self._prose or self._line.rpartition("</think>")[2].strip():
            return None
        if token == "```":
            return FENCE if self._blank else None
        return {"{": OBJECT, "[": ARRAY}.get(token)

    def _begin(self, notation: Notation | None) -> None:
        self._candidate = notation
        self._committed = False
        self._ends_tried = 0
        self._looked = len(notation.opens) if notation else 0
        self._balance = Balance(notation.body_from if notation else 0)

    def _judge(self, out: list[Piece]) -> bool:
        """Decide on what is held, if that is possible by now."""
        notation, text = self._candidate, self._held
        assert notation is not None
        if not self._committed and not self._fits(notation):
            self._refuse()
            return True
        end, calls = self._ended(notation)
        # The bound counts for a call that came at once too, so that its size decides and not how it was cut.
        if calls and end <= self._max_held:
            self._accept(out, text[:end], text[end:], calls)
            return True
        if end or len(text) > self._max_held:
            self._refuse()
            return True
        return False

    def _fits(self, notation: Notation) -> bool:
        heads = HEADS[notation.opens]
        start = len(notation.opens)
        for head in heads.whole:
            match = head.match(self._held, start)
            if match is None:
                continue
            named = match.groupdict().get("name")
            if named is None or match.end("name") < len(self._held):
                self._committed = True
                return named is None or named in self._tools
        return heads.may_be.match(self._held, start) is not None

    def _ended(self, notation: Notation) -> tuple[int, list[RawCall] | None]:
        """Where the held call ends, and its calls; an end without calls means that it is none."""
        text, literal = self._held, notation.ends.literal
        if notation.ends.balanced:
            end = self._balance.end(text)
            return end, self._read(text[notation.body_from : end]) if end else None
        if not literal:
            return 0, None
        while (at := text.find(literal, self._looked)) >= 0:
            calls = self._read(text[notation.body_from : at])
            self._looked = at + len(literal)
            self._ends_tried += 1
            if calls or self._ends_tried >= MAX_ENDS:
                return self._looked, calls
        self._looked = max(self._looked, len(text) - len(literal) + 1)
        return 0, None

    def _read(self, body: str) -> list[RawCall] | None:
        assert self._candidate is not None
        return self._candidate.read(body, self._tools)

    def _accept(self, out: list[Piece], text: str, rest: str, calls: list[RawCall]) -> None:
        assert self._candidate is not None
        found = Found(text, tuple(calls), self._candidate.name)
        if self._prose or self._waiting or not self._candidate.strong:
            self._waiting.append(found)
        else:
            out.append(found)
        self._after_call = True
        self._held = rest
        self._begin(None)

    def _refuse(self) -> None:
        # A head that does not fit costs nothing; what had to be held does.
        self._refused += self._committed
        self._skip = True
        self._begin(None)

    def _give(self, out: list[Piece], text: str) -> None:
        """Give text out, unless it is only what stands between calls that still wait."""
        if not text:
            return
        if self._waiting:
            if _BETWEEN_CALLS.fullmatch(text):
                self._waiting.append(text)
                return
            self._release(out)
        self._note(text)
        _append(out, text)

    def _release(self, out: list[Piece]) -> None:
        """What waited was quoted: it is text after all."""
        waiting, self._waiting = self._waiting, []
        for piece in waiting:
            text = piece if isinstance(piece, str) else piece.text
            self._note(text)
            _append(out, text)

    def _note(self, text: str) -> None:
        """Remember where in the prose we are: its line, whether in code, whether in a fence."""
        if not text.isspace():
            self._blank = False
            self._after_call = False
        at = 0
        if "\n" not in text and "`" not in text and "~" not in text:
            self._line = (self._line + text)[-MAX_LINE:]
            return
        for mark in _MARKS.finditer(text):
            self._line += text[at : mark.start()]
            at = mark.end()
            self._mark(mark[0])
        self._line = (self._line + text[at:])[-MAX_LINE:]

    def _mark(self, mark: str) -> None:
        if mark == "\n":
            # A code span that is still open at the end of its line was a lone backtick.
            self._line = self._code = ""
            return
        if len(mark) >= 3 and not self._line.strip() and not self._code:
            if not self._fence:
                self._fence = mark
            elif mark.startswith(self._fence):
                self._fence = ""
        elif mark[0] == "`" and not self._fence:
            self._code = "" if self._code == mark else self._code or mark
        self._line += mark


def _append(out: list[Piece], text: str) -> None:
    if out and isinstance(out[-1], str):
        out[-1] += text
    else:
        out.append(text)
