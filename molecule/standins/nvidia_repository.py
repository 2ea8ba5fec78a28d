# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""STAND-IN for the driver part of NVIDIA's package repository for Debian, and for what older drivers leave on a host.

The names and what excludes what are those of `_driver/_packages.py`, which also says how well each is known; the relations between the small packages are
simplified. What the packages hold are stand-ins too: a module that drives nothing (built by the real DKMS), `nvidia-smi` and `libcuda.so.1` that answer
what a state file tells them.
"""

from __future__ import annotations

import functools
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from debs import Deb, SigningKey, keyring_package, write_repository

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / ".collections"))

from ansible_collections.inferhost.llm.plugins.module_utils._driver._packages import (  # noqa: E402
    KEYRING_PATH,
    NVIDIA_DEBIAN,
    offers,
)

PROGRAMS = Path(__file__).resolve().parent / "programs"
MODULE = Path(__file__).resolve().parent / "module" / "nvidia.c"

# Releases of each branch, oldest first; those that were seen in public.
RELEASES = {
    "535": ("535.261.03",),
    "550": ("550.163.01",),
    "580": ("580.159.03", "580.178.04"),
    "590": ("590.48.01",),
    "595": ("595.58.03", "595.84"),
    "610": ("610.43.02", "610.57.04"),
    "615": ("615.71.09",),
}
LICENCES = {"open": "Dual MIT/GPL", "closed": "NVIDIA"}
WORDS = {"open": "NVIDIA UNIX Open Kernel Module for x86_64", "closed": "NVIDIA UNIX x86_64 Kernel Module"}
DKMS_PACKAGES = {"open": "nvidia-kernel-open-dkms", "closed": "nvidia-kernel-dkms"}

# Packages of one version in NVIDIA's repository for Debian: name, what it depends on in the same version, and what else.
SAME_VERSION: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "firmware-nvidia-gsp": ((), ()),
    "nvidia-kernel-support": ((), ()),
    "nvidia-modprobe": ((), ()),
    "nvidia-persistenced": ((), ()),
    "libcuda1": (("libnvidia-ptxjitcompiler1",), ()),
    "libnvidia-ml1": ((), ()),
    "libnvidia-ptxjitcompiler1": ((), ()),
    "nvidia-smi": (("libnvidia-ml1",), ("python3",)),
    "nvidia-driver-cuda": (("libcuda1", "nvidia-smi", "nvidia-modprobe"), ()),
    "nvidia-driver-libs": ((), ()),
    "xserver-xorg-video-nvidia": ((), ()),
    "nvidia-driver": (("nvidia-driver-libs", "xserver-xorg-video-nvidia", "nvidia-kernel-support"), ()),
    "nvidia-fabricmanager": ((), ()),
    "libnvsdm": ((), ()),
    "nvlsm": ((), ()),
    "nvidia-imex": ((), ()),
    "libnvidia-nscq": ((), ()),
    "nvidia-open": (("nvidia-driver", "nvidia-driver-cuda", "nvidia-kernel-open-dkms"), ()),
    "cuda-drivers": (("nvidia-driver", "nvidia-driver-cuda", "nvidia-kernel-dkms"), ()),
}
# From 615 on there is only the open module.
CLOSED_ONLY = ("nvidia-kernel-dkms", "cuda-drivers")

_DKMS_POSTINST = """#!/bin/sh
set -e
if [ "$1" = configure ]; then
    /usr/lib/dkms/common.postinst nvidia {version} /usr/share/{package} "" "$2"
