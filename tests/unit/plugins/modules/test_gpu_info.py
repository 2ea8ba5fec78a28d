# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module on hosts as sysfs shows them."""

from __future__ import annotations

import shutil
import subprocess
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.inferhost.llm.plugins.modules import gpu_info as module
from ansible_collections.inferhost.llm.tests.unit.plugins import sysfs_tree
from ansible_collections.inferhost.llm.tests.unit.plugins.host_tree import LINK, RELEASE, put
from ansible_collections.inferhost.llm.tests.unit.plugins.run_module import run_module

NO_SMI = "/nonexistent/nvidia-smi"


def gpu_info(folder: Path, devices: t.Dict[str, sysfs_tree.Attributes], **options: t.Any) -> t.Dict[str, t.Any]:
    sysfs_tree.build(folder / "sys", devices)
    return run_module("gpu_info", {"root": str(folder), "nvidia_smi": NO_SMI, "cuda_init": False, **options}, check=True)


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
    assert (gpu["pci_address"], gpu["driver"], gpu["open_module"], gpu["bar1_bytes"]) == ("0000:01:00.0", None, "recommended", 32 << 30)
    assert gpu["pcie"] == {"speed": "2.5 GT/s PCIe", "width": 8, "max_speed": "16.0 GT/s PCIe", "max_width": 16, "generation": 1, "max_generation": 4}
    assert gpu["bars"] == [{"register": 0, "bytes": 16 << 20}, {"register": 1, "bytes": 32 << 30}, {"register": 3, "bytes": 32 << 20}]
    assert gpu["board"] == {"maker": "NVIDIA", "name": None}
    assert (gpu["fp8"], gpu["fp4"], gpu["state"], gpu["information"]) == ("native", "weight_only", None, None)
    assert [other["description"] for other in result["other_display"]] == ["Intel VGA controller"]
    assert result["nvidia_smi"]["outcome"] == "absent"


def test_two_hopper_cards_with_the_driver(tmp_path: Path) -> None:
    result = gpu_info(tmp_path, sysfs_tree.HOPPER_PAIR)
    assert result["summary"] == "2 x NVIDIA H200 (140.4 GiB); kernel driver: nvidia"
    assert result["fabric_manager"]["nvswitches"] == 1
    assert [(gpu["pci_address"], gpu["numa_node"], gpu["iommu_group"]) for gpu in result["gpus"]] == [("0000:19:00.0", 0, 57), ("0000:3b:00.0", 1, 58)]


def test_a_newer_card_is_recognised_by_its_generation(tmp_path: Path) -> None:
    (gpu,) = gpu_info(tmp_path, sysfs_tree.BLACKWELL_UNLISTED)["gpus"]
    assert (gpu["matched_by"], gpu["architecture"], gpu["open_module"], gpu["driver"]) == ("range", "Blackwell", "required", "nouveau")
    assert gpu["memory_bytes"] is None and gpu["memory_source"] is None


def test_a_card_beyond_every_range_still_needs_the_open_module(tmp_path: Path) -> None:
    (gpu,) = gpu_info(tmp_path, sysfs_tree.BEYOND_EVERY_RANGE)["gpus"]
    assert (gpu["matched_by"], gpu["architecture"], gpu["open_module"]) == ("none", None, "required")


ADA_LINE = "00000000:01:00.0, NVIDIA RTX 4000 SFF Ada Generation, GPU-1, 20470, 580.159.03, 8.9"
ADA_XML = """<?xml version="1.0" ?><nvidia_smi_log><driver_version>580.159.03</driver_version><cuda_version>13.0</cuda_version>
<gpu id="00000000:01:00.0"><persistence_mode>Enabled</persistence_mode></gpu></nvidia_smi_log>"""

# Answers as the real program does: fields, document, versions.
GOOD_SMI = """case "$1" in
  -q) cat <<'END'
%s
END
  ;;
  --version) echo 'NVML version        : 580.159' ;;
  *) echo '%s' ;;
esac
""" % (ADA_XML, ADA_LINE)


