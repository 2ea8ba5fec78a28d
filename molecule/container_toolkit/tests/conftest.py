# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of all phases share: the host, its Docker, and the scenario's playbooks run against it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playbook_runs import Outcome, Playbooks

SCENARIO = Path(__file__).resolve().parents[1]
HOST = "inferhost-container-toolkit"
STATE = "/etc/standin-gpu.json"


def said(outcome: Outcome) -> str:
    """The output without its line breaks: Ansible wraps long messages."""
    return " ".join(outcome.output.split())


class Host:
    """The test host behind `docker exec`."""

    def run(self, *command: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["docker", "exec", "--interactive", HOST, *command], input=given, capture_output=True, text=True, check=False)

    def output(self, *command: str) -> str:
        done = self.run(*command)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
        return done.stdout.strip()

    def exists(self, path: str) -> bool:
        return self.run("test", "-e", path).returncode == 0

    def write(self, path: str, text: str) -> None:
        assert self.run("tee", path, given=text).returncode == 0

    def json(self, path: str) -> Any:
        return json.loads(self.output("cat", path))

    def engine_started(self) -> str:
        return self.output("systemctl", "show", "--property=ExecMainStartTimestampMonotonic", "docker.service")

    def files(self) -> str:
        """Everything below /etc and /opt with its time of change, so that nothing goes unseen."""
        return self.output("sh", "-c", "find /etc /opt -printf '%p %T@ %s\\n' | sort")


class Scenario(Playbooks):
    """The scenario's own playbooks, by name."""

    @staticmethod
    def _command(name: str, *options: str, variables: dict[str, Any] | None) -> list[str]:
        extra = ["--extra-vars", json.dumps(variables)] if variables else []
        return ["ansible-playbook", f"--inventory={SCENARIO / 'inventory'}", str(SCENARIO / f"{name}.yml"), *options, *extra]


@pytest.fixture(scope="session")
def there() -> Host:
    return Host()


@pytest.fixture(scope="session")
def playbooks() -> Scenario:
    return Scenario()


@pytest.fixture
def cuda(there: Host) -> Any:
    """Tells the stand-in library what to answer in a container; afterwards it answers that all is well."""
    before = there.json(STATE)
    yield lambda answer: there.write(STATE, json.dumps({**before, "container_cuda": answer}))
    there.write(STATE, json.dumps(before))
