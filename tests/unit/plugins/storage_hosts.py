# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts for the storage plan: a layout in, the texts that lsblk, LVM, sysfs and the filesystem tools would print out.

All texts are constructed from the documented formats (lsblk(8), lvmreport(7), proc_pid_mountinfo(5), dumpe2fs(8), xfs_info(8)); none was captured.
A layout can also carry out the steps of a plan, as the tools do, so that a test can plan again.
"""

from __future__ import annotations

import json
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._storage import _block as block
from ansible_collections.inferhost.llm.plugins.module_utils._storage._filesystem import KINDS
from ansible_collections.inferhost.llm.plugins.module_utils._storage._lvm import mapper_path, parse_lvm
from ansible_collections.inferhost.llm.plugins.module_utils._storage._types import GIB, MIB, Facts, Filesystem

EXTENT = 4 * MIB
# The 33 sectors at the end of a disk.
TAIL = 33 * 512


class Part:
    """A partition; without a start it begins where the one before it ends."""

    def __init__(self, number: int, size: int, content: str = "", start: t.Optional[int] = None) -> None:
        self.number, self.size, self.content, self.start = number, size, content, start


class Disk:
    """A disk with its partitions in the order of their place."""

    def __init__(self, name: str, size: int, parts: t.Sequence[Part] = (), table: t.Optional[str] = "gpt", content: str = "") -> None:
        self.name, self.size, self.parts, self.table, self.content = name, size, list(parts), table if parts else None, content
        place = MIB
        for part in self.parts:
            part.start = place if part.start is None else part.start
            place = part.start + part.size

    def part_name(self, part: Part) -> str:
        return self.name + ("p" if self.name[-1].isdigit() else "") + str(part.number)


class Physical:
    """A physical volume: extents, and how many of them are free."""

    def __init__(self, device: str, extents: int, free: int, attributes: str = "a--") -> None:
        self.device, self.extents, self.free, self.attributes = device, extents, free, attributes


class Logical:
    """A logical volume, its segments by kind."""

    def __init__(self, name: str, extents: int, segments: t.Sequence[str] = ("linear",), stripes: int = 1, attributes: str = "-wi-ao----") -> None:
        self.name, self.extents, self.segments, self.stripes, self.attributes = name, extents, list(segments), stripes, attributes


class Group:
    """A volume group."""

    def __init__(self, name: str, physical: t.Sequence[Physical], logical: t.Sequence[Logical], attributes: str = "wz--n-") -> None:
        self.name, self.physical, self.logical, self.attributes = name, list(physical), list(logical), attributes


class Layout:
    """A host. `device` is the one that the filesystem lies on: a partition or disk by name, or the first volume of the group.

    `wraps` puts a layer (kind, name) on a device, for encryption, RAID and multipath.
    """

    def __init__(
        self,
        disks: t.Sequence[Disk],
        group: t.Optional[Group] = None,
        device: str = "",
        size: t.Optional[int] = None,
        kind: str = "ext4",
        options: str = "rw,relatime",
        wraps: t.Optional[t.Dict[str, t.Tuple[str, str]]] = None,
        mdstat: str = "",
    ) -> None:
        self.disks, self.group, self.device, self.kind, self.options = list(disks), group, device, kind, options
        self.wraps, self.mdstat = wraps or {}, mdstat
        self.size = size if size is not None else self.device_size()
        self.exact = True
        self.used = 10 * GIB

    def device_size(self) -> int:
        if self.group is not None:
            return self.group.logical[0].extents * EXTENT
        return self._size_of(self.device)

    def _size_of(self, name: str) -> int:
        for disk in self.disks:
            for part in disk.parts:
                if disk.part_name(part) == name:
                    return part.size
            if disk.name == name:
                return disk.size
        raise KeyError(name)

    def lsblk(self) -> str:
        return json.dumps({"blockdevices": [self._disk_row(index, disk) for index, disk in enumerate(self.disks)]})

    def _disk_row(self, index: int, disk: Disk) -> t.Dict[str, t.Any]:
        row = _row(disk.name, "8:%d" % (16 * index), "disk", disk.size, disk.content, None, disk.table)
        children = [
            self._with_layers(_row(disk.part_name(part), "8:%d" % (16 * index + part.number), "part", part.size, part.content, disk.name, disk.table))
            for part in disk.parts
        ]
        return {**self._with_layers(row), "children": children} if children else self._with_layers(row)

    def _with_layers(self, row: t.Dict[str, t.Any]) -> t.Dict[str, t.Any]:
        if row["kname"] in self.wraps:
            kind, name = self.wraps[row["kname"]]
            inner = _row(name, "253:9", kind, row["size"], "LVM2_member" if self.group else self.kind, row["kname"], None)
            return {**row, "children": [self._with_layers(inner)]}
        if self.group is not None and any(physical.device == row["kname"] for physical in self.group.physical):
            return {**row, "children": [self._volume_row(index, volume, row["kname"]) for index, volume in enumerate(self.group.logical)]}
        return row

    def _volume_row(self, index: int, volume: Logical, parent: str) -> t.Dict[str, t.Any]:
        assert self.group is not None
        path = mapper_path(self.group.name, volume.name)
        row = _row("dm-%d" % index, "252:%d" % index, "lvm", volume.extents * EXTENT, self.kind if not index else "swap", parent, None)
        return {**row, "name": path[len("/dev/mapper/") :], "path": path}

    def pvs(self) -> str:
        assert self.group is not None
        paths = [self._path(row.device) for row in self.group.physical]
        rows = [
            {
                "pv_name": path,
                "vg_name": self.group.name,
                "pv_size": row.extents * EXTENT,
                "pv_free": row.free * EXTENT,
                "pe_start": MIB,
                "pv_attr": row.attributes,
            }
            for path, row in zip(paths, self.group.physical)
        ]
        return _report("pv", [*rows, {"pv_name": "/dev/sdz", "vg_name": "", "pv_size": GIB, "pv_free": GIB, "pe_start": "", "pv_attr": "---"}])

    def _path(self, name: str) -> str:
        return "/dev/mapper/" + name if name.startswith("luks") else "/dev/" + name

    def vgs(self) -> str:
        assert self.group is not None
        size, free = (sum(getattr(row, name) for row in self.group.physical) * EXTENT for name in ("extents", "free"))
        row = {"vg_name": self.group.name, "vg_size": size, "vg_free": free, "vg_extent_size": EXTENT, "vg_attr": self.group.attributes}
        return _report("vg", [row])

    def lvs(self) -> str:
        assert self.group is not None
        rows = [
            {
                "lv_name": volume.name,
                "vg_name": self.group.name,
                "lv_path": "/dev/%s/%s" % (self.group.name, volume.name),
                "lv_dm_path": mapper_path(self.group.name, volume.name),
                "lv_size": volume.extents * EXTENT,
                "lv_attr": volume.attributes,
                "segtype": segment,
                "stripes": volume.stripes,
            }
            for volume in self.group.logical
            for segment in volume.segments
        ]
        return _report("lv", rows)

    def mountinfo(self) -> str:
        number, source = ("252:0", mapper_path(self.group.name, self.group.logical[0].name)) if self.group else ("", "/dev/" + self.device)
        for index, disk in enumerate(self.disks):
            number = "8:%d" % (16 * index) if disk.name == self.device else number
            for part in disk.parts:
                number = "8:%d" % (16 * index + part.number) if disk.part_name(part) == self.device else number
        number = "253:9" if self.device in [name for _kind, name in self.wraps.values()] else number
        lines = ["22 1 %s / / %s shared:1 - %s %s rw" % (number, self.options, self.kind, source), "23 22 0:21 / /proc rw,nosuid shared:5 - proc proc rw"]
        return "\n".join(lines) + "\n"

    def sysfs(self) -> t.Dict[str, t.Dict[str, str]]:
        """The files `partition`, `start` and `size` of each partition."""
        return {
            disk.part_name(part): {"partition": str(part.number), "start": str((part.start or 0) // 512), "size": str(part.size // 512)}
            for disk in self.disks
            for part in disk.parts
        }

    def filesystem_text(self) -> str:
        """What dumpe2fs -h or xfs_info says."""
        if self.kind == "xfs":
            return (
                "meta-data=/dev/mapper/x isize=512    agcount=4, agsize=%d blks\n         =                       sectsz=512   attr=2, projid32bit=1\n"
                "data     =                       bsize=4096   blocks=%d, imaxpct=25\n         =                       sunit=0      swidth=0 blks\n"
                "naming   =version 2              bsize=4096   ascii-ci=0, ftype=1\nlog      =internal log           bsize=4096   blocks=16384, version=2\n"
            ) % (self.size // 4096 // 4, self.size // 4096)
        lines = ["Filesystem volume name:   <none>", "Block count:              %d" % (self.size // 4096), "Reserved block count:     0"]
        return "\n".join([*lines, "Free blocks:              1", "Block size:               4096"]) + "\n"

    def facts(self) -> Facts:
        """Everything through the parsers."""
        mount = block.mount_of(block.parse_mountinfo(self.mountinfo()), "/")
        devices = block.parse_lsblk(self.lsblk())
        for name, files in self.sysfs().items():
            devices[name] = devices[name]._replace(partition=block.parse_partition(name, files["partition"], files["start"], files["size"]))
        parse = KINDS[self.kind].parse if self.kind in KINDS else lambda _text: None
        # 2 % for its tables, 5 % for root: what mke2fs leaves to files.
        capacity = self.size * 98 // 100
        free = capacity - self.used
        filesystem = Filesystem(parse(self.filesystem_text()) if self.exact else None, capacity, free, max(0, free - self.size * 5 // 100))
        lvm = parse_lvm(self.pvs(), self.vgs(), self.lvs()) if self.group else None
        return Facts(mount, filesystem, devices, lvm, block.parse_mdstat(self.mdstat))

    def apply(self, step: t.Dict[str, t.Any]) -> None:
        """Do what the step's tool does."""
        getattr(self, "_" + step["action"])(step)

    def _growpart(self, step: t.Dict[str, t.Any]) -> None:
        disk = next(disk for disk in self.disks if "/dev/" + disk.name == step["disk"])
        part = next(part for part in disk.parts if part.number == step["partition"])
        starts = [other.start for other in disk.parts if other.start is not None and part.start is not None and other.start > part.start]
        assert part.start is not None and part.size == step["before_bytes"] < step["after_bytes"]
        assert part.start + step["after_bytes"] <= min([disk.size - TAIL, *starts])
        part.size = step["after_bytes"]

    def _pvresize(self, step: t.Dict[str, t.Any]) -> None:
        assert self.group is not None
        physical = next(row for row in self.group.physical if self._path(row.device) == step["device"])
        extents = (self._size_of(physical.device) - MIB) // EXTENT
        assert extents * EXTENT == step["after_bytes"] > step["before_bytes"] == physical.extents * EXTENT
        physical.free += extents - physical.extents
        physical.extents = extents

    def _lvextend(self, step: t.Dict[str, t.Any]) -> None:
        assert self.group is not None
        volume = self.group.logical[0]
        assert volume.extents * EXTENT == step["before_bytes"] < step["after_bytes"] == step["extents"] * EXTENT
        more = step["extents"] - volume.extents
        rows = sorted(self.group.physical, key=lambda row: -row.free)
        if "striped" in volume.segments or "raid1" in volume.segments:
            share = more // volume.stripes if "striped" in volume.segments else more
            for row in rows[: volume.stripes]:
                row.free -= share
        else:
            for row in rows:
                taken = min(row.free, more)
                row.free, more = row.free - taken, more - taken
            assert not more
        assert all(row.free >= 0 for row in rows)
        volume.extents = step["extents"]

    def _resize2fs(self, step: t.Dict[str, t.Any]) -> None:
        assert self.size < step["after_bytes"] == self.device_size()
        self.size = step["after_bytes"]

    _xfs_growfs = _resize2fs


