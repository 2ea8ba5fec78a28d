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
  - Without a driver it also tells what a driver would meet. Kernels and their headers, Secure Boot, nouveau, NVIDIA's packages and held packages,
    what DKMS built, container configuration.
  - With a driver it adds what C(nvidia-smi), C(/proc/driver/nvidia) and the kernel log report, whether the kernel module and the libraries are of one version,
    and the result of C(cuInit), which is the only proof that CUDA works.
  - Also describes the processor and the memory, which is what a plan for a host without a GPU needs.
  - Missing hardware, a missing driver or a broken driver never fails the module. It is a result.
    A fact that could not be read is none, and RV(unread) tells why.
extends_documentation_fragment:
  - inferhost.llm.reads
options:
  cuda_init:
    description:
      - Whether to call C(cuInit) in a child process when the host has the CUDA driver library and an NVIDIA GPU.
    type: bool
    default: true
  timeout:
    description:
      - Seconds that each program may take, and C(cuInit). C(nvidia-smi) and C(cuInit) hang on some broken drivers.
    type: float
    default: 30.0
  nvidia_smi:
    description:
      - Path or name of the C(nvidia-smi) to ask.
    type: str
    default: nvidia-smi
  root:
    description:
      - Where the host's file system is seen. Another folder than C(/) is for a container that has the file system of its host mounted.
      - The kernel's log is then read from C(/dev/kmsg) alone, and no program but O(nvidia_smi) is run, because it would describe the container.
    type: path
    default: /
  sysfs_root:
    description:
      - Where sysfs is mounted. Without it, C(sys) below O(root).
    type: path
  proc_root:
    description:
      - Where procfs is mounted. Without it, C(proc) below O(root).
    type: path
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

- name: Stop where the loaded driver and its libraries are of different versions
  ansible.builtin.assert:
    that: gpu.driver.versions_agree is not false
    fail_msg: "Loaded is {{ gpu.driver.loaded_version }}. Reboot, or load the module anew."

- name: See what the kernel refused
  ansible.builtin.debug:
    msg: "{{ gpu.kernel_log.events | map(attribute='text') }}"
  when: gpu.kernel_log is not none

