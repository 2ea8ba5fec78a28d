# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Broken hosts, one for each row of the ledger, and what is found on them. All documents are constructed."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._causes import CAUSES, CRITICAL, ERROR
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._expectations import EXPECTATIONS
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._facts import Inputs
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._fixes import words
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._verify import is_asked, verify
from ansible_collections.inferhost.llm.tests.unit.plugins import gpu_documents as made
from ansible_collections.inferhost.llm.tests.unit.plugins.host_tree import RELEASE

Document = t.Dict[str, t.Any]

OLD = "580.126.09"
CUDA = {"cuda_init": True}
CONTAINER = {"container_cuda_init": True}
FALLEN = "[  900.0] NVRM: GPU at PCI:0000:01:00: GPU-x\n[  900.0] NVRM: Xid (PCI:0000:01:00): 79, pid=1, GPU has fallen off the bus."


class Case(t.NamedTuple):
    """A host, what is asked of it, the finding that has to explain what is not met, and what its evidence and its command have to name."""

    facts: Document
    asked: Document
    id: str
    title: str
    seen: t.Tuple[str, ...]
    fix: t.Tuple[str, ...]
    container: t.Optional[Document] = None


NO_HEADERS = made.without_module(
    kernel__installed=[made.kernel(RELEASE, headers=None, nvidia_module=None)], dkms=[made.tree(made.VERSION, ["6.12.43+deb13-amd64"])], driver__on_disk=None
)
FAILED_BUILD = made.without_module(
    kernel__installed=[made.kernel(RELEASE, nvidia_module=None)],
    dkms=[made.tree(made.VERSION, [], "/var/lib/dkms/nvidia/580/build/make.log")],
    driver__on_disk=None,
)
UPGRADED = made.changed(
    driver__loaded_version=OLD,
    nvidia_smi={"outcome": "failed", "detail": "Failed to initialize NVML: Driver/library version mismatch", "path": "x", "versions": {}},
    cuda_init=made.cuda(803),
)
STALE_LIBRARY = made.changed(driver__user_space=[made.library("libcuda"), made.library("libcuda", OLD, "/usr/local/nvidia/lib64/")], cuda_init=made.cuda(803))
NO_LIBRARY = made.changed(driver__user_space=[made.library("libnvidia-ml")], cuda_init=made.not_tried("absent", "the host has no libcuda"))
COMPAT = made.changed(
    driver__user_space=[made.library("libcuda"), made.library("libnvidia-ml"), made.library("libcuda", "590.48.01", "/usr/local/cuda-13.1/compat/", True)],
    cuda_init=made.cuda(804),
)
REMAINS = made.changed(
    packages__nvidia=[
        made.package("nvidia-dkms-580-open"),
        made.package("libnvidia-compute-535", "535.261.03-0ubuntu1"),
        made.package("nvidia-utils-550", "550.163.01-1"),
    ],
    cuda_init=made.cuda(999),
    driver__device_nodes=["nvidia-uvm"],
)
# The old branch's module lies where the next boot looks, and the new one's is loaded.
MIXED_BRANCHES = made.changed(
    driver__on_disk=made.module("535.261.03"),
    packages__nvidia=[made.package("nvidia-dkms-580-open"), made.package("nvidia-kernel-source-535", "535.261.03-0ubuntu1")],
    dkms=[made.tree(made.VERSION, []), made.tree("535.261.03", [RELEASE])],
)
HALF_INSTALLED = made.without_module(
    kernel__installed=[made.kernel(RELEASE, nvidia_module=None)],
    driver__on_disk=None,
    packages__nvidia=[made.package("nvidia-dkms-580-open", state="half-configured"), made.package("libnvidia-compute-550", "550.163.01-0ubuntu1")],
)
NO_TOOLKIT = made.changed(
    containers={
        "cdi": [],
        "docker": {"installed": True, "valid": None, "configuration": None, "runtimes": {}},
        "toolkit": {"nvidia_ctk": None, "configuration": None},
    }
)
HOOKS_ONLY = made.changed()
HOOKS_ONLY["containers"]["cdi"] = []

