# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The decision: which layers grow, in which order, from what size to what size. Nothing here touches a disk.

Each layer is judged by its own size, so what an interrupted run left half done is simply what is left to do.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._storage._chain import Chain, describe, walk
from ansible_collections.inferhost.llm.plugins.module_utils._storage._filesystem import KINDS
from ansible_collections.inferhost.llm.plugins.module_utils._storage._partition import WORTH_SAYING, Reach, reach_of, reach_of_physical
from ansible_collections.inferhost.llm.plugins.module_utils._storage._types import (
    GIB,
    KIB,
    MIB,
    SCHEMA,
    TIB,
    Device,
    Document,
    Facts,
    LogicalVolume,
    PhysicalVolume,
    Refused,
    StorageInputError,
    VolumeGroup,
    Wish,
    size_text,
)

ALL_FREE = "all_free"
# Without the filesystem's own word, statvfs leaves out its tables: 1.6 % of an ext4 as mke2fs makes it, 6 % in its densest profile.
ESTIMATE_SLACK = 0.10
_SIZE = re.compile(r"^(\d+)(?:([KMGT])(?:iB)?)?$")
_UNITS = {None: 1, "K": KIB, "M": MIB, "G": GIB, "T": TIB}


def parse_target(text: str) -> Wish:
    """`all_free`, `80%`, or a size: bytes, or with K, M, G, T (binary, with or without iB)."""
    if text == ALL_FREE:
        return Wish()
    percent = re.fullmatch(r"(\d+)%", text)
    if percent and 1 <= int(percent.group(1)) <= 100:
        return Wish(percent=int(percent.group(1)))
    size = _SIZE.match(text)
    if size and int(size.group(1)) > 0:
        return Wish(size=int(size.group(1)) * _UNITS[size.group(2)])
    raise StorageInputError("target is %r: all_free, a percentage from 1%% to 100%%, or a size such as 500G" % text)


Carrier = t.Tuple[Device, PhysicalVolume, Reach]


class _Plan:
    """What has been decided so far. `device_after` is the size of the filesystem's device once all steps have run."""

    def __init__(self) -> None:
        self.steps: t.List[Document] = []
        self.notes: t.List[Document] = []
        self.refusal: t.Optional[Refused] = None

    def step(self, action: str, device: str, command: t.Sequence[str], before: int, after: int, reason: str, **more: t.Any) -> None:
        sizes = {"before_bytes": before, "after_bytes": after, "reason": reason}
        self.steps.append({"action": action, "device": device, "command": list(command), **sizes, **more})

    def note(self, code: str, message: str) -> None:
        self.notes.append({"code": code, "message": message})


def decide(facts: Facts, wish: Wish) -> Document:
    """The plan for one mount."""
    plan = _Plan()
    gain = 0
    try:
        chain = walk(facts)
        device_after = _grow_volume(plan, chain, facts, wish) if chain.volume else _grow_partition(plan, chain, facts, wish)
        gain = _grow_filesystem(plan, chain, facts, device_after)
    except Refused as refused:
        plan.refusal = refused
    return {
        "schema": SCHEMA,
        "mount_point": facts.mount.point,
        "steps": plan.steps,
        "chain": describe(facts),
        "free": _free(facts, gain, wish),
        "notes": plan.notes,
        "refusal": plan.refusal.document() if plan.refusal else None,
    }


# With LVM