def test_the_driver_is_believed_before_the_catalogue(tmp_path: Path) -> None:
    result = gpu_info(tmp_path, sysfs_tree.ADA_UNBOUND, nvidia_smi=fake_smi(tmp_path, GOOD_SMI))
    (gpu,) = result["gpus"]
    assert (gpu["memory_bytes"], gpu["memory_source"], gpu["driver_version"], gpu["uuid"]) == (20470 << 20, "nvidia-smi", "580.159.03", "GPU-1")
    assert gpu["state"]["persistence_mode"] is True
    assert result["nvidia_smi"]["outcome"] == "ok"
    # What --version leaves out comes from the document.
    assert result["nvidia_smi"]["versions"] == {"driver": "580.159.03", "cuda": "13.0", "nvml": "580.159", "nvidia_smi": None}


def test_a_document_that_breaks_off_leaves_the_fields(tmp_path: Path) -> None:
    body = "case $1 in -q) echo '<nvidia_smi_log>' ;; *) echo '%s' ;; esac\n" % ADA_LINE
    result = gpu_info(tmp_path, sysfs_tree.ADA_UNBOUND, nvidia_smi=fake_smi(tmp_path, body))
    (gpu,) = result["gpus"]
    assert (gpu["uuid"], gpu["state"]) == ("GPU-1", None)
    assert any(entry["what"] == "nvidia-smi -q -x" and "not the document" in entry["why"] for entry in result["unread"])


def test_a_mismatch_tells_the_version_of_the_library(tmp_path: Path) -> None:
    body = "echo 'Failed to initialize NVML: Driver/library version mismatch'; echo 'NVML library version: 580.178'; exit 18\n"
    smi = gpu_info(tmp_path, sysfs_tree.ADA_UNBOUND, nvidia_smi=fake_smi(tmp_path, body))["nvidia_smi"]
    assert (smi["outcome"], smi["detail"], smi["versions"]["nvml"]) == ("failed", "Failed to initialize NVML: Driver/library version mismatch", "580.178")


