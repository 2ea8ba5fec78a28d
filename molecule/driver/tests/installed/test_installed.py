# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From remains and nouveau to a driver that works: killed, healed, stopped before the reboot, rebooted, and then left alone."""

from __future__ import annotations

import os
import signal

import pytest
from driver_host import DriverHost, said

OLD = ("libnvidia-compute-550", "nvidia-kernel-common-550", "nvidia-utils-550", "nvidia-alternative", "nvidia-opencl-icd")
BYSTANDERS = ("cuda-toolkit-12-8", "cuda-compat-12-8", "nvidia-container-toolkit", "xserver-xorg-core", "linux-image-amd64", "linux-image-cloud-amd64")


def test_killed_while_dkms_builds(bookworm: DriverHost) -> None:
    run = bookworm.start()
    try:
        killed = bookworm.kill_when("pgrep -x make")
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    assert killed
    assert "nvidia-kernel-open-dkms" in bookworm.sh("dpkg --audit")


@pytest.fixture(scope="module")
def healed(bookworm: DriverHost) -> str:
    """The run after the one that was killed, without consent to a reboot."""
    outcome = bookworm.run()
    assert outcome.status != 0, "nouveau holds the card, so this run cannot end well"
    return said(outcome)


def test_the_next_run_heals(bookworm: DriverHost, healed: str) -> None:
    assert "would install" not in healed
    assert bookworm.sh("dpkg --audit") == ""


def test_without_consent_it_ends_before_the_reboot_and_says_what_to_type(healed: str) -> None:
    assert "nouveau holds the card" in healed
    assert "-e inferhost_allow_reboot=true" in healed


def test_of_old_drivers_nothing_stays_and_of_everything_else_all(bookworm: DriverHost, healed: str) -> None:
    assert healed
    there = bookworm.packages()
    assert not [name for name in OLD if there.get(name, "").startswith(("535", "550"))]
    assert not [name for name, version in there.items() if version.startswith(("535.", "550."))]
    assert not [name for name in BYSTANDERS if name not in there]


def test_headers_follow_every_kernel_and_the_module_is_built(bookworm: DriverHost, healed: str) -> None:
    assert healed
    there = bookworm.packages()
    assert {"linux-headers-amd64", "linux-headers-cloud-amd64"} <= set(there)
    kernel = bookworm.sh("cat /var/lib/standin/release").strip()
    assert f"nvidia/580.159.03, {kernel}, x86_64: installed" in bookworm.sh("dkms status")
    assert bookworm.sh(f"modinfo -F license /lib/modules/{kernel}/updates/dkms/nvidia.ko*").strip() == "Dual MIT/GPL"


def test_with_consent_both_hosts_reboot_once_and_cuda_works(bookworm: DriverHost, trixie: DriverHost) -> None:
    began = {host.name: host.sh("cat /proc/sys/kernel/random/boot_id") for host in (bookworm, trixie)}
    outcome = bookworm.run("converge", "--limit", f"{bookworm.name},{trixie.name}", inferhost_allow_reboot=True)
    assert outcome.status == 0, outcome.output[-5000:]
    for host, branch in ((bookworm, "580"), (trixie, "595")):
        assert host.sh("cat /proc/sys/kernel/random/boot_id") != began[host.name]
        assert host.sh("cat /sys/module/nvidia/version").startswith(branch)
        assert host.held() == {"nvidia-driver-cuda", "nvidia-kernel-open-dkms", "nvidia-persistenced"}
        assert host.sh("systemctl is-active nvidia-persistenced").strip() == "active"


def test_a_second_run_changes_nothing(bookworm: DriverHost, record_property: pytest.RecordProperty) -> None:
    outcome = bookworm.run()
    record_property("seconds", f"{outcome.seconds:.1f}")
    assert (outcome.status, outcome.changed) == (0, 0), (outcome.changed_tasks, outcome.output[-3000:])


def test_check_mode_on_a_converged_host_finds_nothing_to_do(trixie: DriverHost) -> None:
    outcome = trixie.run("converge", "--check", "--diff")
    assert (outcome.status, outcome.changed) == (0, 0), (outcome.changed_tasks, outcome.output[-3000:])
