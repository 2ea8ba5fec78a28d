# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which distributions an environment lacks by its own metadata: names, extras and markers, nothing more.

Conservative: a marker that cannot be decided from the outside counts as not met, so what is reported is really missing.
"""

from __future__ import annotations

import operator
import re
import typing as t
from dataclasses import dataclass

from ansible_collections.inferhost.llm.plugins.module_utils._lock_file import normalise

_REQUIREMENT = re.compile(r"^\s*(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)\s*(?:\[(?P<extras>[^\]]*)\])?\s*(?P<specifier>[^;@]*)(?:@[^;]*)?(?:;(?P<marker>.*))?$")
_TOKEN = re.compile(r"\s*(\(|\)|===|==|!=|<=|>=|~=|<|>|\bnot\s+in\b|\bin\b|\band\b|\bor\b|'[^']*'|\"[^\"]*\"|[A-Za-z_][A-Za-z0-9_.]*)")
_ORDERED: t.Mapping[str, t.Callable[[t.Any, t.Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "==": operator.eq,
    "!=": operator.ne,
}
_VERSIONS = ("python_version", "python_full_version", "implementation_version")


@dataclass(frozen=True)
class Requirement:
    name: str
    extras: tuple[str, ...]
    specifier: str
    marker: str


@dataclass(frozen=True)
class Unmet:
    """`needs` is what pip would be asked for; `by` is the distribution that asks."""

    name: str
    needs: str
    by: str


class _Undecided(Exception):
    """A marker that this evaluation does not understand."""


def parse_requirement(text: str) -> Requirement | None:
    match = _REQUIREMENT.match(text)
    if match is None:
        return None
    extras = tuple(normalise(extra.strip()) for extra in (match["extras"] or "").split(",") if extra.strip())
    return Requirement(normalise(match["name"]), extras, match["specifier"].strip().strip("()"), (match["marker"] or "").strip())


def applies(marker: str, environment: t.Mapping[str, str], extras: t.Iterable[str] = ()) -> bool:
    """Whether a requirement with this marker counts here, for a distribution asked for with these extras."""
    if not marker:
        return True
    try:
        tokens = _tokens(marker)
        return any(_Evaluation(tokens, {**environment, "extra": extra}).whole() for extra in ("", *extras))
    except _Undecided:
        return False


def unmet(installed: t.Mapping[str, t.Sequence[str]], environment: t.Mapping[str, str]) -> list[Unmet]:
    """What the installed distributions (name to Requires-Dist lines) need and do not find, extras followed from one to the next."""
    found: dict[str, Unmet] = {}
    queue: list[tuple[str, tuple[str, ...]]] = [(name, ()) for name in sorted(installed)]
    seen = set(queue)
    while queue:
        owner, extras = queue.pop(0)
        for line in installed[owner]:
            one = parse_requirement(line)
            if one is None or not applies(one.marker, environment, extras):
                continue
            if one.name not in installed:
                found.setdefault(one.name, Unmet(one.name, one.name + one.specifier.replace(" ", ""), owner))
            elif one.extras and (one.name, one.extras) not in seen:
                seen.add((one.name, one.extras))
                queue.append((one.name, one.extras))
    return [found[name] for name in sorted(found)]


def _tokens(marker: str) -> list[str]:
    tokens: list[str] = []
    at = 0
    while marker[at:].strip():
        match = _TOKEN.match(marker, at)
        if match is None:
            raise _Undecided
        tokens.append(re.sub(r"\s+", " ", match[1]))
        at = match.end()
    return tokens


class _Evaluation:
    """Recursive descent over the grammar of PEP 508: or, and, comparison, parentheses."""

    def __init__(self, tokens: t.Sequence[str], environment: t.Mapping[str, str]) -> None:
        self._tokens = list(tokens)
        self._environment = environment

    def whole(self) -> bool:
        value = self._either()
        if self._tokens:
            raise _Undecided
        return value

    def _either(self) -> bool:
        value = self._both()
        while self._tokens[:1] == ["or"]:
            self._tokens.pop(0)
            # Both sides are always read, so that the tokens are used up.
            value = self._both() or value
        return value

    def _both(self) -> bool:
        value = self._one()
        while self._tokens[:1] == ["and"]:
            self._tokens.pop(0)
            value = self._one() and value
        return value

    def _one(self) -> bool:
        if self._tokens[:1] == ["("]:
            self._tokens.pop(0)
            value = self._either()
            self._take(")")
            return value
        left, left_name = self._operand()
        comparison = self._take()
        right, right_name = self._operand()
        return _compare(left, comparison, right, version=(left_name or right_name) in _VERSIONS)

    def _operand(self) -> tuple[str, str]:
        """Value, and the variable's name or empty for a literal."""
        token = self._take()
        if token[0] in "'\"":
            return token[1:-1], ""
        if token not in self._environment:
            raise _Undecided
        return self._environment[token], token

    def _take(self, wanted: str | None = None) -> str:
        if not self._tokens or wanted not in (None, self._tokens[0]):
            raise _Undecided
        return self._tokens.pop(0)


def _compare(left: str, comparison: str, right: str, version: bool) -> bool:
    if comparison in ("in", "not in"):
        return (left in right) == (comparison == "in")
    if comparison not in _ORDERED:
        raise _Undecided
    if not version:
        if comparison not in ("==", "!="):
            raise _Undecided
        return _ORDERED[comparison](left, right)
    return _ORDERED[comparison](*_aligned(_numbers(left), _numbers(right)))


def _numbers(version: str) -> tuple[int, ...]:
    if not re.match(r"^\d+(\.\d+)*$", version):
        raise _Undecided
    return tuple(int(part) for part in version.split("."))


def _aligned(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """3.11 and 3.11.0 are the same version."""
    length = max(len(left), len(right))
    return left + (0,) * (length - len(left)), right + (0,) * (length - len(right))
