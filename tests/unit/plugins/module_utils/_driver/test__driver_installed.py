# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which installed packages go. The lists are constructed from names and versions that Ubuntu, Debian and NVIDIA use."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._driver._installed import Target, verdicts
from ansible_collections.inferhost.llm.plugins.module_utils._driver._types import Package

ARCHIVE_OPEN = Target("archive_server", "580", "open", "prebuilt", "24.04", "")
ARCHIVE_BUILT = ARCHIVE_OPEN._replace(modules="dkms")
REPOSITORY_580 = Target("nvidia_suffixed", "580", "open", "dkms", "24.04", "nvidia-driver-pinning-580")
REPOSITORY_580_CLOSED = REPOSITORY_580._replace(flavour="closed")
REPOSITORY_595 = Target("nvidia_plain", "595", "open", "dkms", "24.04", "nvidia-driver-pinning-595")
DEBIAN_595 = Target("nvidia_debian", "595", "open", "dkms", "13", "nvidia-driver-pinning-595")
DEBIAN_550 = Target("debian_archive", "550", "open", "dkms", "13", "")

KEPT = {
    "archive: its own": (ARCHIVE_OPEN, "nvidia-headless-no-dkms-580-server-open", "580.159.03-0ubuntu0.24.04.1"),
    "archive: a library": (ARCHIVE_OPEN, "libnvidia-compute-580-server", "580.159.03-0ubuntu0.24.04.1"),
    "archive: its module": (ARCHIVE_OPEN, "linux-modules-nvidia-580-server-open-generic", "6.8.0-117.117"),
    "archive: the module of one kernel": (ARCHIVE_OPEN, "linux-modules-nvidia-580-server-open-6.8.0-117-generic", "6.8.0-117.117"),
    "archive: firmware": (ARCHIVE_OPEN, "nvidia-firmware-580-server-580.159.03", "580.159.03-0ubuntu0.24.04.1"),
    "archive: fabric manager": (ARCHIVE_OPEN, "nvidia-fabricmanager-580", "580.159.03-0ubuntu0.24.04.1"),
    "archive: built here": (ARCHIVE_BUILT, "nvidia-dkms-580-server-open", "580.159.03-0ubuntu0.24.04.1"),
    "archive: an old name of the same branch": (ARCHIVE_OPEN, "nvidia-driver-570-server", "580.159.03-0ubuntu0.24.04.1"),
    "repository: its own": (REPOSITORY_580, "nvidia-dkms-580-open", "580.178.04-1ubuntu1"),
    "repository: the daemon": (REPOSITORY_580, "nvidia-persistenced", "580.178.04-1ubuntu1"),
    "repository: the pin": (REPOSITORY_580, "nvidia-driver-pinning-580", "580-1ubuntu1"),
    "repository: the pin of a point release": (REPOSITORY_580, "nvidia-driver-pinning-580.159.03", "580.159.03-1ubuntu1"),
    "repository: metapackage": (REPOSITORY_580, "nvidia-open-580", "580.178.04-1ubuntu1"),
    "repository 595": (REPOSITORY_595, "libnvidia-compute", "595.71.05-1ubuntu1"),
    "subnet manager, which has versions of its own": (REPOSITORY_595, "nvlsm", "2025.10.14-1"),
    "debian 595": (DEBIAN_595, "nvidia-kernel-open-dkms", "595.71.05-1"),
    "debian 550": (DEBIAN_550, "nvidia-open-kernel-dkms", "550.163.01-2"),
    "an epoch": (DEBIAN_550, "libcuda1", "1:550.163.01-2"),
}

