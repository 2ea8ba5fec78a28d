# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the installed packages belongs to the driver that is wanted, and what has to go. Pure.

Only packages whose names are recognised here are ever named for removal: never a pattern, and nothing of CUDA's toolkit, of the container toolkit or of Xorg.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._driver._packages import (
    ARCHIVE_SERVER,
    DEBIAN_ARCHIVE,
    NVIDIA_DEBIAN,
    NVIDIA_PLAIN,
    NVIDIA_SUFFIXED,
    TRANSITIONAL,
)
from ansible_collections.inferhost.llm.plugins.module_utils._driver._types import CLOSED, DKMS, OPEN, Package, branch_of

# Packages with the branch in their names: nvidia-dkms-580-open, linux-modules-nvidia-580-server-open-generic, nvidia-firmware-580-580.159.03.
_WITH_BRANCH = re.compile(
    r"^(?P<stem>libnvidia-(?:cfg1|common|compute|decode|encode|extra|fbc1|gl|gpucomp|ifr1|nscq)|libnvsdm"
    r"|nvidia-(?:compute-utils|dkms|driver|driver-pinning|fabricmanager|fabricmanager-dev|firmware|headless|headless-no-dkms|imex)"
    r"|nvidia-(?:kernel-common|kernel-source|open|utils)"
    r"|xserver-xorg-video-nvidia|linux-(?:modules|objects|signatures)-nvidia|cuda-drivers|cuda-drivers-fabricmanager|nvlink5)"
    r"-(?P<branch>\d{3})(?P<rest>[-.].*)?$"
)
# Those of them that bring, or insist on, one flavour of the kernel module.
_WITH_FLAVOUR = ("nvidia-dkms", "nvidia-driver", "nvidia-headless", "nvidia-headless-no-dkms", "nvidia-kernel-source")
_PREBUILT = ("linux-modules-nvidia", "linux-objects-nvidia", "linux-signatures-nvidia")
# Ubuntu's archive names these without its `-server`.
_WITHOUT_SERIES = ("nvidia-fabricmanager", "nvidia-fabricmanager-dev", "nvidia-imex", "libnvidia-nscq")

_NVIDIA_REPOSITORY = ("nvidia-persistenced", "nvidia-fabricmanager", "nvidia-imex", "libnvidia-nscq", "libnvsdm", "nvlsm")
_DEBIAN = (
    "firmware-nvidia-gsp",
    "libcuda1",
    "libcudadebugger1",
    "libnvcuvid1",
    "libnvidia-allocator1",
    "libnvidia-cfg1",
    "libnvidia-encode1",
    "libnvidia-ml1",
    "libnvidia-nvvm4",
    "libnvidia-opticalflow1",
    "libnvidia-ptxjitcompiler1",
    "nvidia-alternative",
    "nvidia-driver",
    "nvidia-driver-bin",
    "nvidia-driver-libs",
    "nvidia-kernel-dkms",
    "nvidia-kernel-support",
    "nvidia-opencl-icd",
    "nvidia-persistenced",
    "nvidia-smi",
    "nvidia-vdpau-driver",
)

# Packages whose version alone tells the branch, by the scheme that uses the name.
WITHOUT_BRANCH: t.Dict[str, t.FrozenSet[str]] = {
    NVIDIA_PLAIN.name: frozenset(
        (
            *_NVIDIA_REPOSITORY,
            *("libnvidia-%s" % part for part in ("cfg1", "common", "compute", "decode", "encode", "extra", "fbc1", "gl", "gpucomp")),
            *("nvidia-%s" % part for part in ("dkms", "dkms-open", "driver", "driver-open", "firmware", "headless", "headless-open", "headless-no-dkms")),
            *("nvidia-%s" % part for part in ("headless-no-dkms-open", "kernel-common", "kernel-source", "kernel-source-open", "open")),
            "cuda-drivers",
            "nvlink5",
            "xserver-xorg-video-nvidia",
        )
    ),
    NVIDIA_SUFFIXED.name: frozenset(_NVIDIA_REPOSITORY),
    NVIDIA_DEBIAN.name: frozenset((*_NVIDIA_REPOSITORY, *_DEBIAN, "cuda-drivers", "nvidia-open", "nvidia-driver-cuda", "nvidia-kernel-open-dkms", "nvlink5")),
    DEBIAN_ARCHIVE.name: frozenset((*_DEBIAN, "nvidia-open-kernel-dkms", "nvidia-open-kernel-support")),
    ARCHIVE_SERVER.name: frozenset(),
}
_EVERY_NAME = frozenset().union(*WITHOUT_BRANCH.values())