def test_a_program_that_hung_is_not_asked_again(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    gpu_info(tmp_path, sysfs_tree.ADA_UNBOUND, nvidia_smi=fake_smi(tmp_path, "echo x >> '%s'; exec sleep 60\n" % calls), timeout=1.0)
    assert calls.read_text(encoding="ascii") == "x\n"


# An RTX PRO 6000 with the closed module, as the field reports it: everything looks well but the kernel's log.
BLACKWELL = {
    "0000:01:00.0": sysfs_tree.device("10de", "2bb1", "0300", driver="nvidia", subsystem_vendor="0x10de", subsystem_device="0x204b"),
}
CLOSED_ON_BLACKWELL = {
    "/proc/sys/kernel/osrelease": RELEASE,
    "/proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.159.03  Tue Apr 14 12:41:17 UTC 2026\n",
    "/proc/driver/nvidia/gpus/0000:01:00.0/information": "Model: \t\t NVIDIA RTX PRO 6000\nGPU Firmware: \t N/A\n",
    "/sys/module/nvidia/version": "580.159.03\n",
    "/boot/vmlinuz-" + RELEASE: "",
    "/lib/modules/%s/build" % RELEASE: LINK + "/usr/src/linux-headers-" + RELEASE,
    "/var/lib/dpkg/status": "Package: nvidia-driver-580\nStatus: install ok installed\nArchitecture: amd64\nVersion: 580.159.03-1\n",
    "/dev/kmsg": "3,900,5559842,-;NVRM: The NVIDIA GPU 0000:01:00.0 (PCI ID: 10de:2bb1)\\x0aNVRM: installed in this system requires use of the NVIDIA "
    "open kernel modules.\n3,901,5559858,-;NVRM: GPU 0000:01:00.0: RmInitAdapter failed! (0x22:0x56:884)\n",
}


def test_the_closed_module_on_a_card_that_needs_the_open_one(tmp_path: Path) -> None:
    result = gpu_info(put(tmp_path, CLOSED_ON_BLACKWELL), BLACKWELL, nvidia_smi=fake_smi(tmp_path, "echo 'No devices were found'; exit 6\n"))
    (gpu,) = result["gpus"]
    assert (gpu["driver"], gpu["open_module"], gpu["information"]["firmware"]) == ("nvidia", "required", None)
    assert (result["driver"]["loaded_flavour"], result["driver"]["loaded_version"]) == ("closed", "580.159.03")
    assert [(event["kind"], event["pci_address"]) for event in result["kernel_log"]["events"]] == [
        ("open_module_required", "0000:01:00.0"),
        ("initialisation_failed", "0000:01:00.0"),
    ]
    (kernel,) = result["kernel"]["installed"]
    assert (kernel["release"], kernel["running"], kernel["headers"]) == (RELEASE, True, None)
    assert [package["name"] for package in result["packages"]["nvidia"]] == ["nvidia-driver-580"]


def test_what_could_not_be_read_is_said(tmp_path: Path) -> None:
    result = gpu_info(tmp_path, sysfs_tree.ADA_UNBOUND)
    assert (result["secure_boot"], result["packages"], result["kernel_log"]["source"]) == (None, None, None)
    assert {"what": "/var/lib/dpkg/status", "why": "no such file or directory"} in result["unread"]
    assert {"/dev/kmsg", "journalctl", "dmesg"} < {entry["what"] for entry in result["unread"]}


def test_a_host_whose_bus_is_not_visible(tmp_path: Path) -> None:
    result = run_module("gpu_info", {"root": str(tmp_path), "nvidia_smi": NO_SMI})
    assert (result["gpus"], result["kernel_log"]) == ([], None)
    assert {"what": "/sys/bus/pci/devices", "why": "no such file or directory"} in result["unread"]


def test_this_machine_itself() -> None:
    result = run_module("gpu_info", {"cuda_init": False, "timeout": 20.0})
    assert not result.get("failed") and result["kernel"]["running"]


def keys(documented: t.Dict[str, t.Any]) -> t.Dict[str, t.Any]:
    return {name: keys(one.get("contains") or {}) for name, one in documented.items()}


def undocumented(returned: t.Any, documented: t.Dict[str, t.Any], path: str = "") -> t.List[str]:
    """Paths of returned keys that the documentation does not have, as deep as it goes."""
    if isinstance(returned, list):
        return sorted({missing for one in returned for missing in undocumented(one, documented, path)})
    if not isinstance(returned, dict) or not documented:
        return []
    found = [path + name for name in returned if name not in documented]
    return found + [missing for name, one in returned.items() if name in documented for missing in undocumented(one, documented[name], "%s%s." % (path, name))]


def test_every_returned_key_is_documented(tmp_path: Path) -> None:
    result = gpu_info(
        put(tmp_path, CLOSED_ON_BLACKWELL), {**sysfs_tree.ADA_UNBOUND, "0000:02:00.0": BLACKWELL["0000:01:00.0"]}, nvidia_smi=fake_smi(tmp_path, GOOD_SMI)
    )
    documented = keys(yaml.safe_load(module.RETURN))
    assert result["gpus"][0]["state"] and result["kernel_log"]["events"]
    assert undocumented({name: one for name, one in result.items() if name not in ("changed", "invocation")}, documented) == []
    assert set(documented) <= set(result)


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


CUDA = (
    "#include <stdlib.h>\nint cuInit(unsigned flags) { if (ANSWER < 0) abort(); return ANSWER; }\nint cuDeviceGetCount(int *count) { *count = 0; return 0; }\n"
)


@pytest.mark.parametrize(("answer", "outcome", "name"), [(0, "ok", "CUDA_SUCCESS"), (803, "error", "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"), (-1, "crash", "")])
def test_cuda_is_what_the_loader_finds(tmp_path: Path, answer: int, outcome: str, name: str) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler, so no stand-in for libcuda can be built")
    (tmp_path / "cuda.c").write_text(CUDA, encoding="ascii")
    subprocess.run([compiler, "-shared", "-fPIC", "-DANSWER=%d" % answer, "-o", str(tmp_path / "libcuda.so.1"), str(tmp_path / "cuda.c")], check=True)
    options = {"sysfs_root": sysfs_tree.build(tmp_path / "sys", sysfs_tree.HOPPER_PAIR), "nvidia_smi": NO_SMI, "timeout": 20.0}
    cuda = run_module("gpu_info", options, environment={"LD_LIBRARY_PATH": str(tmp_path)})["cuda_init"]
    assert (cuda["outcome"], cuda["name"]) == (outcome, name)


def test_a_wrong_type_is_refused(tmp_path: Path) -> None:
    result = gpu_info(tmp_path, {}, timeout="soon")
    assert result["failed"] and "timeout" in result["msg"]
