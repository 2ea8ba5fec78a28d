# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the parts of doctor hand to each other."""

from __future__ import annotations

import typing as t
from dataclasses import asdict, dataclass, field

# Best first; a finding's place in here is its rank.
SEVERITIES: tuple[str, ...] = ("ok", "info", "warning", "error", "critical")


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. `fix` is a command that a person can paste."""

    id: str
    severity: str
    title: str
    seen: str
    cause: str
    fix: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


@dataclass(frozen=True)
class Seen:
    """What a check says; the registry adds the check's id, and its title where the finding has none of its own."""

    severity: str
    seen: str
    cause: str
    fix: str
    title: str = ""


@dataclass(frozen=True)
class Unseen:
    """A part of its question that a check could not answer, and why."""

    why: str


Outcome = t.Union[Seen, Unseen]


@dataclass(frozen=True)
class NotChecked:
    """A check, or a part of one, that found no answer."""

    id: str
    title: str
    why: str


@dataclass(frozen=True)
class Facts:
    """Plain data by collector. A collector without a value says why in `missing`; one with holes in its value says which in `gaps`."""

    values: t.Mapping[str, t.Any] = field(default_factory=dict)
    missing: t.Mapping[str, str] = field(default_factory=dict)
    gaps: t.Mapping[str, t.Sequence[str]] = field(default_factory=dict)

    def __getitem__(self, collector: str) -> t.Any:
        return self.values[collector]


@dataclass(frozen=True)
class Report:
    """Everything one run found out about one host."""

    host: str
    checked: tuple[str, ...]
    not_checked: tuple[NotChecked, ...]
    findings: tuple[Finding, ...]
    gaps: tuple[str, ...]

    @property
    def worst(self) -> str:
        return max((finding.severity for finding in self.findings), key=rank, default="ok")

    def as_dict(self) -> dict[str, t.Any]:
        return {
            "schema": 1,
            "host": self.host,
            "worst": self.worst,
            "checked": list(self.checked),
            "not_checked": [asdict(one) for one in self.not_checked],
            "findings": [finding.as_dict() for finding in self.findings],
            "gaps": list(self.gaps),
        }


def rank(severity: str) -> int:
    return SEVERITIES.index(severity)