- name: See what could not be read
  ansible.builtin.debug:
    var: gpu.unread
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
      description:
        - Whether NVIDIA's open kernel module is C(required), C(recommended), C(possible), C(impossible) or C(unknown) for the card.
        - C(recommended) means that both modules drive the card and NVIDIA suggests the open one, C(possible) that the card is newer than the catalogue.
      type: str
      sample: recommended
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
      sample: {speed: 2.5 GT/s PCIe, width: 8, max_speed: 16.0 GT/s PCIe, max_width: 16, generation: 1, max_generation: 4}
    bar1_bytes:
      description: Size in bytes of the window through which the processor sees the card's memory.
      type: int
    bars:
      description: Every region of the card's address space that is in use.
      type: list
      elements: dict
      contains:
        register:
          description: Number of the base address register.
          type: int
        bytes:
          description: Size in bytes.
          type: int
    board:
      description: The board that the chip is on.
      type: dict
      contains:
        maker:
          description: Who sells the board, none when the vendor id is not known.
          type: str
        name:
          description: Name of the board, none unless the catalogue knows it by the ids of the board.
          type: str
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
    information:
      description: What C(/proc/driver/nvidia) says of the card, none without a loaded driver. It is there even when the card could not be initialised.
      type: dict
      contains:
        model:
          description: Name.
          type: str
        uuid:
          description: Identity. Question marks while the card was not initialised.
          type: str
        video_bios:
          description: Version of the card's BIOS. Question marks while the card was not initialised.
          type: str
        minor:
          description: Number of the card's device node.
          type: int
        firmware:
          description: Version of the firmware that the card runs, none when it runs none or was never used.
          type: str
        excluded:
          description: Whether a parameter of the module keeps the driver from the card.
          type: bool
    state:
      description:
        - State of the card as C(nvidia-smi -q -x) reports it, none without a working driver. What a card does not have is none.
      type: dict
      contains:
        persistence_mode:
          description: Whether the card stays initialised while nothing uses it.
          type: bool
        compute_mode:
          description: Who may compute on the card.
          type: str
          sample: Default
        mig_mode:
          description: Whether the card is split into instances.
          type: bool
        addressing_mode:
          description: Whether programs and card share one address space.
          type: str
        virtualization_mode:
          description: Whether the card is passed through or shared.
          type: str
        minor:
          description: Number of the card's device node.
          type: int
        vbios_version:
          description: Version of the card's BIOS.
          type: str
        gsp_firmware_version:
          description: Version of the firmware that the card runs.
          type: str
        performance_state:
          description: From C(P0), the fastest, to C(P15).
          type: str
        reset_required:
          description: Whether the card has to be reset.
          type: bool
        recovery_action:
          description: What the driver wants done, the word C(None) when nothing is.
          type: str
        temperature_c:
          description: Temperature of the chip in degrees Celsius.
          type: int
        failures:
          description: Words that C(nvidia-smi) printed in place of values, such as C(GPU is lost).
          type: list
          elements: str
        memory:
          description: Bytes of the card's memory, C(total_bytes), C(reserved_bytes), C(used_bytes) and C(free_bytes).
          type: dict
        bar1:
          description: Bytes of the window into the card's memory, C(total_bytes), C(used_bytes) and C(free_bytes).
          type: dict
        pcie:
          description: >-
            Generation and width of the link, C(generation), C(max_generation), C(device_max_generation), C(host_max_generation), C(width),
            C(max_width), and C(replays), how often a packet was sent again.
          type: dict
        ecc:
          description: >-
            C(enabled), C(pending) (after the next reset), C(sram_threshold_exceeded), and C(corrected) and C(uncorrected) errors,
            C(volatile) since the driver was loaded and C(aggregate) in the card's life.
          type: dict
        remapped_rows:
          description: Rows of memory that were replaced, C(corrected) and C(uncorrected), and whether a replacement is C(pending) or has C(failed).
          type: dict
        retired_pages:
          description: The same of cards before Ampere, C(single_bit), C(double_bit) and C(pending).
          type: dict
        fabric:
          description: NVLink fabric of boards with switches, C(state), C(status), C(clique_id), C(cluster_uuid) and C(health).
          type: dict
        clocks:
          description: >-
            Clocks in MHz, C(graphics_mhz), C(sm_mhz), C(memory_mhz), C(max_sm_mhz), C(max_memory_mhz), and C(held_down_by),
            the reasons why they are lower than they could be.
          type: dict
        power:
          description: Power in watts, C(draw_w) and C(limit_w).
          type: dict
withheld:
  description: Cards of the machine that the container this host is was not given, with C(pci_address) and C(name). The PCI bus shows them all the same.
  returned: always
  type: list
  elements: dict
other_display:
  description: Display devices that are not NVIDIA GPUs, such as those of a virtual machine.
  returned: always
  type: list
  elements: dict
nvidia_smi:
  description:
    - What became of C(nvidia-smi). C(outcome) is C(ok), C(absent), C(failed) or C(hang), C(detail) its own words.
    - C(versions) holds what it says of C(driver), C(cuda) (the newest that the driver supports), C(nvml) and C(nvidia_smi), of either generation of its banner.
  returned: always
  type: dict
  sample: {outcome: ok, detail: "", path: /usr/bin/nvidia-smi, versions: {driver: 580.159.03, cuda: "13.0", nvml: "580.159", nvidia_smi: 580.159.03}}
