# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Before anything has grown: a dry run names every step and takes none, and what cannot be had is refused."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from machine import MOUNTS, Machine, Sizes
from playbook_runs import ROOT, Outcome, Playbooks

CONVERGE = str(ROOT / "molecule" / "storage" / "converge.yml")
ONE = str(Path(__file__).resolve().parents[1] / "one.yml")


@pytest.fixture(scope="module")
def before(machine: Machine) -> Sizes:
    return machine.sizes()


def unchanged(now: Sizes, before: Sizes) -> bool:
    """All but the free space of the root, which the writer uses."""
    return replace(now, free={**now.free, "/": 0}) == replace(before, free={**before.free, "/": 0})


@pytest.fixture(scope="module")
def plans(playbooks: Playbooks, before: Sizes, machine: Machine, forecast_file: Path) -> dict[str, dict[str, Any]]:
    """The plans of a dry run by mount point, with what it announced; kept, for they are the forecast."""
    outcome = playbooks.run(CONVERGE, "--check", "--diff", environment={"ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"})
    assert outcome.status == 0, outcome.output[-4000:]
    tasks = json.loads(outcome.output[outcome.output.index("{") :])["plays"][0]["tasks"]
    found: dict[str, dict[str, Any]] = {}
    for task in tasks:
        for result in task["hosts"].values():
            name = task["task"]["name"].rpartition(" : ")[2]
            if name == "What can grow" and "steps" in result:
                mount = result["mount_point"]
                found[mount] = {**result, "announced": [], "installed": False}
            if name == "What grows" and result.get("changed"):
                found[mount]["announced"] = [item["msg"] for item in result["results"]]
            if name == "What is installed for it":
                found[mount]["installed"] = result["changed"]
    forecast_file.write_text(json.dumps(found), encoding="utf-8")
    assert unchanged(machine.sizes(), before), "a dry run changed something"
    return found


@pytest.mark.parametrize(
    ("mount", "actions", "refusal"),
    [
        ("/", ["growpart", "pvresize", "lvextend", "resize2fs"], None),
        ("/srv/xfs", ["pvresize", "lvextend", "xfs_growfs"], None),
        ("/srv/half", ["resize2fs"], None),
        ("/srv/raid", ["lvextend", "resize2fs"], "md_raid"),
        ("/srv/luks", [], "luks"),
    ],
)
def test_a_dry_run_announces_each_step_and_takes_none(plans: dict[str, dict[str, Any]], mount: str, actions: list[str], refusal: str | None) -> None:
    plan = plans[mount]
    assert [step["action"] for step in plan["steps"]] == actions
    assert [line.split()[0] for line in plan["announced"]] == actions
    assert (plan["refusal"] or {}).get("code") == refusal


def test_a_dry_run_announces_what_it_would_install(plans: dict[str, dict[str, Any]], before: Sizes) -> None:
    assert not before.growpart
    assert {mount: plans[mount]["installed"] for mount in MOUNTS} == {mount: mount == "/" for mount in MOUNTS}


def refused(outcome: Outcome) -> str:
    assert outcome.status == 2, outcome.output[-3000:]
    assert (outcome.changed, outcome.failed) == (0, 1)
    assert "Traceback" not in outcome.output
    return re.sub(r"\s+", " ", outcome.output)


def test_more_than_the_disk_has_is_refused_with_what_is_missing(playbooks: Playbooks, machine: Machine, before: Sizes) -> None:
    message = refused(playbooks.run(ONE, variables={"storage_path": "/opt/inferhost/models", "storage_bytes_needed": 10**11}))
    assert re.search(r"needs 93\.13 GB and can have 1\d\.\d+ GB: 7\d\.\d+ GB are missing on /", message), message[-2000:]
    assert unchanged(machine.sizes(), before)


def test_a_target_that_cannot_be_had_is_refused_with_the_reason(playbooks: Playbooks, machine: Machine, before: Sizes) -> None:
    message = refused(playbooks.run(ONE, variables={"storage_path": "/srv/luks", "storage_target": "60M"}))
    assert "/dev/mapper/secret is an encrypted device" in message
    assert "cryptsetup resize" in message
    assert unchanged(machine.sizes(), before)
