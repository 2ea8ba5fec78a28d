# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The storage plan on constructed hosts: what grows, what does not, and that a plan that was carried out leaves nothing to plan."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._storage._plan import decide, parse_target
from ansible_collections.inferhost.llm.plugins.module_utils._storage._text import render
from ansible_collections.inferhost.llm.plugins.module_utils._storage._types import GIB, MIB, TIB, StorageInputError, Wish
from ansible_collections.inferhost.llm.tests.unit.plugins import storage_hosts as hosts
from ansible_collections.inferhost.llm.tests.unit.plugins.storage_hosts import EXTENT, TAIL, Disk, Group, Layout, Logical, Part, Physical

Document = t.Dict[str, t.Any]


def plan(layout: Layout, target: str = "all_free", reserve: int = 0, needed: t.Optional[int] = None) -> Document:
    return decide(layout.facts(), parse_target(target)._replace(reserve=reserve, needed=needed))


def actions(document: Document) -> t.List[str]:
    return [step["action"] for step in document["steps"]]


def notes(document: Document) -> t.List[str]:
    return [row["code"] for row in document["notes"]]


def refusal(document: Document) -> t.Optional[str]:
    return document["refusal"]["code"] if document["refusal"] else None


# What grows


def test_ubuntu_default_install() -> None:
    """The field report: a root of 100 GB on a disk of 2 TB."""
    document = plan(hosts.ubuntu())
    extend, resize = document["steps"]
    assert extend["command"] == ["lvextend", "--extents", "+100%FREE", "ubuntu-vg/ubuntu-lv"]
    assert (extend["before_bytes"], extend["after_bytes"]) == (100 * GIB, hosts.extents_in(hosts.whole(2000 * GIB, 3 * GIB)) * EXTENT)
    assert resize["command"] == ["resize2fs", "/dev/ubuntu-vg/ubuntu-lv"]
    assert (resize["before_bytes"], resize["after_bytes"]) == (100 * GIB, extend["after_bytes"])
    assert (document["refusal"], document["notes"]) == (None, [])
    assert [row["layer"] for row in document["chain"]] == ["filesystem", "lv", "vg", "pv", "partition", "disk"]


def test_every_layer_of_an_enlarged_disk() -> None:
    document = plan(hosts.ubuntu(lv_size=40 * GIB, part_size=47 * GIB, disk_size=500 * GIB, disk="vda", kind="xfs"))
    part, pv, lv, xfs = document["steps"]
    assert part["command"] == ["growpart", "/dev/vda", "3"]
    assert (part["device"], part["before_bytes"], part["after_bytes"]) == ("/dev/vda3", 47 * GIB, 500 * GIB - TAIL - MIB - 3 * GIB)
    assert pv["command"] == ["pvresize", "/dev/vda3"]
    assert pv["after_bytes"] == lv["after_bytes"] == xfs["after_bytes"] == hosts.extents_in(part["after_bytes"]) * EXTENT
    assert xfs["command"] == ["xfs_growfs", "/"]
    assert all(step["reason"] for step in document["steps"])


def test_hetzner_group() -> None:
    document = plan(hosts.hetzner())
    assert [step["command"][-1] for step in document["steps"]] == ["vg0/root", "/dev/vg0/root"]
    assert document["steps"][0]["after_bytes"] - document["steps"][0]["before_bytes"] == 100 * GIB


@pytest.mark.parametrize(
    ("name", "partition"), [("nvme0n1", "/dev/nvme0n1p2"), ("sda", "/dev/sda2"), ("vda", "/dev/vda2"), ("mmcblk0", "/dev/mmcblk0p2"), ("xvda", "/dev/xvda2")]
)
@pytest.mark.parametrize(("kind", "command"), [("ext4", ["resize2fs", "PART"]), ("xfs", ["xfs_growfs", "/"])])
def test_plain_partition(name: str, partition: str, kind: str, command: t.List[str]) -> None:
    part, resize = plan(hosts.plain(name, kind=kind))["steps"]
    assert (part["disk"], part["partition"], part["device"]) == ("/dev/" + name, 2, partition)
    assert part["after_bytes"] == resize["after_bytes"] == 1000 * GIB - TAIL - MIB - GIB
    assert resize["command"] == [partition if word == "PART" else word for word in command]


