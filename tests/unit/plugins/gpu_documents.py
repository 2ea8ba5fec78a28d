# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents of gpu_info, constructed: a healthy host in the shape of the module's documentation, and broken ones as changes to it. None was captured.

Messages of the kernel are put through the real parser, so that their kinds are those that it gives.
"""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._cuda import CODES
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._kernel_log import parse
from ansible_collections.inferhost.llm.tests.unit.plugins.host_tree import RELEASE

Document = t.Dict[str, t.Any]

VERSION = "580.159.03"
LIBRARIES = "/usr/lib/x86_64-linux-gnu/"
MODULE = "/lib/modules/%s/updates/dkms/nvidia.ko.xz" % RELEASE
ADDRESS = "0000:01:00.0"
BLACKWELL = "NVIDIA RTX PRO 6000 Blackwell Workstation Edition"

OPEN_REQUIRED = (
    "[   12.1] NVRM: The NVIDIA GPU 0000:01:00.0 (PCI ID: 10de:2bb1)",
    "[   12.1] NVRM: installed in this system requires use of the NVIDIA open kernel modules.",
    "[   12.2] NVRM: GPU 0000:01:00.0: RmInitAdapter failed! (0x22:0x56:884)",
)
KEY_REFUSED = ("[    5.0] Loading of module with unavailable key is rejected",)


def healthy() -> Document:
    """One Ada card with the open module, built by DKMS from NVIDIA's repository for Debian; Docker with a CDI specification."""
    return {
        "summary": "constructed",
        "gpus": [card()],
        "withheld": [],
        "other_display": [],
        "nvidia_smi": {"outcome": "ok", "detail": "", "path": "/usr/bin/nvidia-smi", "versions": {"driver": VERSION}},
        "cuda_init": cuda(),
        "cpu": {},
        "secure_boot": False,
        "kernel": {"running": RELEASE, "command_line": [], "installed": [kernel(RELEASE)], "unsigned_modules_refused": False},
        "packages": {
            "manager": "dpkg",
            "held": [],
            "nvidia": [package("nvidia-kernel-open-dkms"), package("nvidia-driver-cuda"), package("libcuda1"), package("libnvidia-ml1")],
            "tools": [],
            "kernel": [package("linux-image-amd64", "6.12.48-1"), package("linux-headers-amd64", "6.12.48-1")],
            "containers": [],
        },
        "dkms": [tree(VERSION, [RELEASE])],
        "driver": {
            "loaded": True,
            "module_name": "nvidia",
            "loaded_version": VERSION,
            "flavour": "open",
            "loaded_flavour": "open",
            "proc_version": "NVIDIA UNIX Open Kernel Module for x86_64  580.159.03",
            "on_disk": module(VERSION),
            "user_space": [library("libcuda"), library("libnvidia-ml")],
            "versions_agree": True,
            "modules": ["nvidia", "nvidia_uvm"],
            "parameters": {},
            "device_nodes": ["nvidia-uvm", "nvidia0", "nvidiactl"],
            "nouveau": {"loaded": False, "blacklisted": True},
        },
        "fabric_manager": {"nvswitches": 0, "package": None, "version": None, "matches_driver": None, "unit": unit(None, "not-found")},
        "persistence_daemon": {"unit": unit("active")},
        "cdi_refresh": {"unit": unit("inactive")},
        "kernel_log": {"source": "journalctl", "events": parse(["[    4.0] NVRM: loading NVIDIA UNIX Open Kernel Module for x86_64  580.159.03"])},
        "containers": {
            "cdi": [{"path": "/etc/cdi/nvidia.yaml", "kind": "nvidia.com/gpu", "devices": ["0", "all"], "driver_versions": [VERSION]}],
            "docker": {
                "installed": True,
                "configuration": "/etc/docker/daemon.json",
                "valid": True,
                "runtimes": {"nvidia": "nvidia-container-runtime"},
                "default_runtime": None,
                "cdi": True,
                "cdi_folders": None,
                "cgroup_driver": None,
            },
            "toolkit": {"nvidia_ctk": "/usr/bin/nvidia-ctk", "configuration": "/etc/nvidia-container-runtime/config.toml", "no_cgroups": False, "mode": "auto"},
        },
        "unread": [],
    }


