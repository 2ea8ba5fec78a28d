# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Broken GPU hosts, one for each row of the ledger and for each cause beside it. All are constructed from gpu_documents; none was captured."""

from __future__ import annotations

import typing as t

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
