# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each expectation alone: what meets it, what does not, and what leaves it open. All documents are constructed."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._expectations import EXPECTATIONS
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._facts import Inputs
from ansible_collections.inferhost.llm.tests.unit.plugins import gpu_documents as made

Document = t.Dict[str, t.Any]
CHECKS = {row.name: row.check for row in EXPECTATIONS}


def with_state(**state: t.Any) -> Document:
    one = made.card()
    one["state"].update(state)
    return made.changed(gpus=[one])


def with_ecc(**ecc: t.Any) -> Document:
    return with_state(ecc={**made.card()["state"]["ecc"], **ecc})


def with_card(**changes: t.Any) -> Document:
    return made.changed(gpus=[made.card(**changes)])


def link(width: t.Optional[int], most: t.Optional[int], speed: str = "16.0 GT/s PCIe") -> Document:
    return with_card(pcie={"speed": speed, "width": width, "max_speed": "16.0 GT/s PCIe", "max_width": most}, state=None)


def switches(active: t.Optional[str], matches: t.Optional[bool], state: t.Optional[str] = "Completed", count: int = 4) -> Document:
    manager = {"nvswitches": count, "package": "nvidia-fabricmanager", "version": "580.159.03-1", "matches_driver": matches}
    facts = with_state(fabric={"state": state})
    facts["fabric_manager"] = {**manager, "unit": made.unit(active) if active else None}
    return facts


UNKNOWN_NAME = {"name": "an unlisted NVIDIA card", "matched_by": "range", "driver_version": None}
ANOTHER_FOLDER = made.library("libcuda", "575.57.08", "/usr/local/nvidia/lib64/")

