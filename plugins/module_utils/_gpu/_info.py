# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Joins what the bus, nvidia-smi and CUDA say about each card. Pure: facts in, document out."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._lookup import board, card_named, describe
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._pci import DISPLAY_CLASSES, NVIDIA, NVIDIA_GPU_CLASSES, PciDevice

# Display devices of virtual machines and boards, so that "no NVIDIA GPU" can say what is there instead.
DISPLAY_VENDORS = {
    "1002": "AMD",
    "1013": "Cirrus Logic",
    "102b": "Matrox",
    "1234": "QEMU/Bochs",
    "15ad": "VMware",
    "1414": "Microsoft Hyper-V",
    "1a03": "ASPEED (board management)",
    "1af4": "virtio",
    "1b36": "QEMU QXL",
    "8086": "Intel",
    "80ee": "VirtualBox",
    NVIDIA: "NVIDIA",
}

# NVLink switches of boards with several GPUs carry this class and NVIDIA's vendor id.
NVSWITCH_CLASS = "0680"

# Signalling rate of a link as sysfs prints it, in GT/s, to the generation of PCI Express.
GENERATIONS = {"2.5": 1, "5": 2, "5.0": 2, "8.0": 3, "16.0": 4, "32.0": 5, "64.0": 6}

Gpu = t.Dict[str, t.Any]
ByAddress = t.Dict[str, t.Dict[str, t.Any]]


def gpus(
    devices: t.List[PciDevice],
    smi: ByAddress,
    cuda: t.Optional[t.Dict[str, t.Any]],
    states: t.Optional[ByAddress] = None,
    information: t.Optional[ByAddress] = None,
) -> t.List[Gpu]:
    """One document a card; what a working driver reports wins over the catalogue."""
    by_cuda = {device["address"]: device["memory_bytes"] for device in (cuda or {}).get("devices", [])}
    return [
        dict(
            _gpu(device, smi.get(device.address), by_cuda.get(device.address)),
            state=(states or {}).get(device.address),
            information=(information or {}).get(device.address),
        )
        for device in devices
        if is_nvidia_gpu(device)
    ]


def nvswitches(devices: t.List[PciDevice]) -> int:
    """How many NVLink switches the bus shows; those of Blackwell boards it does not."""
    return len([device for device in devices if device.vendor_id == NVIDIA and device.class_id == NVSWITCH_CLASS])


def generation(speed: t.Optional[str]) -> t.Optional[int]:
    """`16.0 GT/s PCIe` to 4."""
    return GENERATIONS.get((speed or "").split(" ")[0])


def is_nvidia_gpu(device: PciDevice) -> bool:
    """Whether NVIDIA's driver would claim the function."""
    return device.vendor_id == NVIDIA and device.class_id in NVIDIA_GPU_CLASSES


def other_display(devices: t.List[PciDevice]) -> t.List[t.Dict[str, t.Any]]:
    """Display devices that are not NVIDIA GPUs."""
    return [
        {
            "pci_address": device.address,
            "vendor_id": device.vendor_id,
            "device_id": device.device_id,
            "description": "%s %s" % (DISPLAY_VENDORS.get(device.vendor_id, "unknown vendor"), DISPLAY_CLASSES[device.class_id]),
            "driver": device.driver,
        }
        for device in devices
        if device.class_id in DISPLAY_CLASSES and not is_nvidia_gpu(device)
    ]


def summary(found: t.List[Gpu], others: t.List[t.Dict[str, t.Any]], withheld: int = 0) -> str:
    """One line for people."""
    if not found:
        text = "no NVIDIA GPU found on the PCI bus"
        return text + ("; other display devices: " + ", ".join(other["description"] for other in others) if others else "")
    counts: t.Dict[str, int] = {}
    for gpu in found:
        label = "%s (%s)" % (gpu["name"], _size(gpu["memory_bytes"]))
        counts[label] = counts.get(label, 0) + 1
    drivers = sorted({gpu["driver"] or "none" for gpu in found})
    text = "%s; kernel driver: %s" % (", ".join("%d x %s" % (count, label) for label, count in counts.items()), ", ".join(drivers))
    return text + ("; %d more of the machine not given to this container" % withheld if withheld else "")


def _size(memory_bytes: t.Optional[int]) -> str:
    return "%.1f GiB" % (memory_bytes / 2**30) if memory_bytes is not None else "memory unknown"


def _gpu(device: PciDevice, smi: t.Optional[t.Dict[str, t.Any]], cuda_bytes: t.Optional[int]) -> Gpu:
    facts = describe(device.device_id, device.subsystem_device_id)
    reported = smi or {}
    if reported.get("name"):
        facts["name"] = reported["name"]
        card = card_named(reported["name"])
        if card is not None:
            facts["bandwidth_bytes_per_s"] = card.bandwidth_gb_s * 10**9
            facts["figures_verified"] = card.verified
    if reported.get("compute_capability"):
        facts["compute_capability"] = reported["compute_capability"]
    if reported.get("memory_bytes"):
        facts.update(memory_bytes=reported["memory_bytes"], memory_source="nvidia-smi")
    return dict(
        facts,
        pci_address=device.address,
        vendor_id=device.vendor_id,
        device_id=device.device_id,
        subsystem_vendor_id=device.subsystem_vendor_id,
        subsystem_device_id=device.subsystem_device_id,
        driver=device.driver,
        driver_version=reported.get("driver_version"),
        uuid=reported.get("uuid"),
        cuda_memory_bytes=cuda_bytes,
        pcie={
            "speed": device.link_speed,
            "width": device.link_width,
            "max_speed": device.max_link_speed,
            "max_width": device.max_link_width,
            "generation": generation(device.link_speed),
            "max_generation": generation(device.max_link_speed),
        },
        board=board(device.device_id, device.subsystem_vendor_id, device.subsystem_device_id),
        bar1_bytes=device.bar1_bytes,
        bars=[{"register": register, "bytes": size} for register, size in device.bars],
        numa_node=device.numa_node,
        iommu_group=device.iommu_group,
    )