fi
"""
_DKMS_PRERM = """#!/bin/sh
set -e
dkms remove -m nvidia -v {version} --all || true
"""
_SERVICE = """[Unit]
Description=Stand-in for {name}
[Service]
ExecStart=/bin/sleep infinity
[Install]
WantedBy=multi-user.target
"""
_SERVICE_POSTINST = """#!/bin/sh
set -e
ldconfig
if [ "$1" = configure ] && [ -d /run/systemd/system ]; then systemctl daemon-reload; fi
"""


@functools.cache
def _libcuda() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "libcuda.so"
        command = ["cc", "-O1", "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", "-o", str(library), str(PROGRAMS / "libcuda.c")]
        subprocess.run(command, check=True)
        return library.read_bytes()


def dkms_package(flavour: str, version: str, revision: str = "1", broken: bool = False) -> Deb:
    """A module that the real DKMS builds for every kernel whose headers are there; a broken one does not compile."""
    source = MODULE.read_text(encoding="utf-8")
    definitions = f'#define STANDIN_VERSION "{version}"\n#define STANDIN_LICENCE "{LICENCES[flavour]}"\n#define STANDIN_WORDS "{WORDS[flavour]}"\n'
    configuration = (
        f'PACKAGE_NAME="nvidia"\nPACKAGE_VERSION="{version}"\nBUILT_MODULE_NAME[0]="nvidia"\nDEST_MODULE_LOCATION[0]="/updates/dkms"\nAUTOINSTALL="yes"\n'
        'MAKE[0]="make -C ${kernel_source_dir} M=${dkms_tree}/${PACKAGE_NAME}/${PACKAGE_VERSION}/build modules"\n'
        'CLEAN="make -C ${kernel_source_dir} M=${dkms_tree}/${PACKAGE_NAME}/${PACKAGE_VERSION}/build clean"\n'
    )
    folder = f"/usr/src/nvidia-{version}"
    package, other = DKMS_PACKAGES[flavour], DKMS_PACKAGES["closed" if flavour == "open" else "open"]
    same = tuple(f"{name} (= {version}-{revision})" for name in ("nvidia-kernel-support", "firmware-nvidia-gsp"))
    return Deb(
        package,
        f"{version}-{revision}",
        "amd64",
        depends=("dkms", *same),
        conflicts=(other, "nvidia-open-kernel-dkms"),
        files={
            f"{folder}/dkms.conf": (configuration.encode(), 0o644),
            f"{folder}/Makefile": (b"obj-m := nvidia.o\n", 0o644),
            f"{folder}/nvidia.c": ((("#error broken on purpose\n" if broken else "") + definitions + source).encode(), 0o644),
        },
        scripts={
            "postinst": _DKMS_POSTINST.format(version=version, package=package),
            "prerm": _DKMS_PRERM.format(version=version),
        },
    )


def _contents(name: str, version: str) -> tuple[dict[str, tuple[bytes, int]], dict[str, str], dict[str, str]]:
    """Files, links and scripts of one package; most have none."""
    libraries = "/usr/lib/x86_64-linux-gnu"
    if name == "libcuda1":
        return (
            {f"{libraries}/libcuda.so.{version}": (_libcuda(), 0o644)},
            {f"{libraries}/libcuda.so.1": f"libcuda.so.{version}"},
            {"triggers": "activate-noawait ldconfig\n"},
        )
    if name == "libnvidia-ml1":
        # Only its name is looked at.
        return {f"{libraries}/libnvidia-ml.so.{version}": (b"", 0o644)}, {}, {}
    if name == "nvidia-smi":
        return {"/usr/bin/nvidia-smi": ((PROGRAMS / "nvidia-smi").read_bytes(), 0o755)}, {}, {}
    if name in ("nvidia-persistenced", "nvidia-fabricmanager"):
        unit = _SERVICE.format(name=name).encode()
        return {f"/usr/lib/systemd/system/{name}.service": (unit, 0o644)}, {}, {"postinst": _SERVICE_POSTINST}
    return {}, {}, {}


def driver_packages(version: str, revision: str = "1", broken: bool = False, kernel: str = "") -> list[Deb]:
    """Everything of one release of the driver; with `kernel` it wants that package, as one that was built for a newer kernel would."""
    branch = version.partition(".")[0]
    flavours = ("open",) if int(branch) >= 615 else ("open", "closed")
    found = [dkms_package(flavour, version, revision, broken) for flavour in flavours]
    for name, (same, others) in SAME_VERSION.items():
        if name in CLOSED_ONLY and "closed" not in flavours:
            continue
        files, links, scripts = _contents(name, version)
        depends = (*(f"{other} (= {version}-{revision})" for other in same), *others, *((kernel,) if kernel and name == "firmware-nvidia-gsp" else ()))
        found.append(Deb(name, f"{version}-{revision}", "amd64", depends=depends, files=files, links=links, scripts=scripts))
    # The trap of the real repository: a name with a branch that takes any newer one.
    if "closed" in flavours:
        found.append(Deb(f"cuda-drivers-{branch}", f"{version}-{revision}", "amd64", depends=(f"cuda-drivers (>= {version}-{revision})",)))
    return found


def pinning_package(branch: str) -> Deb:
    """The preference that holds a branch whose packages have no branch in their names."""
    names = " ".join(sorted({*SAME_VERSION, *DKMS_PACKAGES.values()}))
    text = f"Package: {names}\nPin: version {branch}.*\nPin-Priority: 1000\n"
    path = f"/etc/apt/preferences.d/nvidia-driver-pinning-{branch}"
    others = tuple(f"nvidia-driver-pinning-{other}" for other in RELEASES if other != branch)
    return Deb(NVIDIA_DEBIAN.pinning.format(branch=branch), f"{branch}-1", files={path: (text.encode(), 0o644)}, conflicts=others)


def offered(release: str) -> list[str]:
    """Branches that NVIDIA's repository has for a release of Debian, by the table of the plan."""
    return [offer.branch for offer in offers("cuda_repo", "debian", release)]