# Flavour that a package without a branch in its name brings.
_FLAVOURED: t.Dict[str, str] = {
    "cuda-drivers": CLOSED,
    "nvidia-dkms": CLOSED,
    "nvidia-headless": CLOSED,
    "nvidia-headless-no-dkms": CLOSED,
    "nvidia-kernel-dkms": CLOSED,
    "nvidia-kernel-source": CLOSED,
    "nvidia-dkms-open": OPEN,
    "nvidia-driver-open": OPEN,
    "nvidia-headless-open": OPEN,
    "nvidia-headless-no-dkms-open": OPEN,
    "nvidia-kernel-open-dkms": OPEN,
    "nvidia-kernel-source-open": OPEN,
    "nvidia-open": OPEN,
    "nvidia-open-kernel-dkms": OPEN,
    "nvidia-open-kernel-support": OPEN,
}
# On Ubuntu this one brings the closed module; on Debian it depends on either.
_CLOSED_ON_UBUNTU = "nvidia-driver"


def names_a_branch(name: str) -> bool:
    """Whether a package belongs to one branch of the driver, which its name tells."""
    return _WITH_BRANCH.match(name) is not None


class Target(t.NamedTuple):
    """The driver that is wanted."""

    scheme: str
    branch: str
    flavour: str
    modules: str
    release: str
    pinning: str


class Verdict(t.NamedTuple):
    """What becomes of one installed package."""

    package: Package
    keep: bool
    reason: str
    # Kept, but apt will move it to the wanted branch; backwards where it is newer.
    moves: bool = False


def verdicts(packages: t.Iterable[Package], target: Target) -> t.List[Verdict]:
    """One for each package that belongs to some NVIDIA driver, in the order given; the others are nobody's business here."""
    found = (_verdict(package, target) for package in packages)
    return [verdict for verdict in found if verdict]


def _verdict(package: Package, target: Target) -> t.Optional[Verdict]:
    parts = _WITH_BRANCH.match(package.name)
    if parts:
        return _with_branch(package, parts.group("stem"), parts.group("branch"), parts.group("rest") or "", target)
    if package.name in _EVERY_NAME:
        return _without_branch(package, target)
    return None


def _with_branch(package: Package, stem: str, branch: str, rest: str, target: Target) -> Verdict:
    if stem == "nvidia-driver-pinning":
        if package.name == target.pinning or (target.pinning and branch == target.branch):
            return Verdict(package, True, "holds branch %s" % target.branch)
        return Verdict(package, False, "pins branch %s" % branch)
    if target.scheme == ARCHIVE_SERVER.name and _is_transitional(package, branch, target):
        return Verdict(package, True, "transitional: an old name of branch %s" % target.branch)
    if branch != target.branch:
        return Verdict(package, False, "belongs to branch %s" % branch)
    if target.scheme == ARCHIVE_SERVER.name and not rest.startswith("-server") and stem not in _WITHOUT_SERIES:
        return Verdict(package, False, "not of the -server series, which conflicts with it")
    if target.scheme != ARCHIVE_SERVER.name and (rest.startswith("-server") or stem in _PREBUILT):
        return Verdict(package, False, "comes from Ubuntu's archive, not from NVIDIA's repository")
    if target.scheme not in (ARCHIVE_SERVER.name, NVIDIA_SUFFIXED.name) and stem not in ("cuda-drivers", "nvidia-open", "nvlink5"):
        return Verdict(package, False, "its name is of another way of packaging branch %s" % branch)
    if stem in _PREBUILT and target.modules == DKMS:
        return Verdict(package, False, "a prebuilt module beside the one that is built here")
    if stem in ("nvidia-dkms", "nvidia-headless") and target.modules != DKMS:
        return Verdict(package, False, "builds a module that Secure Boot would refuse beside the prebuilt, signed one")
    brings = _flavour_with_branch(stem, rest)
    if brings and brings != target.flavour:
        return Verdict(package, False, "brings the %s module" % brings)
    return Verdict(package, True, "belongs to branch %s" % branch)


def _without_branch(package: Package, target: Target) -> Verdict:
    branch = branch_of(package.version)
    if package.name not in WITHOUT_BRANCH[target.scheme]:
        return Verdict(package, False, "comes from another source (version %s)" % package.version)
    brings = _FLAVOURED.get(package.name)
    if package.name == _CLOSED_ON_UBUNTU and target.scheme == NVIDIA_PLAIN.name:
        brings = CLOSED
    if brings and brings != target.flavour:
        return Verdict(package, False, "brings the %s module" % brings)
    if branch and branch != target.branch:
        return Verdict(package, True, "moves from branch %s to %s under the same name" % (branch, target.branch), moves=True)
    return Verdict(package, True, "belongs to branch %s" % target.branch)


def _is_transitional(package: Package, branch: str, target: Target) -> bool:
    """Whether an old name has already become an empty package of the wanted branch."""
    return TRANSITIONAL.get(target.release, {}).get(branch) == target.branch and branch_of(package.version) == target.branch


def _flavour_with_branch(stem: str, rest: str) -> t.Optional[str]:
    if stem == "cuda-drivers":
        return CLOSED
    if stem == "nvidia-open":
        return OPEN
    if stem in _WITH_FLAVOUR or stem in _PREBUILT:
        return OPEN if re.match(r"^(?:-server)?-open(?:-|$)", rest) else CLOSED
    return None