def test_filesystem_on_a_whole_disk() -> None:
    layout = Layout([Disk("vda", 100 * GIB, content="ext4")], device="vda", size=40 * GIB)
    assert [step["command"] for step in plan(layout)["steps"]] == [["resize2fs", "/dev/vda"]]


def test_physical_volume_on_a_whole_disk() -> None:
    extents = hosts.extents_in(50 * GIB)
    layout = Layout([Disk("sda", 100 * GIB, content="LVM2_member")], Group("g", [Physical("sda", extents, 0)], [Logical("root", extents)]))
    assert actions(plan(layout)) == ["pvresize", "lvextend", "resize2fs"]


# Half done


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
@pytest.mark.parametrize("done", [0, 1, 2, 3])
def test_an_interrupted_run_heals(kind: str, done: int) -> None:
    """Stop after any number of the four steps: what is planned then is the rest."""
    layout = hosts.ubuntu(lv_size=40 * GIB, part_size=47 * GIB, disk_size=500 * GIB, kind=kind)
    steps = plan(layout)["steps"]
    for step in steps[:done]:
        layout.apply(step)
    # The reasons differ: a layer below that has grown already is no longer the cause.
    rest = [{**step, "reason": ""} for step in plan(layout)["steps"]]
    assert rest == [{**step, "reason": ""} for step in steps[done:]]
    assert len(rest) == 4 - done


@pytest.mark.parametrize("kind", ["ext4", "xfs"])
def test_a_grown_plain_partition_with_a_small_filesystem(kind: str) -> None:
    layout = hosts.plain(kind=kind)
    layout.apply(plan(layout)["steps"][0])
    (only,) = plan(layout)["steps"]
    assert (only["before_bytes"], only["after_bytes"], only["reason"]) == (50 * GIB, layout.device_size(), "the filesystem is smaller than its device")


# Nothing to grow


@pytest.mark.parametrize(
    "layout",
    [
        hosts.ubuntu(lv_size=4000 * GIB),
        hosts.plain(part_size=hosts.whole(1000 * GIB, GIB)),
        hosts.plain(part_size=hosts.whole(1000 * GIB, GIB), kind="xfs"),
        hosts.plain(part_size=40 * GIB, disk_size=50 * GIB, behind=[Part(3, hosts.whole(50 * GIB, 41 * GIB), "swap")]),
    ],
    ids=["lvm", "ext4", "xfs", "swap-behind-on-a-full-disk"],
)
def test_nothing_to_grow(layout: Layout) -> None:
    document = plan(layout)
    assert (document["steps"], document["refusal"], document["notes"]) == ([], None, [])
    assert "nothing to grow" in render(document)


def test_slack_is_not_growth() -> None:
    """Less than a MiB behind the partition, less than an extent in it, less than a group of blocks behind the filesystem."""
    assert plan(hosts.plain(part_size=1000 * GIB - TAIL - MIB - GIB - (MIB - 512)))["steps"] == []
    assert actions(plan(hosts.plain(part_size=1000 * GIB - TAIL - MIB - GIB - MIB))) == ["growpart", "resize2fs"]
    full = hosts.whole(2000 * GIB, 3 * GIB)
    layout = hosts.ubuntu(lv_size=4000 * GIB, part_size=full - full % EXTENT + MIB - EXTENT)
    layout.disks[0].size -= 2 * MIB
    assert (layout.disks[0].size - TAIL - MIB - 3 * GIB - layout.disks[0].parts[2].size) // MIB in (1, 2, 3)
    assert plan(layout)["steps"] == []
    assert plan(hosts.ubuntu(lv_size=4000 * GIB, fs_size=hosts.extents_in(full) * EXTENT - 16 * MIB))["steps"] == []


