# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of doctor about GPUs, driver, containers and storage: a healthy host, and broken ones with what doctor says. All are constructed."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._storage._plan import decide
from ansible_collections.inferhost.llm.plugins.module_utils._storage._types import GIB, Wish
from ansible_collections.inferhost.llm.tests.unit.plugins import gpu_broken_hosts as broken
from ansible_collections.inferhost.llm.tests.unit.plugins import gpu_documents as made
from ansible_collections.inferhost.llm.tests.unit.plugins import storage_hosts
from ansible_collections.inferhost.llm.tests.unit.plugins.host_tree import RELEASE

Values = t.Dict[str, t.Any]
# id, what is broken, severity, words of: seen, cause, fix
Row = t.Tuple[str, Values, str, str, str, str]

# Docker's clock and the file's: the container below started at 12:00:00.
STARTED = "2026-11-21T12:00:00.123456789Z"
NOON = 1795262400.0


def gpu_container(access: t.Optional[str], **more: t.Any) -> Values:
    base = {"name": "vllm", "image": "vllm/vllm-openai", "running": True, "argv": ["vllm"], "secret_args": [], "environment_names": [], "gpu": access}
    return {**base, "started": STARTED, "host_network": False, "host_names": [], "compose_files": [], "mounts": [], **more}


def docker(**more: t.Any) -> Values:
    base = {"version": "28.5.1", "cgroup_driver": "systemd", "runtimes": ["io.containerd.runc.v2", "nvidia", "runc"], "gpus": [], "live_restore": False}
    return {**base, "units_loaded": NOON - 3600, **more}


def apt(**more: t.Any) -> Values:
    return {"unattended": False, "blacklist": [], "origins": [], **more}


def storage_plan(layout: storage_hosts.Layout, used: int = 10 * GIB, missing: t.Sequence[str] = ()) -> Values:
    layout.used = used
    return {**decide(layout.facts(), Wish()), "missing": list(missing), "unread": []}


def archive_driver(held: bool = False) -> Values:
    """The driver of Ubuntu's archive."""
    version = made.VERSION + "-0ubuntu0.24.04.1"
    names = ("libnvidia-compute-580-server", "nvidia-utils-580-server", "linux-modules-nvidia-580-server-open-generic")
    return made.changed(packages__nvidia=[{**made.package(name, version), "held": held} for name in names], dkms=[])


def no_metapackage() -> Values:
    return made.changed(packages__kernel=[made.package("linux-image-amd64", "6.12.48-1"), made.package("linux-headers-" + RELEASE, "6.12.48-1")])


def containers(**changes: t.Any) -> Values:
    """Changes to the container facts of gpu_info; `docker` and `toolkit` key by key."""
    facts = made.healthy()["containers"]
    return made.changed(containers={**facts, **{name: {**facts[name], **value} if isinstance(value, dict) else value for name, value in changes.items()}})


HEALTHY: Values = {
    "gpu_info": made.healthy(),
    "apt": apt(unattended=True, origins=["Debian:${distro_codename}"]),
    "docker_info": docker(),
    "growth": [storage_plan(storage_hosts.ubuntu(lv_size=2000 * GIB))],
}

# Every broken host that gpu_verify explains without a look into a container, and the row under which doctor tells it.
ROWS = {"unified_memory": "L04", "hidden": "L04", "cuda_hangs": "L04"}
NOT_FOR_DOCTOR = ("no card",)


def row_of(cause: str) -> str:
    return ROWS.get(cause) or (cause if cause.startswith("L") else "gpu")


