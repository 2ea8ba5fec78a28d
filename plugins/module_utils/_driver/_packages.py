# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which driver packages there are: by source, distribution, release, branch, flavour and profile. Data, and look-ups in it.

Names hold `{branch}` where the branch belongs. Each row says how well it is known; `docs/driver.md` lists what nobody has read at its publisher.
"""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._driver._types import (
    CLOSED,
    COMPUTE,
    CUDA_REPO,
    DISTRIBUTION,
    FLAVOURS,
    FULL,
    KNOWN,
    OPEN,
    READ,
    SEEN,
    Evidence,
)

Names = t.Tuple[str, ...]


class Scheme(t.NamedTuple):
    """One way to name the packages of a branch."""

    name: str
    # (profile, flavour) to what to install; for a scheme with prebuilt modules, the form that builds them (DKMS).
    packages: t.Dict[t.Tuple[str, str], Names]
    # The same without a module, where the distribution builds and signs the modules.
    prebuilt: t.Dict[t.Tuple[str, str], Names]
    # The signed module that follows a kernel flavour, by flavour of the module; empty: there are none.
    prebuilt_module: t.Dict[str, str]
    # Installed first and on its own; empty: the branch is in the names already.
    pinning: str
    # For boards with NVSwitches, and what they need more from NVLink 5 on. Empty: no package is known.
    fabric_manager: Names
    nvlink5: Names
    # Packages without a branch in their name that must have the driver's version.
    floating: Names
    evidence: Evidence


_UTILS = "nvidia-utils-{branch}-server"

ARCHIVE_SERVER = Scheme(
    "archive_server",
    packages={
        (COMPUTE, OPEN): ("nvidia-headless-{branch}-server-open", _UTILS),
        (COMPUTE, CLOSED): ("nvidia-headless-{branch}-server", _UTILS),
        (FULL, OPEN): ("nvidia-driver-{branch}-server-open", "nvidia-dkms-{branch}-server-open"),
        (FULL, CLOSED): ("nvidia-driver-{branch}-server", "nvidia-dkms-{branch}-server"),
    },
    prebuilt={
        (COMPUTE, OPEN): ("nvidia-headless-no-dkms-{branch}-server-open", _UTILS),
        (COMPUTE, CLOSED): ("nvidia-headless-no-dkms-{branch}-server", _UTILS),
        (FULL, OPEN): ("nvidia-driver-{branch}-server-open",),
        (FULL, CLOSED): ("nvidia-driver-{branch}-server",),
    },
    prebuilt_module={OPEN: "linux-modules-nvidia-{branch}-server-open-{kernel}", CLOSED: "linux-modules-nvidia-{branch}-server-{kernel}"},
    pinning="",
    # It depends on the -server packages of its own version, which is why this table has no others.
    fabric_manager=("nvidia-fabricmanager-{branch}",),
    nvlink5=(),
    floating=(),
    evidence=Evidence(READ, "packages.ubuntu.com; nvidia-smi is in nvidia-utils, the persistence daemon in nvidia-compute-utils, a dependency"),
)

# Ubuntu, up to 580: the branch is part of the names.
NVIDIA_SUFFIXED = Scheme(
    "nvidia_suffixed",
    packages={
        (COMPUTE, OPEN): ("libnvidia-compute-{branch}", "nvidia-dkms-{branch}-open", "nvidia-utils-{branch}", "nvidia-persistenced"),
        (COMPUTE, CLOSED): ("libnvidia-compute-{branch}", "nvidia-dkms-{branch}", "nvidia-utils-{branch}", "nvidia-persistenced"),
        (FULL, OPEN): ("nvidia-open-{branch}",),
        (FULL, CLOSED): ("cuda-drivers-{branch}",),
    },
    prebuilt={},
    prebuilt_module={},
    pinning="nvidia-driver-pinning-{branch}",
    fabric_manager=("nvidia-fabricmanager",),
    nvlink5=("nvlsm", "libnvsdm"),
    floating=("nvidia-persistenced", "nvidia-modprobe", "nvidia-fabricmanager", "nvidia-imex", "libnvidia-nscq", "libnvsdm"),
    evidence=Evidence(
        SEEN, "cuda-drivers-580: NVIDIA/ansible-role-nvidia-driver#89 (read); the rest: several public scripts and one listing of the repository"
    ),
)

# Ubuntu, from 590 on: the names lost the branch, and an apt preference that a package brings holds it.
NVIDIA_PLAIN = NVIDIA_SUFFIXED._replace(
    name="nvidia_plain",
    packages={
        (COMPUTE, OPEN): ("libnvidia-compute", "nvidia-dkms-open", "nvidia-persistenced"),
        (COMPUTE, CLOSED): ("libnvidia-compute", "nvidia-dkms", "nvidia-persistenced"),
        (FULL, OPEN): ("nvidia-open",),
        (FULL, CLOSED): ("cuda-drivers",),
    },
    evidence=Evidence(
        READ,
        "NVIDIA's driver installation guide (a stored copy), NVIDIA/gpu-driver-container#857; that libnvidia-compute brings nvidia-smi: public files only",
    ),
)

# Debian: no branch in the names in any branch; cuda-drivers-580 asks for 580 or newer, so only the pinning package holds it.
NVIDIA_DEBIAN = NVIDIA_SUFFIXED._replace(
    name="nvidia_debian",
    packages={
        (COMPUTE, OPEN): ("nvidia-driver-cuda", "nvidia-kernel-open-dkms", "nvidia-persistenced"),
        (COMPUTE, CLOSED): ("nvidia-driver-cuda", "nvidia-kernel-dkms", "nvidia-persistenced"),
        (FULL, OPEN): ("nvidia-open",),
        (FULL, CLOSED): ("cuda-drivers",),
    },
    evidence=Evidence(
        SEEN,
        "metal-stack/metal-images#399 and public roles; that cuda-drivers-580 takes newer ones: NVIDIA's developer forum, 353805 (read); "
        "the fabric manager's name: as on Ubuntu, not seen on Debian from 580 on",
    ),
)

DEBIAN_ARCHIVE = Scheme(
    "debian_archive",
    packages={
        (COMPUTE, OPEN): ("nvidia-open-kernel-dkms", "firmware-nvidia-gsp", "libcuda1", "nvidia-smi", "nvidia-persistenced"),
        (COMPUTE, CLOSED): ("nvidia-kernel-dkms", "firmware-nvidia-gsp", "libcuda1", "nvidia-smi", "nvidia-persistenced"),
        (FULL, OPEN): ("nvidia-open-kernel-dkms", "firmware-nvidia-gsp", "nvidia-driver", "nvidia-persistenced"),
        (FULL, CLOSED): ("nvidia-kernel-dkms", "firmware-nvidia-gsp", "nvidia-driver", "nvidia-persistenced"),
    },
    prebuilt={},
    prebuilt_module={},
    pinning="",
    fabric_manager=(),
    nvlink5=(),
    floating=(),
    evidence=Evidence(
        READ, "packages.debian.org: both module packages and nvidia-persistenced; that libcuda1 and nvidia-smi suffice without a screen: public files only"
    ),
)

SCHEMES: t.Dict[str, Scheme] = {scheme.name: scheme for scheme in (ARCHIVE_SERVER, NVIDIA_SUFFIXED, NVIDIA_PLAIN, NVIDIA_DEBIAN, DEBIAN_ARCHIVE)}


class Offer(t.NamedTuple):
    """One branch in one source for one release."""

    source: str
    distribution: str
    release: str
    branch: str
    scheme: str
    flavours: t.Tuple[str, ...]
    # Parts of the distribution's own archive that must be enabled; for the fabric manager more may be.
    components: Names
    evidence: Evidence


_MAIN_ROLE = Evidence(READ, "NVIDIA/ansible-role-nvidia-driver#89 looked it up in the repository's index")
_MODULES_ROLE = Evidence(READ, "NVIDIA/gpu-driver-container#899 lists packages of this branch from the repositories of 22.04 and 24.04")
_ONLY_595 = Evidence(READ, "NVIDIA/gpu-driver-container#857: the repository's branches are 595 and newer")
_DEBIAN_FORUM = Evidence(SEEN, "developer.nvidia.com, forum thread 353805: on Debian cuda-drivers-580 took components of 590")
_PIN_SEEN = Evidence(SEEN, "public files install nvidia-driver-pinning of this branch from this repository")
_NOT_SEEN = Evidence(KNOWN, "NVIDIA publishes a branch for all its releases; not seen for this one")
_UBUNTU_580 = Evidence(READ, "packages.ubuntu.com: 580-server in restricted")
_UBUNTU_595 = Evidence(READ, "packages.ubuntu.com: source nvidia-graphics-drivers-595-server")
_UBUNTU_615 = Evidence(
    READ, "packages.ubuntu.com: source nvidia-graphics-drivers-615-server, multiverse on all three releases; its closed packages are transitional"
)
_DEBIAN = Evidence(READ, "packages.debian.org")

_RESTRICTED: Names = ("restricted",)
_MULTIVERSE: Names = ("restricted", "multiverse")
_NON_FREE: Names = ("contrib", "non-free", "non-free-firmware")


def _nvidia(distribution: str, release: str, scheme: str, branches: t.Dict[str, Evidence], components: Names = ()) -> t.Tuple[Offer, ...]:
    """Rows of NVIDIA's repository for one release; the closed modules end with 610."""
    return tuple(
        Offer(
            CUDA_REPO,
            distribution,
            release,
            branch,
            NVIDIA_SUFFIXED.name if scheme == NVIDIA_PLAIN.name and int(branch) < 590 else scheme,
            FLAVOURS if int(branch) < 615 else (OPEN,),
            components,
            evidence,
        )
        for branch, evidence in branches.items()
    )


