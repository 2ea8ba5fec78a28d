# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module on hosts as sysfs, dpkg and os-release show them; all constructed."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.tests.unit.plugins import sysfs_tree
from ansible_collections.inferhost.llm.tests.unit.plugins.run_module import run_module

TRIXIE = 'ID=debian\nVERSION_ID="13"\n'
NOBLE = 'ID=ubuntu\nVERSION_ID="24.04"\n'


def driver_plan(
    folder: Path,
    devices: t.Dict[str, sysfs_tree.Attributes],
    release: str = TRIXIE,
    kernel: str = "6.12.57+deb13-amd64",
    packages: t.Sequence[str] = ("install\tinstalled\tlinux-image-amd64\t6.12.57-1",),
    **options: t.Any,
) -> t.Dict[str, t.Any]:
    """Each file where the module looks for it, and a dpkg-query that prints one."""
    sysfs = sysfs_tree.build(folder / "sys", devices)
    (folder / "etc").mkdir()
    (folder / "etc/os-release").write_text(release, encoding="ascii")
    (folder / "proc/sys/kernel").mkdir(parents=True)
    (folder / "proc/sys/kernel/osrelease").write_text(kernel + "\n", encoding="ascii")
    (folder / "packages").write_text("\n".join(packages) + "\n", encoding="ascii")
    program = folder / "dpkg-query"
    program.write_text('#!/bin/sh\ncat "$(dirname "$0")/packages"\n', encoding="ascii")
    program.chmod(0o755)
    roots = {"sysfs_root": sysfs, "etc_root": str(folder / "etc"), "proc_root": str(folder / "proc")}
    return run_module("driver_plan", {"dpkg_query": str(program), **roots, **options}, check=True)


def test_an_ada_card_on_debian(tmp_path: Path) -> None:
    result = driver_plan(tmp_path, sysfs_tree.ADA_UNBOUND)
    plan = result["plan"]
    assert (result["changed"], plan["state"], plan["branch"], plan["flavour"]) == (False, "change", "595", "open")
    assert [step["name"] for step in plan["steps"]] == ["pin", "headers", "driver"]
    assert plan["steps"][1]["install"] == ["linux-headers-amd64"]
    assert result["text"].startswith("driver plan for debian 13, kernel 6.12.57+deb13-amd64\n  1 x NVIDIA RTX 4000 SFF Ada Generation\n")


def test_a_refusal_is_an_answer(tmp_path: Path) -> None:
    result = driver_plan(tmp_path, sysfs_tree.ADA_UNBOUND, source="distribution", cuda_major=13)
    assert "failed" not in result
    assert result["plan"]["refusal"]["code"] == "branch_without_cuda"
    assert "REFUSED branch_without_cuda" in result["text"]


def test_a_machine_without_a_card(tmp_path: Path) -> None:
    assert driver_plan(tmp_path, sysfs_tree.VIRTIO_ONLY)["plan"]["state"] == "nothing_to_do"


def test_old_packages_and_holds_are_read(tmp_path: Path) -> None:
    rows = ["hold\tinstalled\tnvidia-driver-535\t535.183.01-0ubuntu0.24.04.1", "install\tinstalled\tlinux-image-generic\t6.8.0-117.117"]
    plan = driver_plan(tmp_path, sysfs_tree.ADA_UNBOUND, release=NOBLE, kernel="6.8.0-117-generic", packages=rows)["plan"]
    assert [row["name"] for row in plan["remove"]] == ["nvidia-driver-535"]
    assert plan["unhold"] == ["nvidia-driver-535"]


@pytest.mark.parametrize(("wish", "fabric"), [("auto", True), ("present", True), ("absent", False)])
def test_switches_on_the_bus_bring_the_fabric_manager(tmp_path: Path, wish: str, fabric: bool) -> None:
    plan = driver_plan(tmp_path, sysfs_tree.HOPPER_PAIR, nvswitch=wish)["plan"]
    assert plan["expect"]["fabric_manager"] is fabric


def test_a_branch_that_is_none_fails(tmp_path: Path) -> None:
    result = driver_plan(tmp_path, sysfs_tree.ADA_UNBOUND, branch="581")
    assert result["failed"]
    assert "581" in result["msg"]


def test_a_host_without_dpkg_fails(tmp_path: Path) -> None:
    result = driver_plan(tmp_path, sysfs_tree.ADA_UNBOUND, dpkg_query="/nonexistent/dpkg-query")
    assert result["failed"]
    assert "/nonexistent/dpkg-query" in result["msg"]