NEXT_KERNEL = made.kernel("6.12.57+deb13-amd64", running=False, headers=None, nvidia_module=None)
DEMAND = {"containers": [gpu_container("cdi")]}
BROKEN: t.List[Row] = [
    ("L01", {"gpu_info": made.closed_on_blackwell()}, "error", "No devices were found", "Blackwell and later need", "apt-get install nvidia-kernel-open-dkms"),
    ("L01", {"gpu_info": broken.CASES["L01 open module on Pascal"].facts}, "error", "NVIDIA P40", "no system processor", "apt-get install nvidia-dkms-580 "),
    (
        "L02",
        {"gpu_info": broken.HALF_INSTALLED},
        "error",
        "half-configured",
        "dpkg was interrupted",
        "dpkg --configure -a && sudo apt-get purge libnvidia-compute-550",
    ),
    ("L02", {"gpu_info": broken.MIXED_BRANCHES}, "warning", "branch 535", "two branches", "apt-get purge nvidia-kernel-source-535"),
    (
        "L02",
        {"gpu_info": made.changed(packages__nvidia=[*made.healthy()["packages"]["nvidia"], made.package("nvidia-fabricmanager-550", "550.163.01-1")])},
        "warning",
        "branch 550: nvidia-fabricmanager-550",
        "two branches",
        "sudo apt-get purge nvidia-fabricmanager-550",
    ),
    ("L03", {"gpu_info": broken.NO_HEADERS}, "error", "no headers and no NVIDIA module", "needs its headers", "apt-get install linux-headers-" + RELEASE),
    ("L03", {"gpu_info": broken.FAILED_BUILD}, "error", "failed build: /var/lib/dkms", "its build failed", "dkms autoinstall -k " + RELEASE),
    (
        "L03",
        {"gpu_info": made.changed(kernel__installed=[made.kernel(RELEASE), NEXT_KERNEL])},
        "warning",
        "kernel 6.12.57+deb13-amd64 has no NVIDIA module and no headers",
        "the GPU is gone",
        "dkms autoinstall -k 6.12.57+deb13-amd64",
    ),
    ("L03", {"gpu_info": no_metapackage()}, "warning", "linux-headers-amd64", "stay behind", "sudo apt-get install linux-headers-amd64"),
    ("L04", {"gpu_info": made.changed(cuda_init=made.cuda(100))}, "error", "100 (CUDA_ERROR_NO_DEVICE)", "CUDA_VISIBLE_DEVICES", "nvidia-smi -L"),
    ("L04", {"gpu_info": broken.CASES["L04 802"].facts}, "error", "802", "NVSwitches", "systemctl enable --now nvidia-fabricmanager"),
    ("L04", {"gpu_info": broken.STALE_LIBRARY}, "error", "803", "stays behind", "/usr/local/nvidia/lib64/libcuda.so." + broken.OLD),
    ("L04", {"gpu_info": made.changed(cuda_init=made.cuda(803))}, "error", "803", "finds another libcuda first", "LD_LIBRARY_PATH"),
    ("L04", {"gpu_info": broken.COMPAT}, "error", "804", "data-centre", "driver_plan"),
    ("L04", {"gpu_info": made.changed(cuda_init=made.cuda(999))}, "error", "999", "nvidia_uvm", "nvidia-modprobe"),
    ("L04", {"gpu_info": made.changed(cuda_init=made.not_tried("hang", "cuInit: no answer within 20 s"))}, "error", "hang", "does not answer", "fuser -v"),
    ("L04", {"gpu_info": made.changed(cuda_init=made.not_tried("crash", "cuInit: ended by SIGSEGV"))}, "error", "crash", "does not answer", "fuser -v"),
    ("L04", {"gpu_info": broken.NO_LIBRARY}, "error", "no libcuda.so.1", "comes with the driver's compute packages", "apt-get install nvidia-driver-cuda"),
    # A code that no cause explains is still told, in gpu_info's own words.
    ("L04", {"gpu_info": made.changed(cuda_init=made.cuda(214))}, "error", "214", "could not be corrected", "nvidia-smi -q -d ECC"),
    ("L05", {"gpu_info": broken.NO_TOOLKIT, **DEMAND}, "error", "nvidia-ctk is not installed", "container toolkit", "systemctl restart docker"),
    ("L05", {"gpu_info": broken.NO_TOOLKIT}, "info", "nvidia-ctk is not installed", "container toolkit", "apt-get install nvidia-container-toolkit"),
    (
        "L05",
        {"gpu_info": containers(cdi=[], docker={"runtimes": {}, "configuration": None, "valid": None}), **DEMAND},
        "error",
        "its own alone; CDI specifications: 0",
        "only with NVIDIA's container toolkit",
        "nvidia-ctk runtime configure --runtime=docker",
    ),
    ("L05", {"gpu_info": containers(docker={"valid": False}), **DEMAND}, "error", "/etc/docker/daemon.json is not valid", "daemon.json", "nvidia-ctk"),
    ("L05", {"gpu_info": broken.CASES["L05 stale specification"].facts, **DEMAND}, "error", broken.OLD, "gone after an upgrade", "nvidia-ctk cdi generate"),
    (
        "L05",
        {"docker_info": docker(runtimes=["runc"]), **DEMAND},
        "error",
        "names the runtime nvidia",
        "not restarted since",
        "systemctl restart docker   #",
    ),
    (
        "L06",
        {"growth": [storage_plan(storage_hosts.ubuntu(), used=92 * GIB)]},
        "error",
        "GiB more can be had while it is in use (lvextend, resize2fs)",
        "smaller than the disk",
        "sudo lvextend --extents +100%FREE ubuntu-vg/ubuntu-lv && sudo resize2fs /dev/ubuntu-vg/ubuntu-lv",
    ),
    (
        "L06",
        {"growth": [storage_plan(storage_hosts.plain())]},
        "info",
        "(growpart, resize2fs)",
        "smaller than the disk",
        "growpart /dev/nvme0n1 2 && sudo resize2fs",
    ),
    (
        "L06",
        {"growth": [storage_plan(storage_hosts.plain(), missing=["growpart"])]},
        "info",
        "(growpart, resize2fs)",
        "smaller than the disk",
        "sudo apt-get install cloud-guest-utils && sudo growpart /dev/nvme0n1 2",
    ),
    (
        "L06",
        {"growth": [storage_plan(storage_hosts.plain(behind=[storage_hosts.Part(3, 8 * GIB, "swap")]), used=40 * GIB)]},
        "warning",
        "GiB free; ",
        "without a person's decision",
        "lsblk; sudo pvs; sudo vgs   # ",
    ),
    ("L07", {"gpu_info": broken.CASES["L07 nouveau"].facts}, "error", "bound to nouveau", "took the card", "blacklist nouveau"),
    (
        "L07",
        {"gpu_info": made.without_module(gpus=[made.card(driver="nouveau", state=None)], driver__on_disk=None, packages__nvidia=[], dkms=[])},
        "warning",
        "bound to nouveau",
        "does not do CUDA",
        "update-initramfs -u -k all",
    ),
    ("L07", {"gpu_info": broken.CASES["L07 Secure Boot"].facts}, "error", "Secure Boot is on", "enrolled at the console", "mokutil --import"),
    (
        "L07",
        {"gpu_info": made.without_module(secure_boot=True)},
        "error",
        "has no signature that could be read",
        "DKMS built has the machine's own key",
        "mokutil --import",
    ),
    ("L08", {"gpu_info": broken.UPGRADED}, "error", "Driver/library version mismatch", "", "sudo reboot"),
    (
        "L08",
        {"gpu_info": archive_driver(), "apt": apt(unattended=True, origins=["Ubuntu:noble-security"])},
        "warning",
        "may replace libnvidia-compute-580-server",
        "libraries of another version than the loaded module",
        "sudo apt-mark hold libnvidia-compute-580-server nvidia-utils-580-server linux-modules-nvidia-580-server-open-generic",
    ),
    # NVIDIA's repository, which somebody allowed.
    (
        "L08",
        {"apt": apt(unattended=True, origins=["origin=NVIDIA"])},
        "warning",
        "may replace nvidia-kernel-open-dkms",
        "libraries of another version",
        "apt-mark hold",
    ),
    (
        "L09",
        {"containers": [gpu_container("flag")]},
        "warning",
        "vllm got the GPU by a hook",
        "daemon-reload",
        "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml   # then make",
    ),
    (
        "L09",
        {"containers": [gpu_container("flag")], "docker_info": docker(units_loaded=NOON + 60)},
        "error",
        "systemd has read its units anew since vllm started",
        "Failed to initialize NVML: Unknown Error",
        "docker restart vllm   # for good: sudo nvidia-ctk cdi generate",
    ),
    (
        "L09",
        {"gpu_info": containers(toolkit={"mode": "legacy"}), "containers": [gpu_container("runtime")]},
        "warning",
        "by a hook",
        "behind systemd's back",
        "--device nvidia.com/gpu=all",
    ),
    (
        "L14",
        {"docker_names": [{"container": "", "file": "/etc/prometheus/prometheus.yml", "lines": [30], "resolves": False}]},
        "warning",
        "sends a program of the host itself to host.docker.internal",
        "the target stays down",
        "sudoedit /etc/prometheus/prometheus.yml   # 127.0.0.1",
    ),
    ("gpu", {"gpu_info": broken.CASES["no driver at all"].facts}, "warning", "no package of the driver", "ever installed", "driver_plan"),
    ("gpu", {"gpu_info": made.without_module()}, "error", "is there and not loaded", "installed after the machine started", "sudo modprobe nvidia"),
    ("gpu", {"gpu_info": broken.CASES["off the bus"].facts}, "error", "fallen off the bus", "power, riser", "poweroff"),
    ("gpu", {"gpu_info": broken.CASES["passed through"].facts}, "warning", "vfio-pci", "pass-through", "driverctl"),
]