CASES: t.Dict[str, Case] = {
    "L01 closed module on Blackwell": Case(
        made.closed_on_blackwell(),
        {"cuda_init": True, "open_module": True, "no_new_refusals": True},
        "L01",
        "The closed kernel module cannot drive this GPU",
        ("requires use of the NVIDIA open kernel modules", "No devices were found", made.BLACKWELL, "licence NVIDIA"),
        ("apt-get install nvidia-kernel-open-dkms",),
    ),
    "L01 without the kernel's log": Case(
        dict(made.closed_on_blackwell(), kernel_log={"source": None, "events": []}),
        CUDA,
        "L01",
        "The closed kernel module cannot drive this GPU",
        (made.BLACKWELL,),
        ("nvidia-kernel-open-dkms",),
    ),
    "L01 open module on Pascal": Case(
        made.changed(
            gpus=[made.card(name="NVIDIA P40", open_module="impossible", state=None)],
            cuda_init=made.cuda(100),
            packages__nvidia=[made.package("nvidia-dkms-580-open")],
        ),
        CUDA,
        "L01",
        "The open kernel module cannot drive this GPU",
        ("NVIDIA P40",),
        ("apt-get install nvidia-dkms-580 ",),
    ),
    "L02 remains of other branches": Case(
        MIXED_BRANCHES,
        {"same_version": ["module"]},
        "L02",
        "Remains of other driver branches are installed",
        ("branch 535: nvidia-kernel-source-535", "DKMS has 535.261.03, 580.159.03"),
        ("sudo apt-get purge nvidia-kernel-source-535 && sudo dkms remove nvidia/535.261.03 --all",),
    ),
    "L02 half installed": Case(
        HALF_INSTALLED,
        {"cuda_init": True, "driver_branch": "580"},
        "L02",
        "The installation of the driver did not finish",
        ("nvidia-dkms-580-open (half-configured)", "branch 550: libnvidia-compute-550"),
        ("sudo dpkg --configure -a && sudo apt-get purge libnvidia-compute-550",),
    ),
    "L03 no headers": Case(
        NO_HEADERS,
        {"cuda_init": True, "min_driver_version": "580"},
        "L03",
        "The running kernel has no headers, so the driver's module was not built",
        (RELEASE, "DKMS built for 6.12.43+deb13-amd64"),
        ("linux-headers-%s linux-headers-amd64" % RELEASE, "dkms autoinstall -k " + RELEASE),
    ),
    "L03 failed build": Case(
        FAILED_BUILD, CUDA, "L03", "The driver's module was not built for the running kernel", ("failed build: /var/lib/dkms",), ("dkms autoinstall",)
    ),
    "L04 no libcuda, though nvidia-smi works": Case(
        NO_LIBRARY,
        CUDA,
        "L04",
        "The host has no CUDA driver library",
        ("no libcuda.so.1", "nvidia-smi works, which proves nothing"),
        ("apt-get install nvidia-driver-cuda",),
    ),
    "L04 803 by a second library": Case(
        STALE_LIBRARY,
        {"cuda_init": True, "same_version": ["user_space"]},
        "L04",
        "Libraries of another driver version are in the way",
        (OLD, "803"),
        ("/usr/local/nvidia/lib64/libcuda.so." + OLD,),
    ),
    "L04 libraries of another version than both modules": Case(
        made.changed(driver__user_space=[made.library("libcuda", OLD), made.library("libnvidia-ml", OLD)], cuda_init=made.cuda(803)),
        {"cuda_init": True, "same_version": ["module", "user_space"]},
        "L04",
        "Libraries of another driver version are in the way",
        (OLD, made.VERSION),
        ("dpkg -S " + made.LIBRARIES,),
    ),
    "L04 803 with equal versions": Case(
        made.changed(cuda_init=made.cuda(803)), CUDA, "L04", "CUDA's library does not fit the kernel module", ("803",), ("LD_LIBRARY_PATH",)
    ),
    "L04 804": Case(COMPAT, CUDA, "L04", "Forward compatibility does not work on this GPU", ("804", "/usr/local/cuda-13.1/compat/"), ("driver_plan",)),
    "L04 802": Case(
        made.changed(
            cuda_init=made.cuda(802),
            fabric_manager={"nvswitches": 4, "package": None, "version": None, "matches_driver": None, "unit": made.unit(None, "not-found")},
        ),
        {"cuda_init": True, "fabric_manager": True},
        "L04",
        "The fabric manager does not run with the driver's version",
        ("802", "no package"),
        ("systemctl enable --now nvidia-fabricmanager",),
    ),
    "L04 803 in the container": Case(
        made.changed(), CONTAINER, "L04", "The container has no CUDA library, or one that does not fit", ("803",), ("compat",), made.cuda(803)
    ),
    "L05 Docker 28 without the toolkit": Case(
        NO_TOOLKIT,
        CONTAINER,
        "L05",
        "Docker does not know the GPU",
        ("could not select device driver", "nvidia-ctk is not installed"),
        ("nvidia-ctk runtime configure", "systemctl restart docker"),
        made.not_tried("not_run", 'docker: could not select device driver "" with capabilities: [[gpu]]'),
    ),
    "L05 Docker 29 without a specification": Case(
        NO_TOOLKIT,
        CONTAINER,
        "L05",
        "Docker does not know the GPU",
        ("no known GPU vendor found",),
        ("nvidia-ctk cdi generate",),
        made.not_tried("not_run", "failed to discover GPU vendor from CDI: no known GPU vendor found"),
    ),
    "L05 stale specification": Case(
        made.changed(
            containers=dict(
                made.healthy()["containers"], cdi=[{"path": "/etc/cdi/nvidia.yaml", "kind": "nvidia.com/gpu", "devices": ["all"], "driver_versions": [OLD]}]
            )
        ),
        CONTAINER,
        "L05",
        "The CDI specification is of another driver version",
        (OLD, made.VERSION),
        ("nvidia-cdi-refresh",),
        made.not_tried("absent", "no libcuda"),
    ),
    "L07 nouveau": Case(
        made.without_module(gpus=[made.card(driver="nouveau", state=None)], driver__nouveau={"loaded": True, "blacklisted": False}),
        {"cuda_init": True, "no_nouveau": True},
        "L07",
        "The kernel's own driver holds the GPU",
        ("bound to nouveau", "not blacklisted"),
        ("blacklist nouveau", "update-initramfs -u", "reboot"),
    ),
    "L07 Secure Boot": Case(
        made.without_module(secure_boot=True, kernel_log=made.log(*made.KEY_REFUSED)),
        {"cuda_init": True, "same_version": ["module"], "no_new_refusals": True},
        "L07",
        "The kernel refuses the driver's signature",
        ("Secure Boot is on", "has no signature", "is rejected"),
        ("mokutil --import",),
    ),
    "L08 upgraded under a loaded module": Case(
        UPGRADED,
        {"cuda_init": True, "same_version": ["module", "user_space"]},
        "L08",
        "The driver was upgraded under the module that runs",
        ("loaded is " + OLD, "libraries are " + made.VERSION, "Driver/library version mismatch"),
        ("sudo reboot",),
    ),
    "L09 daemon-reload": Case(
        HOOKS_ONLY,
        CONTAINER,
        "L09",
        "The container lost the GPU that the host has",
        ("Unknown Error", "cuInit works"),
        ("--device nvidia.com/gpu=all",),
        made.not_tried("not_run", "Failed to initialize NVML: Unknown Error"),
    ),
    "L09 seen by CUDA": Case(HOOKS_ONLY, CONTAINER, "L09", "The container lost the GPU that the host has", ("100",), ("docker restart",), made.cuda(100)),
    "no driver at all": Case(
        made.without_module(driver__on_disk=None, dkms=[], packages__nvidia=[], kernel__installed=[made.kernel(RELEASE, nvidia_module=None)]),
        {"cuda_init": True, "driver_branch": "580"},
        "no_driver",
        "The host has no NVIDIA driver",
        ("no package of the driver",),
        ("driver_plan",),
    ),
    "module not loaded": Case(
        made.without_module(), CUDA, "module_not_loaded", "The driver's module is there and not loaded", (made.MODULE,), ("modprobe nvidia",)
    ),
    "no card": Case(made.changed(gpus=[]), {"gpu_count": 1, "model": "*"}, "no_card", "The machine shows no NVIDIA GPU", ("no NVIDIA GPU",), ("lspci",)),
    "off the bus": Case(
        made.changed(cuda_init=made.cuda(999), kernel_log=made.log(*FALLEN.splitlines())),
        {"cuda_init": True, "no_new_xids": True},
        "off_the_bus",
        "A GPU fell off the bus",
        ("Xid",),
        ("poweroff",),
    ),
    "driver too old": Case(
        made.changed(
            cuda_init=made.cuda(100),
            kernel_log=made.log(
                "[ 1.0] NVRM: The NVIDIA GPU 0000:01:00.0 (PCI ID: 10de:2bb1)",
                "[ 1.0] NVRM: installed in this system is not supported by the",
                "[ 1.0] NVRM: NVIDIA 550.163.01 driver release.",
            ),
        ),
        CUDA,
        "driver_too_old",
        "The driver is older than the GPU",
        ("550.163.01",),
        ("driver_plan",),
    ),
    "unified memory": Case(
        made.changed(cuda_init=made.cuda(999), driver__device_nodes=["nvidia0"]),
        CUDA,
        "unified_memory",
        "CUDA cannot open the GPU's device nodes",
        ("no /dev/nvidia-uvm",),
        ("nvidia-modprobe",),
    ),
    "hang": Case(made.changed(cuda_init=made.not_tried("hang", "cuInit: no answer")), CUDA, "cuda_hangs", "CUDA hangs or crashes", ("no answer",), ("NVRM",)),
    "system processor": Case(
        made.changed(cuda_init=made.cuda(100), kernel_log=made.log("[ 1.0] NVRM: _kgspBootGspRm: unexpected WPR2 already up")),
        CUDA,
        "gsp",
        "The GPU's system processor does not start",
        ("WPR2",),
        ("poweroff",),
    ),
    "passed through": Case(
        made.without_module(gpus=[made.card(driver="vfio-pci")]), CUDA, "given_away", "The GPU is given to virtual machines", ("vfio-pci",), ("vfio",)
    ),
}