TABLE: t.Tuple[t.Tuple[str, t.Any, Document, str, str], ...] = (
    ("gpu_count", 2, made.changed(gpus=[made.card(), made.card(pci_address="0000:02:00.0")]), "yes", "2 on the PCI bus"),
    ("gpu_count", 2, made.healthy(), "no", "1 on the PCI bus"),
    ("gpu_count", 0, made.changed(gpus=[]), "yes", "0 on the PCI bus"),
    ("gpu_count", 0, made.changed(gpus=[], unread=[{"what": "gpus", "why": "KeyError"}]), "unknown", "gpus: KeyError"),
    ("model", "NVIDIA RTX 4000 SFF Ada Generation", made.healthy(), "yes", "RTX 4000"),
    ("model", "rtx 4000*", made.healthy(), "yes", "RTX 4000"),
    ("model", "RTX 4000", made.healthy(), "no", "RTX 4000 SFF"),
    ("model", "*", with_card(**UNKNOWN_NAME), "unknown", "neither the catalogue nor"),
    ("compute_capability", "8.9", made.healthy(), "yes", "8.9"),
    ("compute_capability", "9.0", made.healthy(), "no", "8.9"),
    ("min_compute_capability", "8.9", with_card(compute_capability="12.0"), "yes", "12.0"),
    ("min_compute_capability", "10.0", made.healthy(), "no", "8.9"),
    ("min_compute_capability", "7.5", with_card(compute_capability=None), "unknown", "not known"),
    # What a plan says that was made before there was a driver.
    ("model", "NVIDIA RTX 4000 SFF Ada Generation", with_card(name="NVIDIA RTX 4000 SFF Ada", device_id="27b0", subsystem_device_id=None), "yes", "SFF Ada"),
    ("model", "NVIDIA H200", with_card(device_id="27b0", subsystem_device_id=None), "no", "SFF Ada"),
    ("min_memory_bytes", 20475 << 20, made.healthy(), "yes", "20.0 GiB (nvidia-smi)"),
    ("min_memory_bytes", 1, with_card(memory_bytes=None), "unknown", "not known"),
    ("min_driver_version", "580.95.05", made.healthy(), "yes", "loaded: 580.159.03"),
    ("min_driver_version", "580.173.02", made.healthy(), "no", "loaded: 580.159.03"),
    ("min_driver_version", "535", made.without_module(), "no", "no module of the driver is loaded; on disk: 580.159.03"),
    ("min_driver_version", "535", made.changed(driver__loaded_version=None), "unknown", "does not tell"),
    ("max_driver_version", "580", made.healthy(), "yes", "580.159.03"),
    ("max_driver_version", "580.159.03", made.healthy(), "yes", "580.159.03"),
    ("max_driver_version", "580.126", made.healthy(), "no", "580.159.03"),
    ("driver_branch", "580", made.healthy(), "yes", "580.159.03"),
    ("driver_branch", "595", made.healthy(), "no", "580.159.03"),
    ("open_module", True, made.healthy(), "yes", "loaded: open"),
    ("open_module", False, made.healthy(), "no", "loaded: open"),
    ("open_module", True, made.without_module(), "no", "on disk: open"),
    ("open_module", True, made.changed(driver__loaded_flavour=None), "unknown", "flavour"),
    ("module_licence", "Dual MIT/GPL", made.healthy(), "yes", "Dual MIT/GPL"),
    ("module_licence", "NVIDIA", made.healthy(), "no", "loaded: open"),
    ("module_licence", "Dual MIT/GPL", made.changed(driver__on_disk=None), "unknown", "could not be read"),
    ("same_version", ["module"], made.changed(driver__user_space=[]), "yes", "module on disk: 580.159.03"),
    ("same_version", ["user_space"], made.changed(driver__user_space=[]), "unknown", "libcuda and NVML: none"),
    ("same_version", ["user_space"], made.changed(driver__user_space=[made.library("libcuda"), ANOTHER_FOLDER]), "no", "575.57.08"),
    ("same_version", ["module", "user_space"], made.changed(driver__on_disk=None), "unknown", "module on disk: none"),
    ("same_version", ["fabric_manager"], made.healthy(), "unknown", "fabric manager: none"),
    ("same_version", ["fabric_manager"], switches("active", False), "no", "fabric manager: 580.159.03-1"),
    ("cuda_init", True, made.changed(cuda_init=made.not_tried("not_run", "not asked for")), "unknown", "not asked for"),
    ("cuda_init", True, made.changed(cuda_init=made.cuda(device_count=0)), "no", "shows 0 GPUs"),
    ("cuda_init", True, made.changed(cuda_init=made.cuda(device_count=None)), "unknown", "how many"),
    ("cuda_init", True, made.changed(gpus=[made.card(), made.card()]), "no", "shows 1 GPUs, of 2"),
    ("cuda_init", True, made.changed(gpus=[made.card(), made.card(driver="vfio-pci")]), "yes", "shows 1 GPUs"),
    ("cuda_init", True, made.changed(cuda_init=made.cuda(999)), "no", "nvidia-smi works, which proves nothing about CUDA"),
    ("cuda_major", 13, made.healthy(), "yes", "CUDA 13.0"),
    ("cuda_major", 13, made.changed(cuda_init=made.cuda(cuda_version="12.8")), "no", "CUDA 12.8"),
    ("cuda_major", 13, made.changed(cuda_init=made.cuda(cuda_version=None)), "unknown", "did not tell"),
    ("container_cuda_init", True, made.healthy(), "unknown", "container_cuda is not given"),
    ("no_new_xids", True, made.healthy(), "yes", "none since the kernel's start"),
    ("no_new_xids", True, made.changed(kernel_log=made.log("[ 9.0] NVRM: Xid (PCI:0000:01:00): 31, pid=7")), "no", "Xid 31: a program touched"),
    ("no_new_xids", True, made.changed(kernel_log=None), "unknown", "was not read"),
    ("no_new_refusals", True, made.changed(kernel_log=made.log("[ 9.0] NVRM: Xid (PCI:0000:01:00): 31, pid=7")), "yes", "none"),
    ("no_new_refusals", True, made.closed_on_blackwell(), "no", "requires use of"),
    ("ecc_clean", True, made.healthy(), "yes", "no uncorrected error"),
    ("ecc_clean", True, with_ecc(volatile={"corrected": 0, "uncorrected": 2}), "no", "since the driver was loaded: 2"),
    ("ecc_clean", True, with_ecc(aggregate={"corrected": 0, "uncorrected": 1}), "no", "in the card's life: 1"),
    ("ecc_clean", True, with_ecc(sram_threshold_exceeded=True), "no", "threshold"),
    ("ecc_clean", True, with_state(remapped_rows={"corrected": 0, "uncorrected": 0, "pending": True, "failed": False}), "no", "row replacement pending"),
    ("ecc_clean", True, with_state(retired_pages={"single_bit": 0, "double_bit": 1, "pending": True}), "no", "page retirement pending"),
    ("ecc_clean", True, with_state(failures=["GPU is lost"]), "no", "GPU is lost"),
    ("ecc_clean", True, with_ecc(enabled=False), "unknown", "ECC is off"),
    ("ecc_clean", True, with_ecc(enabled=None), "unknown", "reports no ECC"),
    ("ecc_clean", True, with_ecc(volatile={"corrected": None, "uncorrected": None}), "unknown", "counters"),
    ("ecc_clean", True, with_card(state=None), "unknown", "did not report"),
    ("pcie_link", True, link(16, 16, "2.5 GT/s PCIe"), "yes", "x16 of x16, 2.5 GT/s PCIe of 16.0 GT/s PCIe (a card at rest"),
    ("pcie_link", True, link(8, 16), "no", "x8 of x16"),
    ("pcie_link", True, link(None, None), "unknown", "not known"),
    ("min_pcie_width", 8, link(8, 16), "yes", "x8"),
    ("min_pcie_width", 8, link(4, 16), "no", "x4"),
    ("min_pcie_width", 8, link(None, 16), "unknown", "not known"),
    ("persistence", True, with_state(persistence_mode=False), "no", "persistence mode is off, nvidia-persistenced is active"),
    ("persistence", True, with_card(state=None), "unknown", "nvidia-persistenced is active"),
    ("fabric_manager", True, switches("active", True), "yes", "4 NVSwitches"),
    ("fabric_manager", True, switches("failed", True), "no", "unit: failed"),
    ("fabric_manager", True, switches("active", False), "no", "version: 580.159.03-1"),
    ("fabric_manager", True, switches("active", None), "unknown", "4 NVSwitches"),
    ("fabric_manager", True, switches(None, True), "unknown", "unit: None"),
    ("fabric_manager", True, switches("inactive", None, count=0), "yes", "fabric is complete"),
    ("fabric_manager", True, switches("inactive", None, "In Progress", 0), "no", "In Progress"),
    ("fabric_manager", True, with_card(state=None), "unknown", "do not say"),
    ("secure_boot", True, made.healthy(), "no", "Secure Boot is off"),
    ("secure_boot", False, made.changed(secure_boot=None), "unknown", "no value"),
    ("no_nouveau", True, with_card(driver="nouveau"), "no", "bound to nouveau"),
    ("no_nouveau", True, with_card(driver=None), "yes", "no driver"),
    ("min_bandwidth_percent", 80.0, made.healthy(), "unknown", "bandwidth_bytes_per_s is not given"),
)


