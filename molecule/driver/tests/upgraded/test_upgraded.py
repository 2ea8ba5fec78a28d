# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Newer drivers in the repository: nothing moves by itself, and the upgrade playbook moves it whole or brings it back."""

from __future__ import annotations

import pytest
import world
from driver_host import DriverHost, said

BROKEN = "610.57.04"


@pytest.fixture(scope="module", autouse=True)
def newer(bookworm: DriverHost) -> None:
    """A newer release of the branch, and a newer branch whose module does not compile."""
    world.publish(bookworm.name, ["580.159.03", "580.178.04", "595.84", BROKEN], broken=[BROKEN])
    bookworm.sh("apt-get update -qq")


def driver(host: DriverHost) -> dict[str, str]:
    return {name: version for name, version in host.packages().items() if version.startswith(("580.", "595.", "610."))}


def test_upgrades_of_all_packages_leave_the_driver_alone(bookworm: DriverHost) -> None:
    before = driver(bookworm)
    assert "580.178.04-1" in bookworm.sh("apt-cache madison nvidia-driver-cuda")
    bookworm.sh("DEBIAN_FRONTEND=noninteractive apt-get -q -y dist-upgrade")
    assert driver(bookworm) == before


def test_without_the_hold_the_branch_still_stays(bookworm: DriverHost) -> None:
    unheld = "cp -r /var/lib/dpkg /tmp/dpkg && sed -i 's/^Status: hold/Status: install/' /tmp/dpkg/status"
    simulated = bookworm.sh(f"{unheld} && apt-get -s -o Dir::State::status=/tmp/dpkg/status dist-upgrade")
    assert "nvidia-driver-cuda [580.159.03-1] (580.178.04-1" in simulated
    assert "595.84" not in simulated
    assert BROKEN not in simulated


def test_unattended_upgrades_pass_the_driver_by(bookworm: DriverHost) -> None:
    listed = bookworm.sh("apt-config dump Unattended-Upgrade::Package-Blacklist")
    assert '"nvidia-(?!container)"' in listed


def test_an_upgrade_of_a_loaded_driver_wants_consent(bookworm: DriverHost) -> None:
    before = bookworm.packages()
    outcome = bookworm.run(".upgrade_driver")
    assert outcome.status != 0
    assert "-e inferhost_allow_reboot=true" in said(outcome)
    assert bookworm.packages() == before


def test_an_upgrade_that_fails_returns(bookworm: DriverHost) -> None:
    before, held = bookworm.packages(), bookworm.held()
    outcome = bookworm.run(".upgrade_driver", nvidia_driver_branch="610", inferhost_allow_reboot=True)
    assert outcome.status != 0
    assert "the host is back on the driver that it had" in said(outcome), outcome.output[-4000:]
    assert bookworm.packages() == before
    assert bookworm.held() == held
    assert bookworm.sh("dpkg --audit") == ""
    assert bookworm.sh("cat /sys/module/nvidia/version").strip() == "580.159.03"


def test_an_upgrade_moves_everything_reboots_and_proves_it(bookworm: DriverHost) -> None:
    held = bookworm.held()
    outcome = bookworm.run(".upgrade_driver", inferhost_allow_reboot=True)
    assert outcome.status == 0, outcome.output[-4000:]
    assert set(driver(bookworm).values()) == {"580.178.04-1"}
    assert bookworm.sh("cat /sys/module/nvidia/version").strip() == "580.178.04"
    assert bookworm.held() == held
