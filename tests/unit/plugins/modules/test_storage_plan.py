# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module as Ansible runs it, with stand-ins for the report programs that print constructed texts, and once on the machine that tests run on."""

from __future__ import annotations

import os
import shutil
import typing as t
from pathlib import Path

from ansible_collections.inferhost.llm.plugins.module_utils._storage._types import GIB
from ansible_collections.inferhost.llm.tests.unit.plugins import storage_hosts as hosts
from ansible_collections.inferhost.llm.tests.unit.plugins.run_module import run_module


def storage_plan(folder: Path, layout: hosts.Layout, without: t.Sequence[str] = (), blkid: t.Optional[str] = None, **options: t.Any) -> t.Dict[str, t.Any]:
    """Programs that print the layout's texts, `without` some that fail as they do for a user who is not root."""
    programs = {"lsblk": layout.lsblk(), "dumpe2fs": layout.filesystem_text(), "xfs_info": layout.filesystem_text()}
    if blkid is not None:
        programs["blkid"] = blkid
    if layout.group is not None:
        programs.update(pvs=layout.pvs(), vgs=layout.vgs(), lvs=layout.lvs())
    for name, text in programs.items():
        (folder / (name + ".out")).write_text(text, encoding="ascii")
        script = "echo '%s: Permission denied' >&2; exit 5\n" % name if name in without else 'cat "$0.out"\n'
        (folder / name).write_text("#!/bin/sh\n" + script, encoding="ascii")
        (folder / name).chmod(0o755)
    (folder / "proc/self").mkdir(parents=True)
    (folder / "proc/self/mountinfo").write_text(layout.mountinfo(), encoding="ascii")
    for name, files in layout.sysfs().items():
        (folder / "sys/class/block" / name).mkdir(parents=True)
        for entry, value in files.items():
            (folder / "sys/class/block" / name / entry).write_text(value + "\n", encoding="ascii")
    roots = {"proc_root": str(folder / "proc"), "sysfs_root": str(folder / "sys")}
    path = os.pathsep.join([str(folder), os.environ.get("PATH", os.defpath)])
    return run_module("storage_plan", {**roots, **options}, check=True, environment={"PATH": path})


def test_an_enlarged_disk(tmp_path: Path) -> None:
    result = storage_plan(tmp_path, hosts.ubuntu(lv_size=40 * GIB, part_size=47 * GIB, disk_size=500 * GIB))
    assert (result["changed"], result["refusal"], result["notes"], result["mount_point"]) == (False, None, [], "/")
    assert [step["action"] for step in result["steps"]] == ["growpart", "pvresize", "lvextend", "resize2fs"]
    assert "1. growpart /dev/sda 3\n   47.0 GiB to 497.0 GiB: " in result["text"]


def test_programs_that_are_not_there(tmp_path: Path) -> None:
    """Stand-ins for two of the four; the machine that tests run on may have the others."""
    for tool in ("pvresize", "lvextend"):
        (tmp_path / tool).write_text("#!/bin/sh\n", encoding="ascii")
        (tmp_path / tool).chmod(0o755)
    result = storage_plan(tmp_path, hosts.ubuntu(lv_size=40 * GIB, part_size=47 * GIB, disk_size=500 * GIB))
    here = {tool for tool in ("growpart", "resize2fs") if shutil.which(tool, path=os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"]))}
    assert set(result["missing"]) == {"growpart", "resize2fs"} - here
    assert result["root"] == (os.geteuid() == 0)


def test_options_reach_the_plan(tmp_path: Path) -> None:
    result = storage_plan(tmp_path, hosts.ubuntu(kind="xfs"), target="50%", reserve_bytes=1990 * GIB, path=str(tmp_path / "not/there"), bytes_needed=2**60)
    assert result["steps"] == []
    assert [row["code"] for row in result["notes"]] == ["target_above", "reserve_short"]
    assert result["free"]["enough"] is False
    assert result["free"]["short_by_bytes"] > 0


def test_a_user_who_is_not_root(tmp_path: Path) -> None:
    result = storage_plan(tmp_path, hosts.ubuntu(), without=["pvs", "vgs", "lvs", "dumpe2fs"])
    assert (result["steps"], result["refusal"]["code"]) == ([], "lvm_unreadable")
    assert "root" in result["refusal"]["remedy"]
    unread = [row["message"] for row in result["notes"] if row["code"] == "unread"]
    assert any("pvs: Permission denied" in message for message in unread)


def test_without_lsblk_nothing_is_known(tmp_path: Path) -> None:
    result = storage_plan(tmp_path, hosts.plain(), without=["lsblk"])
    assert (result["steps"], result["refusal"]["code"]) == ([], "device_unknown")


def test_a_host_without_the_database_of_udev(tmp_path: Path) -> None:
    """lsblk then knows no partition tables, and blkid is asked."""
    layout = hosts.plain()
    layout.disks[0].table = None
    result = storage_plan(tmp_path, layout, blkid="DEVNAME=/dev/nvme0n1\nPTTYPE=gpt\n")
    assert [step["action"] for step in result["steps"]] == ["growpart", "resize2fs"]


def test_a_partition_table_that_nobody_knows(tmp_path: Path) -> None:
    layout = hosts.plain()
    layout.disks[0].table = None
    result = storage_plan(tmp_path, layout, blkid="", without=["blkid"])
    assert (result["steps"], result["refusal"]["code"]) == ([], "partition_table")


def test_a_target_that_is_none(tmp_path: Path) -> None:
    result = storage_plan(tmp_path, hosts.plain(), target="half")
    assert result["failed"]
    assert "'half'" in result["msg"]


def test_a_reserve_below_zero(tmp_path: Path) -> None:
    assert "negative" in storage_plan(tmp_path, hosts.plain(), reserve_bytes=-1)["msg"]


def test_this_machine() -> None:
    """Whatever it is: a container on overlayfs is refused, a virtual machine is not, and neither is a failure."""
    result = run_module("storage_plan", {"bytes_needed": 1})
    assert "failed" not in result, result
    assert result["changed"] is False
    status = os.statvfs("/")
    assert result["free"]["now_bytes"] <= status.f_blocks * status.f_frsize
    assert result["chain"][0]["layer"] == "filesystem"
    assert result["text"].startswith("storage of ")