def judge(facts: Document, asked: Document, **more: t.Any) -> Document:
    return verify(Inputs(facts, **more), asked)


@pytest.mark.parametrize("name", CASES)
def test_a_broken_host_is_explained(name: str) -> None:
    case = CASES[name]
    result = judge(case.facts, case.asked, container_cuda=case.container)
    found = [finding for finding in result["findings"] if (finding["id"], finding["title"]) == (case.id, case.title)]
    assert len(found) == 1, result["text"]
    # One fault has one finding; whatever else is seen at most warns.
    assert [finding["title"] for finding in result["findings"] if finding["severity"] != "warning"] == [case.title], result["text"]
    assert [words for words in case.seen if words not in found[0]["seen"]] == []
    assert [words for words in case.fix if words not in found[0]["fix"]] == []
    assert not result["ok"] and result["worst"] in (ERROR, CRITICAL)
    # Everything that was asked is explained: no symptom is left to stand alone.
    assert [row["name"] for row in result["expectations"] if not row["explained_by"]] == [], result["text"]
    assert case.id in {one for row in result["expectations"] for one in row["explained_by"]}
    assert case.id in result["text"] and found[0]["fix"] in result["text"]


@pytest.mark.parametrize("name", CASES)
def test_what_was_not_asked_for_never_fails(name: str) -> None:
    case = CASES[name]
    result = judge(case.facts, {}, container_cuda=case.container)
    assert result["ok"] and result["expectations"] == []
    assert {finding["severity"] for finding in result["findings"]} == {"warning"}
    assert result["worst"] == "warning"


