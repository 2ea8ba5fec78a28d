# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: gpu_info
short_description: Find the NVIDIA GPUs of a host, with or without a driver
version_added: 0.1.0
description:
  - Scans the PCI bus through sysfs and names each NVIDIA GPU from a catalogue by its PCI ids, so it works on a host that has no NVIDIA driver.
  - With a driver it adds what C(nvidia-smi) reports, and the result of C(cuInit), which is the only proof that CUDA works.
  - Also describes the processor and the memory, which is what a plan for a host without a GPU needs.
  - Missing hardware, a missing driver or a broken driver never fails the module. It is a result.
attributes:
  check_mode:
    support: full
    description: The module only reads.
  diff_mode:
    support: N/A
    description: The module changes nothing, so there is no difference to show.
  idempotent:
    support: full
    description: The module changes nothing.
options:
  cuda_init:
    description:
      - Whether to call C(cuInit) in a child process when the host has the CUDA driver library and an NVIDIA GPU.
    type: bool
    default: true
  timeout:
    description:
      - Seconds that C(nvidia-smi) and C(cuInit) may take, each. Both hang on some broken drivers.
    type: float
    default: 30.0
  nvidia_smi:
    description:
      - Path or name of the C(nvidia-smi) to ask.
    type: str
    default: nvidia-smi
  sysfs_root:
    description:
      - Where sysfs is mounted.
    type: path
    default: /sys
  proc_root:
    description:
      - Where procfs is mounted.
    type: path
    default: /proc
author:
  - inferhost contributors (@inferhost)
"""

EXAMPLES = r"""
- name: See which GPUs the host has
  inferhost.llm.gpu_info:
  register: gpu

- name: Stop early where there is none
  ansible.builtin.assert:
    that: gpu.gpus | length > 0
    fail_msg: "{{ gpu.summary }}"
"""

RETURN = r"""
summary:
  description: One line for people.
  returned: always
  type: str
  sample: "1 x NVIDIA RTX 4000 SFF Ada Generation (20.0 GiB); kernel driver: none"
gpus:
  description: One entry a card, in the order of the PCI bus. Empty when the host has no NVIDIA GPU.
  returned: always
  type: list
  elements: dict
  contains:
    pci_address:
      description: Domain, bus, device and function.
      type: str
      sample: "0000:01:00.0"
    name:
      description: What the card is called. Says so when the catalogue does not know it, and names all candidates when cards share their ids.
      type: str
    matched_by:
      description: How the card was recognised, C(id), C(range) (only its generation is known) or C(none).
      type: str
    architecture:
      description: Chip generation.
      type: str
      sample: Ada Lovelace
    compute_capability:
      description: CUDA compute capability.
      type: str
      sample: "8.9"
    memory_bytes:
      description: Memory of the card in bytes, none when it is not known.
      type: int
    memory_source:
      description: Where RV(gpus[].memory_bytes) comes from.
      type: str
    cuda_memory_bytes:
      description: Bytes that CUDA offers to programs, which is less than the card has. None when CUDA was not asked or does not work.
      type: int
    bandwidth_bytes_per_s:
      description: Memory bandwidth in bytes a second, from the data sheet.
      type: int
    figures_verified:
      description: Whether the catalogue's figures for the card were read in a published source.
      type: bool
    fp8:
      description: Support of 8-bit floating point weights, C(native), C(weight_only), C(none) or C(unknown).
      type: str
    fp4:
      description: Support of 4-bit floating point weights, with the same values.
      type: str
    open_module:
      description: Whether NVIDIA's open kernel module is C(required), C(possible), C(impossible) or C(unknown) for the card.
      type: str
    driver:
      description: Kernel driver bound to the card, none when there is none.
      type: str
    driver_version:
      description: Version of the driver as C(nvidia-smi) reports it.
      type: str
    uuid:
      description: Identity of the card as C(nvidia-smi) reports it.
      type: str
    pcie:
      description: Current and largest speed and width of the link. A card at rest runs its link slower.
      type: dict
    bar1_bytes:
      description: Size in bytes of the window through which the processor sees the card's memory.
      type: int
    numa_node:
      description: NUMA node the card hangs on.
      type: int
    iommu_group:
      description: IOMMU group, none when the IOMMU is off.
      type: int
    vendor_id:
      description: PCI vendor id.
      type: str
    device_id:
      description: PCI device id.
      type: str
    subsystem_vendor_id:
      description: PCI vendor id of the board's maker.
      type: str
    subsystem_device_id:
      description: PCI device id of the board.
      type: str
    note:
      description: What else is known about the card.
      type: str
