# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What is wrong with an installed Python environment, read from its own records without running it."""

from __future__ import annotations

import csv
import os
import re
from dataclasses import dataclass, field

from ansible_collections.inferhost.llm.plugins.module_utils._lock_file import normalise


@dataclass
class Distribution:
    """An installed distribution: where its metadata lies, and which of its recorded files are missing or of another size."""

    name: str
    version: str
    metadata_dir: str
    damaged: list[str] = field(default_factory=list)

    @property
    def healthy(self) -> bool:
        return not self.damaged


def _damaged_files(site: str, record: str) -> list[str]:
    """Paths of a RECORD (PEP 627) that are not there with the recorded size. Compiled files are rebuilt at will and do not count."""
    damaged: list[str] = []
    with open(record, newline="", encoding="utf-8") as stream:
        for row in csv.reader(stream):
            if len(row) != 3 or row[0].endswith((".pyc", "RECORD")):
                continue
            try:
                size = os.stat(os.path.join(site, row[0])).st_size
            except OSError:
                damaged.append(row[0])
                continue
            if row[2] and int(row[2]) != size:
                damaged.append(row[0])
    return damaged


def distributions(site: str) -> list[Distribution]:
    """Distributions below a site-packages folder, each with its damage. A metadata folder without RECORD or METADATA is damage itself."""
    found: list[Distribution] = []
    for entry in sorted(os.listdir(site)):
        if not entry.endswith(".dist-info"):
            continue
        metadata_dir = os.path.join(site, entry)
        name, _dash, version = entry[: -len(".dist-info")].rpartition("-")
        dist = Distribution(normalise(name), version, metadata_dir)
        record = os.path.join(metadata_dir, "RECORD")
        if not os.path.isfile(record) or not os.path.isfile(os.path.join(metadata_dir, "METADATA")):
            dist.damaged.append(entry)
        else:
            dist.damaged.extend(_damaged_files(site, record))
        found.append(dist)
    return found


_PLANNED = re.compile(r"^ (?P<sign>[+~-]) (?P<name>[A-Za-z0-9._-]+)==(?P<version>\S+)")


def planned_changes(dry_run: str, healthy: set[str]) -> list[str]:
    """Changes that ``uv pip sync --dry-run`` announces, as ``+name==version`` lines.

    uv announces a reinstall (``~``) at every run for a wheel whose platform tag it does not trust; for a distribution known to be
    healthy that is no change.
    """
    changes: list[str] = []
    for line in dry_run.splitlines():
        match = _PLANNED.match(line)
        if match is None:
            continue
        if match["sign"] == "~" and normalise(match["name"]) in healthy:
            continue
        changes.append(f"{match['sign']}{match['name']}=={match['version']}")
    return changes


def unexpected_conflicts(check: str, known: list[str]) -> list[str]:
    """Lines of ``uv pip check`` that report something other than the distributions left out on purpose (``known``)."""
    skip = {normalise(name) for name in known}
    conflicts: list[str] = []
    for line in check.splitlines():
        if not line.startswith("The package "):
            continue
        needed = re.search(r"requires `([A-Za-z0-9._-]+)", line)
        if needed and normalise(needed[1]) in skip:
            continue
        if "was built for a different platform" in line:
            continue
        conflicts.append(line)
    return conflicts
