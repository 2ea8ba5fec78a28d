# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role brought goes, and nothing else."""

from __future__ import annotations

import pytest
from driver_host import DriverHost

OURS = ("/etc/apt/preferences.d/inferhost-nvidia", "/etc/apt/apt.conf.d/51inferhost-nvidia", "/etc/modprobe.d/inferhost-nvidia.conf")


@pytest.fixture(scope="module", autouse=True)
def removed(bookworm: DriverHost, trixie: DriverHost) -> None:
    outcome = bookworm.run("remove", "--limit", f"{bookworm.name},{trixie.name}")
    assert outcome.status == 0, outcome.output[-4000:]


@pytest.mark.parametrize("host", ["bookworm", "trixie"])
def test_the_driver_and_what_came_with_it_are_gone(host: str, request: pytest.FixtureRequest) -> None:
    there: DriverHost = request.getfixturevalue(host)
    packages = there.packages()
    left = [name for name in packages if name.startswith(("nvidia-", "libnvidia", "libcuda", "linux-headers-", "dkms", "cuda-keyring"))]
    assert left == ["nvidia-container-toolkit"]
    assert {"cuda-toolkit-12-8", "xserver-xorg-core", "linux-image-amd64"} <= set(packages)
    assert there.sh("dpkg --audit") == ""
    assert there.held() == set()
    for path in OURS:
        there.sh(f"test ! -e {path}")
    assert "8099" not in there.sh("cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true")


def test_a_second_time_there_is_nothing_to_remove(trixie: DriverHost) -> None:
    outcome = trixie.run("remove")
    assert (outcome.status, outcome.changed) == (0, 0), outcome.changed_tasks
