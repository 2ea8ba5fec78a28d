# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which file system a path lies on, from the kernel's table of mounts."""

from __future__ import annotations

import re
import typing as t

# Gone with the container or the boot.
EPHEMERAL = ("overlay", "aufs", "tmpfs", "ramfs")
_REAL = re.compile(r"^(?:ext[234]|xfs|btrfs|zfs|f2fs|nfs4?|cifs|ceph|fuse\..*|fuse|fuseblk|9p|virtiofs|glusterfs|lustre|beegfs|bcachefs)$")
# Container engines mount single files and folders there from the host's disk; nobody keeps models in them.
_NOT_FOR_DATA = ("/etc", "/proc", "/sys", "/dev", "/boot", "/run", "/usr", "/var/lib/docker", "/var/lib/containers", "/snap", "/tmp")


class Mount(t.NamedTuple):
    point: str
    type: str
    device: str
    writable: bool


def parse(mountinfo: str) -> list[Mount]:
    """proc_pid_mountinfo(5). A later mount on the same point hides the earlier."""
    found: dict[str, Mount] = {}
    for line in mountinfo.splitlines():
        left, dash, right = line.partition(" - ")
        fields, rest = left.split(), right.split()
        if not dash or len(fields) < 6 or len(rest) < 2:
            continue
        point = re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), fields[4])
        found[point] = Mount(point, rest[0], fields[2], "rw" in fields[5].split(","))
    return list(found.values())


def of(path: str, mounts: t.Sequence[Mount]) -> Mount | None:
    inside = [mount for mount in mounts if path == mount.point or path.startswith(mount.point.rstrip("/") + "/")]
    return max(inside, key=lambda mount: len(mount.point), default=None)


def persistent(mounts: t.Sequence[Mount]) -> list[str]:
    """Mount points where files stay and where there is room for models."""
    points = [mount.point for mount in mounts if mount.writable and _REAL.match(mount.type)]
    return sorted(point for point in points if not any(point == bad or point.startswith(bad + "/") for bad in _NOT_FOR_DATA))
