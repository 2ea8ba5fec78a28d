# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What apt says it would do, read from its simulation. Pure."""

from __future__ import annotations

import re
import typing as t

# Inst NAME [OLD] (NEW ORIGIN [ARCHITECTURE]) …; Remv NAME [OLD]; Purg NAME [OLD]. A name has its architecture where it is a foreign one.
_INSTALLS = re.compile(r"^Inst (?P<name>[^\s:]+)(?::\S+)? (?:\[(?P<old>[^\]]+)\] )?\((?P<new>\S+)")
_REMOVES = re.compile(r"^(?:Remv|Purg) (?P<name>[^\s:]+)(?::\S+)? \[(?P<old>[^\]]+)\]")
_CANDIDATE = re.compile(r"^(?P<name>\S+?)(?::\S+)?:\n  Installed: (?P<installed>\S+)\n  Candidate: (?P<candidate>\S+)$", re.M)


class Change(t.NamedTuple):
    """One package that apt would touch; no version where it is not there before, or not afterwards."""

    name: str
    old: t.Optional[str]
    new: t.Optional[str]

    def words(self) -> str:
        """For people."""
        if self.old is None:
            return "install %s %s" % (self.name, self.new)
        if self.new is None:
            return "remove %s %s" % (self.name, self.old)
        return "change %s from %s to %s" % (self.name, self.old, self.new)


def changes(simulation: str) -> t.List[Change]:
    """Each package once, in apt's order; one that is taken out and put in again in the same run counts as changed."""
    found: t.Dict[str, Change] = {}
    for line in simulation.splitlines():
        installs, removes = _INSTALLS.match(line), _REMOVES.match(line)
        if installs:
            before = found.get(installs["name"])
            found[installs["name"]] = Change(installs["name"], installs["old"] or (before.old if before else None), installs["new"])
        elif removes:
            found[removes["name"]] = Change(removes["name"], removes["old"], None)
    return list(found.values())


def candidates(policy: str) -> t.Dict[str, str]:
    """Packages that apt could install, with the version it would take, from `apt-cache policy NAMES`."""
    return {row["name"]: row["candidate"] for row in _CANDIDATE.finditer(policy) if row["candidate"] != "(none)"}


def refusals(planned: t.Iterable[Change], must_not_change: t.Sequence[str], held: t.Collection[str], may_change: t.Collection[str]) -> t.List[str]:
    """Why the transaction must not take place: packages that begin with a forbidden name, and those that somebody else holds."""
    reasons = []
    for change in planned:
        if change.name.startswith(tuple(must_not_change)):
            reasons.append("would %s" % change.words())
        elif change.name in held and change.name not in may_change:
            reasons.append("would %s, which is held" % change.words())
    return reasons


def inverse(done: t.Sequence[Change]) -> t.Tuple[t.List[str], t.List[str]]:
    """What to install, in which version, and what to remove to come back to before these changes; of a package that moved twice its first version counts."""
    first: t.Dict[str, t.Optional[str]] = {}
    for change in done:
        first.setdefault(change.name, change.old)
    return ["%s=%s" % (name, old) for name, old in first.items() if old is not None], [name for name, old in first.items() if old is None]


def upstream(version: str) -> str:
    """`580.159.03` for `1:580.159.03-0ubuntu1`: without epoch and revision."""
    without_epoch = version.rpartition(":")[2]
    return without_epoch.rpartition("-")[0] or without_epoch


def version_like(madison: str, wanted: str) -> t.Optional[str]:
    """The version with this upstream part among those that `apt-cache madison` lists, the first listed; None where there is none."""
    versions = [parts[1].strip() for parts in (line.split("|") for line in madison.splitlines()) if len(parts) == 3]
    return next((version for version in versions if upstream(version) == wanted), None)