def publish(folder: Path, release: str, key: SigningKey, url: str, versions: Iterable[str], broken: Iterable[str] = (), more: Iterable[Deb] = ()) -> str:
    """The repository for one release of Debian with these releases of the driver. Gives the SHA-256 of its keyring package."""
    listed = list(versions)
    packages = [package for version in listed for package in driver_packages(version, broken=version in set(broken))]
    packages += [pinning_package(branch) for branch in offered(release)]
    keyring = keyring_package("cuda-keyring", "1.1-1", key, f"cuda-debian{release}-x86_64", url, keyring=KEYRING_PATH)
    return write_repository(folder, [*packages, keyring, *more], key, origin="NVIDIA", label="NVIDIA CUDA")[keyring.filename]


# What is on a host from before: Debian's own 535, half of another 550, and packages that are nobody's business.

FRAGMENTS = (
    *(Deb(name, "535.261.03-1~deb12u1", "amd64", section="non-free") for name in ("nvidia-alternative", "nvidia-kernel-support", "libnvidia-ml1")),
    Deb("libcuda1", "535.261.03-1~deb12u1", "amd64", depends=("nvidia-alternative (= 535.261.03-1~deb12u1)",)),
    Deb("nvidia-smi", "535.261.03-1~deb12u1", "amd64", depends=("libnvidia-ml1 (= 535.261.03-1~deb12u1)",)),
    Deb("nvidia-opencl-icd", "535.261.03-1~deb12u1", "amd64", depends=("nvidia-alternative (= 535.261.03-1~deb12u1)",)),
    Deb("libnvidia-compute-550", "550.163.01-0ubuntu1", "amd64"),
    Deb("nvidia-kernel-common-550", "550.163.01-0ubuntu1", "amd64"),
    Deb("nvidia-utils-550", "550.163.01-0ubuntu1", "amd64", depends=("libnvidia-compute-550",)),
)
BYSTANDERS = (
    Deb("cuda-toolkit-12-8", "12.8.1-1"),
    Deb("cuda-compat-12-8", "570.124.06-0ubuntu1", "amd64"),
    Deb("nvidia-container-toolkit", "1.20.0-1", "amd64"),
    Deb("xserver-xorg-core", "2:99.1-1", "amd64"),
)


def kernels(release: str, version: str, metapackages: Iterable[str]) -> list[Deb]:
    """Kernels as apt shows them, without a kernel in them: `release` and `version` are those of the headers which the archive has, such as 6.1.0-56."""
    found = []
    for metapackage in metapackages:
        flavour = metapackage.removeprefix("linux-image-")
        name = f"linux-image-{release}-{flavour}"
        files = {f"/lib/modules/{release}-{flavour}/modules.builtin": (b"", 0o644), f"/lib/modules/{release}-{flavour}/modules.order": (b"", 0o644)}
        # DKMS of Debian 13 leaves a kernel without modules.dep alone; a kernel's own package has depmod write it.
        scripts = {"postinst": f"#!/bin/sh\nset -e\ndepmod {release}-{flavour}\n"}
        found += [Deb(name, version, "amd64", files=files, scripts=scripts), Deb(metapackage, version, "amd64", depends=(name,))]
    return found


__all__ = ["BYSTANDERS", "FRAGMENTS", "RELEASES", "driver_packages", "kernels", "offered", "publish"]