# Targets


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("all_free", Wish()),
        ("80%", Wish(percent=80)),
        ("100%", Wish(percent=100)),
        ("5368709120", Wish(size=5 * GIB)),
        ("500G", Wish(size=500 * GIB)),
        ("2TiB", Wish(size=2 * TIB)),
    ],
)
def test_target_forms(text: str, wish: Wish) -> None:
    assert parse_target(text) == wish


@pytest.mark.parametrize("text", ["", "0%", "101%", "0", "-5G", "5GB", "half", "1.5T"])
def test_targets_that_are_none(text: str) -> None:
    with pytest.raises(StorageInputError, match="all_free, a percentage"):
        parse_target(text)


def test_a_size_in_the_group() -> None:
    extend, resize = plan(hosts.ubuntu(), "500G")["steps"]
    assert extend["command"] == ["lvextend", "--size", "%db" % (500 * GIB), "ubuntu-vg/ubuntu-lv"]
    assert (extend["extents"], resize["after_bytes"]) == (500 * GIB // EXTENT, 500 * GIB)


def test_a_size_is_rounded_up_to_an_extent() -> None:
    assert plan(hosts.ubuntu(), str(500 * GIB + 1))["steps"][0]["after_bytes"] == 500 * GIB + EXTENT


def test_a_share_is_of_what_the_group_can_become() -> None:
    """So that it means the same before and after the partition has grown."""
    layout = hosts.ubuntu(lv_size=40 * GIB, part_size=47 * GIB, disk_size=503 * GIB)
    document = plan(layout, "50%")
    assert actions(document) == ["growpart", "pvresize", "lvextend", "resize2fs"]
    assert document["steps"][2]["extents"] == hosts.extents_in(500 * GIB - TAIL - MIB) // 2


def test_lower_layers_grow_only_when_the_target_wants_it() -> None:
    layout = hosts.ubuntu(lv_size=40 * GIB, part_size=60 * GIB, disk_size=500 * GIB)
    assert actions(plan(layout, "50G")) == ["lvextend", "resize2fs"]
    assert actions(plan(layout, "70G")) == ["growpart", "pvresize", "lvextend", "resize2fs"]
    shrunk = hosts.ubuntu(lv_size=40 * GIB, pv_size=47 * GIB, part_size=60 * GIB, disk_size=500 * GIB)
    assert actions(plan(shrunk, "50G")) == ["pvresize", "lvextend", "resize2fs"]


@pytest.mark.parametrize("target", ["50G", "3%"])
def test_nothing_shrinks(target: str) -> None:
    document = plan(hosts.ubuntu(), target)
    assert (document["steps"], document["refusal"], notes(document)) == ([], None, ["target_below"])


def test_a_filesystem_fills_its_volume_even_with_a_small_target() -> None:
    assert actions(plan(hosts.ubuntu(fs_size=60 * GIB), "50G")) == ["resize2fs"]


def test_a_target_beyond_what_there_is() -> None:
    document = plan(hosts.ubuntu(), "3T")
    assert actions(document) == ["lvextend", "resize2fs"]
    assert notes(document) == ["target_above"]
    assert document["steps"][0]["after_bytes"] == hosts.extents_in(hosts.whole(2000 * GIB, 3 * GIB)) * EXTENT


def test_a_plain_partition_takes_all_or_nothing() -> None:
    document = plan(hosts.plain(), "500G")
    assert (document["steps"], refusal(document)) == ([], "partial_partition")
    assert actions(plan(hosts.plain(), "100%")) == ["growpart", "resize2fs"]
    assert notes(plan(hosts.plain(), "100%")) == []
    assert notes(plan(hosts.plain(), "2T")) == ["target_above"]


def test_the_reserve_stays_free() -> None:
    """Rounded up to an extent."""
    document = plan(hosts.ubuntu(), reserve=50 * GIB - 1)
    most = hosts.extents_in(hosts.whole(2000 * GIB, 3 * GIB))
    assert document["steps"][0]["extents"] == most - 50 * GIB // EXTENT
    assert document["steps"][0]["command"][1] == "--size"


def test_a_reserve_larger_than_what_is_free() -> None:
    document = plan(hosts.ubuntu(lv_size=1990 * GIB), reserve=50 * GIB)
    assert (document["steps"], notes(document), refusal(document)) == ([], ["reserve_short"], None)


def test_the_reserve_makes_the_partition_grow() -> None:
    layout = hosts.ubuntu(lv_size=40 * GIB, part_size=60 * GIB, disk_size=500 * GIB)
    assert actions(plan(layout, "50G", reserve=20 * GIB)) == ["growpart", "pvresize", "lvextend", "resize2fs"]


def test_a_reserve_without_a_group() -> None:
    assert notes(plan(hosts.plain(), reserve=GIB)) == ["reserve_ignored"]


# Refusals


def encrypted(free: bool = True, behind: int = 0) -> Layout:
    """Ubuntu's installer with encryption: the group lies inside LUKS. `behind`: bytes of the disk that nobody uses yet."""
    layout = hosts.ubuntu(lv_size=0 if free else 1997 * GIB)
    assert layout.group is not None
    layout.disks[0].size += behind
    layout.disks[0].parts[2].content, layout.group.physical[0].device = "crypto_LUKS", "luks-1"
    layout.wraps = {"sda3": ("crypt", "luks-1")}
    return layout


def mirrored() -> Layout:
    text = "Personalities : [raid1]\nmd1 : active raid1 nvme1n1p2[1] nvme0n1p2[0]\n      487104 blocks super 1.2 [2/2] [UU]\n\nunused devices: <none>\n"
    layout = hosts.plain()
    layout.disks[0].parts[1].content = "linux_raid_member"
    layout.wraps, layout.device, layout.size, layout.mdstat = {"nvme0n1p2": ("raid1", "md1")}, "md1", 50 * GIB, text
    return layout


def mirrored_group(free: int = 100 * GIB, behind: int = 0, behind_pv: int = 0) -> Layout:
    """Hetzner's default with LVM: the group lies on a RAID 1; shown with one of its two disks."""
    layout = hosts.hetzner()
    assert layout.group is not None
    physical, root = layout.group.physical[0], layout.group.logical[0]
    layout.disks[0].parts[1].content, physical.device = "linux_raid_member", "md1"
    root.extents += physical.free - free // EXTENT
    physical.extents, physical.free = physical.extents - behind_pv // EXTENT, free // EXTENT
    layout.disks[0].size += behind
    layout.size = layout.device_size()
    layout.wraps, layout.mdstat = {"nvme0n1p2": ("raid1", "md1")}, "md1 : active raid1 nvme1n1p2[1] nvme0n1p2[0]\n"
    return layout


def with_volume(**attributes: t.Any) -> Layout:
    layout = hosts.ubuntu()
    assert layout.group is not None
    for name, value in attributes.items():
        setattr(layout.group.logical[0], name, value)
    return layout


def with_group(attributes: str) -> Layout:
    layout = hosts.ubuntu()
    assert layout.group is not None
    layout.group.attributes = attributes
    return layout


def multipath() -> Layout:
    return Layout([Disk("sda", 100 * GIB)], device="mpatha", size=100 * GIB, wraps={"sda": ("mpath", "mpatha")})


def other_filesystem(kind: str, options: str = "rw,relatime") -> Layout:
    layout = hosts.plain()
    layout.kind, layout.options = kind, options
    return layout


def not_allocatable() -> Layout:
    layout = hosts.ubuntu()
    assert layout.group is not None
    layout.group.physical[0].attributes = "u--"
    return layout


REFUSED: t.List[t.Tuple[t.Callable[[], Layout], str, str]] = [
    (lambda: encrypted(free=False, behind=500 * GIB), "luks", "/dev/mapper/luks-1 is an encrypted device"),
    (lambda: mirrored_group(free=0, behind=500 * GIB), "md_raid", "/dev/md1 is a RAID array of the kernel (raid1 of nvme0n1p2, nvme1n1p2)"),
    (lambda: mirrored_group(free=0, behind_pv=GIB), "md_raid", "/dev/md1 is a RAID array of the kernel"),
    (mirrored, "md_raid", "(raid1 of nvme0n1p2, nvme1n1p2)"),
    (multipath, "multipath", "/dev/mapper/mpatha"),
    (lambda: other_filesystem("btrfs"), "filesystem_unsupported", "btrfs"),
    (lambda: other_filesystem("zfs"), "filesystem_unsupported", "zfs"),
    (lambda: other_filesystem("ext3"), "filesystem_unsupported", "ext3"),
    (lambda: other_filesystem("overlay"), "filesystem_unsupported", "overlay"),
    (lambda: other_filesystem("ext4", "ro,relatime"), "read_only", "/ is mounted read-only"),
    (lambda: with_volume(segments=["thin"], attributes="Vwi-aotz--"), "thin", "ubuntu-vg/ubuntu-lv is a thin volume"),
    (lambda: with_volume(segments=["cache"], attributes="Cwi-aoC---"), "cached_lv", "cached"),
    (lambda: with_volume(segments=["writecache"], attributes="Cwi-aoC---"), "cached_lv", "write cache"),
    (lambda: with_volume(attributes="owi-aos---"), "snapshot", "has a snapshot"),
    (lambda: with_volume(attributes="swi-aos---", segments=["snapshot"]), "snapshot", "is a snapshot"),
    (lambda: with_volume(segments=["raid5"]), "lv_layout", "raid5"),
    (lambda: with_volume(segments=["linear", "vdo"]), "lv_layout", "vdo"),
    (lambda: with_group("rz--n-"), "vg_read_only", "ubuntu-vg is read-only"),
    (lambda: with_group("w---n-"), "vg_not_resizable", "may not be resized"),
    (lambda: with_group("wzx-n-"), "vg_exported", "exported"),
    (lambda: with_group("wz-pn-"), "vg_partial", "misses a physical volume"),
    (not_allocatable, "pv_not_allocatable", "ubuntu-vg"),
    (lambda: hosts.plain(behind=[Part(3, 4 * GIB, "swap")]), "partition_behind", "lies /dev/nvme0n1p3 (swap)"),
    (lambda: hosts.plain("sda", behind=[Part(3, 4 * GIB, "ext4"), Part(4, GIB)]), "partition_behind", "/dev/sda3 (ext4), /dev/sda4 (no known content)"),
    (lambda: hosts.plain(table="mac"), "partition_table", "mac"),
]


@pytest.mark.parametrize(("layout", "code", "seen"), REFUSED, ids=[row[1] + "-" + str(index) for index, row in enumerate(REFUSED)])
def test_refused(layout: t.Callable[[], Layout], code: str, seen: str) -> None:
    document = plan(layout())
    assert (document["steps"], refusal(document)) == ([], code)
    assert seen in document["refusal"]["seen"]
    assert document["refusal"]["remedy"]
    assert "REFUSED %s" % code in render(document)


def test_swap_behind_names_the_way_out() -> None:
    assert "swapoff" in plan(hosts.plain(behind=[Part(3, 4 * GIB, "swap")]))["refusal"]["remedy"]


def test_a_gap_before_the_next_partition_is_used() -> None:
    """And the free space behind that partition is still refused."""
    document = plan(hosts.plain(behind=[Part(3, 4 * GIB, "swap", start=100 * GIB)]))
    assert document["steps"][0]["after_bytes"] == 100 * GIB - MIB - GIB
    assert (actions(document), refusal(document)) == (["growpart", "resize2fs"], "partition_behind")


def test_an_mbr_ends_at_two_tib() -> None:
    layout = hosts.plain("sda", disk_size=4 * TIB, table="dos")
    document = plan(layout)
    assert document["steps"][0]["after_bytes"] == 2 * TIB - MIB - GIB
    assert refusal(document) == "mbr_limit"
    assert refusal(plan(hosts.plain("sda", disk_size=4 * TIB, table="gpt"))) is None


def test_a_target_that_a_partition_is_in_the_way_of() -> None:
    layout = hosts.plain(behind=[Part(3, 4 * GIB, "swap")])
    assert refusal(plan(layout, "500G")) == "partition_behind"
    assert refusal(plan(layout, "20G")) is None


def test_a_target_met_up_to_alignment() -> None:
    document = plan(hosts.plain(), str(50 * GIB + 1000))
    assert (document["steps"], document["refusal"], document["notes"]) == ([], None, [])


def test_growpart_does_nothing_for_less_than_a_mib() -> None:
    """Even where half a MiB would complete an extent."""
    size = 10 * GIB + MIB
    for missing, expected in ((MIB - 512, []), (MIB, ["growpart", "pvresize", "lvextend", "resize2fs"])):
        disk = Disk("sda", MIB + size + TAIL, [Part(1, size - missing, "LVM2_member")])
        extents = hosts.extents_in(size - missing)
        assert extents + 1 == hosts.extents_in(size)
        assert actions(plan(Layout([disk], Group("g", [Physical("sda1", extents, 0)], [Logical("root", extents)])))) == expected


def test_a_physical_volume_that_the_volume_does_not_use_yet() -> None:
    """It would, once extended; so what lies below it counts as well."""
    facts = hosts.two_disks([1000, 2000]).facts()
    devices = {**facts.devices, "dm-0": facts.devices["dm-0"]._replace(parents=("sda",)), "sdb": facts.devices["sdb"]._replace(read_only=True)}
    document = decide(facts._replace(devices=devices), Wish())
    assert (document["steps"], refusal(document)) == ([], "read_only")


# On encryption, RAID and several paths


@pytest.mark.parametrize("layout", [encrypted, mirrored_group], ids=["luks", "md_raid"])
def test_free_extents_are_used_whatever_the_group_lies_on(layout: t.Callable[[], Layout]) -> None:
    """Nothing below the group changes, so there is nothing to refuse."""
    document = plan(layout())
    assert (actions(document), document["refusal"]) == (["lvextend", "resize2fs"], None)


def test_what_lies_below_such_a_group_is_not_grown() -> None:
    document = plan(mirrored_group(behind=500 * GIB, behind_pv=GIB))
    assert (actions(document), refusal(document)) == (["lvextend", "resize2fs"], "md_raid")
    assert document["steps"][0]["after_bytes"] - document["steps"][0]["before_bytes"] == 100 * GIB


def test_a_target_that_the_free_extents_meet_is_not_refused() -> None:
    layout = mirrored_group(behind=500 * GIB)
    assert layout.group is not None
    target = str((layout.group.logical[0].extents + 1000) * EXTENT)
    assert (actions(plan(layout, target)), plan(layout, target)["refusal"]) == (["lvextend", "resize2fs"], None)


def test_one_of_several_physical_volumes_on_a_raid_array() -> None:
    facts = hosts.two_disks([1000, 2000]).facts()
    devices = {**facts.devices, "sdb": facts.devices["sdb"]._replace(content="linux_raid_member")}
    document = decide(facts._replace(devices=devices), Wish())
    assert (document["steps"][0]["extents"], document["refusal"]) == (facts.lvm.logical[0].size // EXTENT + 3000 if facts.lvm else 0, None)


def test_a_read_only_disk() -> None:
    facts = hosts.plain().facts()
    devices = {**facts.devices, "nvme0n1": facts.devices["nvme0n1"]._replace(read_only=True)}
    document = decide(facts._replace(devices=devices), Wish())
    assert (refusal(document), document["refusal"]["seen"]) == ("read_only", "/dev/nvme0n1 is read-only")


def test_a_logical_partition() -> None:
    disk = Disk("sda", 500 * GIB, [Part(1, GIB, "ext4"), Part(5, 50 * GIB, "ext4", start=GIB + 2 * MIB)], table="dos")
    document = plan(Layout([disk], device="sda5"))
    assert (document["steps"], refusal(document)) == ([], "logical_partition")


def test_logical_volumes_without_reports() -> None:
    facts = hosts.ubuntu().facts()._replace(lvm=None)
    assert refusal(decide(facts, Wish())) == "lvm_unreadable"


def test_a_device_that_lsblk_does_not_show() -> None:
    facts = hosts.plain().facts()
    assert refusal(decide(facts._replace(devices={}), Wish())) == "device_unknown"


def test_a_partition_without_a_place() -> None:
    facts = hosts.plain().facts()
    devices = {name: device._replace(partition=None) for name, device in facts.devices.items()}
    document = decide(facts._replace(devices=devices), Wish())
    assert (document["steps"], refusal(document)) == ([], "partition_unknown")


# Several physical volumes


def test_free_extents_are_used_over_several_physical_volumes() -> None:
    document = plan(hosts.two_disks([1000, 2000]))
    assert (actions(document), refusal(document)) == (["lvextend", "resize2fs"], None)
    assert document["steps"][0]["after_bytes"] - document["steps"][0]["before_bytes"] == 3000 * EXTENT


def test_which_of_several_grows_is_not_guessed() -> None:
    """What the group has is used, on the first run and refused alike on the next."""
    layout = hosts.two_disks([0, 2000], second=400 * GIB)
    document = plan(layout)
    assert (actions(document), refusal(document)) == (["lvextend", "resize2fs"], "several_pvs")
    assert "/dev/sdb could grow" in document["refusal"]["seen"]
    for step in document["steps"]:
        layout.apply(step)
    assert (plan(layout)["steps"], refusal(plan(layout))) == ([], "several_pvs")


def test_a_target_within_reach_needs_no_other_physical_volume() -> None:
    layout = hosts.two_disks([0, 2000], second=400 * GIB)
    document = plan(layout, str(layout.device_size() + 100 * EXTENT))
    assert (actions(document), refusal(document)) == (["lvextend", "resize2fs"], None)


@pytest.mark.parametrize(("segments", "gained"), [(["striped"], 2000), (["raid1"], 1000), (["mirror"], 1000)])
def test_stripes_and_copies_take_from_each(segments: t.List[str], gained: int) -> None:
    document = plan(hosts.two_disks([1000, 2000], segments, 2))
    assert refusal(document) == "too_few_pvs"
    assert refusal(plan(hosts.two_disks([1000, 1000], segments, 2))) is None
    assert document["steps"][0]["after_bytes"] - document["steps"][0]["before_bytes"] == gained * EXTENT
    assert document["steps"][0]["command"][1] == "--size"


@pytest.mark.parametrize("segments", [["striped"], ["raid1"]])
def test_stripes_and_copies_with_too_few_physical_volumes(segments: t.List[str]) -> None:
    document = plan(hosts.two_disks([0, 2000], segments, 2))
    assert (document["steps"], refusal(document)) == ([], "too_few_pvs")
    assert "wants the same space on 2 physical volumes, and 7.8 GiB is free on no more than 1" in document["refusal"]["seen"]


# What is free


def test_enough_now() -> None:
    assert plan(hosts.ubuntu(), needed=50 * GIB)["free"] == {
        **plan(hosts.ubuntu())["free"],
        "needed_bytes": 50 * GIB,
        "enough_now": True,
        "enough": True,
        "short_by_bytes": 0,
    }


def test_enough_after_growth() -> None:
    free = plan(hosts.ubuntu(), needed=500 * GIB)["free"]
    assert (free["enough_now"], free["enough"], free["short_by_bytes"]) == (False, True, 0)
    grown = plan(hosts.ubuntu())["steps"][-1]
    # The filesystem keeps 2 % for its tables and 5 % for root: as much of what is new.
    assert free["growth_bytes"] == pytest.approx((grown["after_bytes"] - grown["before_bytes"]) * 0.93, rel=1e-6)


def test_not_enough_even_then() -> None:
    document = plan(hosts.plain(part_size=hosts.whole(1000 * GIB, GIB)), needed=2000 * GIB)
    free = document["free"]
    assert (free["enough"], free["growth_bytes"]) == (False, 0)
    assert free["short_by_bytes"] == 2000 * GIB - free["now_bytes"] > 0
    assert "SHORT BY" in render(document)


def test_a_refused_chain_still_says_what_is_free() -> None:
    document = plan(mirrored(), needed=500 * GIB)
    assert (document["free"]["enough"], document["free"]["growth_bytes"]) == (False, 0)
    assert document["free"]["now_bytes"] > 30 * GIB


def test_a_size_that_could_not_be_asked_for() -> None:
    """What statvfs gives is smaller by the filesystem's tables, and that is not growth; a half is."""
    layout = hosts.plain(part_size=hosts.whole(1000 * GIB, GIB))
    layout.exact = False
    assert (plan(layout)["steps"], notes(plan(layout))) == ([], ["filesystem_estimated"])
    layout.size = 500 * GIB
    assert actions(plan(layout)) == ["resize2fs"]


# Carried out, a plan leaves nothing to plan

HOSTS: t.Dict[str, t.Callable[[], Layout]] = {
    "ubuntu": hosts.ubuntu,
    "ubuntu-xfs": lambda: hosts.ubuntu(kind="xfs"),
    "ubuntu-enlarged": lambda: hosts.ubuntu(lv_size=40 * GIB, part_size=47 * GIB, disk_size=500 * GIB),
    "ubuntu-pv-behind": lambda: hosts.ubuntu(lv_size=40 * GIB, pv_size=47 * GIB, disk_size=500 * GIB),
    "ubuntu-filesystem-behind": lambda: hosts.ubuntu(fs_size=33 * GIB),
    "hetzner": hosts.hetzner,
    "nvme": hosts.plain,
    "mmc-xfs": lambda: hosts.plain("mmcblk0", kind="xfs"),
    "gap": lambda: hosts.plain(behind=[Part(3, 4 * GIB, "swap", start=100 * GIB)]),
    "mbr": lambda: hosts.plain("sda", disk_size=4 * TIB, table="dos"),
    "odd-disk": lambda: hosts.ubuntu(lv_size=40 * GIB, part_size=47 * GIB, disk_size=500 * GIB + 512 * 777),
    "two-disks": lambda: hosts.two_disks([1000, 2000]),
    "striped": lambda: hosts.two_disks([1000, 2000], ["striped"], 2),
    "raid1": lambda: hosts.two_disks([1000, 2000], ["raid1"], 2),
    "luks": encrypted,
    "md-raid": mirrored_group,
    "md-raid-behind": lambda: mirrored_group(behind=500 * GIB, behind_pv=GIB),
}
TARGETS = ["all_free", "1%", "37%", "80%", "100%", "30G", "120G", "450G", "3T", str(61 * GIB + 12345)]


@pytest.mark.parametrize("name", HOSTS)
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("reserve", [0, 10 * GIB + 1, 5 * TIB])
def test_a_plan_that_was_carried_out_leaves_none(name: str, target: str, reserve: int) -> None:
    layout = HOSTS[name]()
    first = plan(layout, target, reserve)
    for step in first["steps"]:
        layout.apply(step)
    second = plan(layout, target, reserve)
    assert second["steps"] == []
    assert refusal(second) == refusal(first)


@pytest.mark.parametrize("name", HOSTS)
@pytest.mark.parametrize("target", TARGETS)
def test_planning_again_after_each_step_does_the_same(name: str, target: str) -> None:
    """A step's forecast is what the next plan begins with."""
    layout = HOSTS[name]()
    steps = plan(layout, target)["steps"]
    for index, step in enumerate(steps):
        assert actions(plan(layout, target)) == [later["action"] for later in steps[index:]]
        layout.apply(step)
