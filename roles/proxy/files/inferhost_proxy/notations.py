# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How models write tool calls into their text: one table, and the few ways to read an entry of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from . import call_readers as read
from .call_readers import Reader


class Some(NamedTuple):
    """So many characters of a class, in the beginning of a notation."""

    kind: str
    least: int = 0
    most: str = ""
    name: bool = False


# Bounded, so that a head is decided on a few characters.
SPACE = Some(r"\s", 0, "64")
NAME = Some(r"[\w.:/-]", 1, "128", name=True)
Head = Sequence[str | Some]
JSON_OBJECT: tuple[Head, ...] = ((SPACE, "{"),)
JSON_EITHER: tuple[Head, ...] = ((SPACE, "{"), (SPACE, "["))


class Ending(NamedTuple):
    """Where a call ends: behind a literal, with its JSON value, or with the message."""

    literal: str = ""
    balanced: bool = False


BALANCED = Ending(balanced=True)
MESSAGE = Ending()


class Notation(NamedTuple):
    name: str
    """A metric label."""
    opens: str
    ends: Ending
    heads: tuple[Head, ...]
    """What may follow the opening. As soon as nothing here fits, the text is text."""
    read: Reader
    strong: bool = True
    """Nobody writes it by chance. The others are calls only if nothing but calls follows."""

    @property
    def body_from(self) -> int:
        return 0 if self.ends.balanced and not self.strong else len(self.opens)


def _until(literal: str) -> Ending:
    return Ending(literal)


_BAR = "\uff5c"  # DeepSeek's full-width bar
_LOW = "\u2581"  # and what it writes for a space
_DS = f"<{_BAR}tool{_LOW}"
_DSML = f"<{_BAR}DSML{_BAR}"
_DSML_END = f"</{_BAR}DSML{_BAR}"

_FUNCTION_TAGS = read.tagged(r"<function=(?P<name>[^>\s]+)\s*>(?P<body>.*?)</function>", r"<parameter=(?P<key>[^>\s]+)\s*>\n?(?P<value>.*?)\n?</parameter>")
_FUNCTION_BODY = read.tagged(r"(?P<name>[^>\s]+)\s*>(?P<body>.*)", r"<parameter=(?P<key>[^>\s]+)\s*>\n?(?P<value>.*?)\n?</parameter>")
_FUNCTION_JSON = read.with_json(r"(?P<name>[^>\s]+)\s*>\s*(?P<args>\{.*\})\s*")
_INVOKE = read.tagged(
    r"<invoke name=\"?(?P<name>[^\">]+)\"?\s*>(?P<body>.*?)</invoke>",
    r"<parameter name=\"?(?P<key>[^\">]+)\"?[^>]*>\n?(?P<value>.*?)\n?</parameter>",
)
_DSML_INVOKE = read.tagged(
    rf"{_DSML}invoke name=\"(?P<name>[^\"]+)\"\s*>(?P<body>.*?){_DSML_END}invoke>",
    rf"{_DSML}parameter name=\"(?P<key>[^\"]+)\"(?: string=\"(?P<string>true|false)\")?\s*>(?P<value>.*?){_DSML_END}parameter>",
)
_GLM = read.tagged(
    r"\s*(?P<name>[\w.:/-]+)\s*(?P<body>(?:<arg_key>.*)?)",
    r"<arg_key>(?P<key>.*?)</arg_key>\s*<arg_value>(?P<value>.*?)</arg_value>",
)
_DEEPSEEK = read.first(
    read.with_json(rf"{_DS}call{_LOW}begin{_BAR}>function{_DS}sep{_BAR}>(?P<name>[^\n<]+)\n```json\n(?P<args>.*?)\n```\s*{_DS}call{_LOW}end{_BAR}>"),
    read.with_json(rf"{_DS}call{_LOW}begin{_BAR}>(?P<name>[^\n<]+){_DS}sep{_BAR}>(?P<args>.*?){_DS}call{_LOW}end{_BAR}>"),
)
_KIMI = read.with_json(r"<\|tool_call_begin\|>\s*(?:functions\.)?(?P<name>[\w./-]+?)(?::\d+)?\s*<\|tool_call_argument_begin\|>(?P<args>.*?)<\|tool_call_end\|>")
_MISTRAL = read.first(
    read.json_calls,
    read.with_json(r"(?:\[TOOL_CALLS\])?\s*(?P<name>[\w.-]+)\s*(?:\[CALL_ID\][\w-]+)?\s*(?:\[ARGS\])?\s*(?P<args>\{.*?\})(?=\s*(?:\[TOOL_CALLS\]|\Z))"),
)