def _row(name: str, number: str, kind: str, size: int, content: str, parent: t.Optional[str], table: t.Optional[str]) -> t.Dict[str, t.Any]:
    path = "/dev/mapper/" + name if name.startswith(("luks", "mpath")) else "/dev/" + name
    columns = {"name": name, "kname": name, "path": path, "maj:min": number, "type": kind, "fstype": content or None, "size": size}
    return {**columns, "pkname": parent, "pttype": table, "ro": False, "log-sec": 512}


def _report(kind: str, rows: t.Sequence[t.Dict[str, t.Any]]) -> str:
    return json.dumps({"report": [{kind: [{name: str(value) for name, value in row.items()} for row in rows]}]})


def extents_in(size: int) -> int:
    """Extents of a physical volume on a device of this size."""
    return (size - MIB) // EXTENT


def whole(disk_size: int, before: int) -> int:
    """Size of a partition that begins behind `before` bytes of partitions and goes to the end, aligned as installers do."""
    return (disk_size - TAIL - MIB - before) // MIB * MIB


# The layouts that the tests begin with


def ubuntu(
    lv_size: int = 0, pv_size: int = 0, part_size: int = 0, disk_size: int = 2000 * GIB, kind: str = "ext4", fs_size: int = 0, disk: str = "sda"
) -> Layout:
    """Ubuntu Server's installer: ESP, /boot, and a volume group of which the root gets half, at most 100 GiB by default."""
    boot = 3 * GIB
    part_size = part_size or whole(disk_size, boot)
    extents = extents_in(pv_size or part_size)
    lv_extents = min(extents, (lv_size or 100 * GIB) // EXTENT)
    device = Disk(disk, disk_size, [Part(1, GIB, "vfat"), Part(2, 2 * GIB, "ext4"), Part(3, part_size, "LVM2_member")])
    group = Group("ubuntu-vg", [Physical(device.part_name(device.parts[2]), extents, extents - lv_extents)], [Logical("ubuntu-lv", lv_extents)])
    return Layout([device], group, kind=kind, size=fs_size or None)


def hetzner(disk_size: int = 500 * GIB) -> Layout:
    """installimage's sample for LVM: vg0 with root, swap and tmp, 100 GiB of the group free."""
    part_size = whole(disk_size, GIB)
    extents = extents_in(part_size)
    swap, free = 8 * GIB // EXTENT, 100 * GIB // EXTENT
    disk = Disk("nvme0n1", disk_size, [Part(1, GIB, "ext3"), Part(2, part_size, "LVM2_member")], table="dos")
    return Layout([disk], Group("vg0", [Physical("nvme0n1p2", extents, free)], [Logical("root", extents - swap - free), Logical("swap", swap)]))


def plain(
    name: str = "nvme0n1", part_size: int = 50 * GIB, disk_size: int = 1000 * GIB, kind: str = "ext4", behind: t.Sequence[Part] = (), table: str = "gpt"
) -> Layout:
    """A cloud image on a larger disk: the root is the last partition, or has `behind` behind it."""
    disk = Disk(name, disk_size, [Part(1, GIB, "vfat"), Part(2, part_size, kind), *behind], table=table)
    return Layout([disk], device=disk.part_name(disk.parts[1]), kind=kind)


def two_disks(frees: t.Sequence[int], segments: t.Sequence[str] = ("linear",), stripes: int = 1, second: int = 200 * GIB) -> Layout:
    """A group over two whole disks, a quarter of it in one volume."""
    disks = [Disk("sda", 200 * GIB, content="LVM2_member"), Disk("sdb", second, content="LVM2_member")]
    rows = [Physical(disk.name, extents_in(200 * GIB), free) for disk, free in zip(disks, frees)]
    used = sum(row.extents - row.free for row in rows)
    return Layout(disks, Group("data", rows, [Logical("root", used // stripes if "raid1" in segments else used, segments, stripes)]))
