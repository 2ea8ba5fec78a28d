# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies below a mount point, down to the disks, and whether all of it can be grown at all."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._storage._filesystem import KINDS
from ansible_collections.inferhost.llm.plugins.module_utils._storage._types import (
    Device,
    Document,
    Facts,
    LogicalVolume,
    Lvm,
    PhysicalVolume,
    Refused,
    VolumeGroup,
)

WHOLE = ("disk", "loop")
PLAIN = (*WHOLE, "part", "lvm")

# Kinds of layers that are not grown, nor what lies directly on them: kind of device or of its content, code, what it is, what to do.
UNSAFE = (
    ("crypt", "luks", "an encrypted device", "grow the partition, `cryptsetup resize` with its passphrase, then the layers above by hand"),
    ("crypto_LUKS", "luks", "a LUKS container", "grow the partition, `cryptsetup resize` with its passphrase, then the layers above by hand"),
    (
        "raid",
        "md_raid",
        "a RAID array of the kernel",
        "grow every member, then `mdadm --grow --size=max`, then the layers above by hand; or put the models on a disk of their own",
    ),
    ("md", "md_raid", "a RAID array of the kernel", "see mdadm --detail"),
    (
        "linux_raid_member",
        "md_raid",
        "a member of a RAID array of the kernel",
        "grow every member, then `mdadm --grow --size=max`, then the layers above by hand",
    ),
    ("mpath", "multipath", "a device with several paths", "resize every path, then `multipathd resize map`, then the layers above by hand"),
)

# Kinds of segments that cannot be extended like a plain volume.
LAYOUTS = {
    "thin": ("thin", "a thin volume: its space is its pool's", "extend the pool first, and watch how full it is"),
    "thin-pool": ("thin", "a thin pool", "extend the pool by hand, data and metadata"),
    "cache": ("cached_lv", "a cached volume", "`lvconvert --splitcache`, extend, then attach the cache again"),
    "cache-pool": ("cached_lv", "a cache pool", "`lvconvert --splitcache`, extend, then attach the cache again"),
    "writecache": ("cached_lv", "a volume with a write cache", "`lvconvert --splitcache`, extend, then attach the cache again"),
    "snapshot": ("snapshot", "a snapshot", "grow its origin once the snapshot is gone: `lvremove` or `lvconvert --merge`"),
}
EXTENSIBLE = ("linear", "striped", "raid1", "mirror")

# Position, forbidden letter, code, what it means, remedy: the volume group's attributes as vgs(8) gives them.
GROUP_FLAWS = (
    (0, "r", "vg_read_only", "is read-only", "see why it was made so: vgs, lvm.conf"),
    (1, "-", "vg_not_resizable", "may not be resized", "vgchange --resizeable y GROUP"),
    (2, "x", "vg_exported", "is exported", "vgimport GROUP"),
    (3, "p", "vg_partial", "misses a physical volume", "find the missing disk (pvs), or repair the group"),
)


class Chain(t.NamedTuple):
    """From the filesystem's device down. With LVM `volume` and `group` are set and `carriers` are the physical volumes' devices; else it is one device."""

    device: Device
    carriers: t.Tuple[t.Tuple[Device, t.Optional[PhysicalVolume]], ...]
    volume: t.Optional[LogicalVolume] = None
    group: t.Optional[VolumeGroup] = None


def walk(facts: Facts) -> Chain:
    """The chain below the mount; raises Refused where it holds what cannot be grown safely."""
    _check_filesystem(facts)
    device = _device_of(facts)
    if device.type != "lvm":
        _check_layers(device, facts)
        return Chain(device, ((device, None),))
    _check_writable(device)
    if facts.lvm is None:
        raise Refused("lvm_unreadable", "lv", "%s is a logical volume, but LVM gives no reports" % device.path, "run as root (become), with lvm2 installed")
    volume = _volume_of(device, facts.lvm)
    group = _group_of(volume, facts.lvm)
    _check_layout(volume)
    carriers = tuple((_carrier(row, facts), row) for row in facts.lvm.physical if row.group == group.name and row.allocatable)
    for carrier, _row in carriers:
        # What the group has free there is no matter of what lies below: nothing below changes by it.
        if unsafe_below(carrier, facts) is None:
            _check_layers(carrier, facts)
        _check_writable(carrier)
    if not carriers:
        raise Refused("pv_not_allocatable", "pv", "no physical volume of %s may be used for more" % group.name, "pvchange --allocatable y DEVICE")
    return Chain(device, carriers, volume, group)


def disk_of(device: Device, devices: t.Dict[str, Device]) -> Device:
    """The disk that a partition lies on; a disk is its own."""
    return devices[device.parents[0]] if device.type == "part" and device.parents and device.parents[0] in devices else device


def describe(facts: Facts) -> t.List[Document]:
    """The layers from the filesystem down, each device once, as far as lsblk knows them: also where growth is refused."""
    mount, size = facts.mount, facts.filesystem.size
    layers = [{"layer": "filesystem", "name": mount.point, "kind": mount.type, "size_bytes": size if size is not None else facts.filesystem.capacity}]
    pending = [device for device in facts.devices.values() if device.number == mount.device]
    seen: t.Set[str] = set()
    while pending:
        device = pending.pop(0)
        if device.name in seen:
            continue
        seen.add(device.name)
        layers.append({"layer": LAYER_NAMES.get(device.type, device.type), "name": device.path, "kind": device.type, "size_bytes": device.size})
        if device.type == "lvm" and facts.lvm is not None:
            layers += _group_layers(device, facts.lvm)
        pending += [facts.devices[name] for name in device.parents if name in facts.devices]
    return layers