REMOVED = {
    "archive: another branch": (ARCHIVE_OPEN, "nvidia-driver-535", "535.183.01-0ubuntu0.24.04.1", "belongs to branch 535"),
    "archive: a library of another branch": (ARCHIVE_OPEN, "libnvidia-compute-550", "550.163.01-0ubuntu0.24.04.2", "belongs to branch 550"),
    "archive: an old name that is not yet empty": (ARCHIVE_OPEN, "nvidia-driver-570-server", "570.133.20-0ubuntu0.24.04.1", "belongs to branch 570"),
    "archive: firmware of another branch": (ARCHIVE_OPEN, "nvidia-firmware-595-595.84", "595.84-0ubuntu0.24.04.1", "belongs to branch 595"),
    "archive: the other series": (ARCHIVE_OPEN, "nvidia-kernel-common-580", "580.159.03-0ubuntu0.24.04.1", "-server series"),
    "archive: the closed module": (ARCHIVE_OPEN, "linux-modules-nvidia-580-server-generic", "6.8.0-117.117", "closed module"),
    "archive: a module of another branch": (ARCHIVE_OPEN, "linux-modules-nvidia-535-generic", "6.8.0-117.117", "belongs to branch 535"),
    "archive: built beside prebuilt": (ARCHIVE_OPEN, "nvidia-dkms-580-server-open", "580.159.03-0ubuntu0.24.04.1", "Secure Boot"),
    "archive: what insists on building": (ARCHIVE_OPEN, "nvidia-headless-580-server-open", "580.159.03-0ubuntu0.24.04.1", "Secure Boot"),
    "archive: prebuilt beside built": (ARCHIVE_BUILT, "linux-modules-nvidia-580-server-open-generic", "6.8.0-117.117", "built here"),
    "archive: NVIDIA's repository": (ARCHIVE_OPEN, "nvidia-open", "595.71.05-1ubuntu1", "another source"),
    "archive: the daemon of the repository": (ARCHIVE_OPEN, "nvidia-persistenced", "595.71.05-1ubuntu1", "another source"),
    "archive: a pin": (ARCHIVE_OPEN, "nvidia-driver-pinning-595", "595-1ubuntu1", "pins branch 595"),
    "repository: Ubuntu's archive": (REPOSITORY_580, "nvidia-utils-580-server", "580.159.03-0ubuntu0.24.04.1", "Ubuntu's archive"),
    "repository: Ubuntu's modules": (REPOSITORY_580, "linux-modules-nvidia-580-open-generic", "6.8.0-117.117", "Ubuntu's archive"),
    "repository: the other flavour": (REPOSITORY_580, "nvidia-dkms-580", "580.178.04-1ubuntu1", "closed module"),
    "repository: the other metapackage": (REPOSITORY_580, "cuda-drivers-580", "580.178.04-1ubuntu1", "closed module"),
    "repository: open where closed is needed": (REPOSITORY_580_CLOSED, "nvidia-dkms-580-open", "580.178.04-1ubuntu1", "open module"),
    "repository: newer names": (REPOSITORY_580, "libnvidia-compute", "595.71.05-1ubuntu1", "another source"),
    "repository: another pin": (REPOSITORY_580, "nvidia-driver-pinning-595.71.05", "595.71.05-1ubuntu1", "pins branch 595"),
    "repository 595: older names": (REPOSITORY_595, "libnvidia-compute-580", "580.178.04-1ubuntu1", "belongs to branch 580"),
    "repository 595: closed": (REPOSITORY_595, "nvidia-dkms", "595.71.05-1ubuntu1", "closed module"),
    "repository 595: the closed driver's name on Ubuntu": (REPOSITORY_595, "nvidia-driver", "595.71.05-1ubuntu1", "closed module"),
    "repository 595: Ubuntu's names of it": (REPOSITORY_595, "nvidia-dkms-595-open", "595.71.05-0ubuntu0.24.04.1", "another way of packaging"),
    "debian: closed": (DEBIAN_595, "nvidia-kernel-dkms", "595.71.05-1", "closed module"),
    "debian: the archive's open module": (DEBIAN_595, "nvidia-open-kernel-dkms", "550.163.01-2", "another source"),
    "debian: the repository's open module": (DEBIAN_550, "nvidia-kernel-open-dkms", "595.71.05-1", "another source"),
    "debian: the repository's metapackage": (DEBIAN_550, "nvidia-driver-cuda", "595.71.05-1", "another source"),
}


@pytest.mark.parametrize(("target", "name", "version"), KEPT.values(), ids=list(KEPT))
def test_what_stays(target: Target, name: str, version: str) -> None:
    (verdict,) = verdicts([Package(name, version)], target)
    assert (verdict.keep, verdict.moves) == (True, False), verdict


@pytest.mark.parametrize(("target", "name", "version", "reason"), REMOVED.values(), ids=list(REMOVED))
def test_what_goes(target: Target, name: str, version: str, reason: str) -> None:
    (verdict,) = verdicts([Package(name, version)], target)
    assert not verdict.keep, verdict
    assert reason in verdict.reason


# Whatever the target: none of these is a part of the driver.
STRANGERS = (
    "cuda-toolkit-13-0",
    "cuda-compat-13-3",
    "cuda-keyring",
    "cuda-nvcc-12-9",
    "libcudnn9-cuda-13",
    "libnccl2",
    "libnvidia-container1",
    "libnvidia-container-tools",
    "libnvidia-egl-wayland1",
    "nvidia-container-toolkit",
    "nvidia-container-toolkit-base",
    "nvidia-cuda-toolkit",
    "nvidia-gds",
    "nvidia-fs-dkms",
    "nvidia-prime",
    "nvidia-settings",
    "nvidia-modprobe",
    "nvidia-driver-assistant",
    "datacenter-gpu-manager-4-cuda13",
    "linux-modules-6.8.0-117-generic",
    "linux-modules-nvidia-fs-6.11.0-1016-nvidia",
    "linux-image-generic",
    "xserver-xorg-core",
    "xserver-xorg-video-nouveau",
    "python3-pynvml",
)


@pytest.mark.parametrize("target", [ARCHIVE_OPEN, REPOSITORY_580, REPOSITORY_595, DEBIAN_595, DEBIAN_550])
def test_nothing_else_is_touched(target: Target) -> None:
    assert verdicts([Package(name, "1.0") for name in STRANGERS], target) == []


@pytest.mark.parametrize(
    ("target", "name", "version"),
    [
        (REPOSITORY_595, "libnvidia-compute", "610.43.02-1ubuntu1"),
        (DEBIAN_595, "nvidia-driver-cuda", "580.178.04-1"),
        (DEBIAN_595, "libcuda1", "550.163.01-2"),
        (DEBIAN_550, "libcuda1", "595.71.05-1"),
        (REPOSITORY_580, "nvidia-fabricmanager", "610.57.04-1ubuntu1"),
    ],
)
def test_packages_without_a_branch_in_their_name_move(target: Target, name: str, version: str) -> None:
    (verdict,) = verdicts([Package(name, version)], target)
    assert (verdict.keep, verdict.moves) == (True, True)


def test_the_field_report_of_old_fragments() -> None:
    # What an article of the ledger calls fragments of 535 and 550 in the way of a new branch.
    names: t.Dict[str, str] = {
        "nvidia-driver-535": "535.183.01-0ubuntu0.24.04.1",
        "libnvidia-compute-535": "535.183.01-0ubuntu0.24.04.1",
        "nvidia-dkms-550": "550.163.01-0ubuntu0.24.04.2",
        "cuda-toolkit-12-4": "12.4.1-1",
        "xserver-xorg-core": "2:21.1.12-1ubuntu1",
    }
    gone = [verdict.package.name for verdict in verdicts([Package(*row) for row in names.items()], REPOSITORY_580) if not verdict.keep]
    assert gone == ["nvidia-driver-535", "libnvidia-compute-535", "nvidia-dkms-550"]