def _grow_volume(plan: _Plan, chain: Chain, facts: Facts, wish: Wish) -> int:
    """Steps for partition, physical and logical volume; returns the logical volume's size after them."""
    if chain.volume is None or chain.group is None:
        raise ValueError("the chain of %s has no logical volume" % chain.device.path)
    volume, group, extent = chain.volume, chain.group, chain.group.extent
    reaches = [(device, row, reach_of_physical(device, row, facts)) for device, row in chain.carriers if row is not None]
    single = reaches[0] if len(reaches) == 1 else None
    resized = _more_extents(single, extent, 0) if single else 0
    grown = max(resized, _more_extents(single, extent, single[2].gain)) if single else 0
    free = sum(row.free // extent for _device, row, _reach in reaches)
    now, kept = volume.size // extent, -(-wish.reserve // extent)
    room = max(0, free + grown - kept)
    wanted = _wanted(wish, now + room, group.size // extent + grown, extent)
    if volume.stripes > 1 and wanted > now:
        # A stripe is as long as its neighbours.
        wanted = now - (now - wanted) // volume.stripes * volume.stripes if _striped(volume) else wanted
        room = _room_by_layout(plan, volume, reaches, room, wanted - now, extent)
    goal = max(now, min(wanted, now + room))
    _say_target(plan, wish, wanted * extent, volume.size, (now + room) * extent, group.size + grown * extent)
    if wanted > goal or wish.everything:
        plan.refusal = plan.refusal or _obstacle(reaches, single is not None, extent)
    if kept > free + grown:
        plan.note(
            "reserve_short", "%s has less free than the %s to be kept free: %s" % (group.name, size_text(wish.reserve), size_text((free + grown) * extent))
        )

    missing = goal - now - (free - kept)
    if single is not None and goal > now and missing > 0:
        _grow_physical(plan, single, group, missing <= resized, resized, grown)
    if goal > now:
        _extend(plan, volume, group, goal, everything=wish.everything and not wish.reserve and volume.segments == ("linear",))
    return max(volume.size, goal * extent) if goal > now else volume.size


def _more_extents(carrier: Carrier, extent: int, gain: int) -> int:
    """Extents that pvresize would add once the device has gained something."""
    device, row, reach = carrier
    return 0 if reach.fixed else max(0, (device.size + gain - row.data_start) // extent - row.size // extent)


def _wanted(wish: Wish, most: int, basis: int, extent: int) -> int:
    """Extents of the logical volume that the wish stands for."""
    if wish.size is not None:
        return -(-wish.size // extent)
    return basis * wish.percent // 100 if wish.percent is not None else most


def _room_by_layout(plan: _Plan, volume: LogicalVolume, reaches: t.Sequence[Carrier], room: int, wanted: int, extent: int) -> int:
    """Extents that a striped or mirrored volume can gain out of `room` in its group: stripes and copies each want a physical volume of their own."""
    frees = sorted((row.free // extent for _device, row, _reach in reaches), reverse=True)
    least = frees[volume.stripes - 1] if len(frees) >= volume.stripes else 0
    gain = min(least, room // volume.stripes) * (volume.stripes if _striped(volume) else 1)
    if wanted > gain and (room - least * volume.stripes) * extent >= WORTH_SAYING:
        name, having = "%s/%s" % (volume.group, volume.name), sum(1 for free in frees if free > least)
        seen = "%s (%s) wants the same space on %d physical volumes, and " % (name, ", ".join(volume.segments), volume.stripes)
        seen += "%s is free on no more than %d" % (size_text((room - least * volume.stripes) * extent), having)
        plan.refusal = Refused("too_few_pvs", "lv", seen, "add a physical volume to the group: vgextend %s DEVICE" % volume.group)
    return gain


def _striped(volume: LogicalVolume) -> bool:
    return volume.stripes > 1 and "striped" in volume.segments


def _obstacle(reaches: t.Sequence[Carrier], single: bool, extent: int) -> t.Optional[Refused]:
    """Why space on the disks stays out of reach."""
    if single:
        return reaches[0][2].obstacle
    growable = [carrier[0].path for carrier in reaches if _more_extents(carrier, extent, carrier[2].gain) * extent >= WORTH_SAYING]
    if growable:
        seen = "the group has %d physical volumes, and %s could grow: which one should is not for a program to guess" % (len(reaches), ", ".join(growable))
        return Refused("several_pvs", "pv", seen, "what the group has free is used; for more: growpart and pvresize on the one you choose, then plan again")
    return next((reach.obstacle for _device, _row, reach in reaches if reach.obstacle), None)


def _grow_physical(plan: _Plan, single: Carrier, group: VolumeGroup, as_it_is: bool, resized: int, grown: int) -> None:
    device, row, reach = single
    if not as_it_is and reach.gain:
        _growpart(plan, device, reach)
    extents = row.size // group.extent + (resized if as_it_is else grown)
    reason = "the partition is larger than its physical volume" if resized else "so that %s can use what the partition gained" % group.name
    plan.step("pvresize", row.name, ("pvresize", row.name), row.size, extents * group.extent, reason)


def _extend(plan: _Plan, volume: LogicalVolume, group: VolumeGroup, extents: int, everything: bool) -> None:
    name = "%s/%s" % (volume.group, volume.name)
    # Where all of it is meant, the share cannot be wrong by the extent that a forecast may be.
    size = ("--extents", "+100%FREE") if everything else ("--size", "%db" % (extents * group.extent))
    reason = "%s has room for %s" % (group.name, name)
    plan.step("lvextend", volume.path, ("lvextend", *size, name), volume.size, extents * group.extent, reason, lv=name, extents=extents)


# Without LVM


def _grow_partition(plan: _Plan, chain: Chain, facts: Facts, wish: Wish) -> int:
    """The step for the partition, if there is one; returns the size of the filesystem's device after it."""
    device = chain.device
    reach = reach_of(device, facts.devices)
    most = device.size + reach.gain
    if wish.reserve:
        plan.note("reserve_ignored", "there is no volume group below %s that could keep anything free" % facts.mount.point)
    wanted = wish.size if wish.size is not None else reach.disk.size * wish.percent // 100 if wish.percent is not None else most
    _say_target(plan, wish, wanted, device.size, most, reach.disk.size)
    if wish.everything or wanted > most:
        plan.refusal = reach.obstacle
    # What a target may differ by and still be met: alignment.
    if not reach.gain or wanted < device.size + MIB:
        return device.size
    if wanted < most - WORTH_SAYING:
        seen = "%s of the %s that %s could have are wanted, but growpart takes all of it" % (size_text(wanted), size_text(most), device.path)
        plan.refusal = Refused("partial_partition", "partition", seen, "ask for all_free, or grow it by hand (parted resizepart)")
        return device.size
    _growpart(plan, device, reach)
    return most


def _growpart(plan: _Plan, device: Device, reach: Reach) -> None:
    if device.partition is None:
        raise ValueError("%s is no partition" % device.path)
    number, before = device.partition.number, device.partition.size
    reason = "%s free on %s directly behind partition %d" % (size_text(reach.gain), reach.disk.path, number)
    plan.step("growpart", device.path, ("growpart", reach.disk.path, str(number)), before, before + reach.gain, reason, disk=reach.disk.path, partition=number)


# With and without


def _grow_filesystem(plan: _Plan, chain: Chain, facts: Facts, device_after: int) -> int:
    """The step for the filesystem; returns the bytes that it gains."""
    kind, filesystem, mount = KINDS[facts.mount.type], facts.filesystem, facts.mount
    before, slack = filesystem.size, kind.slack
    if before is None:
        before, slack = filesystem.capacity, max(kind.slack, int(device_after * ESTIMATE_SLACK))
        plan.note("filesystem_estimated", "%s could not be asked for its size: less than %s of growth would go unseen" % (mount.point, size_text(slack)))
    device_now = chain.volume.size if chain.volume else chain.device.size
    lower = device_after > device_now
    if not lower and device_after - before <= slack:
        return 0
    device = chain.volume.path if chain.volume else chain.device.path
    reason = "so that files can use what the layer below gained" if lower else "the filesystem is smaller than its device"
    plan.step(kind.tool, device, (kind.tool, mount.point if kind.by_mount else device), before, device_after, reason, mount_point=mount.point)
    # An estimate leaves out the filesystem's tables: what the device gains is certain, the rest is not.
    return device_after - before if filesystem.size is not None else device_after - device_now


def _say_target(plan: _Plan, wish: Wish, wanted: int, now: int, most: int, basis: int) -> None:
    """A target below what is there, or beyond what can be had, is said and not failed."""
    if wish.everything:
        return
    if wanted < now - MIB:
        plan.note("target_below", "the target of %s is below the %s that are there: nothing is made smaller" % (size_text(wanted), size_text(now)))
    # A percentage of a disk with a boot partition cannot be met to the last of its hundredths.
    elif wanted - most > (0 if wish.size is not None else basis // 100):
        plan.note("target_above", "the target of %s is %s more than can be had" % (size_text(wanted), size_text(wanted - most)))


def _free(facts: Facts, gain: int, wish: Wish) -> Document:
    """Bytes that files can use, now and after the steps: of what is gained the share that this filesystem's tables and root's reserve leave."""
    filesystem = facts.filesystem
    whole = filesystem.size or filesystem.capacity
    usable = filesystem.capacity - (filesystem.free - filesystem.available)
    growth = gain * min(whole, max(0, usable)) // whole if whole else 0
    after = filesystem.available + growth
    free: Document = {"now_bytes": filesystem.available, "growth_bytes": growth, "after_bytes": after}
    if wish.needed is None:
        return {**free, "needed_bytes": None, "enough_now": None, "enough": None, "short_by_bytes": None}
    short = max(0, wish.needed - after)
    return {**free, "needed_bytes": wish.needed, "enough_now": wish.needed <= filesystem.available, "enough": not short, "short_by_bytes": short}
