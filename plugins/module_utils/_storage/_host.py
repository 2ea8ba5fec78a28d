# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gathers what the storage plan is made from. What cannot be had is noted by the reader and left out."""

from __future__ import annotations

import os
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._reader import Reader
from ansible_collections.inferhost.llm.plugins.module_utils._storage import _block as block
from ansible_collections.inferhost.llm.plugins.module_utils._storage import _lvm as lvm
from ansible_collections.inferhost.llm.plugins.module_utils._storage._filesystem import KINDS
from ansible_collections.inferhost.llm.plugins.module_utils._storage._types import Device, Facts, Filesystem, Lvm, Mount


def existing(path: str) -> str:
    """The path without symbolic links, or the nearest folder above it that is there: a folder to be made will lie on the same filesystem."""
    place = os.path.realpath(path)
    while not os.path.exists(place) and place != "/":
        place = os.path.dirname(place)
    return place


def read_facts(reader: Reader, path: str) -> Facts:
    """Facts about the filesystem that holds a path, and about everything below it."""
    place = existing(path)
    mount = block.mount_of(block.parse_mountinfo(reader.text("/proc/self/mountinfo", expected=True) or ""), place)
    devices = _devices(reader)
    return Facts(mount, _filesystem(reader, mount, devices, place), devices, _lvm(reader, devices), block.parse_mdstat(reader.text("/proc/mdstat") or ""))


def _devices(reader: Reader) -> t.Dict[str, Device]:
    text = reader.output(block.LSBLK)
    devices = block.parse_lsblk(text) if text is not None else {}
    for name, device in devices.items():
        if device.type == "part":
            number, start, size = (reader.word("/sys/class/block/%s/%s" % (name, entry)) for entry in ("partition", "start", "size"))
            devices[name] = device._replace(partition=block.parse_partition(name, number, start, size))
    # Without udev's database lsblk knows no tables; blkid looks at the disk itself.
    for name in {parent for device in devices.values() if device.type == "part" and not device.table for parent in device.parents if parent in devices}:
        if not devices[name].table:
            table = block.parse_blkid(reader.output(("blkid", "-p", "-o", "export", devices[name].path)) or "").get("PTTYPE", "")
            devices[name] = devices[name]._replace(table=table)
    return devices


def _lvm(reader: Reader, devices: t.Dict[str, Device]) -> t.Optional[Lvm]:
    if not any(device.type == "lvm" for device in devices.values()):
        reader.note("LVM", "lsblk shows no logical volume")
        return None
    texts = [reader.output(command) for command in (lvm.PVS, lvm.VGS, lvm.LVS)]
    found = [text for text in texts if text is not None]
    return lvm.parse_lvm(*found) if len(found) == len(texts) else None


def _filesystem(reader: Reader, mount: Mount, devices: t.Dict[str, Device], place: str) -> Filesystem:
    status = os.statvfs(place)
    size = None
    kind = KINDS.get(mount.type)
    device = next((device.path for device in devices.values() if device.number == mount.device), None)
    if kind is not None and device is not None:
        text = reader.output((*kind.ask, mount.point if kind.by_mount else device))
        size = kind.parse(text) if text is not None else None
    unit = status.f_frsize
    return Filesystem(size, status.f_blocks * unit, status.f_bfree * unit, status.f_bavail * unit)
