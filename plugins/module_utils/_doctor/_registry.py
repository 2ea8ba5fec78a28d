# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of checks, and how one run goes through it."""

from __future__ import annotations

import difflib
import typing as t
from dataclasses import dataclass

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import SEVERITIES, Facts, Finding, NotChecked, Outcome, Seen, rank

Function = t.Callable[[Facts], t.Iterable[Outcome]]


class RegistryError(ValueError):
    """The table of checks, or a choice from it, makes no sense; the message says what to change."""


@dataclass(frozen=True)
class Check:
    """A pure function from facts to outcomes, and what it may say. `id` is the ledger's.

    Without the facts of `needs` it is not asked; those of `uses` it reads where there are any.
    """

    id: str
    title: str
    severities: tuple[str, ...]
    needs: tuple[str, ...]
    uses: tuple[str, ...]
    function: Function

    def __call__(self, facts: Facts) -> list[Outcome]:
        return list(self.function(facts))


def check(id: str, title: str, severities: t.Sequence[str], needs: t.Sequence[str], uses: t.Sequence[str] = ()) -> t.Callable[[Function], Check]:
    """Make a function a check. `needs` and `uses` name the collectors whose facts it reads."""

    def decorate(function: Function) -> Check:
        return Check(id, title, tuple(severities), tuple(needs), tuple(uses), function)

    return decorate


class Registry:
    """Checks by id."""

    def __init__(self, checks: t.Iterable[Check], collectors: t.Container[str]) -> None:
        self._checks: dict[str, Check] = {}
        for one in checks:
            self._add(one, collectors)

    def _add(self, one: Check, collectors: t.Container[str]) -> None:
        if one.id in self._checks:
            raise RegistryError(f"two checks claim {one.id}: '{self._checks[one.id].title}' and '{one.title}'")
        unknown = [severity for severity in one.severities if severity not in SEVERITIES]
        if unknown or not one.severities:
            raise RegistryError(f"check {one.id} declares severities {list(one.severities)}; known are {', '.join(SEVERITIES)}")
        strangers = [name for name in (*one.needs, *one.uses) if name not in collectors]
        if strangers:
            raise RegistryError(f"check {one.id} needs facts that no collector gives: {', '.join(strangers)}")
        self._checks[one.id] = one

    def __iter__(self) -> t.Iterator[Check]:
        return iter(self._checks[id] for id in sorted(self._checks))

    def select(self, only: t.Sequence[str] = (), skip: t.Sequence[str] = ()) -> list[Check]:
        """The checks of `only` (all if empty) without those of `skip`. An id that no check has is refused."""
        for id in (*only, *skip):
            if id not in self._checks:
                near = difflib.get_close_matches(id.upper(), self._checks, n=1, cutoff=0.5)
                hint = f"; did you mean {near[0]}" if near else ""
                raise RegistryError(f"there is no check {id!r}{hint}; known are {', '.join(sorted(self._checks))}")
        return [one for one in self if (not only or one.id in only) and one.id not in skip]


@dataclass(frozen=True)
class Examined:
    """What the selected checks said together."""

    checked: tuple[str, ...]
    not_checked: tuple[NotChecked, ...]
    findings: tuple[Finding, ...]


def examine(checks: t.Iterable[Check], facts: Facts) -> Examined:
    """Ask every check. One that could not see all it needed counts as checked only if what it saw was enough for a finding."""
    checked: list[str] = []
    not_checked: list[NotChecked] = []
    findings: list[Finding] = []
    for one in checks:
        found, unseen = _ask(one, facts)
        findings.extend(found)
        not_checked.extend(NotChecked(one.id, one.title, why) for why in unseen)
        if found or not unseen:
            checked.append(one.id)
    findings.sort(key=lambda finding: (-rank(finding.severity), finding.id))
    return Examined(tuple(checked), tuple(not_checked), tuple(findings))


def _ask(one: Check, facts: Facts) -> tuple[list[Finding], list[str]]:
    lacking = [name for name in one.needs if name not in facts.values]
    if lacking:
        return [], [facts.missing.get(name, f"no facts about {name}") for name in lacking]
    try:
        outcomes = one(facts)
    # A check that trips over an odd host must not hide what the others see.
    except Exception as error:  # pylint: disable=broad-except
        return [], [f"the check itself failed: {type(error).__name__}: {error}"]
    found: list[Finding] = []
    unseen: list[str] = []
    for outcome in outcomes:
        if not isinstance(outcome, Seen):
            unseen.append(outcome.why)
        elif outcome.severity not in one.severities:
            unseen.append(f"the check itself failed: it says {outcome.severity!r}, but declares {', '.join(one.severities)}")
        else:
            finding = Finding(one.id, outcome.severity, outcome.title or one.title, outcome.seen, outcome.cause, outcome.fix)
            if finding not in found:
                found.append(finding)
    return found, list(dict.fromkeys(unseen))