def _archive(release: str, branch: str, components: Names, evidence: Evidence) -> Offer:
    flavours = FLAVOURS if int(branch) < 615 else (OPEN,)
    return Offer(DISTRIBUTION, "ubuntu", release, branch, ARCHIVE_SERVER.name, flavours, components, evidence)


OFFERS: t.Tuple[Offer, ...] = (
    *_nvidia("ubuntu", "22.04", NVIDIA_PLAIN.name, {"580": _MAIN_ROLE, "590": _NOT_SEEN, "595": _MODULES_ROLE, "610": _MODULES_ROLE, "615": _NOT_SEEN}),
    *_nvidia("ubuntu", "24.04", NVIDIA_PLAIN.name, {"580": _MAIN_ROLE, "590": _PIN_SEEN, "595": _MODULES_ROLE, "610": _MODULES_ROLE, "615": _PIN_SEEN}),
    # No 580: NVIDIA/gpu-driver-container#857.
    *_nvidia("ubuntu", "26.04", NVIDIA_PLAIN.name, {"595": _ONLY_595, "610": _PIN_SEEN, "615": _PIN_SEEN}),
    *_nvidia(
        "debian", "12", NVIDIA_DEBIAN.name, {"580": _DEBIAN_FORUM, "590": _DEBIAN_FORUM, "595": _NOT_SEEN, "610": _NOT_SEEN, "615": _NOT_SEEN}, ("contrib",)
    ),
    # No 580: NVIDIA/cuda-repo-management#38 and #40.
    *_nvidia("debian", "13", NVIDIA_DEBIAN.name, {"590": _PIN_SEEN, "595": _PIN_SEEN, "610": _PIN_SEEN, "615": _PIN_SEEN}, ("contrib",)),
    _archive("22.04", "580", _RESTRICTED, _UBUNTU_580),
    _archive("22.04", "595", _MULTIVERSE, _UBUNTU_595),
    _archive("22.04", "615", _MULTIVERSE, _UBUNTU_615),
    _archive("24.04", "580", _RESTRICTED, _UBUNTU_580),
    _archive("24.04", "595", _MULTIVERSE, _UBUNTU_595),
    _archive("24.04", "615", _MULTIVERSE, _UBUNTU_615),
    _archive("26.04", "580", _RESTRICTED, _UBUNTU_580),
    _archive("26.04", "595", _RESTRICTED, _UBUNTU_595),
    _archive("26.04", "615", _MULTIVERSE, _UBUNTU_615),
    Offer(DISTRIBUTION, "debian", "12", "535", DEBIAN_ARCHIVE.name, FLAVOURS, _NON_FREE, _DEBIAN),
    Offer(DISTRIBUTION, "debian", "13", "550", DEBIAN_ARCHIVE.name, FLAVOURS, _NON_FREE, _DEBIAN),
)

