# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what the kernel and util-linux say about block devices and mounts: texts in, plain data out."""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._storage._types import Device, Mount, Partition, StorageInputError

# No more than util-linux 2.34 knows, so that one command serves every supported release: START and PARTN are newer, sysfs has both.
LSBLK = ("lsblk", "--json", "--bytes", "--output", "NAME,KNAME,PATH,MAJ:MIN,TYPE,FSTYPE,SIZE,PKNAME,PTTYPE,RO,LOG-SEC")

# sysfs counts in these, whatever the sectors of the disk are.
SYSFS_SECTOR = 512

_ESCAPE = re.compile(r"\\([0-7]{3})")
# A disk whose name ends with a digit gets a `p` before the number of the partition: nvme0n1p3, mmcblk0p2, but sda3 and vda1.
_PARTITION_NAME = re.compile(r"^(?:.*\dp|.*[^\d])(\d+)$")


def parse_lsblk(text: str) -> t.Dict[str, Device]:
    """Devices by kernel name. One that lies on several others is listed below each: its parents are gathered."""
    try:
        roots = json.loads(text)["blockdevices"]
    except (ValueError, KeyError, TypeError) as error:
        raise StorageInputError("lsblk: no list of block devices in its answer (%s)" % error) from error
    found: t.Dict[str, Device] = {}
    pending: t.List[t.Tuple[str, t.Dict[str, t.Any]]] = [("", row) for row in roots]
    while pending:
        parent, row = pending.pop(0)
        device = _device(row, parent)
        known = found.get(device.name)
        if known is not None:
            device = known._replace(parents=tuple(dict.fromkeys(known.parents + device.parents)))
        found[device.name] = device
        pending += [(device.name, child) for child in row.get("children") or []]
    return found


def _device(row: t.Dict[str, t.Any], parent: str) -> Device:
    name = str(row.get("kname") or row["name"])
    above = parent or row.get("pkname") or ""
    return Device(
        name=name,
        path=str(row.get("path") or "/dev/" + name),
        number=str(row.get("maj:min") or "").strip(),
        type=str(row.get("type") or ""),
        content=str(row.get("fstype") or ""),
        # Older versions print numbers and truths as strings.
        size=int(row.get("size") or 0),
        parents=(str(above),) if above else (),
        table=str(row.get("pttype") or ""),
        read_only=row.get("ro") in (True, 1, "1", "true"),
        sector=int(row.get("log-sec") or 512),
    )


def parse_partition(name: str, number: t.Optional[str], start: t.Optional[str], size: t.Optional[str]) -> t.Optional[Partition]:
    """Place of a partition from the files `partition`, `start` and `size` of its folder in sysfs; None when they say nothing."""
    if start is None or size is None:
        return None
    ordinal = int(number) if number else partition_number(name)
    return Partition(ordinal, int(start) * SYSFS_SECTOR, int(size) * SYSFS_SECTOR) if ordinal else None


def partition_number(name: str) -> int:
    """The number at the end of a partition's name; 0 where there is none."""
    match = _PARTITION_NAME.match(name)
    return int(match.group(1)) if match else 0


def parse_blkid(text: str) -> t.Dict[str, str]:
    """`KEY=value` lines of `blkid -p -o export`: TYPE, PTTYPE and more."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def parse_mountinfo(text: str) -> t.List[Mount]:
    """Lines of /proc/self/mountinfo (proc_pid_mountinfo(5)): optional fields end with a lone dash."""
    mounts = []
    for line in text.splitlines():
        fields, separator, rest = line.partition(" - ")
        left, right = fields.split(), rest.split()
        if not separator or len(left) < 6 or len(right) < 2:
            continue
        # Read-only can be this one mount, or the filesystem below it.
        options = left[5].split(",") + (right[2].split(",") if len(right) > 2 else [])
        mounts.append(Mount(left[2], _unescaped(left[4]), right[0], _unescaped(right[1]), "ro" in options))
    return mounts


def mount_of(mounts: t.Sequence[Mount], path: str) -> Mount:
    """The mount that a path lies on: the longest mount point above it, and of several on one point the last, which hides the others."""
    above = [mount for mount in mounts if mount.point == "/" or path == mount.point or path.startswith(mount.point + "/")]
    if not above:
        raise StorageInputError("no mount holds %s" % path)
    longest = max(len(mount.point) for mount in above)
    return [mount for mount in above if len(mount.point) == longest][-1]


def parse_mdstat(text: str) -> t.Dict[str, str]:
    """The arrays of /proc/mdstat, each with its level and members: `md1` → `raid1 of nvme0n1p3, nvme1n1p3`."""
    arrays = {}
    for line in text.splitlines():
        name, separator, rest = line.partition(" : ")
        if not separator or not name.startswith("md"):
            continue
        words = rest.split()
        members = sorted(word.split("[", 1)[0] for word in words if "[" in word)
        levels = [word for word in words if re.fullmatch(r"raid\d+|linear|multipath|faulty", word)]
        arrays[name.strip()] = "%s of %s" % (levels[0] if levels else "inactive array", ", ".join(members) or "nothing")
    return arrays


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(lambda match: chr(int(match.group(1), 8)), text)
