# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which kernels are installed, and the packages that follow each of them. Pure.

A module is built for one kernel. So the headers, or the prebuilt module, have to come through the package that moves with the kernel's own metapackage;
the package for the running kernel alone would be left behind by the next kernel.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._driver._types import Host, Package

# Kernel series that a release began with; a newer `generic` kernel belongs to the hardware enablement stack. Ubuntu's release notes.
FIRST_SERIES = {"22.04": "5.15", "24.04": "6.8", "26.04": "7.0"}
DEBIAN_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
# Metapackages that bring another flavour's kernel. Common knowledge, not looked up.
ALIASES = {"virtual": "generic"}

# linux-image-6.8.0-117-generic, linux-image-6.1.0-40-cloud-amd64, linux-image-6.12.57+deb13-amd64, each also as -unsigned.
_IMAGE = re.compile(r"^linux-image-(?:unsigned-)?(?P<release>\d[\w.+~]*(?:-\d[\w.+~]*)?-(?P<flavour>[a-z][\w.-]*?))(?:-unsigned)?$")
_METAPACKAGE = re.compile(r"^linux-image-(?P<flavour>(?!unsigned|uc-)[a-z][\w.-]*)$")


class Kernels(t.NamedTuple):
    """Kernels of a host."""

    # Flavours as metapackages name them: `generic-hwe-24.04`, `cloud-amd64`.
    flavours: t.Tuple[str, ...]
    # `uname -r` of each installed kernel.
    releases: t.Tuple[str, ...]
    # Installed kernels that no flavour follows.
    unfollowed: t.Tuple[str, ...]


def kernels(host: Host) -> Kernels:
    """From the installed packages, and the running kernel where they do not show it."""
    images = [found for found in (_IMAGE.match(package.name) for package in host.packages if not package.name.endswith("-dbg")) if found]
    releases = _unique([found.group("release") for found in images] + ([host.running_kernel] if host.running_kernel else []))
    flavours = _unique([ALIASES.get(name, name) for name in _metapackages(host)])
    unfollowed = []
    for release in releases:
        guess = flavour_of(release, host.distribution, host.release)
        if any(_follows(flavour, release, guess) for flavour in flavours):
            continue
        if guess:
            flavours.append(guess)
        else:
            unfollowed.append(release)
    return Kernels(tuple(_unique(flavours)), tuple(releases), tuple(unfollowed))


def flavour_of(kernel: str, distribution: str, release: str) -> t.Optional[str]:
    """The metapackage's flavour for a kernel that no installed metapackage follows; None for one that is not the distribution's."""
    parts = re.match(r"^(\d+\.\d+)[\w.+~]*-(?:\d[\w.+~]*-)?([a-z][\w.-]*)$", kernel)
    if not parts:
        return None
    series, flavour = parts.groups()
    if distribution == "debian":
        return flavour if re.match(r"^(?:cloud-|rt-)?(?:amd64|arm64)$", flavour) else None
    if not re.match(r"^(?:generic|lowlatency|aws|azure|gcp|oracle|nvidia|ibm|generic-64k|nvidia-64k)$", flavour):
        return None
    hwe = flavour in ("generic", "lowlatency", "generic-64k") and release in FIRST_SERIES and series != FIRST_SERIES[release]
    return "%s-hwe-%s" % (flavour, release) if hwe else flavour


def headers_for(found: Kernels) -> t.List[str]:
    """The metapackages that bring the headers of each flavour's next kernel too."""
    return ["linux-headers-%s" % flavour for flavour in found.flavours]


def images_for(found: Kernels, host: Host) -> t.List[str]:
    """The metapackages that bring the next kernel of each flavour, by the names that the host has them under."""
    there = _metapackages(host)
    images = []
    for flavour in found.flavours:
        images += [name for name in there if ALIASES.get(name, name) == flavour] or [flavour]
    return ["linux-image-%s" % name for name in images]


def _metapackages(host: Host) -> t.List[str]:
    names = [package.name for package in host.packages]
    return [found.group("flavour") for found in map(_METAPACKAGE.match, names) if found and not found.group("flavour").endswith(("-dbg", "-unsigned"))]


def _follows(flavour: str, kernel: str, guess: t.Optional[str]) -> bool:
    """Whether the flavour brings such kernels: `generic-hwe-24.04`, and not `generic`, brings 24.04 its `6.17.0-5-generic`."""
    if flavour == guess:
        return True
    if guess is None or ("-hwe-" in flavour) != ("-hwe-" in guess):
        return False
    return kernel.endswith("-" + re.sub(r"-hwe-\d\d\.\d\d.*$", "", flavour)) and "-hwe-" in flavour


def _unique(names: t.Iterable[str]) -> t.List[str]:
    return list(dict.fromkeys(names))


def installed_version(packages: t.Iterable[Package], name: str) -> t.Optional[str]:
    """Version of a package, None when it is not there."""
    return next((package.version for package in packages if package.name == name), None)
