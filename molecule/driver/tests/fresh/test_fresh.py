# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with a card, nouveau on it, and remains of 535 and 550: what would be done is told, and what cannot work is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from driver_host import DriverHost, refused, said

SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


@pytest.fixture(scope="module")
def untouched(bookworm: DriverHost) -> dict[str, str]:
    return bookworm.files()


def test_check_mode_tells_everything_and_changes_nothing(bookworm: DriverHost, untouched: dict[str, str]) -> None:
    outcome = bookworm.run("converge", "--check", "--diff")
    assert outcome.status == 0, outcome.output[-3000:]
    assert outcome.changed > 0
    told = said(outcome)
    for name in ("nvidia-driver-pinning-580", "linux-headers-amd64", "linux-headers-cloud-amd64", "nvidia-kernel-open-dkms", "nvidia-driver-cuda"):
        assert f"+{name}" in told, name
    for name in ("libnvidia-compute-550", "nvidia-kernel-common-550", "nvidia-utils-550"):
        assert f"-{name} 550.163.01-0ubuntu1" in told, name
    for name in ("cuda-toolkit-12-8", "cuda-compat-12-8", "nvidia-container-toolkit", "xserver-xorg-core"):
        assert f"-{name}" not in told, name
    assert bookworm.files() == untouched


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        pytest.param({"nvidia_driver_brunch": "580"}, ["nvidia_driver_brunch", "nvidia_driver_branch"], id="misspelt-variable"),
        pytest.param({"nvidia_driver_branch": "615", "nvidia_driver_flavour": "closed"}, ["615", "open"], id="closed-module-gone"),
        pytest.param({"nvidia_driver_source": "distribution", "nvidia_driver_cuda_major": 13}, ["CUDA 13", "source=cuda_repo"], id="too-old-for-cuda"),
    ],
)
def test_what_cannot_work_is_refused(bookworm: DriverHost, untouched: dict[str, str], variables: dict[str, Any], words: list[str]) -> None:
    message = refused(bookworm.run("converge", **variables))
    for word in words:
        assert word in message
    assert bookworm.files() == untouched


@pytest.fixture
def secure_boot(bookworm: DriverHost) -> Iterator[None]:
    """The variable that firmware with Secure Boot shows: attributes, then 1."""
    bookworm.sh(f"mount -t tmpfs standin /sys/firmware && mkdir -p $(dirname {SECURE_BOOT}) && printf '\\006\\000\\000\\000\\001' > {SECURE_BOOT}")
    yield
    bookworm.sh("umount /sys/firmware")


@pytest.mark.usefixtures("secure_boot")
def test_secure_boot_stops_a_module_that_is_built_here(bookworm: DriverHost, untouched: dict[str, str]) -> None:
    message = refused(bookworm.run())
    assert "Secure Boot is on" in message
    assert "mokutil --import" in message
    assert bookworm.files() == untouched


def test_a_driver_that_would_bring_a_kernel_is_not_installed(bookworm: DriverHost) -> None:
    before = bookworm.packages()
    outcome = bookworm.run("converge", nvidia_driver_branch="590")
    assert outcome.status != 0
    assert "would install linux-image-6.99.0-1-amd64" in said(outcome)
    after = bookworm.packages()
    assert {name: version for name, version in after.items() if name in before} == before
    assert not [name for name in after if name.startswith(("linux-image-6.99", "nvidia-kernel-open"))]
