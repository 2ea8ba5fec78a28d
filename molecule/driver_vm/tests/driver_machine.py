# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine of the scenario: commands on it, playbooks run against it, and what our own modules say is wrong with it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import world
from playbook_runs import ROOT, Outcome, Playbooks

SCENARIO = Path(__file__).resolve().parents[1]
ROWS = ("L01", "L03", "L08")
JSON = {"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"}


@dataclass(frozen=True)
class Finding:
    """Of gpu_verify or of the doctor."""

    id: str
    severity: str
    seen: str
    fix: str


@dataclass(frozen=True)
class Diagnosis:
    """What both say of the machine as it is."""

    verified: list[Finding]
    diagnosed: list[Finding]

    def worst(self) -> Finding:
        assert self.verified, "gpu_verify found nothing"
        return self.verified[0]


class Machine:
    """Commands as root, and playbooks."""

    def __init__(self) -> None:
        self._playbooks = Playbooks(ROOT / "molecule" / "resources" / "machines", SCENARIO / "inventory")

    def sh(self, command: str, timeout: float = 900) -> str:
        return world.run(command, timeout)

    def converge(self, **variables: Any) -> Outcome:
        return self._playbooks.run(str(SCENARIO / "converge.yml"), variables=variables)

    def diagnose(self) -> Diagnosis:
        outcome = self._playbooks.run(str(SCENARIO / "tests" / "look.yml"), variables={"look_doctor": list(ROWS)}, environment=JSON)
        assert outcome.status == 0, outcome.output[-4000:]
        tasks = json.loads(outcome.output[outcome.output.index("{") :])["plays"][0]["tasks"]
        results = {task["task"]["name"]: result for task in tasks for result in task["hosts"].values()}
        verified = results["Ask gpu_verify"]["findings"]
        diagnosed = results.get("Ask the doctor", {}).get("report", {}).get("findings", [])
        return Diagnosis([_finding(one) for one in verified], [_finding(one) for one in diagnosed])

    def repair(self, fix: str) -> str:
        """Run a fix as it was printed, by root and without questions."""
        command = re.sub(r"\bsudo ", "", fix).replace("apt-get install", "DEBIAN_FRONTEND=noninteractive apt-get install --quiet --yes")
        return self.sh(f"{command} 2>&1")

    def boot(self) -> str:
        return self.sh("cat /proc/sys/kernel/random/boot_id").strip()

    def boots(self) -> int:
        """How often the machine has started since it was made."""
        return int(self.sh("wc -l < /var/lib/standin/boots"))

    def module(self) -> dict[str, str]:
        """The running kernel's module as the kernel and modinfo know it."""
        text = self.sh("echo loaded=$(cat /sys/module/nvidia/version); for name in version license vermagic; do echo $name=$(modinfo -F $name nvidia); done")
        return dict(line.split("=", 1) for line in text.splitlines())


def _finding(row: dict[str, Any]) -> Finding:
    return Finding(row["id"], row["severity"], row["seen"], row["fix"])


def said(outcome: Outcome) -> str:
    """The output on one line, as a message is read."""
    return " ".join(outcome.output.split())
