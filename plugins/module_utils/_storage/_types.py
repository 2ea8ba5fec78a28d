# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words that the storage plan is made of; `docs/storage.md` explains the document they end up in. Every size is in bytes."""

from __future__ import annotations

import typing as t

SCHEMA = 1

Document = t.Dict[str, t.Any]

KIB, MIB, GIB, TIB = 1024, 1024**2, 1024**3, 1024**4


class StorageInputError(ValueError):
    """A wish or a fact that makes no sense; the message names it."""


class Refused(Exception):
    """What stands in the way of growth: at which layer, what was seen, and what a person can do."""

    def __init__(self, code: str, layer: str, seen: str, remedy: str) -> None:
        super().__init__("%s: %s" % (code, seen))
        self.code = code
        self.layer = layer
        self.seen = seen
        self.remedy = remedy

    def document(self) -> Document:
        """As the plan carries it."""
        return {"code": self.code, "layer": self.layer, "seen": self.seen, "remedy": self.remedy}


class Mount(t.NamedTuple):
    """One line of mountinfo."""

    device: str
    point: str
    type: str
    source: str
    read_only: bool


class Partition(t.NamedTuple):
    """Where a partition lies on its disk."""

    number: int
    start: int
    size: int

    @property
    def end(self) -> int:
        """The first byte behind it."""
        return self.start + self.size


class Device(t.NamedTuple):
    """One block device as lsblk shows it; `number` is major:minor, `table` the kind of partition table that it holds or lies in."""

    name: str
    path: str
    number: str
    type: str
    content: str
    size: int
    parents: t.Tuple[str, ...] = ()
    table: str = ""
    read_only: bool = False
    sector: int = 512
    partition: t.Optional[Partition] = None


class PhysicalVolume(t.NamedTuple):
    """One row of `pvs`. `data_start` is where its first extent begins; from one that is not `allocatable` no volume gets an extent."""

    name: str
    group: str
    size: int
    free: int
    data_start: int
    allocatable: bool = True


class VolumeGroup(t.NamedTuple):
    """One row of `vgs`."""

    name: str
    size: int
    free: int
    extent: int
    attributes: str


class LogicalVolume(t.NamedTuple):
    """The rows of `lvs` for one volume: its segments in one. `stripes` is what LVM calls so: stripes, or copies of a mirror."""

    name: str
    group: str
    path: str
    mapper_path: str
    size: int
    attributes: str
    segments: t.Tuple[str, ...]
    stripes: int = 1


class Lvm(t.NamedTuple):
    """What the three reports say."""

    physical: t.Tuple[PhysicalVolume, ...]
    groups: t.Tuple[VolumeGroup, ...]
    logical: t.Tuple[LogicalVolume, ...]


class Filesystem(t.NamedTuple):
    """A mounted filesystem.

    `size` is its own idea of its size, None where nobody could ask it. `capacity`, `free` and `available` are those of statvfs: without its own tables;
    with and without what is kept for root.
    """

    size: t.Optional[int]
    capacity: int
    free: int
    available: int


class Facts(t.NamedTuple):
    """Everything that the plan is made from. `lvm` is None where its reports could not be had."""

    mount: Mount
    filesystem: Filesystem
    devices: t.Dict[str, Device]
    lvm: t.Optional[Lvm]
    arrays: t.Dict[str, str]


class Wish(t.NamedTuple):
    """`percent` of the volume group (of the disk without one), or `size`; neither: all that is free."""

    percent: t.Optional[int] = None
    size: t.Optional[int] = None
    reserve: int = 0
    needed: t.Optional[int] = None

    @property
    def everything(self) -> bool:
        """Whether all that is free is wanted."""
        return self.percent is None and self.size is None


def size_text(size: int) -> str:
    """A size for people: binary units, one decimal."""
    for unit, name in ((TIB, "TiB"), (GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")):
        if abs(size) >= unit:
            return "%.1f %s" % (size / unit, name)
    return "%d B" % size