cuda_init:
  description:
    - Result of C(cuInit). C(outcome) is C(ok), C(error) with C(code), C(crash), C(hang), C(not_run) or C(absent) (no CUDA driver library).
    - C(call) is the last call into the library, C(cuda_version) what the library supports. C(cause) and C(fix) translate the code.
  returned: always
  type: dict
  sample: {outcome: ok, call: cuDeviceGet, code: 0, name: CUDA_SUCCESS, cuda_version: "13.0", device_count: 1, devices: [], cause: "", fix: ""}
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
kernel:
  description: Kernels of the host.
  returned: always
  type: dict
  contains:
    running:
      description: Release of the kernel that runs.
      type: str
      sample: 6.12.48+deb13-amd64
    command_line:
      description: Words of the kernel's command line that concern cards and modules.
      type: list
      elements: str
      sample: [nomodeset, iommu=pt]
    unsigned_modules_refused:
      description: Whether the kernel loads signed modules alone.
      type: bool
    installed:
      description: Kernels that have an image or modules, the oldest first.
      type: list
      elements: dict
      contains:
        release:
          description: Release.
          type: str
        running:
          description: Whether this one runs.
          type: bool
        image:
          description: Whether C(/boot) has its image.
          type: bool
        modules:
          description: Whether its own modules are there.
          type: bool
        headers:
          description: Folder that modules are built against, none when the headers are missing.
          type: str
        nvidia_module:
          description: File of the NVIDIA module that would be loaded, none when there is none for this kernel.
          type: str
packages:
  description: Packages by what they are for, none on a host without dpkg.
  returned: always
  type: dict
  contains:
    manager:
      description: Always C(dpkg).
      type: str
    held:
      description: Every package that is kept from being upgraded.
      type: list
      elements: str
    nvidia:
      description: >-
        Drivers, their libraries and modules, of any branch and source, with C(name), C(version), C(architecture), C(held), and C(state) in
        dpkg's words. C(config-files) is one that was removed and not purged.
      type: list
      elements: dict
    tools:
      description: CUDA's development tools and exporters, which do not depend on the driver's branch, with the same keys.
      type: list
      elements: dict
    kernel:
      description: Kernels, headers and DKMS, with the same keys.
      type: list
      elements: dict
    containers:
      description: Docker, containerd and NVIDIA's container toolkit, with the same keys.
      type: list
      elements: dict
dkms:
  description: NVIDIA modules that DKMS knows.
  returned: always
  type: list
  elements: dict
  contains:
    module:
      description: Name.
      type: str
    version:
      description: Version.
      type: str
    source:
      description: Whether its source is there. Without, DKMS calls the module broken.
      type: bool
    kernels:
      description: For which C(kernel) and C(architecture) it is there, C(state) C(built) or C(installed).
      type: list
      elements: dict
    failed_build_log:
      description: Log of a build that failed or did not end.
      type: str
driver:
  description: The driver's kernel module and libraries. All keys are there without a driver too.
  returned: always
  type: dict
  contains:
    loaded:
      description: Whether the module is loaded.
      type: bool
    module_name:
      description: Name of the loaded module.
      type: str
    loaded_version:
      description: Version of the loaded module.
      type: str
    flavour:
      description: C(open) or C(closed), of the loaded module, else of the one on disk.
      type: str
    loaded_flavour:
      description: The same of the loaded module alone.
      type: str
    proc_version:
      description: What the loaded module says of itself.
      type: str
    on_disk:
      description: >-
        The module that the running kernel would load, C(path), C(version), C(license), C(flavour) and C(signer), none when there is none.
      type: dict
    user_space:
      description: >-
        CUDA's and NVML's libraries, C(library), C(version), C(path), and C(compat) for the libraries of forward compatibility.
      type: list
      elements: dict
    versions_agree:
      description: Whether loaded module, module on disk and libraries are of one version, none when fewer than two are known.
      type: bool
    modules:
      description: Which modules that can hold a card are loaded, nouveau and vfio_pci among them.
      type: list
      elements: str
    parameters:
      description: Parameters of the loaded module.
      type: dict
    device_nodes:
      description: Names in C(/dev) that begin with nvidia.
      type: list
      elements: str
    nouveau:
      description: Whether the kernel's own driver is C(loaded), and whether it is C(blacklisted).
      type: dict
