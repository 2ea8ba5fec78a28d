# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The driver's packages move under the module that runs, against the hold: named, and mended by what is printed."""

from __future__ import annotations

import pytest
import world
from driver_machine import Diagnosis, Machine
from world import NEW, OLD

# Everything of the driver, as an upgrade of the machine takes it. That held packages may change is not enough: unasked they stay as they are.
UPGRADE = "DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes --ignore-hold --allow-change-held-packages dist-upgrade 2>&1"


def test_upgrades_of_all_packages_leave_the_driver_alone(machine: Machine) -> None:
    world.publish([OLD, NEW])
    machine.sh("apt-get -qq update")
    simulated = machine.sh("apt-get --simulate dist-upgrade")
    assert "kept back" in simulated
    assert f"Inst libcuda1 [{OLD}" not in simulated


@pytest.fixture(scope="module")
def moved(machine: Machine) -> Diagnosis:
    """Somebody upgrades all the same."""
    machine.sh(UPGRADE)
    machine.sh("standin-card answers")
    return machine.diagnose()


def test_user_space_of_another_version_than_the_loaded_module_is_named_l08(machine: Machine, moved: Diagnosis) -> None:
    module = machine.module()
    assert (module["loaded"], module["version"]) == (OLD, NEW)
    worst = moved.worst()
    assert (worst.id, worst.severity) == ("L08", "critical")
    assert f"loaded is {OLD}, the libraries are {NEW}" in worst.seen
    assert "Driver/library version mismatch" in worst.seen
    assert worst.fix.startswith("sudo reboot")


def test_the_doctor_names_l08(moved: Diagnosis) -> None:
    assert [finding.fix for finding in moved.diagnosed if finding.id == "L08"] == [moved.worst().fix]
