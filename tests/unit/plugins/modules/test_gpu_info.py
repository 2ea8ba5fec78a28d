# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module on hosts as sysfs shows them."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.tests.unit.plugins import sysfs_tree
from ansible_collections.inferhost.llm.tests.unit.plugins.run_module import run_module

NO_SMI = "/nonexistent/nvidia-smi"


def gpu_info(folder: Path, devices: t.Dict[str, sysfs_tree.Attributes], **options: t.Any) -> t.Dict[str, t.Any]:
    root = sysfs_tree.build(folder / "sys", devices)
    return run_module("gpu_info", {"sysfs_root": root, "nvidia_smi": NO_SMI, "cuda_init": False, **options}, check=True)


def fake_smi(folder: Path, body: str) -> str:
    path = folder / "nvidia-smi"
    path.write_text("#!/bin/sh\n" + body, encoding="ascii")
    path.chmod(0o755)
    return str(path)


def test_a_virtual_machine_without_a_gpu(tmp_path: Path) -> None:
    result = gpu_info(tmp_path, sysfs_tree.VIRTIO_ONLY)
    assert (result["changed"], result["gpus"], result["other_display"]) == (False, [], [])
    assert result["summary"] == "no NVIDIA GPU found on the PCI bus"


def test_a_virtual_machine_with_a_display_names_it(tmp_path: Path) -> None:
    result = gpu_info(tmp_path, sysfs_tree.BOCHS_DISPLAY)
    assert result["gpus"] == []
    assert result["other_display"] == [
        {"pci_address": "0000:00:02.0", "vendor_id": "1234", "device_id": "1111", "description": "QEMU/Bochs VGA controller", "driver": "bochs-drm"}
    ]
    assert result["summary"] == "no NVIDIA GPU found on the PCI bus; other display devices: QEMU/Bochs VGA controller"


def test_an_ada_card_without_a_driver(tmp_path: Path) -> None:
    result = gpu_info(tmp_path, sysfs_tree.ADA_UNBOUND)
    assert result["summary"] == "1 x NVIDIA RTX 4000 SFF Ada Generation (20.0 GiB); kernel driver: none"
    (gpu,) = result["gpus"]
    assert (gpu["pci_address"], gpu["driver"], gpu["open_module"], gpu["bar1_bytes"]) == ("0000:01:00.0", None, "possible", 32 << 30)
    assert gpu["pcie"] == {"speed": "2.5 GT/s PCIe", "width": 8, "max_speed": "16.0 GT/s PCIe", "max_width": 16}
    assert [other["description"] for other in result["other_display"]] == ["Intel VGA controller"]
    assert result["nvidia_smi"]["outcome"] == "absent"


def test_two_hopper_cards_with_the_driver(tmp_path: Path) -> None:
    result = gpu_info(tmp_path, sysfs_tree.HOPPER_PAIR)
    assert result["summary"] == "2 x NVIDIA H200 (140.4 GiB); kernel driver: nvidia"
    assert [(gpu["pci_address"], gpu["numa_node"], gpu["iommu_group"]) for gpu in result["gpus"]] == [("0000:19:00.0", 0, 57), ("0000:3b:00.0", 1, 58)]


def test_a_newer_card_is_recognised_by_its_generation(tmp_path: Path) -> None:
    (gpu,) = gpu_info(tmp_path, sysfs_tree.BLACKWELL_UNLISTED)["gpus"]
    assert (gpu["matched_by"], gpu["architecture"], gpu["open_module"], gpu["driver"]) == ("range", "Blackwell", "required", "nouveau")
    assert gpu["memory_bytes"] is None and gpu["memory_source"] is None


def test_a_card_beyond_every_range_still_needs_the_open_module(tmp_path: Path) -> None:
    (gpu,) = gpu_info(tmp_path, sysfs_tree.BEYOND_EVERY_RANGE)["gpus"]
    assert (gpu["matched_by"], gpu["architecture"], gpu["open_module"]) == ("none", None, "required")


def test_the_driver_is_believed_before_the_catalogue(tmp_path: Path) -> None:
    line = "00000000:01:00.0, NVIDIA RTX 4000 SFF Ada Generation, GPU-1, 20470, 580.159.03, 8.9"
    result = gpu_info(tmp_path, sysfs_tree.ADA_UNBOUND, nvidia_smi=fake_smi(tmp_path, "echo '%s'\n" % line))
    (gpu,) = result["gpus"]
    assert (gpu["memory_bytes"], gpu["memory_source"], gpu["driver_version"], gpu["uuid"]) == (20470 << 20, "nvidia-smi", "580.159.03", "GPU-1")
    assert result["nvidia_smi"]["outcome"] == "ok"


@pytest.mark.parametrize(
    ("body", "outcome", "detail"),
    [
        ("echo 'No devices were found'; exit 6\n", "failed", "No devices were found"),
        ("echo 'cannot open' >&2; exit 9\n", "failed", "cannot open"),
        ("exit 9\n", "failed", "exit status 9"),
        ("exec sleep 60\n", "hang", "no answer within 1 s"),
    ],
)
def test_a_broken_nvidia_smi_is_a_result(tmp_path: Path, body: str, outcome: str, detail: str) -> None:
    result = gpu_info(tmp_path, sysfs_tree.ADA_UNBOUND, nvidia_smi=fake_smi(tmp_path, body), timeout=1.0)
    assert (result["nvidia_smi"]["outcome"], result["nvidia_smi"]["detail"]) == (outcome, detail)
    assert len(result["gpus"]) == 1


def test_cuda_is_not_asked_where_there_is_no_gpu(tmp_path: Path) -> None:
    result = gpu_info(tmp_path, sysfs_tree.VIRTIO_ONLY, cuda_init=True)
    assert result["cuda_init"]["outcome"] == "not_run"


def test_a_wrong_type_is_refused(tmp_path: Path) -> None:
    result = gpu_info(tmp_path, {}, timeout="soon")
    assert result["failed"] and "timeout" in result["msg"]
