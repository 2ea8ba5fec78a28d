# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the part of sysfs that a PCI scan reads. Built and not checked in: the names hold colons, which not every file system takes."""

from __future__ import annotations

import typing as t
from pathlib import Path

# What a card's `resource` file holds: 16 MiB of registers, then the window into its memory, then 32 MiB.
ADA_RESOURCE = """0x00000000fb000000 0x00000000fbffffff 0x0000000000040200
0x0000004000000000 0x00000047ffffffff 0x000000000014220c
0x0000000000000000 0x0000000000000000 0x0000000000000000
0x0000004800000000 0x0000004801ffffff 0x000000000014220c
0x0000000000000000 0x0000000000000000 0x0000000000000000
0x0000000000000000 0x0000000000000000 0x0000000000000000
"""
# A Hopper board has its registers in a 64-bit region too, so its window starts one register later.
HOPPER_RESOURCE = """0x0000054042000000 0x0000054042ffffff 0x000000000014220c
0x0000000000000000 0x0000000000000000 0x0000000000000000
0x0000050000000000 0x0000053fffffffff 0x000000000014220c
0x0000000000000000 0x0000000000000000 0x0000000000000000
0x0000054040000000 0x0000054041ffffff 0x000000000014220c
0x0000000000000000 0x0000000000000000 0x0000000000000000
"""

Attributes = t.Dict[str, str]


def build(root: Path, devices: t.Dict[str, Attributes]) -> str:
    """A sysfs below `root`; `driver` and `iommu_group` become links, everything else a file."""
    base = root / "bus" / "pci" / "devices"
    base.mkdir(parents=True)
    for address, attributes in devices.items():
        folder = base / address
        folder.mkdir()
        for name, value in attributes.items():
            if name in ("driver", "iommu_group"):
                target = root / name / value
                target.mkdir(parents=True, exist_ok=True)
                (folder / name).symlink_to(target)
            else:
                (folder / name).write_text(value + "\n", encoding="ascii")
    return str(root)


def device(vendor: str, device_id: str, class_id: str, **more: str) -> Attributes:
    """Attributes of one function; ids without the leading 0x."""
    return {"vendor": "0x" + vendor, "device": "0x" + device_id, "class": "0x" + class_id + "00", **more}


BRIDGE = device("8086", "0d57", "0600", driver="skx_uncore")
NETWORK = device("1af4", "1041", "0200", driver="virtio-pci")

# An RTX 4000 SFF Ada with its sound function, no driver, beside the graphics of the processor.
ADA_UNBOUND = {
    "0000:00:00.0": BRIDGE,
    "0000:00:02.0": device("8086", "4680", "0300", driver="i915"),
    "0000:01:00.0": device(
        "10de",
        "27b0",
        "0300",
        subsystem_vendor="0x10de",
        subsystem_device="0x16fa",
        resource=ADA_RESOURCE,
        current_link_speed="2.5 GT/s PCIe",
        current_link_width="8",
        max_link_speed="16.0 GT/s PCIe",
        max_link_width="16",
        numa_node="-1",
    ),
    "0000:01:00.1": device("10de", "22bc", "0403", driver="snd_hda_intel"),
}

# Two H200 with the driver bound, and the NVSwitch that is no GPU.
HOPPER_PAIR = {
    "0000:19:00.0": device("10de", "2335", "0302", driver="nvidia", resource=HOPPER_RESOURCE, numa_node="0", iommu_group="57"),
    "0000:3b:00.0": device("10de", "2335", "0302", driver="nvidia", resource=HOPPER_RESOURCE, numa_node="1", iommu_group="58"),
    "0000:07:00.0": device("10de", "22a3", "0680", driver="nvidia-nvswitch"),
}

# A card newer than the catalogue, in a known range of ids and beyond every range.
BLACKWELL_UNLISTED = {"0000:01:00.0": device("10de", "2bb7", "0300", driver="nouveau")}
BEYOND_EVERY_RANGE = {"0000:01:00.0": device("10de", "3500", "0302")}

# Virtual machines: one with only virtio devices, one with a Bochs display.
VIRTIO_ONLY = {"0000:00:00.0": BRIDGE, "0000:00:03.0": NETWORK}
BOCHS_DISPLAY = {"0000:00:00.0": BRIDGE, "0000:00:02.0": device("1234", "1111", "0300", driver="bochs-drm"), "0000:00:03.0": NETWORK}