EVERYTHING = {
    "gpu_count": 1,
    "model": "rtx 4000 *",
    "compute_capability": "8.9",
    "min_compute_capability": "8.0",
    "min_memory_bytes": 16 << 30,
    "min_driver_version": "580.95",
    "max_driver_version": "580",
    "driver_branch": "580",
    "open_module": True,
    "module_licence": "Dual MIT/GPL",
    "same_version": ["module", "user_space"],
    "cuda_init": True,
    "cuda_major": 13,
    "container_cuda_init": True,
    "no_new_xids": True,
    "no_new_refusals": True,
    "ecc_clean": True,
    "pcie_link": True,
    "min_pcie_width": 8,
    "persistence": True,
    "fabric_manager": True,
    "secure_boot": False,
    "no_nouveau": True,
    "min_bandwidth_percent": 80.0,
}


def test_a_healthy_host_meets_everything() -> None:
    assert set(EVERYTHING) == {row.name for row in EXPECTATIONS}
    result = judge(made.healthy(), EVERYTHING, container_cuda=made.cuda(), bandwidth_bytes_per_s=250e9)
    assert (result["ok"], result["worst"], result["findings"]) == (True, "ok", []), result["text"]
    assert [row["name"] for row in result["expectations"] if row["met"] != "yes"] == []
    assert "24 of 24 expectations met; worst: ok" in result["text"]


# A document in which nothing could be read.
BLIND = {
    **dict.fromkeys(made.healthy()),
    "gpus": [],
    "unread": [
        {"what": "/sys/bus/pci/devices", "why": "permission denied"},
        {"what": "driver", "why": "OSError: denied"},
        {"what": "/dev/kmsg", "why": "operation not permitted"},
    ],
}


