# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packages of a Debian or Ubuntu host, out of dpkg's own list. Read as a file: apt may hold dpkg's lock for minutes."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._reader import Reader

STATUS_FILE = "/var/lib/dpkg/status"

# Beginnings of package names, by what the packages are for. `nvidia` is everything that drives a card, of any distribution, source and branch.
KINDS: t.Dict[str, t.Tuple[str, ...]] = {
    "containers": ("docker-ce", "docker.io", "docker-compose", "containerd", "podman", "nvidia-container-", "libnvidia-container"),
    "kernel": ("linux-image-", "linux-headers-", "linux-modules-", "dkms"),
    "nvidia": (
        "nvidia-",
        "libnvidia-",
        "libcuda1",
        "libcudadebugger1",
        "libnvcuvid1",
        "libnvoptix1",
        "linux-modules-nvidia-",
        "linux-objects-nvidia-",
        "linux-signatures-nvidia-",
        "xserver-xorg-video-nvidia",
        "firmware-nvidia-",
        "cuda-drivers",
        "cuda-compat-",
        "cuda-keyring",
    ),
    "tools": (
        "nvidia-cuda-dev",
        "nvidia-cuda-gdb",
        "nvidia-cuda-toolkit",
        "nvidia-cudnn",
        "nvidia-gpu-exporter",
        "nvidia-nsight",
        "nvidia-profiler",
        "nvidia-visual-profiler",
        "cuda-toolkit",
    ),
}
FIELDS = re.compile(r"^(Package|Status|Version|Architecture): (.*)$", re.M)


class Package(t.NamedTuple):
    """One entry of dpkg's list; `wanted` is what was asked for (`install`, `hold`, `deinstall`), `state` what is there."""

    name: str
    version: t.Optional[str]
    architecture: t.Optional[str]
    wanted: str
    state: str


def package_facts(reader: Reader) -> t.Optional[t.Dict[str, t.Any]]:
    """None where dpkg does not manage the host."""
    status = reader.text(STATUS_FILE, expected=True)
    if status is None:
        return None
    found = parse_status(status)
    facts: t.Dict[str, t.Any] = {"manager": "dpkg", "held": sorted({one.name for one in found if one.wanted == "hold"})}
    facts.update({kind: [describe(one) for one in found if kind_of(one.name) == kind] for kind in KINDS})
    return facts


def parse_status(text: str) -> t.List[Package]:
    """Every package that left something on the host, by name; a paragraph without a name or a status is left out."""
    found = []
    for paragraph in re.split(r"\n\s*\n", text):
        fields = dict(FIELDS.findall(paragraph))
        words = fields.get("Status", "").split()
        if "Package" not in fields or len(words) != 3 or words[2] == "not-installed":
            continue
        found.append(Package(fields["Package"].strip(), fields.get("Version"), fields.get("Architecture"), words[0], words[2]))
    return sorted(found)


def kind_of(name: str) -> t.Optional[str]:
    """The kind whose longest beginning the name has: `linux-modules-nvidia-…` is NVIDIA's, `nvidia-container-…` the containers'."""
    fits = [(len(prefix), kind) for kind, prefixes in KINDS.items() for prefix in prefixes if name.startswith(prefix)]
    return max(fits)[1] if fits else None


def describe(package: Package) -> t.Dict[str, t.Any]:
    """As the module returns it."""
    return {
        "name": package.name,
        "version": package.version,
        "architecture": package.architecture,
        "state": package.state,
        "held": package.wanted == "hold",
    }


def version_of(facts: t.Optional[t.Dict[str, t.Any]], name: re.Pattern[str]) -> t.Optional[t.Dict[str, t.Any]]:
    """The first installed NVIDIA package that a pattern names."""
    packages = (facts or {}).get("nvidia", [])
    return next((one for one in packages if one["state"] == "installed" and name.match(one["name"])), None)
