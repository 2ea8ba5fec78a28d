# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts for the driver decision. The outputs are constructed in the formats that dpkg-query, os-release(5) and the driver document."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._driver._host import (
    Unreadable,
    installed,
    loaded_module,
    nvswitch,
    parse_dpkg,
    parse_os_release,
    short_release,
)
from ansible_collections.inferhost.llm.plugins.module_utils._driver._types import Card, Module, Package
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._pci import read_devices
from ansible_collections.inferhost.llm.tests.unit.plugins import sysfs_tree

DPKG = """\
install\tinstalled\tlibnvidia-compute-580\t580.159.03-0ubuntu0.24.04.1
install\tinstalled\tlibnvidia-compute-580\t580.159.03-0ubuntu0.24.04.1
hold\tinstalled\tnvidia-dkms-580-open\t580.159.03-0ubuntu0.24.04.1
deinstall\tconfig-files\tnvidia-driver-535\t535.183.01-0ubuntu0.24.04.1
install\thalf-configured\tnvidia-driver-550\t550.163.01-0ubuntu0.24.04.2
unknown\tnot-installed\tnvidia-open\t
"""

NVRM_OPEN = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.03  Release Build  (root@localhost)\n"
NVRM_CLOSED = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.159.03  Release Build\n"


def test_packages_that_are_there_and_those_that_are_held() -> None:
    packages, held = parse_dpkg(DPKG)
    assert packages == (
        Package("libnvidia-compute-580", "580.159.03-0ubuntu0.24.04.1"),
        Package("nvidia-dkms-580-open", "580.159.03-0ubuntu0.24.04.1"),
        Package("nvidia-driver-550", "550.163.01-0ubuntu0.24.04.2"),
    )
    assert held == ("nvidia-dkms-580-open",)


@pytest.mark.parametrize("body", ["exit 2", "kill -9 $$"])
def test_a_dpkg_that_does_not_answer_is_no_empty_host(tmp_path: Path, body: str) -> None:
    program = tmp_path / "dpkg-query"
    program.write_text("#!/bin/sh\n%s\n" % body, encoding="ascii")
    program.chmod(0o755)
    with pytest.raises(Unreadable):
        installed(str(program))


def test_a_host_without_dpkg() -> None:
    with pytest.raises(Unreadable) as error:
        installed("/nonexistent/dpkg-query")
    assert "/nonexistent/dpkg-query" in str(error.value)


def test_os_release() -> None:
    found = parse_os_release('PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nID=debian\nVERSION_ID="13"\n')
    assert (found["ID"], found["VERSION_ID"]) == ("debian", "13")


@pytest.mark.parametrize(
    ("distribution", "version", "release"), [("debian", "12", "12"), ("debian", "12.11", "12"), ("ubuntu", "24.04", "24.04"), ("debian", "", "")]
)
def test_releases(distribution: str, version: str, release: str) -> None:
    assert short_release(distribution, version) == release


@pytest.mark.parametrize(
    ("version", "described", "nouveau", "module"),
    [
        ("580.159.03", NVRM_OPEN, False, Module("nvidia", "580.159.03", "open")),
        ("580.159.03", NVRM_CLOSED, False, Module("nvidia", "580.159.03", "closed")),
        ("580.159.03", "", False, Module("nvidia", "580.159.03", "")),
        ("", "", True, Module("nouveau")),
        ("", "", False, None),
    ],
)
def test_the_loaded_module(tmp_path: Path, version: str, described: str, nouveau: bool, module: t.Optional[Module]) -> None:
    files = {"sys/module/nvidia/version": version, "proc/driver/nvidia/version": described}
    for name, content in files.items():
        if content:
            (tmp_path / name).parent.mkdir(parents=True)
            (tmp_path / name).write_text(content, encoding="ascii")
    if nouveau:
        (tmp_path / "sys/module/nouveau").mkdir(parents=True)
    assert loaded_module(str(tmp_path / "proc"), str(tmp_path / "sys")) == module


HOPPER = Card("NVIDIA H200", "9.0", "possible")
B200 = Card("NVIDIA B200", "10.0", "required")


def test_switches_on_the_bus(tmp_path: Path) -> None:
    devices = read_devices(sysfs_tree.build(tmp_path / "sys", sysfs_tree.HOPPER_PAIR))
    assert nvswitch(devices, [HOPPER, HOPPER], str(tmp_path / "sys")) is True


def test_no_switch_on_the_bus(tmp_path: Path) -> None:
    assert nvswitch([], [HOPPER], str(tmp_path)) is False


@pytest.mark.parametrize(("vpd", "answer"), [(b"\x82SW_MNG\x00", True), (b"\x82NIC\x00", None), (None, None)])
def test_the_adapter_of_nvlink_5_tells(tmp_path: Path, vpd: t.Optional[bytes], answer: t.Optional[bool]) -> None:
    folder = tmp_path / "class/infiniband/mlx5_0/device"
    folder.mkdir(parents=True)
    if vpd is not None:
        (folder / "vpd").write_bytes(vpd)
    assert nvswitch([], [B200], str(tmp_path)) is answer


def test_without_an_adapter_nobody_knows_of_nvlink_5(tmp_path: Path) -> None:
    assert nvswitch([], [B200], str(tmp_path)) is None