other_display:
  description: Display devices that are not NVIDIA GPUs, such as those of a virtual machine.
  returned: always
  type: list
  elements: dict
nvidia_smi:
  description: What became of C(nvidia-smi). C(outcome) is C(ok), C(absent), C(failed) or C(hang), C(detail) its own words.
  returned: always
  type: dict
  sample: {outcome: absent, detail: "", path: null}
cuda_init:
  description:
    - Result of C(cuInit). C(outcome) is C(ok), C(error) with C(code), C(crash), C(hang), C(not_run) or C(absent) (no CUDA driver library).
    - C(cause) and C(fix) translate the code.
  returned: always
  type: dict
  sample: {outcome: ok, code: 0, name: CUDA_SUCCESS, device_count: 1, devices: [], cause: "", fix: ""}
cpu:
  description: The processor and the memory that this host, or the container it is, may use.
  returned: always
  type: dict
  contains:
    model:
      description: Name of the processor.
      type: str
    architecture:
      description: Machine type.
      type: str
      sample: x86_64
    cores:
      description: Processors this host may use.
      type: int
    memory_bytes:
      description: Memory in bytes, the container's limit where that is smaller.
      type: int
    memory_available_bytes:
      description: Bytes that can be had without swapping, within the container's limit.
      type: int
    isa:
      description: Instruction sets that inference engines choose their kernels by.
      type: list
      elements: str
secure_boot:
  description: Whether Secure Boot is on, none where the firmware does not say.
  returned: always
  type: bool
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.inferhost.llm.plugins.module_utils import _gpu_cuda, _gpu_host, _gpu_info, _gpu_nvidia_smi
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_process import run_bounded
from ansible_collections.inferhost.llm.plugins.module_utils._pci import read_devices


def ask_nvidia_smi(path: t.Optional[str], timeout: float) -> t.Tuple[t.Dict[str, t.Any], str]:
    """Outcome and standard output."""
    if path is None:
        return {"outcome": "absent", "detail": "", "path": None}, ""
    ended = run_bounded([path, *_gpu_nvidia_smi.ARGUMENTS], timeout)
    if ended.how == "exit" and ended.status == 0:
        return {"outcome": "ok", "detail": "", "path": path}, ended.output
    # nvidia-smi writes its error messages to standard output.
    said = (ended.output.strip() or ended.errors.strip()).splitlines()
    detail = ended.detail or (said[0] if said else "exit status %d" % ended.status)
    return {"outcome": "hang" if ended.how == "hang" else "failed", "detail": detail, "path": path}, ""


def ask_cuda(wanted: bool, timeout: float) -> t.Dict[str, t.Any]:
    """Result of cuInit in the shape that the documentation gives."""
    if not wanted:
        return _gpu_cuda.not_tried("not_run", "not asked for, or no NVIDIA GPU on the PCI bus")
    library = _gpu_cuda.find_library()
    if library is None:
        return _gpu_cuda.not_tried("absent", "the host has no libcuda: the user-mode part of the NVIDIA driver is not installed")
    return _gpu_cuda.init(library, timeout)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "cuda_init": {"type": "bool", "default": True},
            "timeout": {"type": "float", "default": 30.0},
            "nvidia_smi": {"type": "str", "default": "nvidia-smi"},
            "sysfs_root": {"type": "path", "default": "/sys"},
            "proc_root": {"type": "path", "default": "/proc"},
        },
        supports_check_mode=True,
    )
    params = module.params
    devices = read_devices(params["sysfs_root"])
    smi_result, smi_output = ask_nvidia_smi(module.get_bin_path(params["nvidia_smi"]), params["timeout"])
    cuda = ask_cuda(params["cuda_init"] and any(_gpu_info.is_nvidia_gpu(device) for device in devices), params["timeout"])
    gpus = _gpu_info.gpus(devices, _gpu_nvidia_smi.parse(smi_output), cuda)
    others = _gpu_info.other_display(devices)
    module.exit_json(
        changed=False,
        summary=_gpu_info.summary(gpus, others),
        gpus=gpus,
        other_display=others,
        nvidia_smi=smi_result,
        cuda_init=cuda,
        cpu=_gpu_host.cpu_facts(params["proc_root"], params["sysfs_root"]),
        secure_boot=_gpu_host.secure_boot(params["sysfs_root"]),
    )


if __name__ == "__main__":
    main()