def card(**changes: t.Any) -> Document:
    return {
        "pci_address": ADDRESS,
        "name": "NVIDIA RTX 4000 SFF Ada Generation",
        "matched_by": "id",
        "architecture": "Ada Lovelace",
        "compute_capability": "8.9",
        "memory_bytes": 20475 << 20,
        "memory_source": "nvidia-smi",
        "bandwidth_bytes_per_s": 280 * 10**9,
        "figures_verified": True,
        "open_module": "recommended",
        "driver": "nvidia",
        "driver_version": VERSION,
        "pcie": {"speed": "2.5 GT/s PCIe", "width": 16, "max_speed": "16.0 GT/s PCIe", "max_width": 16, "generation": 1, "max_generation": 4},
        "state": {
            "persistence_mode": True,
            "mig_mode": None,
            "failures": [],
            "ecc": {
                "enabled": True,
                "pending": True,
                "sram_threshold_exceeded": False,
                "volatile": {"corrected": 0, "uncorrected": 0},
                "aggregate": {"corrected": 3, "uncorrected": 0},
            },
            "remapped_rows": {"corrected": 0, "uncorrected": 0, "pending": False, "failed": False},
            "retired_pages": {"single_bit": None, "double_bit": None, "pending": None},
            "fabric": {"state": None},
            "pcie": {"width": 16, "max_width": 16},
        },
        "information": {"firmware": VERSION, "excluded": False},
        **changes,
    }


def blackwell(**changes: t.Any) -> Document:
    return card(name=BLACKWELL, architecture="Blackwell", compute_capability="12.0", open_module="required", **changes)


def cuda(code: int = 0, **changes: t.Any) -> Document:
    """As gpu_info translates a code."""
    name, cause, fix = CODES[code]
    answer = {"call": "cuInit", "code": code, "name": name, "cuda_version": "13.0", "device_count": 0 if code else 1, "devices": [], "cause": cause, "fix": fix}
    return {"outcome": "error" if code else "ok", **answer, **changes}


def not_tried(outcome: str, cause: str) -> Document:
    return dict(cuda(), outcome=outcome, call=None, code=None, name="", cuda_version=None, device_count=None, cause=cause)


def module(version: str, flavour: str = "open", signer: t.Optional[str] = None) -> Document:
    return {"path": MODULE, "version": version, "license": {"open": "Dual MIT/GPL", "closed": "NVIDIA"}[flavour], "flavour": flavour, "signer": signer}


def library(name: str, version: str = VERSION, folder: str = LIBRARIES, compat: bool = False) -> Document:
    return {"library": name, "version": version, "path": "%s%s.so.%s" % (folder, name, version), "compat": compat}


def package(name: str, version: str = VERSION + "-1", state: str = "installed") -> Document:
    return {"name": name, "version": version, "architecture": "amd64", "state": state, "held": False}


def kernel(release: str, **changes: t.Any) -> Document:
    found = {"release": release, "running": release == RELEASE, "image": True, "modules": True, "headers": "/usr/src/linux-headers-" + release}
    return {**found, "nvidia_module": "/lib/modules/%s/updates/dkms/nvidia.ko.xz" % release, **changes}


def tree(version: str, kernels: t.List[str], failed_build_log: t.Optional[str] = None) -> Document:
    built = [{"kernel": release, "architecture": "x86_64", "state": "installed"} for release in kernels]
    return {"module": "nvidia", "version": version, "source": True, "kernels": built, "failed_build_log": failed_build_log}


def unit(active: t.Optional[str], load: str = "loaded") -> Document:
    return {"load": load, "active": active or "inactive", "sub": "running", "enabled": "enabled", "result": "success"}


def changed(**changes: t.Any) -> Document:
    """The healthy host with other facts; of a name with two underscores in it only that key of the fact."""
    return _apply(healthy(), changes)


def _apply(document: Document, changes: Document) -> Document:
    for name, value in changes.items():
        fact, _separator, key = name.partition("__")
        (document[fact] if key else document)[key or fact] = value
    return document


def without_module(**changes: t.Any) -> Document:
    """Nothing of the driver is loaded, so nothing that needs it works."""
    document = changed(
        gpus=[card(driver=None, driver_version=None, state=None, information=None)],
        nvidia_smi={
            "outcome": "failed",
            "detail": "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.",
            "path": "x",
            "versions": {},
        },
        cuda_init=cuda(100),
        driver__loaded=False,
        driver__loaded_version=None,
        driver__loaded_flavour=None,
        driver__modules=[],
        driver__device_nodes=[],
        kernel_log={"source": "journalctl", "events": []},
    )
    return _apply(document, changes)


def log(*lines: str) -> Document:
    return {"source": "journalctl", "events": parse(lines)}


def closed_on_blackwell() -> Document:
    """L01."""
    return changed(
        gpus=[blackwell(state=None, driver_version=None, information={"firmware": None, "excluded": False})],
        nvidia_smi={"outcome": "failed", "detail": "No devices were found", "path": "/usr/bin/nvidia-smi", "versions": {"driver": VERSION}},
        cuda_init=cuda(100),
        driver__flavour="closed",
        driver__loaded_flavour="closed",
        driver__on_disk=module(VERSION, "closed"),
        packages__nvidia=[package("nvidia-kernel-dkms"), package("nvidia-driver-cuda"), package("libcuda1")],
        kernel_log=log(*OPEN_REQUIRED),
    )
