# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Doctor on GPU hosts beside test_doctor_checks: what it leaves alone, what it says when it cannot see, and that it says what gpu_verify says."""

from __future__ import annotations

import copy
import subprocess
import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._catalogue import CHECKS
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._registry import Examined, examine
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._causes import CAUSES
from ansible_collections.inferhost.llm.tests.unit.plugins import doctor_hardware as hardware
from ansible_collections.inferhost.llm.tests.unit.plugins import gpu_documents as made
from ansible_collections.inferhost.llm.tests.unit.plugins.gpu_broken_hosts import CASES

IDS = ("L01", "L02", "L03", "L04", "L05", "L07", "L08", "L09", "gpu")
BASE: hardware.Values = {**hardware.HEALTHY, "containers": [], "docker_names": [], "storage": {"filesystems": [], "partial": []}}


def ask(ids: t.Sequence[str], changes: hardware.Values, missing: t.Mapping[str, str] | None = None) -> Examined:
    values = {**copy.deepcopy(BASE), **changes}
    return examine(CHECKS.select(ids), Facts({name: value for name, value in values.items() if name not in (missing or {})}, missing or {}, {}))


@pytest.mark.parametrize(("id", "changes"), hardware.FINE, ids=[f"{row[0]}-{number}" for number, row in enumerate(hardware.FINE)])
def test_not_everything_odd_is_a_finding(id: str, changes: hardware.Values) -> None:
    examined = ask([id], changes)
    assert (examined.checked, examined.findings, examined.not_checked) == ((id,), (), ())


@pytest.mark.parametrize(("id", "changes", "why"), hardware.UNSEEN, ids=[f"{row[0]}-{number}" for number, row in enumerate(hardware.UNSEEN)])
def test_what_could_not_be_seen_is_named(id: str, changes: hardware.Values, why: str) -> None:
    examined = ask([id], changes)
    assert (examined.checked, examined.findings) == ((), ())
    assert [one.why for one in examined.not_checked] == [why]


WITHOUT_CONTAINER = sorted(name for name, case in CASES.items() if case.container is None and name not in hardware.NOT_FOR_DOCTOR)


@pytest.mark.parametrize("name", WITHOUT_CONTAINER)
def test_it_says_what_gpu_verify_says(name: str) -> None:
    """The same cause, evidence and command, under its row."""
    case = CASES[name]
    found = [one for one in ask(IDS, {"gpu_info": case.facts}).findings if one.title == case.title]
    assert [one.id for one in found] == [hardware.row_of(case.id)]
    assert [words for words in case.seen if words not in found[0].seen] == []
    assert [words for words in case.fix if words not in found[0].fix] == []


def test_every_cause_has_a_row_and_every_row_of_the_hardware_a_check() -> None:
    """Only a card that is not there, and what a container alone can show, are not doctor's."""
    rows = {hardware.row_of(cause.id) for cause in CAUSES if cause.id != "no_card"}
    assert rows == set(IDS)
    assert {f"L{number:02d}" for number in [*range(1, 11), 14]} <= {one.id for one in CHECKS}


@pytest.mark.parametrize("row", hardware.BROKEN, ids=[f"{row[0]}-{row[3][:30]}" for row in hardware.BROKEN])
def test_a_fix_is_a_command_that_a_shell_takes(row: hardware.Row) -> None:
    for one in ask([row[0]], row[1]).findings:
        assert "{" not in one.fix.replace("'{{json .Runtimes}}'", "").replace("${", "")
        subprocess.run(["bash", "-n", "-c", one.fix], check=True)


def test_nothing_that_cuda_works_with_is_an_error() -> None:
    stale = made.changed(driver__user_space=[made.library("libcuda"), made.library("libcuda", "570.1", "/opt/old/")])
    assert [(one.id, one.severity) for one in ask(IDS, {"gpu_info": stale}).findings] == [("L04", "warning")]


def test_without_docker_a_container_is_not_judged_and_its_setup_is() -> None:
    closed = {"containers": "could not read the list of containers", "docker_info": "could not read Docker's settings"}
    examined = ask(["L05", "L09"], {}, closed)
    assert [(one.id, one.why) for one in examined.not_checked] == [("L05", closed["docker_info"]), ("L09", closed["containers"])]
    (found,) = ask(["L05"], {"gpu_info": CASES["L05 Docker 28 without the toolkit"].facts}, closed).findings
    assert found.severity == "warning"


def test_without_apt_only_a_mismatch_is_seen() -> None:
    examined = ask(["L08"], {}, {"apt": "could not read /etc/apt/apt.conf.d: no such file or directory"})
    assert [one.why for one in examined.not_checked] == ["could not read /etc/apt/apt.conf.d: no such file or directory"]
    (found,) = ask(["L08"], {"gpu_info": CASES["L08 upgraded under a loaded module"].facts}, {"apt": "x"}).findings
    assert found.fix.startswith("sudo reboot")


def test_without_a_plan_sysfs_tells_of_the_volume_group() -> None:
    system = {"mount": "/", "type": "ext4", "holds": ["/m"], "total_bytes": 100 << 30, "free_bytes": 5 << 30}
    room = {"device": "/dev/mapper/vg-root", "bytes": 1800 << 30}
    refusal = {"code": "lvm_unreadable", "layer": "lv", "seen": "no reports", "remedy": "run as root"}
    plan = {**hardware.HEALTHY["growth"][0], "steps": [], "refusal": refusal}
    examined = ask(["L06"], {"growth": [plan], "storage": {"filesystems": [{**system, "growable": room}], "partial": []}})
    assert [(one.severity, one.fix.split()[-1]) for one in examined.findings] == [("error", "/dev/mapper/vg-root")]
    assert examined.not_checked == ()