def blind(**changes: t.Any) -> Values:
    """The same machine, looked at without root: no log of the kernel."""
    log = {"source": None, "events": []}
    notes = [{"what": "/dev/kmsg", "why": "operation not permitted"}]
    return made.without_module(**{"kernel_log": log, "unread": notes, "driver__on_disk": None, "cuda_init": made.not_tried("not_run", ""), **changes})


# id, facts, what is there without being a finding
FINE: t.List[t.Tuple[str, Values]] = [
    # Nothing of a machine without a card is anybody's business, even with packages left over from one.
    *((id, {"gpu_info": made.changed(gpus=[])}) for id in ("L01", "L02", "L03", "L04", "L05", "L07", "L08", "L09", "gpu")),
    ("L05", {"gpu_info": containers(docker={"installed": False, "runtimes": {}, "configuration": None, "valid": None}, cdi=[]), "docker_info": None}),
    ("L06", {"growth": [storage_plan(storage_hosts.plain(kind="btrfs"))]}),
    # There is no room: that is another row's finding.
    ("L06", {"growth": [storage_plan(storage_hosts.ubuntu(lv_size=2000 * GIB), used=1840 * GIB)]}),
    ("L07", {"gpu_info": made.changed(secure_boot=True)}),
    ("L08", {"gpu_info": archive_driver(), "apt": apt(unattended=False)}),
    ("L08", {"gpu_info": archive_driver(held=True), "apt": apt(unattended=True)}),
    ("L08", {"gpu_info": archive_driver(), "apt": apt(unattended=True, blacklist=["libnvidia-", "nvidia-", "linux-modules-nvidia-.*"])}),
    # By default nothing is taken from NVIDIA's repository.
    ("L08", {"apt": apt(unattended=True, origins=["origin=Debian,codename=${distro_codename}"])}),
    ("L09", {"containers": [gpu_container("cdi")], "docker_info": docker(units_loaded=NOON + 60)}),
    ("L09", {"containers": [gpu_container("flag")], "docker_info": docker(cgroup_driver="cgroupfs")}),
    ("L09", {"containers": [gpu_container("flag")], "docker_info": docker(version="29.0.1", gpus=["nvidia.com/gpu=all"])}),
    ("L09", {"containers": [gpu_container("flag", running=False)]}),
    (
        "L09",
        {
            "gpu_info": made.changed(packages__containers=[made.package("nvidia-container-toolkit", "1.19.1-1")]),
            "containers": [gpu_container("runtime")],
        },
    ),
    ("L09", {"containers": [gpu_container("flag")], "docker_info": None}),
]