# Ubuntu's archive keeps the names of dead branches and lets them pull the next living one. Read on packages.ubuntu.com; 535 on 26.04 only.
TRANSITIONAL: t.Dict[str, t.Dict[str, str]] = {
    "22.04": {"565": "580", "570": "580", "575": "580", "590": "595"},
    "24.04": {"565": "580", "570": "580", "575": "580", "590": "595"},
    "26.04": {"535": "580", "565": "580", "570": "580", "575": "580", "590": "595"},
}

# What NVIDIA does not build for Arm (NVIDIA/gpu-driver-container, ubuntu26.04/install.sh).
X86_64_ONLY = ("libnvsdm",)

# The fabric manager's component in Ubuntu's archive, whatever that of the driver is (packages.ubuntu.com).
FABRIC_MANAGER_COMPONENT = "multiverse"

# Kernel flavours that Ubuntu builds and signs modules for (packages.ubuntu.com, linux-modules-nvidia-*).
PREBUILT_KERNELS: t.Dict[str, Names] = {
    release: ("generic", "generic-hwe-%s" % release, "generic-64k", "lowlatency", "aws", "azure", "gcp", "oracle", "nvidia")
    for release in ("22.04", "24.04", "26.04")
}


class Repository(t.NamedTuple):
    """NVIDIA's package repository for one release."""

    distribution: str
    release: str
    name: str
    # File beside the packages, and what the key in it must have; None: not known.
    key_file: t.Optional[str]
    key_fingerprint: t.Optional[str]
    evidence: Evidence