STRONG: tuple[Notation, ...] = (
    Notation(
        "tool_call",
        "<tool_call>",
        _until("</tool_call>"),
        (*JSON_EITHER, (SPACE, "<function=", NAME), (SPACE, NAME, SPACE, "<")),
        read.first(read.json_calls, _FUNCTION_TAGS, _GLM),
    ),
    Notation("function", "<function=", _until("</function>"), ((NAME, SPACE, ">"),), read.first(_FUNCTION_JSON, _FUNCTION_BODY)),
    Notation("tools", "<tools>", _until("</tools>"), JSON_EITHER, read.json_calls),
    Notation("tool_output", "<TOOL_OUTPUT>", _until("</TOOL_OUTPUT>"), JSON_EITHER, read.json_calls),
    Notation("function_call", "<function_call>", _until("</function_call>"), JSON_EITHER, read.json_calls),
    Notation("tool_calls", "<tool_calls>", _until("</tool_calls>"), JSON_EITHER, read.json_calls),
    Notation("longcat", "<longcat_tool_call>", _until("</longcat_tool_call>"), JSON_OBJECT, read.json_calls),
    Notation("granite", "<|tool_call|>", BALANCED, JSON_EITHER, read.json_calls),
    Notation("lfm2", "<|tool_call_start|>", _until("<|tool_call_end|>"), ((SPACE, "["),), read.first(read.pythonic, read.json_calls)),
    Notation("internlm", "<|action_start|><|plugin|>", _until("<|action_end|>"), JSON_OBJECT, read.json_calls),
    Notation("mistral", "[TOOL_CALLS]", MESSAGE, ((SPACE, "["), (SPACE, NAME, SPACE, "{"), (SPACE, NAME, "[")), _MISTRAL),
    Notation("python_tag", "<|python_tag|>", MESSAGE, JSON_OBJECT, read.json_calls),
    Notation("kimi", "<|tool_calls_section_begin|>", _until("<|tool_calls_section_end|>"), ((SPACE, "<|tool_call_begin|>"),), _KIMI),
    Notation("deepseek", f"{_DS}calls{_LOW}begin{_BAR}>", _until(f"{_DS}calls{_LOW}end{_BAR}>"), ((SPACE, f"{_DS}call{_LOW}begin{_BAR}>"),), _DEEPSEEK),
    Notation("deepseek", f"{_DSML}function_calls>", _until(f"{_DSML_END}function_calls>"), ((SPACE, f"{_DSML}invoke"),), _DSML_INVOKE),
    Notation("deepseek", f"{_DSML}tool_calls>", _until(f"{_DSML_END}tool_calls>"), ((SPACE, f"{_DSML}invoke"),), _DSML_INVOKE),
    Notation("minimax", "<minimax:tool_call>", _until("</minimax:tool_call>"), ((SPACE, "<invoke name="),), _INVOKE),
    Notation("invoke", "<function_calls>", _until("</function_calls>"), ((SPACE, "<invoke name="),), _INVOKE),
    Notation("seed_oss", "<seed:tool_call>", _until("</seed:tool_call>"), ((SPACE, "<function=", NAME),), _FUNCTION_TAGS),
)


def _in_fence(body: str, tools: read.Tools) -> list[read.RawCall] | None:
    """What stands in a code fence that is all of the message."""
    inner = body.partition("\n")[2].strip()
    for notation in STRONG:
        if inner.startswith(notation.opens) and inner.endswith(notation.ends.literal):
            end = len(inner) - len(notation.ends.literal)
            return notation.read(inner[len(notation.opens) : end], tools)
    return read.strict_json_calls(inner, tools)


