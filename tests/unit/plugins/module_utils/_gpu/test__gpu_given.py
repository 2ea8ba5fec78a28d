# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A pod sees the PCI bus of its machine, and has some of its cards."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._gpu import _given as gpu_given
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._collect import Wanted, collect
from ansible_collections.inferhost.llm.tests.unit.plugins import sysfs_tree
from ansible_collections.inferhost.llm.tests.unit.plugins.host_tree import reader

CONTAINERD = {"/proc/mounts": "overlay / overlay rw,relatime 0 0\nproc /proc proc rw 0 0\n", "/proc/1/comm": "start.sh\n"}
DOCKER = {"/.dockerenv": ""}
MACHINE = {"/proc/mounts": "/dev/sda1 / ext4 rw 0 0\n", "/proc/1/comm": "systemd\n"}
LIVE = {"/proc/mounts": "overlay / overlay rw 0 0\n", "/proc/1/comm": "systemd\n"}
CARDS = [{"pci_address": "0000:0%d:00.0" % number, "name": "H100", "information": {"minor": number}} for number in range(4)]


def addresses(cards: t.List[t.Dict[str, t.Any]]) -> t.List[str]:
    return [card["pci_address"] for card in cards]


@pytest.mark.parametrize(("files", "expected"), [(CONTAINERD, True), (DOCKER, True), (MACHINE, False), (LIVE, False), ({}, False)])
def test_what_is_a_container(tmp_path: Path, files: t.Dict[str, str], expected: bool) -> None:
    assert gpu_given.in_container(reader(tmp_path, files)) is expected


@pytest.mark.parametrize("files", [CONTAINERD, DOCKER])
def test_nvidia_smi_tells_which_were_given(tmp_path: Path, files: t.Dict[str, str]) -> None:
    given, withheld = gpu_given.split(CARDS, {"0000:02:00.0"}, reader(tmp_path, files))
    assert (addresses(given), addresses(withheld)) == (["0000:02:00.0"], ["0000:00:00.0", "0000:01:00.0", "0000:03:00.0"])


def test_without_nvidia_smi_the_device_nodes_tell(tmp_path: Path) -> None:
    given, withheld = gpu_given.split(CARDS, {}, reader(tmp_path, {**DOCKER, "/dev/nvidia1": "", "/dev/nvidia3": "", "/dev/nvidiactl": ""}))
    assert (addresses(given), len(withheld)) == (["0000:01:00.0", "0000:03:00.0"], 2)


def test_a_card_with_a_node_that_nvidia_smi_does_not_list_has_failed_and_stays(tmp_path: Path) -> None:
    given, withheld = gpu_given.split(CARDS, {"0000:00:00.0"}, reader(tmp_path, {**DOCKER, "/dev/nvidia0": "", "/dev/nvidia1": ""}))
    assert (addresses(given), len(withheld)) == (["0000:00:00.0", "0000:01:00.0"], 2)


@pytest.mark.parametrize("files", [MACHINE, LIVE])
def test_on_a_machine_every_card_stays(tmp_path: Path, files: t.Dict[str, str]) -> None:
    assert gpu_given.split(CARDS, {"0000:00:00.0"}, reader(tmp_path, files)) == (CARDS, [])


def test_where_nothing_is_known_every_card_stays(tmp_path: Path) -> None:
    assert gpu_given.split(CARDS, {}, reader(tmp_path, DOCKER)) == (CARDS, [])


def test_the_document_of_a_pod(tmp_path: Path) -> None:
    sysfs_tree.build(tmp_path / "sys", sysfs_tree.HOPPER_PAIR)
    first, second = sorted(address for address, card in sysfs_tree.HOPPER_PAIR.items() if card["class"] == "0x030200")
    information = {"/proc/driver/nvidia/gpus/%s/information" % first: "Model: H100\nDevice Minor: 0\n"}
    facts = collect(reader(tmp_path, {**CONTAINERD, **information, "/dev/nvidia0": ""}, {}), Wanted(5.0, None, False))
    assert addresses(facts["gpus"]) == [first]
    assert addresses(facts["withheld"]) == [second]
    assert facts["summary"].endswith("; 1 more of the machine not given to this container")
