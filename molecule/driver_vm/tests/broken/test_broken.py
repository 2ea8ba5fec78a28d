# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""As somebody left it: a driver without headers has no module, and the closed module cannot drive the card. Both are named, and what is printed helps."""

from __future__ import annotations

import pytest
from driver_machine import Diagnosis, Machine
from world import CARD, OLD

REFUSAL = "requires use of the NVIDIA open kernel modules"


@pytest.fixture(scope="module")
def without_headers(machine: Machine) -> Diagnosis:
    assert "nvidia" not in machine.sh("dkms status; ls /lib/modules/$(uname -r)/updates 2>/dev/null || true").replace(f"nvidia/{OLD}: added", "")
    return machine.diagnose()


def test_a_driver_without_headers_is_named_l03(without_headers: Diagnosis, machine: Machine) -> None:
    worst = without_headers.worst()
    assert (worst.id, worst.severity) == ("L03", "critical")
    assert "no headers" in worst.seen
    kernel = machine.sh("uname -r").strip()
    assert f"linux-headers-{kernel} linux-headers-cloud-amd64" in worst.fix


def test_the_doctor_names_l03(without_headers: Diagnosis) -> None:
    assert [finding.fix for finding in without_headers.diagnosed if finding.id == "L03"] == [without_headers.worst().fix]


@pytest.fixture(scope="module")
def closed(machine: Machine, without_headers: Diagnosis) -> Diagnosis:
    """After the fix that was printed: the closed module, built and loaded."""
    machine.repair(without_headers.worst().fix)
    return machine.diagnose()


def test_the_fix_of_l03_builds_the_module_and_the_kernel_loads_it(machine: Machine, closed: Diagnosis) -> None:
    assert "L03" not in [finding.id for finding in closed.verified]
    kernel = machine.sh("uname -r").strip()
    assert f"nvidia/{OLD}, {kernel}, x86_64: installed" in machine.sh("dkms status")
    module = machine.module()
    assert (module["loaded"], module["version"], module["license"]) == (OLD, OLD, "NVIDIA")
    assert module["vermagic"].startswith(f"{kernel} ")


def test_the_kernel_log_refuses_the_card_and_proc_still_shows_it(machine: Machine, closed: Diagnosis) -> None:
    assert closed
    assert REFUSAL in machine.sh("journalctl --dmesg --no-pager")
    assert "N/A" in machine.sh(f"cat /proc/driver/nvidia/gpus/{CARD}/information")
    assert "No devices were found" in machine.sh("nvidia-smi || true")


def test_the_closed_module_on_blackwell_is_named_l01(closed: Diagnosis) -> None:
    worst = closed.worst()
    assert (worst.id, worst.severity) == ("L01", "critical")
    assert REFUSAL in worst.seen
    assert "No devices were found" in worst.seen
    assert "nvidia-kernel-open-dkms" in worst.fix


def test_the_doctor_names_l01(closed: Diagnosis) -> None:
    assert [finding.fix for finding in closed.diagnosed if finding.id == "L01"] == [closed.worst().fix]