UNREADABLE_BUS = made.changed(gpus=[], unread=[{"what": "/sys/bus/pci/devices", "why": "permission denied"}])
LOG_UNREAD = "the kernel's log could not be read (/dev/kmsg: operation not permitted); run with --become to see it"
LVM_UNREADABLE = {"code": "lvm_unreadable", "layer": "lv", "seen": "no reports", "remedy": "run as root"}
# id, facts, why there is no answer
UNSEEN: t.List[t.Tuple[str, Values, str]] = [
    *((id, {"gpu_info": UNREADABLE_BUS}, "/sys/bus/pci/devices: permission denied") for id in ("L01", "L02", "L03", "L04", "L05", "L07", "L08", "L09", "gpu")),
    ("L01", {"gpu_info": blind(driver__flavour=None)}, LOG_UNREAD),
    ("L07", {"gpu_info": blind()}, LOG_UNREAD),
    ("L04", {"gpu_info": blind()}, "CUDA was not asked: no driver of NVIDIA's is loaded"),
    (
        "L02",
        {"gpu_info": made.changed(packages=None, unread=[{"what": "/var/lib/dpkg/status", "why": "no such file or directory"}])},
        "/var/lib/dpkg/status: no such file or directory",
    ),
    ("L03", {"gpu_info": made.changed(kernel=None)}, "gpu_info has no value for it"),
    ("L05", {"gpu_info": made.changed(containers=None)}, "what Docker is told about GPUs could not be read"),
    (
        "L06",
        {
            "growth": [
                {
                    **storage_plan(storage_hosts.ubuntu()),
                    "steps": [],
                    "refusal": {"code": "lvm_unreadable", "layer": "lv", "seen": "no reports", "remedy": "run as root"},
                }
            ]
        },
        "no reports; run as root",
    ),
]
