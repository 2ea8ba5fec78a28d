# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The PCI bus as sysfs shows it; works without any driver."""

from __future__ import annotations

import os
import re
import typing as t

DISPLAY_CLASSES = {"0300": "VGA controller", "0302": "3D controller", "0380": "display controller"}
NVIDIA = "10de"
# The classes that NVIDIA's driver claims; the sound function of a card (0403) is not one of them.
NVIDIA_GPU_CLASSES = ("0300", "0302")

ADDRESS = re.compile(r"^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$")
# The kernel writes six base address registers first; a 64-bit region takes two lines, the second of them empty.
BASE_REGISTERS = 6


class PciDevice(t.NamedTuple):
    """One PCI function; ids are four lower-case hexadecimal digits, `bars` pairs of register and bytes."""

    address: str
    vendor_id: str
    device_id: str
    class_id: str
    subsystem_vendor_id: t.Optional[str]
    subsystem_device_id: t.Optional[str]
    driver: t.Optional[str]
    link_speed: t.Optional[str]
    link_width: t.Optional[int]
    max_link_speed: t.Optional[str]
    max_link_width: t.Optional[int]
    bar1_bytes: t.Optional[int]
    bars: t.Tuple[t.Tuple[int, int], ...]
    numa_node: t.Optional[int]
    iommu_group: t.Optional[int]


def read_devices(sysfs_root: str = "/sys") -> t.List[PciDevice]:
    """Every function on the bus, by address; an unreadable or half-written entry is left out."""
    base = os.path.join(sysfs_root, "bus", "pci", "devices")
    try:
        names = sorted(name for name in os.listdir(base) if ADDRESS.match(name))
    except OSError:
        return []
    found = (_read_device(base, name) for name in names)
    return [device for device in found if device is not None]


def _read_device(base: str, address: str) -> t.Optional[PciDevice]:
    folder = os.path.join(base, address)
    vendor, device, class_id = (_hex_id(folder, name) for name in ("vendor", "device", "class"))
    if vendor is None or device is None or class_id is None:
        return None
    resource = _text(folder, "resource") or ""
    return PciDevice(
        address=address,
        vendor_id=vendor,
        device_id=device,
        class_id=class_id,
        subsystem_vendor_id=_hex_id(folder, "subsystem_vendor"),
        subsystem_device_id=_hex_id(folder, "subsystem_device"),
        driver=_link_name(folder, "driver"),
        link_speed=_text(folder, "current_link_speed"),
        link_width=_number(folder, "current_link_width"),
        max_link_speed=_text(folder, "max_link_speed"),
        max_link_width=_number(folder, "max_link_width"),
        bar1_bytes=bar1_bytes(resource),
        bars=regions(resource),
        # -1 is how the kernel says that the machine has no NUMA nodes.
        numa_node=_not_negative(_number(folder, "numa_node")),
        iommu_group=_to_int(_link_name(folder, "iommu_group")),
    )


def bar1_bytes(resource: str) -> t.Optional[int]:
    """Size of a GPU's window into its memory: the second region in use, whichever registers the card has put it in."""
    used = regions(resource)
    return used[1][1] if len(used) > 1 else None


def regions(resource: str) -> t.Tuple[t.Tuple[int, int], ...]:
    """Register and bytes of every region in use."""
    sizes = (_region_bytes(line) for line in resource.splitlines()[:BASE_REGISTERS])
    return tuple((register, size) for register, size in enumerate(sizes) if size)


def _region_bytes(line: str) -> int:
    """A line holds start, end and flags, all zero where there is no region."""
    fields = line.split()
    try:
        start, end = int(fields[0], 16), int(fields[1], 16)
    except (IndexError, ValueError):
        return 0
    return end - start + 1 if end > start else 0


def _text(folder: str, name: str) -> t.Optional[str]:
    try:
        with open(os.path.join(folder, name), encoding="ascii", errors="replace") as handle:
            return handle.read().strip() or None
    except OSError:
        return None


def _hex_id(folder: str, name: str) -> t.Optional[str]:
    """`0x10de` to `10de`; of a class, `0x030200`, the first four digits."""
    text = _text(folder, name)
    if text is None or not re.match(r"^0x[0-9a-fA-F]{4,6}$", text):
        return None
    return text[2:6].lower()


def _number(folder: str, name: str) -> t.Optional[int]:
    return _to_int(_text(folder, name))


def _to_int(text: t.Optional[str]) -> t.Optional[int]:
    try:
        return int(text) if text is not None else None
    except ValueError:
        return None


def _not_negative(number: t.Optional[int]) -> t.Optional[int]:
    return number if number is not None and number >= 0 else None


def _link_name(folder: str, name: str) -> t.Optional[str]:
    try:
        return os.path.basename(os.readlink(os.path.join(folder, name)))
    except OSError:
        return None
