# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Playbooks of the collection, run as an operator runs them, and what can be read from their output."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
INVENTORY = ROOT / "molecule" / "resources" / "inventory"
RECAP = re.compile(r"^\S+ +: ok=(\d+) +changed=(\d+) +unreachable=(\d+) +failed=(\d+)", re.MULTILINE)
ENVIRONMENT = {
    "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
    "ANSIBLE_INJECT_FACT_VARS": "false",
    "ANSIBLE_PIPELINING": "true",
    "ANSIBLE_NOCOLOR": "true",
}


@dataclass(frozen=True)
class Outcome:
    """How a playbook ended."""

    status: int
    output: str
    seconds: float

    def _recap(self, column: int) -> int:
        recap = RECAP.search(self.output)
        assert recap is not None, f"no recap in the output:\n{self.output[-3000:]}"
        return int(recap.group(column))

    @property
    def changed(self) -> int:
        return self._recap(2)

    @property
    def failed(self) -> int:
        return self._recap(3) + self._recap(4)

    @property
    def changed_tasks(self) -> list[str]:
        """Names of the tasks that changed something, each once, in their order."""
        names: dict[str, None] = {}
        task = ""
        for line in self.output.splitlines():
            if line.startswith(("TASK [", "RUNNING HANDLER [")):
                task = line[line.index("[") + 1 : line.rindex("]")]
            elif line.startswith("changed: ["):
                names[task] = None
        return list(names)


class Playbooks:
    """Runs playbooks by name, or files of a scenario, against the test host."""

    def __init__(self, *inventories: Path) -> None:
        self._inventories = inventories or (INVENTORY,)

    def _command(self, name: str, *options: str, variables: dict[str, Any] | None) -> list[str]:
        extra = ["--extra-vars", json.dumps(variables)] if variables else []
        playbook = name if "/" in name or name.endswith(".yml") else f"inferhost.llm.{name}"
        return ["ansible-playbook", *(f"--inventory={inventory}" for inventory in self._inventories), playbook, *options, *extra]

    def run(self, name: str, *options: str, variables: dict[str, Any] | None = None, environment: dict[str, str] | None = None) -> Outcome:
        began = time.monotonic()
        done = subprocess.run(
            self._command(name, *options, variables=variables),
            env={**os.environ, **ENVIRONMENT, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, time.monotonic() - began)

    def start(self, name: str, *options: str) -> subprocess.Popen[bytes]:
        """Start a playbook in a process group of its own, to be killed."""
        return subprocess.Popen(
            self._command(name, *options, variables=None),
            env={**os.environ, **ENVIRONMENT},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