def test_nothing_that_was_not_read_is_met() -> None:
    result = judge(BLIND, EVERYTHING)
    assert {row["met"] for row in result["expectations"]} == {"unknown"}, result["text"]
    assert [finding["id"] for finding in result["findings"]] == [row.name + "_unknown" for row in EXPECTATIONS]
    assert {finding["severity"] for finding in result["findings"]} == {"error"}
    seen = {row["name"]: row["seen"] for row in result["expectations"]}
    assert "/sys/bus/pci/devices: permission denied" in seen["gpu_count"]
    assert "driver: OSError: denied" in seen["open_module"]
    assert "/dev/kmsg: operation not permitted" in seen["no_new_xids"]
    assert not result["ok"] and judge(BLIND, {})["ok"]


def test_an_unknown_answer_says_what_to_do_and_what_may_be_the_reason() -> None:
    result = judge(made.closed_on_blackwell(), {"ecc_clean": True})
    assert [row["met"] for row in result["expectations"]] == ["unknown"]
    (unknown,) = [finding for finding in result["findings"] if finding["id"] == "ecc_clean_unknown"]
    assert "did not report" in unknown["seen"] and "closed kernel module cannot drive" in unknown["cause"] and "--ecc-config=1" in unknown["cause"]
    assert unknown["fix"].startswith("nvidia-smi -q")


def test_a_message_of_an_earlier_module_is_no_cause() -> None:
    """The closed module was replaced and CUDA works since; the kernel's log still has the refusal."""
    result = judge(made.changed(gpus=[made.blackwell()], kernel_log=made.log(*made.OPEN_REQUIRED)), CUDA)
    assert (result["ok"], result["findings"]) == (True, [])


def test_what_nothing_explains_has_a_finding_of_its_own() -> None:
    result = judge(made.healthy(), {"min_memory_bytes": 40 << 30})
    (finding,) = result["findings"]
    assert (finding["id"], finding["severity"]) == ("min_memory_bytes", "error")
    assert finding["seen"] == "asked: %d; seen: 0000:01:00.0: 20.0 GiB (nvidia-smi)" % (40 << 30)


def test_a_missing_driver_does_not_excuse_a_small_card() -> None:
    result = judge(NO_HEADERS, {"min_memory_bytes": 40 << 30})
    assert next((finding["id"], finding["severity"]) for finding in result["findings"]) == ("min_memory_bytes", "error")


def test_the_worst_stands_first_and_remains_only_warn_beside_another_cause() -> None:
    result = judge(REMAINS, {"cuda_init": True, "min_memory_bytes": 40 << 30})
    assert [(finding["id"], finding["severity"]) for finding in result["findings"]] == [
        ("unified_memory", "critical"),
        ("min_memory_bytes", "error"),
        ("L02", "warning"),
    ], result["text"]
    assert result["findings"][2]["fix"] == "sudo apt-get purge libnvidia-compute-535 nvidia-utils-550"


def test_a_container_that_shares_the_fault_of_its_host_has_not_lost_the_card() -> None:
    result = judge(made.closed_on_blackwell(), CONTAINER, container_cuda=made.cuda(100))
    assert [finding["id"] for finding in result["findings"]] == ["L01"], result["text"]


def test_remains_do_not_excuse_a_driver_of_another_branch() -> None:
    result = judge(MIXED_BRANCHES, {"driver_branch": "595"})
    assert [(finding["id"], finding["severity"]) for finding in result["findings"]] == [("driver_branch", "error"), ("L02", "warning")]


def test_another_kernel_without_a_module_warns() -> None:
    facts = made.changed(kernel__installed=[made.kernel(RELEASE), made.kernel("6.12.57+deb13-amd64", headers=None, nvidia_module=None)])
    (finding,) = judge(facts, CUDA)["findings"]
    assert (finding["id"], finding["severity"]) == ("L03", "warning")
    assert finding["fix"] == "sudo apt-get install linux-headers-6.12.57+deb13-amd64 linux-headers-amd64 && sudo dkms autoinstall -k 6.12.57+deb13-amd64"


@pytest.mark.parametrize(
    ("name", "wanted", "asked"),
    [
        ("gpu_count", 0, True),
        ("gpu_count", None, False),
        ("cuda_init", False, False),
        ("open_module", False, True),
        ("secure_boot", False, True),
        ("same_version", [], False),
        ("model", "", False),
    ],
)
def test_what_counts_as_asked(name: str, wanted: t.Any, asked: bool) -> None:
    assert is_asked(name, wanted) is asked


def test_the_table_speaks_of_expectations_that_exist_and_its_commands_can_be_filled() -> None:
    names = {row.name for row in EXPECTATIONS}
    for cause in CAUSES:
        assert set(cause.explains) <= names, cause.title
        assert cause.fix.format(**words(made.healthy())) and cause.severity in (ERROR, CRITICAL)
