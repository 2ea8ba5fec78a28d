# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collects every fact about a host's GPUs in order; a collector that fails leaves its fact None and the others alone."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._gpu import _cuda as gpu_cuda
from ansible_collections.inferhost.llm.plugins.module_utils._gpu import _given as gpu_given
from ansible_collections.inferhost.llm.plugins.module_utils._gpu import _host as gpu_host
from ansible_collections.inferhost.llm.plugins.module_utils._gpu import _info as gpu_info
from ansible_collections.inferhost.llm.plugins.module_utils._gpu import _smi as gpu_smi
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._containers import container_facts
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._dkms import dkms_facts
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._driver import card_information, driver_facts
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._kernel_log import kernel_log_facts
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._kernels import kernel_facts
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._packages import package_facts
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._pci import PciDevice, read_devices
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._reader import Reader
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._services import service_facts

SECURE_BOOT = "/sys/" + gpu_host.SECURE_BOOT_FILE
NO_ANSWERS = gpu_smi.Answers({"outcome": "not_run", "detail": "", "path": None, "versions": {}}, {}, {})


class Wanted(t.NamedTuple):
    """What a run is asked to do beside reading: how long a program may take, which nvidia-smi, whether to call CUDA."""

    timeout: float
    nvidia_smi: t.Optional[str]
    cuda_init: bool


def collect(reader: Reader, wanted: Wanted) -> t.Dict[str, t.Any]:
    """The whole document in the shape that the module's documentation gives."""
    reader.names("/sys/bus/pci/devices", expected=True)
    devices: t.List[PciDevice] = reader.guard("PCI bus", lambda: read_devices(reader.sysfs_root)) or []
    present = any(gpu_info.is_nvidia_gpu(device) for device in devices)

    smi = reader.guard("nvidia-smi", lambda: gpu_smi.ask(reader, wanted.nvidia_smi, wanted.timeout)) or NO_ANSWERS
    cuda = reader.guard("cuInit", lambda: ask_cuda(reader, wanted, present)) or gpu_cuda.not_tried("not_run", "the call could not be made")
    # After nvidia-smi: the driver knows a card's firmware only once the card was used.
    information = reader.guard("/proc/driver/nvidia/gpus", lambda: card_information(reader))
    cards = reader.guard("gpus", lambda: gpu_info.gpus(devices, smi.fields, cuda, smi.states, information)) or []
    cards, withheld = reader.guard("withheld", lambda: gpu_given.split(cards, smi.fields, reader)) or (cards, [])
    others = reader.guard("other_display", lambda: gpu_info.other_display(devices)) or []
    packages = reader.guard("packages", lambda: package_facts(reader))
    driver = reader.guard("driver", lambda: driver_facts(reader))
    version = (driver or {}).get("loaded_version") or ((driver or {}).get("on_disk") or {}).get("version")
    switches = gpu_info.nvswitches(devices)
    services = reader.guard("services", lambda: service_facts(reader, packages, switches, version)) or {}
    return {
        "summary": gpu_info.summary(cards, others, len(withheld)),
        "gpus": cards,
        "withheld": [{"pci_address": card["pci_address"], "name": card["name"]} for card in withheld],
        "other_display": others,
        "nvidia_smi": smi.result,
        "cuda_init": cuda,
        "cpu": reader.guard("cpu", lambda: gpu_host.cpu_facts(reader.proc_root, reader.sysfs_root)),
        "secure_boot": reader.guard("secure_boot", lambda: secure_boot(reader)),
        "kernel": reader.guard("kernel", lambda: kernel_facts(reader)),
        "packages": packages,
        "dkms": reader.guard("dkms", lambda: dkms_facts(reader)),
        "driver": driver,
        "fabric_manager": services.get("fabric_manager"),
        "persistence_daemon": services.get("persistence_daemon"),
        "cdi_refresh": services.get("cdi_refresh"),
        "kernel_log": reader.guard("kernel_log", lambda: kernel_log_facts(reader)) if present or (driver or {}).get("loaded") else None,
        "containers": reader.guard("containers", lambda: container_facts(reader)),
        "unread": reader.unread,
    }


def ask_cuda(reader: Reader, wanted: Wanted, present: bool) -> t.Dict[str, t.Any]:
    """Result of cuInit. CUDA is that of the running system, whose files a root may not show."""
    if not wanted.cuda_init or not present:
        return gpu_cuda.not_tried("not_run", "not asked for, or no NVIDIA GPU on the PCI bus")
    if reader.root != "/":
        return gpu_cuda.not_tried("not_run", "not asked for: the host's file system is seen below %s" % reader.root)
    return gpu_cuda.init(timeout=wanted.timeout)


def secure_boot(reader: Reader) -> t.Optional[bool]:
    content = reader.data(SECURE_BOOT, expected=True)
    return gpu_host.parse_secure_boot(content) if content is not None else None
