# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Somebody worked in the wrong environment: one package of the engine lost its files, another is uninstalled."""

from __future__ import annotations

import json
from pathlib import Path

import endpoint
import pytest
from inside import Inside
from playbook_runs import Playbooks
from testinfra.host import Host

SITE = f"{endpoint.ROOT}/venvs/vllm/lib/python3.11/site-packages"
PYTHON = f"{endpoint.ROOT}/venvs/vllm/bin/python"


def diagnosis(playbooks: Playbooks, reports: Path) -> tuple[int, list[str]]:
    """Status of the doctor playbook and the ids of what it found wrong."""
    found = playbooks.run("doctor", variables={"doctor_report_dir": str(reports)})
    written = list(reports.glob("*.json"))
    assert len(written) == 1, found.output[-4000:]
    findings = json.loads(written[0].read_text(encoding="utf-8"))["findings"]
    return found.status, [one["id"] for one in findings if one["severity"] in ("error", "critical")]


def test_damaged_environment_is_repaired(host: Host, inside: Inside, playbooks: Playbooks, record_property: pytest.RecordProperty, tmp_path: Path) -> None:
    host.run_expect([0], f"rm -r {SITE}/uvloop {SITE}/msgspec {SITE}/msgspec-*.dist-info")
    assert host.run(f"{PYTHON} -c 'import uvloop'").rc != 0
    status, errors = diagnosis(playbooks, tmp_path)

    repair = playbooks.run("site")
    record_property("seconds", f"{repair.seconds:.1f}")
    assert repair.status == 0, repair.output[-4000:]
    assert any("nvironment" in task for task in repair.changed_tasks), repair.changed_tasks
    host.run_expect([0], f"{PYTHON} -c 'import uvloop, msgspec'")
    endpoint.works(inside)
    # Only now, so that the host is whole for the tests after this one, whatever the doctor said.
    assert (status != 0, set(errors)) == (True, {"L11"})
    assert diagnosis(playbooks, tmp_path) == (0, [])

    again = playbooks.run("site")
    assert again.status == 0, again.output[-4000:]
    assert again.changed == 0, again.changed_tasks
