# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How far one partition can grow: only into the space directly behind it."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._storage._chain import WHOLE, ancestry, disk_of, unsafe_below
from ansible_collections.inferhost.llm.plugins.module_utils._storage._types import MIB, TIB, Device, Facts, Partition, PhysicalVolume, Refused, size_text

# growpart leaves these at the end of every disk for the second copy of a GPT, and does nothing for less than a MiB.
GPT_SECTORS = 33
LEAST_GROWTH = MIB
# What an MBR can address: 2^32 sectors of 512 bytes.
MBR_LIMIT = 2 * TIB
# Installers leave a few MiB here and there; less than this is nobody's lost space.
WORTH_SAYING = 64 * MIB
TABLES = ("gpt", "dos")
# The first four numbers of an MBR are its own, the others lie inside an extended partition.
FIRST_LOGICAL = 5


class Reach(t.NamedTuple):
    """`gain`: bytes that growpart can add. `obstacle`: why there is more on the disk than it can reach. `fixed`: what lies on it keeps its size."""

    disk: Device
    gain: int = 0
    obstacle: t.Optional[Refused] = None
    fixed: bool = False


def reach_of(device: Device, devices: t.Dict[str, Device]) -> Reach:
    """A disk cannot grow, a partition up to the next one or the end of the disk."""
    if device.type in WHOLE:
        return Reach(device)
    disk, part = disk_of(device, devices), device.partition
    if part is None or disk is device:
        return Reach(disk, 0, _nowhere(device))
    last = disk.size - GPT_SECTORS * disk.sector
    others = [(other.partition, other) for other in devices.values() if other.partition is not None and disk.name in other.parents]
    behind = sorted(((place, other) for place, other in others if place.start >= part.end), key=lambda pair: pair[0].start)
    end = min([last, *(place.start for place, _other in behind)])
    beyond = last - max([part.end, *(place.end for place, _other in behind)])
    table = device.table or disk.table
    wasted = max(beyond, end - part.end)
    if table not in TABLES:
        return Reach(disk, 0, _table(disk, table) if wasted >= WORTH_SAYING else None)
    if table == "dos" and part.number >= FIRST_LOGICAL:
        return Reach(disk, 0, _logical(device, part) if wasted >= WORTH_SAYING else None)
    obstacle = None
    if table == "dos" and last > MBR_LIMIT:
        end, obstacle = min(end, MBR_LIMIT), _mbr(disk)
    if behind and beyond >= WORTH_SAYING:
        obstacle = _blocked(device, behind, beyond)
    gain = end - part.end
    return Reach(disk, gain if gain >= LEAST_GROWTH else 0, obstacle)


def reach_of_physical(device: Device, row: PhysicalVolume, facts: Facts) -> Reach:
    """A physical volume on encryption, RAID or several paths stays as it is; that is worth saying only where one of its layers could be larger."""
    unsafe = unsafe_below(device, facts)
    if unsafe is None:
        return reach_of(device, facts.devices)
    reaches = [reach_of(layer, facts.devices) for layer in ancestry(device, facts.devices) if layer.type == "part"]
    hidden = [device.size - row.data_start - row.size, *(reach.gain for reach in reaches)]
    worth = any(size >= WORTH_SAYING for size in hidden) or any(reach.obstacle for reach in reaches)
    return Reach(device, 0, unsafe if worth else None, fixed=True)


def _nowhere(device: Device) -> Refused:
    seen = "where %s lies on its disk is not known" % device.path
    return Refused("partition_unknown", "partition", seen, "see what lsblk and /sys/class/block say; inside a container storage is grown on its host")


def _blocked(device: Device, behind: t.Sequence[t.Tuple[Partition, Device]], beyond: int) -> Refused:
    names = ", ".join("%s (%s)" % (other.path, other.content or "no known content") for _place, other in behind)
    seen = "%s free at the end of the disk, but between it and %s lies %s" % (size_text(beyond), device.path, names)
    swap = any(other.content == "swap" for _place, other in behind)
    remedy = "swapoff and delete the swap partition (a swap file does as well)" if swap else "use the free space as a partition of its own for the models"
    return Refused("partition_behind", "partition", seen, remedy)


def _mbr(disk: Device) -> Refused:
    seen = "%s has %s, its MBR can address 2 TiB" % (disk.path, size_text(disk.size))
    return Refused("mbr_limit", "partition", seen, "convert the disk to GPT (gdisk, with a backup), or put the models on another disk")


def _logical(device: Device, part: Partition) -> Refused:
    seen = "%s is logical partition %d inside an extended one, which would have to grow first" % (device.path, part.number)
    return Refused("logical_partition", "partition", seen, "grow both by hand (parted), or put the models on another disk")


def _table(disk: Device, table: str) -> Refused:
    seen = "%s has a partition table of kind %s" % (disk.path, table or "nothing known")
    return Refused("partition_table", "partition", seen, "only GPT and MBR are grown; run as root, so that blkid can look at the disk")