REPOSITORY_URL = "https://developer.download.nvidia.com/compute/cuda/repos/{name}/{architecture}/"
REPOSITORY_ORIGIN = "developer.download.nvidia.com"
REPOSITORY_ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "sbsa"}
KEYRING_FILE = "cuda-keyring_1.1-1_all.deb"
# Where that package puts the key; the role may as well fetch the key file and compare the fingerprint.
KEYRING_PATH = "/usr/share/keyrings/cuda-archive-keyring.gpg"
# By folder and architecture, as unrelated public files give them: Google's installer for Compute Engine has those of x86_64, most of the others several
# build files; none is a page of NVIDIA. None: not found; then only the key can be checked, or the user's own checksum.
KEYRING_SHA256: t.Dict[str, t.Dict[str, t.Optional[str]]] = {
    "ubuntu2204": {
        "x86_64": "d93190d50b98ad4699ff40f4f7af50f16a76dac3bb8da1eaaf366d47898ff8df",
        "sbsa": "36d1aed84dfcf93ee9a0212d149f1c4187db92e03ab96a759ec0689aa438fd9e",
    },
    "ubuntu2404": {
        "x86_64": "d2a6b11c096396d868758b86dab1823b25e14d70333f1dfa74da5ddaf6a06dba",
        "sbsa": "6ea7d2737648936820e85677177957a0f6521b840d98eb0bbae0a4f003fa7249",
    },
    "ubuntu2604": {"x86_64": None, "sbsa": None},
    "debian12": {
        "x86_64": "e7f219eab6fe4819cdb5c15b98233dc3420302d9c00883219cd3d896857cf48d",
        "sbsa": "bf2f53b1a19259501119f732bdef2699f8c80c69a18e6a78dad78d67d96766dc",
    },
    "debian13": {"x86_64": "dd28f1f6ba0038180d6b23f846cefca1e3de4c9327751665241370bacea452a1", "sbsa": None},
}

_OLD_KEY = ("3bf863cc.pub", "EB693B3035CD5710E231E123A4B469963BF863CC")
_OLD_KEY_READ = Evidence(READ, "apt's own words in NVIDIA/cuda-repo-management#30 and #39; its signatures use SHA-1, which apt of Debian 13 refuses")

REPOSITORIES: t.Tuple[Repository, ...] = (
    Repository("ubuntu", "22.04", "ubuntu2204", *_OLD_KEY, evidence=Evidence(SEEN, "the key of the repositories that are older than Debian 13's")),
    Repository("ubuntu", "24.04", "ubuntu2404", *_OLD_KEY, evidence=_OLD_KEY_READ),
    Repository(
        "ubuntu", "26.04", "ubuntu2604", None, None, evidence=Evidence(SEEN, "the keyring's address is in AWS' guide and others; its key was not looked up")
    ),
    Repository("debian", "12", "debian12", *_OLD_KEY, evidence=_OLD_KEY_READ),
    Repository(
        "debian",
        "13",
        "debian13",
        "8793F200.pub",
        "02182E60104FCDC26EAE1B8597A5D4CB8793F200",
        evidence=Evidence(SEEN, "the key's short id: NVIDIA/cuda-repo-management#39 (read); its fingerprint: two unrelated public configurations"),
    ),
)

# For unattended-upgrades, which compares from the beginning of the name; the container toolkit may go on being updated.
UNATTENDED_PATTERNS: Names = (
    "nvidia-(?!container)",
    "libnvidia-(?!container)",
    "linux-modules-nvidia-",
    "linux-objects-nvidia-",
    "linux-signatures-nvidia-",
    "cuda-drivers",
    "libcuda1$",
    "libnvsdm",
    "nvlsm$",
    "firmware-nvidia-",
    "xserver-xorg-video-nvidia",
)


def offers(source: str, distribution: str, release: str) -> t.Tuple[Offer, ...]:
    """What the source has for the release, oldest branch first."""
    return tuple(offer for offer in OFFERS if (offer.source, offer.distribution, offer.release) == (source, distribution, release))


def releases() -> t.List[t.Tuple[str, str]]:
    """Distributions and releases of the table, in its order."""
    return [(repository.distribution, repository.release) for repository in REPOSITORIES]


def repository_for(distribution: str, release: str) -> t.Optional[Repository]:
    """NVIDIA's repository for the release."""
    return next((row for row in REPOSITORIES if (row.distribution, row.release) == (distribution, release)), None)


def named(templates: Names, branch: str) -> t.List[str]:
    """Package names with the branch in them."""
    return [template.format(branch=branch) for template in templates]