LAYER_NAMES = {"lvm": "lv", "part": "partition"}


def _group_layers(device: Device, lvm: Lvm) -> t.List[Document]:
    names = [volume.group for volume in lvm.logical if volume.mapper_path == device.path]
    groups = [{"layer": "vg", "name": row.name, "kind": "lvm", "size_bytes": row.size, "free_bytes": row.free} for row in lvm.groups if row.name in names]
    volumes = [{"layer": "pv", "name": row.name, "kind": "lvm", "size_bytes": row.size, "free_bytes": row.free} for row in lvm.physical if row.group in names]
    return groups + volumes


def _check_filesystem(facts: Facts) -> None:
    mount = facts.mount
    if mount.type not in KINDS:
        seen = "%s is a %s filesystem" % (mount.point, mount.type)
        raise Refused("filesystem_unsupported", "filesystem", seen, "only ext4 and XFS are grown; grow it with its own tools, or put the models elsewhere")
    if mount.read_only:
        raise Refused(
            "read_only", "filesystem", "%s is mounted read-only" % mount.point, "see why (dmesg: an error?), then mount -o remount,rw %s" % mount.point
        )


def _device_of(facts: Facts) -> Device:
    for device in facts.devices.values():
        if device.number == facts.mount.device:
            return device
    seen = "%s lies on %s (%s), which lsblk does not show" % (facts.mount.point, facts.mount.source, facts.mount.device)
    raise Refused("device_unknown", "filesystem", seen, "inside a container storage is grown on its host")


def unsafe_below(device: Device, facts: Facts) -> t.Optional[Refused]:
    """What below a device makes it unsafe to give it more, or none. What it has already can be used all the same."""
    for layer in ancestry(device, facts.devices):
        for kind, code, what, remedy in UNSAFE:
            if layer.type.rstrip("0123456789") == kind or layer.content == kind:
                known = facts.arrays.get(layer.name)
                return Refused(code, "device", "%s is %s%s" % (layer.path, what, " (%s)" % known if known else ""), remedy)
    return None


def _check_layers(device: Device, facts: Facts) -> None:
    """Refuses what is known to be unsafe first, because that says more than the unknown layer above it."""
    unsafe = unsafe_below(device, facts)
    if unsafe is not None:
        raise unsafe
    for layer in ancestry(device, facts.devices):
        if layer.type not in PLAIN:
            raise Refused("layer_unknown", "device", "%s is of kind %s" % (layer.path, layer.type or "nothing known"), "grow it with the tools that made it")
        _check_writable(layer)


def _check_writable(layer: Device) -> None:
    if layer.read_only:
        raise Refused("read_only", "device", "%s is read-only" % layer.path, "see why (dmesg), blockdev --setrw %s" % layer.path)


def ancestry(device: Device, devices: t.Dict[str, Device]) -> t.List[Device]:
    """A device and everything below it."""
    found: t.List[Device] = []
    pending = [device]
    while pending:
        layer = pending.pop(0)
        if layer not in found:
            found.append(layer)
            pending += [devices[name] for name in layer.parents if name in devices]
    return found


def _volume_of(device: Device, lvm: Lvm) -> LogicalVolume:
    for volume in lvm.logical:
        if device.path in (volume.mapper_path, volume.path):
            return volume
    raise Refused("lv_unknown", "lv", "lvs does not list %s" % device.path, "see what lvs and lvmdevices say")


def _group_of(volume: LogicalVolume, lvm: Lvm) -> VolumeGroup:
    for group in lvm.groups:
        if group.name == volume.group and group.extent > 0:
            for position, letter, code, what, remedy in GROUP_FLAWS:
                if group.attributes[position : position + 1] == letter:
                    raise Refused(code, "vg", "the volume group %s %s" % (group.name, what), remedy.replace("GROUP", group.name))
            return group
    raise Refused("vg_unknown", "vg", "vgs does not list %s" % volume.group, "see what vgs says")


def _check_layout(volume: LogicalVolume) -> None:
    name = "%s/%s" % (volume.group, volume.name)
    if volume.attributes[:1] in ("o", "O"):
        raise Refused(
            "snapshot", "lv", "%s has a snapshot, and cannot grow while both are active" % name, "remove or merge the snapshot: lvs --all %s" % volume.group
        )
    for segment in volume.segments:
        if segment in LAYOUTS:
            code, what, remedy = LAYOUTS[segment]
            raise Refused(code, "lv", "%s is %s" % (name, what), remedy)
        if segment not in EXTENSIBLE:
            raise Refused("lv_layout", "lv", "%s has segments of kind %s" % (name, segment or "nothing known"), "extend it by hand; lvmraid(7) says how")


def _carrier(row: PhysicalVolume, facts: Facts) -> Device:
    for device in facts.devices.values():
        if device.path == row.name:
            return device
    raise Refused("pv_unknown", "pv", "lsblk does not show the physical volume %s" % row.name, "see what pvs and lsblk say")