_JSON_KEYS = ("name", "function", "type", "id", "arguments", "parameters")
_CALL_OBJECT: tuple[Head, ...] = (
    (SPACE, '"name"', SPACE, ":", SPACE, '"', NAME, '"'),
    *((SPACE, f'"{key}"', SPACE, ":") for key in _JSON_KEYS[1:]),
)
FENCE = Notation(
    "fence",
    "```",
    _until("\n```"),
    tuple((Some(r"[\w-]", 0, "16"), Some(r"[ \t]", 0, "4"), "\n", SPACE, first) for first in ("{", "[", "<")),
    _in_fence,
    strong=False,
)
OBJECT = Notation("json", "{", BALANCED, _CALL_OBJECT, read.strict_json_calls, strong=False)
ARRAY = Notation(
    "json",
    "[",
    BALANCED,
    (*((SPACE, "{", *head) for head in _CALL_OBJECT), (SPACE, Some(r"[A-Za-z_]", 1, "1"), Some(r"[\w.]", 0, "128"), "(")),
    read.first(read.strict_json_calls, read.pythonic),
    strong=False,
)
NOTATIONS: tuple[Notation, ...] = (*STRONG, FENCE, OBJECT, ARRAY)
ORPHANS = ("</tool_call>", "</function>", "</tools>")
"""Closing tags whose opening the model left out; taken away when they follow a call directly."""


def _partial(atoms: Sequence[str | Some]) -> str:
    """A pattern that fits what is there as long as it can still become, or has become, all of the atoms."""
    pattern = ""
    for atom in reversed(atoms):
        if isinstance(atom, Some):
            reach = f"{{0,{atom.most}}}"
            kind = f"{atom.kind}{{{atom.least},{atom.most}}}"
            pattern = f"(?:{atom.kind}{reach}\\Z|{kind}{pattern})"
        else:
            pattern = f"{re.escape(atom)}(?:\\Z|{pattern})" if pattern else re.escape(atom)
    return pattern


def _letters(head: Head) -> Iterator[str | Some]:
    for atom in head:
        if isinstance(atom, Some):
            yield atom
        else:
            yield from atom


def _full(head: Head) -> str:
    def one(atom: str | Some) -> str:
        if isinstance(atom, str):
            return re.escape(atom)
        kind = f"{atom.kind}{{{atom.least},{atom.most}}}"
        return f"(?P<name>{kind})" if atom.name else kind

    return "".join(map(one, head))


class Heads(NamedTuple):
    may_be: re.Pattern[str]
    """Fits while the text behind the opening may still become a call."""
    whole: tuple[re.Pattern[str], ...]
    """Fit once it has begun as one; with the tool's name where that comes first."""


def _heads(notation: Notation) -> Heads:
    sequences = [list(_letters(head)) for head in notation.heads]
    may_be = "|".join(_partial(letters) for letters in sequences)
    return Heads(re.compile(rf"\Z|{may_be}"), tuple(re.compile(_full(head)) for head in notation.heads))


HEADS: dict[str, Heads] = {notation.opens: _heads(notation) for notation in NOTATIONS}
BY_OPENING: dict[str, Notation] = {notation.opens: notation for notation in NOTATIONS}

_LITERALS = sorted((*(notation.opens for notation in STRONG), *ORPHANS), key=len, reverse=True)
TOKENS = re.compile("|".join((*map(re.escape, _LITERALS), "`+", "~{3,}", r"\n", r"[\[{]")))
"""What the scanner stops at."""
PARTIAL = re.compile(f"(?=[<\\[`~])(?:{'|'.join((*(_partial(list(literal)[:-1]) for literal in _LITERALS), '`+', '~+'))})\\Z")
"""The end of a text that may be the beginning of one of them."""
TRIGGER = re.compile(r"[<\[{`~]")
"""Without one of these there is nothing to stop at, and nothing begins."""