@pytest.mark.parametrize(("name", "asked", "facts", "met", "seen"), TABLE, ids=["%s %s %d" % (row[0], row[3], number) for number, row in enumerate(TABLE)])
def test_an_expectation(name: str, asked: t.Any, facts: Document, met: str, seen: str) -> None:
    answer = CHECKS[name](Inputs(facts), asked)
    assert (answer.met, seen in answer.seen) == (met, True), answer.seen


@pytest.mark.parametrize(
    ("measured", "changes", "met", "seen"),
    [
        (250e9, {}, "yes", "89.3 % (250 of 280 GB/s)"),
        (200e9, {}, "no", "71.4 %"),
        (250e9, {"figures_verified": False}, "yes", "not verified"),
        (250e9, {"bandwidth_bytes_per_s": None}, "unknown", "no figure"),
    ],
)
def test_bandwidth_that_was_measured_elsewhere(measured: float, changes: Document, met: str, seen: str) -> None:
    answer = CHECKS["min_bandwidth_percent"](Inputs(with_card(**changes), bandwidth_bytes_per_s=measured), 80.0)
    assert (answer.met, seen in answer.seen) == (met, True), answer.seen


@pytest.mark.parametrize(
    ("container", "met"),
    [
        (made.cuda(), "yes"),
        (made.cuda(803), "no"),
        (made.not_tried("absent", "no libcuda"), "no"),
        (made.not_tried("not_run", "the image could not be pulled"), "unknown"),
        (made.not_tried("not_run", "docker: Error: unknown or invalid runtime name: nvidia"), "no"),
        ({}, "unknown"),
    ],
)
def test_cuda_in_a_container(container: Document, met: str) -> None:
    assert CHECKS["container_cuda_init"](Inputs(made.healthy(), container_cuda=container), True).met == met
