# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the driver decision has to know about this machine, read from files and from dpkg. Reads only."""

from __future__ import annotations

import os
import platform
import re
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._driver._branches import NVLINK5_CAPABILITIES
from ansible_collections.inferhost.llm.plugins.module_utils._driver._types import CLOSED, OPEN, Card, Host, Module, Package
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._host import secure_boot
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._pci import NVIDIA, PciDevice
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._process import run_bounded

# What the user wants of a package (`hold`), what it is, its name and its version.
DPKG_FORMAT = "${db:Status-Want}\t${db:Status-Status}\t${Package}\t${Version}\n"
# dpkg answers from one file; it is slow only on a broken disk.
DPKG_TIMEOUT = 60.0
# Half-installed packages count: an interrupted run has to see what it left.
PRESENT = ("installed", "unpacked", "half-configured", "triggers-awaited", "triggers-pending")

NVSWITCH_CLASS = "0680"
# What an adapter that leads to the switches of NVLink 5 says in its product data (NVIDIA/gpu-driver-container looks for it).
SWITCH_MANAGEMENT = b"SW_MNG"


class Unreadable(Exception):
    """A source of facts did not answer; the message says which."""


def read_host(devices: t.Sequence[PciDevice], cards: t.Sequence[Card], dpkg_query: str, roots: t.Mapping[str, str], mok_enrolled: bool) -> Host:
    """Everything; raises Unreadable where dpkg does not answer. `roots` holds the places of etc, proc and sys."""
    release = parse_os_release(_read(os.path.join(roots["etc"], "os-release")))
    packages, held = installed(dpkg_query)
    return Host(
        distribution=release.get("ID", ""),
        release=short_release(release.get("ID", ""), release.get("VERSION_ID", "")),
        architecture=platform.machine(),
        running_kernel=_read(os.path.join(roots["proc"], "sys/kernel/osrelease")).strip(),
        packages=packages,
        held=held,
        secure_boot=secure_boot(roots["sys"]),
        mok_enrolled=mok_enrolled,
        module=loaded_module(roots["proc"], roots["sys"]),
        nvswitch=nvswitch(devices, cards, roots["sys"]),
    )


def parse_os_release(text: str) -> t.Dict[str, str]:
    """Names to values, without quotes."""
    return {name: value.strip("\"'") for name, value in re.findall(r"^([A-Z_]+)=(.*)$", text, re.M)}


def short_release(distribution: str, version: str) -> str:
    """Debian counts by its first number, Ubuntu by both."""
    return version.partition(".")[0] if distribution == "debian" else version


def installed(dpkg_query: str) -> t.Tuple[t.Tuple[Package, ...], t.Tuple[str, ...]]:
    """Packages that are there, and the names of those that are held."""
    ended = run_bounded([dpkg_query, "--show", "--showformat", DPKG_FORMAT], DPKG_TIMEOUT)
    if ended.how != "exit" or ended.status != 0:
        raise Unreadable("%s: %s" % (dpkg_query, ended.detail or ended.errors.strip() or "exit status %d" % ended.status))
    return parse_dpkg(ended.output)


def parse_dpkg(output: str) -> t.Tuple[t.Tuple[Package, ...], t.Tuple[str, ...]]:
    """Each package once, whatever the number of its architectures."""
    rows = [row.split("\t") for row in output.splitlines()]
    present = [row for row in rows if len(row) == 4 and row[1] in PRESENT]
    packages = tuple(dict.fromkeys(Package(name, version) for _want, _status, name, version in present))
    return packages, tuple(dict.fromkeys(name for want, _status, name, _version in present if want == "hold"))


def loaded_module(proc_root: str, sysfs_root: str) -> t.Optional[Module]:
    """The module that holds the cards: NVIDIA's, nouveau, or none."""
    version = _read(os.path.join(sysfs_root, "module/nvidia/version")).strip()
    if version:
        described = _read(os.path.join(proc_root, "driver/nvidia/version"))
        return Module("nvidia", version, (OPEN if "Open Kernel Module" in described else CLOSED) if described else "")
    if os.path.isdir(os.path.join(sysfs_root, "module/nouveau")):
        return Module("nouveau")
    return None


def nvswitch(devices: t.Sequence[PciDevice], cards: t.Sequence[Card], sysfs_root: str) -> t.Optional[bool]:
    """Up to NVLink 4 the switches are on the PCI bus of the host; from then on only an adapter whose driver is loaded tells."""
    if any(device.vendor_id == NVIDIA and device.class_id == NVSWITCH_CLASS for device in devices):
        return True
    if not any(card.compute_capability in NVLINK5_CAPABILITIES for card in cards):
        return False
    return True if _manages_switches(sysfs_root) else None


def _manages_switches(sysfs_root: str) -> bool:
    adapters = os.path.join(sysfs_root, "class/infiniband")
    try:
        names = os.listdir(adapters)
    except OSError:
        return False
    return any(SWITCH_MANAGEMENT in _read_bytes(os.path.join(adapters, name, "device/vpd")) for name in names)


def _read_bytes(path: str) -> bytes:
    try:
        with open(path, "rb") as handle:
            return handle.read()
    except OSError:
        return b""


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            return handle.read()
    except OSError:
        return ""
