# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The texts of lsblk, LVM, mountinfo, mdstat and the filesystem tools; all constructed from their documented formats."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._storage import _block as block
from ansible_collections.inferhost.llm.plugins.module_utils._storage import _lvm as lvm
from ansible_collections.inferhost.llm.plugins.module_utils._storage._filesystem import parse_dumpe2fs, parse_xfs_info
from ansible_collections.inferhost.llm.plugins.module_utils._storage._types import GIB, Partition, StorageInputError

# One volume over two disks appears below each of them.
SHARED = """{"blockdevices": [
  {"name":"sda", "kname":"sda", "path":"/dev/sda", "maj:min":"8:0", "type":"disk", "fstype":"LVM2_member", "size":100, "pkname":null, "pttype":null, "ro":false,
   "log-sec":512, "children":[{"name":"vg-root", "kname":"dm-0", "path":"/dev/mapper/vg-root", "maj:min":"252:0", "type":"lvm", "fstype":"ext4", "size":150,
   "pkname":"sda", "pttype":null, "ro":false, "log-sec":512}]},
  {"name":"sdb", "kname":"sdb", "path":"/dev/sdb", "maj:min":"8:16", "type":"disk", "fstype":"LVM2_member", "size":100, "pkname":null, "pttype":null, "ro":true,
   "log-sec":4096, "children":[{"name":"vg-root", "kname":"dm-0", "path":"/dev/mapper/vg-root", "maj:min":"252:0", "type":"lvm", "fstype":"ext4", "size":150,
   "pkname":"sdb", "pttype":null, "ro":false, "log-sec":512}]}]}"""

# As older versions print it: strings throughout, and a list without nesting, for which the parent's name stands in each row.
STRINGS = """{"blockdevices": [
  {"name":"vda", "kname":"vda", "path":"/dev/vda", "maj:min":"254:0", "type":"disk", "fstype":null, "size":"2000", "pkname":null, "pttype":"gpt", "ro":"1",
   "log-sec":"512"},
  {"name":"vda1", "kname":"vda1", "path":"/dev/vda1", "maj:min":" 254:1 ", "type":"part", "fstype":"ext4", "size":"1000", "pkname":"vda", "pttype":"gpt",
   "ro":"0", "log-sec":"512"}]}"""


def test_a_volume_over_two_disks_has_both_as_parents() -> None:
    devices = block.parse_lsblk(SHARED)
    assert sorted(devices) == ["dm-0", "sda", "sdb"]
    assert devices["dm-0"].parents == ("sda", "sdb")
    assert (devices["dm-0"].path, devices["dm-0"].type, devices["dm-0"].number) == ("/dev/mapper/vg-root", "lvm", "252:0")
    assert [(devices[name].read_only, devices[name].sector) for name in ("sda", "sdb")] == [(False, 512), (True, 4096)]


def test_strings_for_numbers() -> None:
    devices = block.parse_lsblk(STRINGS)
    assert (devices["vda"].size, devices["vda"].read_only, devices["vda"].table) == (2000, True, "gpt")
    assert (devices["vda1"].parents, devices["vda1"].number, devices["vda1"].read_only) == (("vda",), "254:1", False)


@pytest.mark.parametrize("text", ["", "{}", "[]", "lsblk: unknown column: START"])
def test_no_list_of_devices(text: str) -> None:
    with pytest.raises(StorageInputError, match="lsblk"):
        block.parse_lsblk(text)


@pytest.mark.parametrize(
    ("name", "number"),
    [("sda3", 3), ("vda12", 12), ("nvme0n1p3", 3), ("nvme10n2p11", 11), ("mmcblk0p2", 2), ("xvda1", 1), ("md127p1", 1), ("sda", 0), ("dasda1", 1)],
)
def test_the_number_in_a_name(name: str, number: int) -> None:
    assert block.partition_number(name) == number


def test_a_place_from_sysfs() -> None:
    assert block.parse_partition("sda3", "3", "2048", "4096") == Partition(3, 2048 * 512, 4096 * 512)
    assert block.parse_partition("nvme0n1p7", None, "2048", "4096") == Partition(7, 2048 * 512, 4096 * 512)
    assert block.parse_partition("sda3", "3", None, "4096") is None
    assert Partition(3, 100, 50).end == 150


MOUNTINFO = r"""27 1 252:0 / / rw,relatime shared:1 - ext4 /dev/mapper/ubuntu--vg-ubuntu--lv rw
30 27 8:2 / /boot rw,relatime shared:29 master:3 - ext4 /dev/sda2 rw
31 27 8:17 / /srv/my\040models rw,relatime - xfs /dev/sdb1 rw,attr2
32 27 8:18 / /srv/ro rw,relatime - ext4 /dev/sdb2 ro,errors=remount-ro
33 27 8:19 / /mnt rw - ext4 /dev/sdb3 rw
34 27 8:20 / /mnt rw - xfs /dev/sdb4 rw
not a line of mountinfo
"""


@pytest.mark.parametrize(
    ("path", "device", "kind"),
    [
        ("/", "252:0", "ext4"),
        ("/opt/inferhost/models", "252:0", "ext4"),
        ("/boot", "8:2", "ext4"),
        ("/bootstrap", "252:0", "ext4"),
        ("/srv/my models/qwen", "8:17", "xfs"),
        ("/mnt/over", "8:20", "xfs"),
    ],
)
def test_the_mount_of_a_path(path: str, device: str, kind: str) -> None:
    """The longest point wins; of two on the same point the later one hides the other."""
    mount = block.mount_of(block.parse_mountinfo(MOUNTINFO), path)
    assert (mount.device, mount.type, mount.read_only) == (device, kind, False)


