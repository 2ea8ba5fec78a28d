# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role brings the open module, stops before the reboot that it was not allowed, reboots once when it is, and then has nothing to do."""

from __future__ import annotations

import pytest
from driver_machine import Machine, said
from playbook_runs import Outcome
from world import CARD, OLD


@pytest.fixture(scope="module")
def first_boot(machine: Machine) -> str:
    """Before, somebody took away what would bring the headers of the next kernel."""
    assert machine.boots() == 1
    machine.sh("dpkg --remove linux-headers-cloud-amd64 2>&1")
    return machine.boot()


@pytest.fixture(scope="module")
def not_allowed(machine: Machine, first_boot: str, record_testsuite_property: pytest.RecordProperty) -> Outcome:
    assert first_boot
    outcome = machine.converge()
    record_testsuite_property("seconds of the run without consent", f"{outcome.seconds:.0f}")
    return outcome


def test_without_consent_it_ends_before_the_reboot_and_says_what_to_type(machine: Machine, not_allowed: Outcome, first_boot: str) -> None:
    assert not_allowed.status != 0
    words = said(not_allowed)
    assert "the loaded module is the closed one" in words, not_allowed.output[-4000:]
    assert "-e inferhost_allow_reboot=true" in words
    assert machine.boot() == first_boot


def test_the_open_module_is_built_and_the_headers_metapackage_follows_the_kernel(machine: Machine, not_allowed: Outcome) -> None:
    assert not_allowed
    module = machine.module()
    assert (module["version"], module["license"]) == (OLD, "Dual MIT/GPL")
    there = machine.sh("dpkg-query --show --showformat='${Package} ${db:Status-Status}\n' 'linux-headers-*' 'nvidia-kernel*'").splitlines()
    assert "linux-headers-cloud-amd64 installed" in there
    assert "nvidia-kernel-open-dkms installed" in there
    assert "nvidia-kernel-dkms installed" not in there


def test_nouveau_is_kept_away_also_in_the_initial_file_system(machine: Machine, not_allowed: Outcome) -> None:
    assert not_allowed
    assert "blacklist nouveau" in machine.sh("modprobe --showconfig | grep nouveau")
    assert machine.sh("grep -c -- '-u -k all' /var/lib/standin/update-initramfs").strip() == "1"


def test_one_real_reboot_with_consent_and_the_card_works(
    machine: Machine, not_allowed: Outcome, first_boot: str, record_testsuite_property: pytest.RecordProperty
) -> None:
    assert not_allowed
    outcome = machine.converge(inferhost_allow_reboot=True)
    record_testsuite_property("seconds of the run with the reboot", f"{outcome.seconds:.0f}")
    assert outcome.status == 0, outcome.output[-5000:]
    assert (machine.boots(), machine.boot() != first_boot) == (2, True)
    module = machine.module()
    assert (module["loaded"], module["license"]) == (OLD, "Dual MIT/GPL")
    assert "Open Kernel Module" in machine.sh("cat /proc/driver/nvidia/version")
    assert "N/A" not in machine.sh(f"cat /proc/driver/nvidia/gpus/{CARD}/information")
    assert "requires use of the NVIDIA open" not in machine.sh("journalctl --dmesg --boot --no-pager")


def test_a_second_run_changes_nothing(machine: Machine, record_testsuite_property: pytest.RecordProperty) -> None:
    outcome = machine.converge()
    record_testsuite_property("seconds of the second run", f"{outcome.seconds:.0f}")
    assert (outcome.status, outcome.changed) == (0, 0), (outcome.changed_tasks, outcome.output[-3000:])
    assert machine.boots() == 2
