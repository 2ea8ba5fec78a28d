# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._driver import (
    blacklists_nouveau,
    card_information,
    driver_facts,
    parse_information,
    parse_parameters,
    parse_version,
    versions_agree,
)
from ansible_collections.inferhost.llm.tests.unit.plugins.host_tree import FOLDER, RELEASE, reader

# Constructed with the wording of the open modules' Makefile and of the closed module; second line from nv-procfs.c.
OPEN = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.03  Release Build  (dvs-builder@U22)  Tue Apr 14\nGCC version:  gcc version 14.2.0\n"
CLOSED = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.163.01  Tue Apr  8 12:41:17 UTC 2025\nGCC version:  gcc version 12.2.0 (Debian 12.2.0-14)\n"

# In the form that nv-procfs.c prints: a card that works, and one whose module refused it.
WORKING = """Model: \t\t NVIDIA H200
IRQ:   \t\t 131
GPU UUID: \t GPU-0f1e2d3c-0000-0000-0000-000000000000
Video BIOS: \t 96.00.d9.00.01
Bus Type: \t PCIe
DMA Size: \t 52 bits
DMA Mask: \t 0xfffffffffffff
Bus Location: \t 0000:19:00.0
Device Minor: \t 1
GPU Firmware: \t 580.159.03
GPU Excluded:\t No
"""
REFUSED = """Model: \t\t NVIDIA RTX PRO 6000 Blackwell Workstation Edition
IRQ:   \t\t 16
GPU UUID: \t GPU-????????-????-????-????-????????????
Video BIOS: \t ??.??.??.??.??
Bus Type: \t PCIe
Bus Location: \t 0000:01:00.0
Device Minor: \t 0
GPU Firmware: \t N/A
GPU Excluded:\t Yes
"""

LIBRARIES = "/usr/lib/x86_64-linux-gnu/"
HOST = {
    "/proc/sys/kernel/osrelease": RELEASE + "\n",
    "/proc/driver/nvidia/version": OPEN,
    "/proc/driver/nvidia/params": 'EnableGpuFirmware: 18\nRmMsg: ""\nTemporaryFilePath: "/var/tmp"\nResmanDebugLevel: 4294967295\n',
    "/proc/driver/nvidia/gpus/0000:19:00.0/information": WORKING,
    "/sys/module/nvidia/version": "580.159.03\n",
    "/sys/module/nvidia_uvm": FOLDER,
    "/dev/nvidia0": "",
    "/dev/nvidiactl": "",
    "/dev/null": "",
    LIBRARIES + "libcuda.so.580.159.03": "",
    LIBRARIES + "libnvidia-ml.so.580.159.03": "",
    "/etc/modprobe.d/blacklist-nouveau.conf": "# not wanted\nblacklist nouveau\noptions nouveau modeset=0\n",
}


def test_a_driver_of_one_version(tmp_path: Path) -> None:
    facts = driver_facts(reader(tmp_path, HOST))
    assert (facts["loaded"], facts["module_name"], facts["loaded_version"]) == (True, "nvidia", "580.159.03")
    assert (facts["flavour"], facts["loaded_flavour"], facts["on_disk"]) == ("open", "open", None)
    assert facts["proc_version"].startswith("NVIDIA UNIX Open Kernel Module for x86_64  580.159.03")
    assert facts["versions_agree"] is True
    assert facts["modules"] == ["nvidia", "nvidia_uvm"]
    assert facts["parameters"] == {"EnableGpuFirmware": 18, "RmMsg": "", "TemporaryFilePath": "/var/tmp", "ResmanDebugLevel": 4294967295}
    assert facts["device_nodes"] == ["nvidia0", "nvidiactl"]
    assert facts["nouveau"] == {"loaded": False, "blacklisted": True}


def test_user_space_upgraded_under_a_loaded_module(tmp_path: Path) -> None:
    facts = driver_facts(reader(tmp_path, {**HOST, LIBRARIES + "libcuda.so.580.173.02": ""}))
    assert facts["versions_agree"] is False