fabric_manager:
  description: The service that boards with NVLink switches need.
  returned: always
  type: dict
  contains:
    nvswitches:
      description: How many switches the PCI bus shows. Those of Blackwell boards it does not.
      type: int
    package:
      description: Name of the installed package.
      type: str
    version:
      description: Its version.
      type: str
    matches_driver:
      description: Whether that is the driver's version, as it has to be. None when one of them is not known.
      type: bool
    unit:
      description: State of its unit, C(load), C(active), C(sub), C(enabled) and C(result) in systemd's words. None without systemd.
      type: dict
persistence_daemon:
  description: The service that keeps cards initialised, with its C(unit).
  returned: always
  type: dict
cdi_refresh:
  description: The service that writes the CDI specification anew, with its C(unit).
  returned: always
  type: dict
kernel_log:
  description: What the kernel said about cards since it started. None on a host without a card and without a loaded driver.
  returned: always
  type: dict
  contains:
    source:
      description: C(journalctl), C(/dev/kmsg) or C(dmesg), none when none could be read.
      type: str
    events:
      description: Refusals, failures and Xids, each kind, card and set of codes once.
      type: list
      elements: dict
      contains:
        kind:
          description: >-
            C(open_module_required), C(open_module_impossible), C(card_not_supported), C(card_legacy), C(off_the_bus), C(xid), C(initialisation_failed),
            C(gsp_stale), C(gsp_boot_failed), C(firmware_missing), C(bar_invalid), C(version_mismatch), C(bound_elsewhere), C(no_card_initialised),
            C(signature_refused), C(unsigned_module_loaded) or C(module_loaded).
          type: str
        pci_address:
          description: The card, none when the message names none.
          type: str
        pci_id:
          description: Vendor and device id in the message.
          type: str
        codes:
          description: Numbers and versions in the message.
          type: list
          elements: str
        xid:
          description: Number of an Xid.
          type: int
        text:
          description: The message.
          type: str
        count:
          description: How often it came.
          type: int
        first_s:
          description: Seconds after the kernel's start at which it first came.
          type: float
        last_s:
          description: Seconds after the kernel's start at which it last came.
          type: float
containers:
  description: How containers get at the cards.
  returned: always
  type: dict
  contains:
    cdi:
      description: >-
        CDI specifications, C(path), C(kind), names of the C(devices), and C(driver_versions), the versions of the driver's library they name.
      type: list
      elements: dict
    docker:
      description: >-
        Whether Docker is C(installed), the C(configuration) file and whether it is C(valid), C(runtimes) with their programs, C(default_runtime),
        whether C(cdi) is on, C(cdi_folders) and the C(cgroup_driver). None where Docker's own default counts.
      type: dict
    toolkit:
      description: Path of C(nvidia_ctk), the C(configuration) file of the runtime, its C(mode), and C(no_cgroups), which Docker run by root does not work with.
      type: dict
unread:
  description: Facts that could not be read.
  returned: always
  type: list
  elements: dict
  contains:
    what:
      description: File, folder, program or name of the fact.
      type: str
    why:
      description: Reason.
      type: str
  sample: [{what: /var/lib/dpkg/status, why: no such file or directory}]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._collect import Wanted, collect
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._reader import Reader


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "cuda_init": {"type": "bool", "default": True},
            "timeout": {"type": "float", "default": 30.0},
            "nvidia_smi": {"type": "str", "default": "nvidia-smi"},
            "root": {"type": "path", "default": "/"},
            "sysfs_root": {"type": "path"},
            "proc_root": {"type": "path"},
        },
        supports_check_mode=True,
    )
    params = module.params
    reader = Reader(params["root"], params["sysfs_root"], params["proc_root"], timeout=params["timeout"])
    wanted = Wanted(params["timeout"], module.get_bin_path(params["nvidia_smi"]), params["cuda_init"])
    module.exit_json(changed=False, **collect(reader, wanted))


if __name__ == "__main__":
    main()