def test_a_read_only_filesystem_below_a_writable_mount() -> None:
    assert block.mount_of(block.parse_mountinfo(MOUNTINFO), "/srv/ro").read_only


def test_no_mount_at_all() -> None:
    with pytest.raises(StorageInputError, match="no mount holds /x"):
        block.mount_of([], "/x")


def test_mdstat() -> None:
    text = """Personalities : [raid1] [raid6] [raid5] [raid4]
md2 : active raid5 sdc1[3] sdb1[1] sda1[0]
      1953260544 blocks super 1.2 level 5, 512k chunk, algorithm 2 [3/3] [UUU]
md0 : active (auto-read-only) raid1 nvme1n1p1[1](F) nvme0n1p1[0]
      33520640 blocks super 1.2 [2/1] [U_]
md127 : inactive sdd[0](S)
      976631512 blocks super 1.2

unused devices: <none>
"""
    arrays = {"md2": "raid5 of sda1, sdb1, sdc1", "md0": "raid1 of nvme0n1p1, nvme1n1p1", "md127": "inactive array of sdd"}
    assert block.parse_mdstat(text) == arrays
    assert block.parse_mdstat("") == {}


def test_blkid() -> None:
    assert block.parse_blkid("DEVNAME=/dev/sda\nPTUUID=1=2\nPTTYPE=dos\n\n") == {"DEVNAME": "/dev/sda", "PTUUID": "1=2", "PTTYPE": "dos"}


def report(kind: str, *rows: t.Dict[str, str]) -> str:
    return json.dumps({"report": [{kind: list(rows)}]})


PVS = report(
    "pv",
    {"pv_name": "/dev/sda3", "vg_name": "ubuntu-vg", "pv_size": "107369988096", "pv_free": "53687091200", "pe_start": "1048576", "pv_attr": "a--"},
    {"pv_name": "/dev/sdb", "vg_name": "", "pv_size": "10737418240", "pv_free": "10737418240", "pe_start": "", "pv_attr": "---"},
)
VGS = report("vg", {"vg_name": "ubuntu-vg", "vg_size": "107369988096", "vg_free": "53687091200", "vg_extent_size": "4194304", "vg_attr": "wz--n-"})


def test_reports() -> None:
    row = {"lv_name": "ubuntu-lv", "vg_name": "ubuntu-vg", "lv_path": "/dev/ubuntu-vg/ubuntu-lv", "lv_size": "53682896896", "lv_attr": "-wi-ao----"}
    lvs = report("lv", {**row, "lv_dm_path": "/dev/mapper/ubuntu--vg-ubuntu--lv", "segtype": "linear", "stripes": "1"})
    facts = lvm.parse_lvm(PVS, VGS, lvs)
    assert facts.physical[0] == ("/dev/sda3", "ubuntu-vg", 107369988096, 50 * GIB, 1048576, True)
    assert (facts.physical[1].group, facts.physical[1].data_start, facts.physical[1].allocatable) == ("", 0, False)
    assert facts.groups == (("ubuntu-vg", 107369988096, 50 * GIB, 4194304, "wz--n-"),)
    assert facts.logical[0].mapper_path == "/dev/mapper/ubuntu--vg-ubuntu--lv"
    assert (facts.logical[0].segments, facts.logical[0].stripes) == (("linear",), 1)


def test_the_segments_of_a_volume_are_one_volume() -> None:
    row = {"lv_name": "[root_tdata]", "vg_name": "vg0", "lv_path": "", "lv_dm_path": "", "lv_size": "1000", "lv_attr": "-wi-ao----"}
    rows = [{**row, "segtype": "linear", "stripes": "1"}, {**row, "segtype": "striped", "stripes": "2"}, {**row, "segtype": "linear", "stripes": "1"}]
    (volume,) = lvm.parse_lvm(PVS, VGS, report("lv", *rows)).logical
    assert (volume.name, volume.size, volume.segments, volume.stripes) == ("root_tdata", 1000, ("linear", "striped"), 2)
    assert (volume.path, volume.mapper_path) == ("/dev/vg0/root_tdata", "/dev/mapper/vg0-root_tdata")


def test_reports_without_rows() -> None:
    assert lvm.parse_lvm(report("pv"), report("vg"), report("lv")) == ((), (), ())


@pytest.mark.parametrize("text", ["", "  No volume groups found", "{}", '{"report": 1}'])
def test_no_report(text: str) -> None:
    with pytest.raises(StorageInputError, match="pvs: no report"):
        lvm.parse_lvm(text, VGS, report("lv"))


def test_sizes_of_filesystems() -> None:
    assert parse_dumpe2fs("Block count:              26214400\nReserved block count:     1310720\nBlock size:               4096\n") == 100 * GIB
    assert parse_dumpe2fs("dumpe2fs: Bad magic number in super-block") is None
    text = "meta-data=/dev/sda2 isize=512    agcount=4, agsize=6553600 blks\ndata     =                       bsize=4096   blocks=26214400, imaxpct=25\n"
    assert parse_xfs_info(text + "log      =internal log           bsize=4096   blocks=16384, version=2\n") == 100 * GIB
    assert parse_xfs_info("/dev/sda2 is not a mounted XFS filesystem") is None
