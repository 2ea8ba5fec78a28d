# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One host of the scenario: what dpkg and its files say, and playbooks run against it."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import world
from inside import Inside
from playbook_runs import Outcome, Playbooks

SCENARIO = Path(__file__).resolve().parents[1]
# What apt writes when it only looks.
LOOKED = ("/var/cache/apt/pkgcache.bin", "/var/cache/apt/srcpkgcache.bin", "/var/log/apt/eipp.log.xz")


class DriverHost:
    """A host, by its container's name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._playbooks = Playbooks(SCENARIO / "inventory")

    def run(self, playbook: str = "converge", *options: str, **variables: Any) -> Outcome:
        """A playbook of the scenario, or one of the collection by its name with a dot in front."""
        path = playbook[1:] if playbook.startswith(".") else str(SCENARIO / f"{playbook}.yml")
        return self._playbooks.run(path, "--limit", self.name, *options, variables=variables)

    def start(self, *options: str) -> subprocess.Popen[bytes]:
        """The converging playbook, to be killed."""
        return self._playbooks.start(str(SCENARIO / "converge.yml"), "--limit", self.name, *options)

    def sh(self, script: str) -> str:
        return world.inside(self.name, script)

    def packages(self) -> dict[str, str]:
        """Installed packages with their versions; half installed ones count."""
        listing = self.sh("dpkg-query --show --showformat='${Package} ${Version} ${db:Status-Status}\\n'")
        rows = [line.split() for line in listing.splitlines()]
        return {row[0]: row[1] for row in rows if row[2] not in ("not-installed", "config-files")}

    def held(self) -> set[str]:
        return set(self.sh("apt-mark showhold").split())

    def files(self) -> dict[str, str]:
        """Every file with what a change would alter, but what apt writes when it only looks."""
        found: dict[str, str] = Inside(self.name)("files")
        return {path: described for path, described in found.items() if path not in LOOKED}

    def kill_when(self, condition: str) -> list[int]:
        """Wait until a shell command succeeds on the host, then kill all that was started from outside with SIGKILL."""
        killed: list[int] = Inside(self.name)("kill_when", condition, "400", timeout=450)
        return killed


def said(outcome: Outcome) -> str:
    """The output on one line, as a message is read."""
    return " ".join(outcome.output.split())


def refused(outcome: Outcome) -> str:
    """The message of a run that was refused before it changed anything."""
    assert outcome.status != 0, outcome.output[-3000:]
    assert outcome.changed == 0, outcome.changed_tasks
    assert "Traceback" not in outcome.output
    return said(outcome)