def test_a_host_without_a_driver_has_the_same_keys(tmp_path: Path) -> None:
    with_driver = driver_facts(reader(tmp_path / "one", HOST))
    host = reader(tmp_path / "two", {"/proc/sys/kernel/osrelease": RELEASE, "/sys/module/nouveau": FOLDER})
    without = driver_facts(host)
    assert set(without) == set(with_driver)
    assert (without["loaded"], without["flavour"], without["versions_agree"], without["user_space"]) == (False, None, None, [])
    assert without["nouveau"] == {"loaded": True, "blacklisted": False}
    assert host.unread == []


def test_a_module_of_debians_name(tmp_path: Path) -> None:
    facts = driver_facts(reader(tmp_path, {"/sys/module/nvidia_current/version": "550.163.01\n", "/proc/driver/nvidia/version": CLOSED}))
    assert (facts["module_name"], facts["loaded_version"], facts["loaded_flavour"]) == ("nvidia_current", "550.163.01", "closed")


@pytest.mark.parametrize(
    ("text", "version", "flavour"),
    [(OPEN, "580.159.03", "open"), (CLOSED, "550.163.01", "closed"), ("NVRM version: damaged\n", None, None), ("", None, None)],
)
def test_what_the_loaded_module_says_of_itself(text: str, version: t.Optional[str], flavour: t.Optional[str]) -> None:
    facts = parse_version(text)
    assert (facts["version"], facts["flavour"]) == (version, flavour)


def library(version: str, compat: bool = False) -> t.Dict[str, t.Any]:
    return {"library": "libcuda", "version": version, "path": "/", "compat": compat}


@pytest.mark.parametrize(
    ("loaded", "on_disk", "libraries", "agree"),
    [
        ("580.1", {"version": "580.1"}, [library("580.1")], True),
        ("580.1", {"version": "580.2"}, [library("580.2")], False),
        ("580.1", None, [library("580.1"), library("535.1")], False),
        ("580.1", None, [library("595.1", compat=True)], None),
        (None, {"version": "580.1"}, [library("580.1")], True),
        (None, {"version": None}, [library("580.1")], None),
        (None, None, [], None),
    ],
)
def test_agreement(loaded: t.Optional[str], on_disk: t.Optional[t.Dict[str, t.Any]], libraries: t.List[t.Dict[str, t.Any]], agree: t.Optional[bool]) -> None:
    assert versions_agree(loaded, on_disk, libraries) is agree


def test_what_the_module_knows_of_each_card(tmp_path: Path) -> None:
    assert card_information(reader(tmp_path, HOST)) == {
        "0000:19:00.0": {
            "model": "NVIDIA H200",
            "uuid": "GPU-0f1e2d3c-0000-0000-0000-000000000000",
            "video_bios": "96.00.d9.00.01",
            "minor": 1,
            "firmware": "580.159.03",
            "excluded": False,
        }
    }


def test_a_card_that_was_refused() -> None:
    facts = parse_information(REFUSED)
    assert (facts["firmware"], facts["minor"], facts["excluded"]) == (None, 0, True)
    assert facts["uuid"] == "GPU-????????-????-????-????-????????????"


def test_an_empty_information() -> None:
    assert set(parse_information("").values()) == {None}


def test_parameters_that_make_no_sense() -> None:
    assert parse_parameters("no colon\nName:\n") == {"Name": ""}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("blacklist nouveau\n", True),
        ("  blacklist  nouveau  \n", True),
        ("install nouveau /bin/false\n", True),
        ("#blacklist nouveau\n", False),
        ("blacklist nouveau_other\n", False),
        ("alias nouveau off\n", False),
    ],
)
def test_blacklists(text: str, found: bool) -> None:
    assert blacklists_nouveau(text) is found


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("quiet modprobe.blacklist=i915,nouveau", True),
        ("module_blacklist=nouveau quiet", True),
        ("modprobe.blacklist=nouveaux", False),
        ("nouveau.modeset=0", False),
    ],
)
def test_the_command_line_blacklists_too(tmp_path: Path, words: str, found: bool) -> None:
    assert driver_facts(reader(tmp_path, {"/proc/cmdline": words}))["nouveau"]["blacklisted"] is found
