# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Causes, the ones that stop a card first: id, weight, what they make fail, what shows them, why, and the command that mends it.

Wordings of the driver and of Docker, and what they mean: NVIDIA's open kernel modules (osapi.c, nv.c), threads of its container toolkit,
CUDA's driver_types.h.
The words in braces of a fix are those of `_gpu_verify_fixes.words`.
"""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify import _signs as signs
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._facts import Inputs

CRITICAL = "critical"
ERROR = "error"

# Expectations that no host meets without a loaded module, and those that a card which the driver cannot use does not meet.
LOADED = ("min_driver_version", "max_driver_version", "driver_branch", "open_module", "module_licence", "same_version", "fabric_manager")
CONTAINER = ("container_cuda_init",)
CUDA = ("cuda_init", *CONTAINER)
ALL = (*LOADED, *CUDA)
# What is known of a card by the bus alone, so that only a card that is not there explains it.
CARDS = ("gpu_count", "model", "compute_capability", "min_compute_capability", "min_memory_bytes", "pcie_link", "min_pcie_width", "no_nouveau")
# What only a working driver tells of a card.
STATES = ("ecc_clean", "persistence", "min_bandwidth_percent")


class Cause(t.NamedTuple):
    """One cause. A `contributing` one explains only what no other does; beside another it is a warning."""

    id: str
    severity: str
    explains: t.Tuple[str, ...]
    title: str
    find: t.Callable[[Inputs], t.Optional[str]]
    cause: str
    fix: str
    contributing: bool = False


CAUSES: t.Tuple[Cause, ...] = (
    Cause(
        "no_card",
        CRITICAL,
        (*ALL, *CARDS, *STATES),
        "The machine shows no NVIDIA GPU",
        signs.no_card,
        "The card is not on the PCI bus: not seated or powered, switched off in the firmware, or not passed through to this virtual machine. No driver"
        " can change that.",
        "lspci -nn -d 10de:; echo 1 | sudo tee /sys/bus/pci/rescan",
    ),
    Cause(
        "off_the_bus",
        CRITICAL,
        (*CUDA, "gpu_count", "ecc_clean", "no_new_xids", "no_new_refusals"),
        "A GPU fell off the bus",
        signs.off_the_bus,
        "The card no longer answers: power, riser or slot, heat, or a broken card. A restart of the driver does not bring it back.",
        "sudo shutdown --poweroff now   # switch on again after a minute; if it comes back, look at power cables, riser and temperature",
    ),
    Cause(
        "L01",
        CRITICAL,
        (*CUDA, "open_module", "module_licence", "no_new_refusals"),
        "The closed kernel module cannot drive this GPU",
        signs.closed_on_open_only,
        "Blackwell and later need NVIDIA's open kernel module; the closed one of any branch refuses them, and nvidia-smi then finds no devices. Files"
        " in /lib/firmware are not the cause.",
        "{to_open}",
    ),
    Cause(
        "L01",
        CRITICAL,
        (*CUDA, "open_module", "module_licence", "no_new_refusals"),
        "The open kernel module cannot drive this GPU",
        signs.open_on_closed_only,
        "Maxwell, Pascal and Volta have no system processor, which the open module needs. They want the closed one; 580 is the last branch that has them.",
        "{to_closed}",
    ),
    Cause(
        "driver_too_old",
        CRITICAL,
        (*CUDA, "min_driver_version", "no_new_refusals"),
        "The driver is older than the GPU",
        signs.driver_too_old,
        "This release of the driver does not know the chip.",
        "{plan}",
    ),
    Cause(
        "driver_too_new",
        CRITICAL,
        (*CUDA, "max_driver_version", "no_new_refusals"),
        "The driver no longer serves the GPU",
        signs.driver_too_new,
        "The chip's support ended with an earlier branch.",
        "{plan}",
    ),
    Cause(
        "L07",
        CRITICAL,
        (*ALL, "no_nouveau", "no_new_refusals"),
        "The kernel's own driver holds the GPU",
        signs.nouveau,
        "nouveau, or nova, took the card when the machine started, so NVIDIA's module cannot have it; nouveau does not do CUDA.",
        "printf 'blacklist nouveau\\noptions nouveau modeset=0\\n' | sudo tee /etc/modprobe.d/nouveau.conf && sudo update-initramfs -u -k all && sudo reboot",
    ),
    Cause(
        "given_away",
        CRITICAL,
        (*CUDA, "no_new_refusals"),
        "The GPU is given to virtual machines",
        signs.given_away,
        "vfio-pci holds the card, as pass-through wants it; the driver of this host cannot have it at the same time.",
        "grep -rnE 'vfio|driverctl' /etc/modprobe.d /etc/driverctl.d /proc/cmdline; lspci -nnk -d 10de:",
    ),
    Cause(
        "L07",
        CRITICAL,
        (*ALL, "secure_boot", "no_new_refusals"),
        "The kernel refuses the driver's signature",
        signs.secure_boot,
        "With Secure Boot a module is loaded only if a key that the firmware knows has signed it; one that DKMS built has the machine's own key, which"
        " has to be enrolled at the console.",
        "sudo mokutil --import /var/lib/shim-signed/mok/MOK.der || sudo mokutil --import /var/lib/dkms/mok.pub; sudo reboot   # then choose Enroll MOK"
        " at the console",
    ),
    Cause(
        "no_driver",
        CRITICAL,
        ALL,
        "The host has no NVIDIA driver",
        signs.no_driver,
        "Neither a kernel module nor its libraries were ever installed, or they were removed.",
        "{plan}",
    ),
    Cause(
        "L03",
        CRITICAL,
        ALL,
        "The running kernel has no headers, so the driver's module was not built",
        signs.no_headers,
        "DKMS builds the module for each kernel and needs its headers. They come along with every kernel only through the metapackage.",
        "sudo apt-get install {headers} && sudo dkms autoinstall -k {kernel} && sudo modprobe nvidia",
    ),
    Cause(
        "L03",
        CRITICAL,
        ALL,
        "The driver's module was not built for the running kernel",
        signs.not_built,
        "The headers are there, but DKMS did not run for this kernel, or its build failed, as when a driver is older than the kernel.",
        "sudo dkms autoinstall -k {kernel} && sudo modprobe nvidia || sudo tail -n 40 /var/lib/dkms/nvidia*/*/build/make.log",
    ),
    Cause(
        "L03",
        CRITICAL,
        ALL,
        "The running kernel has no prebuilt module of the driver",
        signs.not_prebuilt,
        "A prebuilt module belongs to one kernel; this one was installed without its own, or another kernel was started.",
        "{plan}",
    ),
    Cause(
        "L02",
        CRITICAL,
        ALL,
        "The installation of the driver did not finish",
        signs.unfinished,
        "dpkg was interrupted, or gave up because files of another branch are in the way. What is there now is parts of drivers.",
        "{clean}",
    ),
    Cause(
        "module_not_loaded",
        CRITICAL,
        ALL,
        "The driver's module is there and not loaded",
        signs.not_loaded,
        "It was installed after the machine started, or unloaded, or a rule of modprobe keeps it away.",
        "sudo modprobe nvidia || sudo dmesg | tail -n 20; modprobe --showconfig | grep -E '(blacklist|install) +nvidia'",
    ),
    Cause(
        "L08",
        CRITICAL,
        (*CUDA, "same_version", "no_new_refusals"),
        "The driver was upgraded under the module that runs",
        signs.user_space_upgraded,
        "Packages were upgraded, often by unattended-upgrades, and the kernel still runs the module of before; the libraries refuse to speak to it.",
        "sudo reboot   # who did it: grep -B1 -A3 -i nvidia /var/log/apt/history.log",
    ),
    Cause(
        "L04",
        CRITICAL,
        CUDA,
        "The host has no CUDA driver library",
        signs.no_library,
        "The kernel module is there without its user space: libcuda.so.1 comes with the driver's compute packages. nvidia-smi does not need it, and"
        " containers borrow it from the host.",
        "{library}",
    ),
    Cause(
        "L04",
        CRITICAL,
        (*CUDA, "same_version"),
        "Libraries of another driver version are in the way",
        signs.libraries_differ,
        "A library that does not fit the module stays behind from another driver or from a copied folder, and the loader finds it; CUDA answers 803.",
        "dpkg -S {paths}; ldconfig -p | grep -E 'libcuda|libnvidia-ml'; echo $LD_LIBRARY_PATH",
    ),
    Cause(
        "L04",
        CRITICAL,
        CUDA,
        "CUDA's library does not fit the kernel module",
        signs.driver_mismatch,
        "The files that were read are of one version, so the loader finds another libcuda first: LD_LIBRARY_PATH, or a folder with libraries of"
        " forward compatibility.",
        "echo $LD_LIBRARY_PATH; ldconfig -p | grep libcuda; ls -d /usr/local/cuda*/compat; cat /etc/ld.so.conf.d/*cuda*",
    ),
    Cause(
        "L04",
        CRITICAL,
        CUDA,
        "Forward compatibility does not work on this GPU",
        signs.no_forward_compatibility,
        "Libraries for a newer CUDA than the driver's work only on data-centre and some professional cards. The driver has to be as new as the CUDA.",
        "{plan}",
    ),
    Cause(
        "L04",
        CRITICAL,
        (*CUDA, "fabric_manager", "same_version"),
        "The fabric manager does not run with the driver's version",
        signs.fabric_manager,
        "On boards with NVSwitches CUDA answers 802 until the fabric manager of exactly the driver's version runs.",
        "sudo apt-get install nvidia-fabricmanager-{branch} || sudo apt-get install nvidia-fabricmanager; sudo systemctl enable --now nvidia-fabricmanager",
    ),
    Cause(
        "firmware_missing",
        CRITICAL,
        (*CUDA, "no_new_refusals"),
        "The firmware of this driver version is not there",
        signs.firmware,
        "The open module loads gsp_ga10x.bin or gsp_tu10x.bin from /lib/firmware/nvidia/ and its own version; the package that brings them is missing,"
        " or the initramfs is older.",
        "ls /lib/firmware/nvidia/; sudo apt-get install --reinstall firmware-nvidia-gsp || {plan}",
    ),
    Cause(
        "gsp",
        CRITICAL,
        (*CUDA, "no_new_refusals"),
        "The GPU's system processor does not start",
        signs.gsp,
        "It is in a state that a warm start does not clear, as after kexec, suspending or pass-through; rarely the firmware of the board is too old.",
        "sudo shutdown --poweroff now   # take the power away for a minute; if it comes back, update the board's firmware, enable Above 4G Decoding"
        " and Resizable BAR",
    ),
    Cause(
        "no_window",
        CRITICAL,
        (*CUDA, "no_new_refusals"),
        "The firmware gave the GPU no address space",
        signs.no_window,
        "A region of the card has no addresses, because Above 4G Decoding is off in the firmware, or a virtual machine has too small a window.",
        "sudo lspci -vv -d 10de: | grep Region; systemctl reboot --firmware-setup   # enable Above 4G Decoding and Resizable BAR",
    ),
    Cause(
        "initialisation_failed",
        CRITICAL,
        (*CUDA, "no_new_refusals"),
        "The driver cannot initialise the GPU",
        signs.initialisation,
        "The driver gives a code and no reason. Most often the card is in a state that only taking its power away clears; else it is broken, or badly seated.",
        "sudo nvidia-bug-report.sh; sudo shutdown --poweroff now   # try again after a minute without power",
    ),
    Cause(
        "hidden",
        CRITICAL,
        CUDA,
        "CUDA is not shown the GPU",
        signs.hidden,
        "The module excludes the card, or CUDA_VISIBLE_DEVICES leaves it out, or MIG is on without an instance.",
        "grep -rn NVreg_ExcludedGpus /etc/modprobe.d; echo $CUDA_VISIBLE_DEVICES; nvidia-smi -L",
    ),
    Cause(
        "unified_memory",
        CRITICAL,
        CUDA,
        "CUDA cannot open the GPU's device nodes",
        signs.unified_memory,
        "/dev/nvidia-uvm is made by nvidia_uvm, which is not loaded or does not answer; a device rule of a container or a service has the same effect.",
        "sudo nvidia-modprobe -u -c 0; ls -l /dev/nvidia*; sudo modprobe --remove nvidia_uvm && sudo modprobe nvidia_uvm",
    ),
    Cause(
        "cuda_hangs",
        CRITICAL,
        CUDA,
        "CUDA hangs or crashes",
        signs.hangs,
        "The driver does not answer: the card hangs, or another process holds the driver's lock.",
        "sudo journalctl --dmesg --boot --no-pager | grep -E 'NVRM|Xid' | tail -n 20; sudo fuser -v /dev/nvidia*",
    ),
    Cause(
        "hardware",
        CRITICAL,
        ("no_new_xids", "ecc_clean"),
        "The GPU reports errors of its hardware",
        signs.hardware,
        "The number of the Xid says that the card or its link failed, and not a program.",
        "nvidia-smi -q -d ECC,ROW_REMAPPER,PAGE_RETIREMENT; sudo nvidia-smi --gpu-reset --id={address}",
    ),
    Cause(
        "L05",
        ERROR,
        CONTAINER,
        "Docker does not know the GPU",
        signs.docker_without_gpu,
        "Docker hands GPUs out only with NVIDIA's container toolkit: through a CDI specification, which Docker 29 looks for first, or the runtime"
        " `nvidia` in daemon.json.",
        "sudo apt-get install nvidia-container-toolkit && sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml && sudo nvidia-ctk runtime"
        " configure --runtime=docker"
        " && sudo systemctl restart docker",
    ),
    Cause(
        "L05",
        ERROR,
        CONTAINER,
        "The CDI specification is of another driver version",
        signs.stale_specification,
        "It names files by the driver's version, and those are gone after an upgrade.",
        "sudo systemctl restart nvidia-cdi-refresh || sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml",
    ),
    Cause(
        "L09",
        ERROR,
        CONTAINER,
        "The container lost the GPU that the host has",
        signs.container_lost_gpu,
        "`systemctl daemon-reload` makes systemd apply device rules anew, and a container that got the card by a hook loses it. Devices of CDI keep"
        " it. (A container may also hide it itself.)",
        "docker restart CONTAINER   # for good: docker run --device nvidia.com/gpu=all in place of --gpus or --runtime=nvidia",
    ),
    Cause(
        "L04",
        ERROR,
        CONTAINER,
        "The container has no CUDA library, or one that does not fit",
        signs.container_library,
        "The host's library is not mounted (NVIDIA_DRIVER_CAPABILITIES without compute), or one of the image comes first: libraries of forward"
        " compatibility, or LD_LIBRARY_PATH.",
        "docker exec CONTAINER sh -c 'ldconfig -p | grep libcuda; ls -d /usr/local/cuda*/compat; cat /etc/ld.so.conf.d/*cuda*; env | grep -E"
        ' "LD_LIBRARY|NVIDIA_"\'',
    ),
    Cause(
        "L02",
        ERROR,
        (*CUDA, "same_version", "open_module", "module_licence"),
        "Remains of other driver branches are installed",
        signs.remains,
        "Packages of two branches overwrite each other's libraries and build each other's modules.",
        "{clean}",
        True,
    ),
    Cause(
        "L03",
        ERROR,
        (),
        "Another installed kernel has no module of the driver",
        signs.other_kernels,
        "When that kernel starts, the GPU is gone. Headers follow each kernel only through the metapackage.",
        "{other_kernels}",
        True,
    ),
    Cause(
        "L03",
        ERROR,
        (),
        "The next kernel will come without headers",
        signs.headers_not_followed,
        "Headers that were installed for one kernel stay behind when the metapackage brings the next, and the module is then not built.",
        "sudo apt-get install {followers}",
        True,
    ),
)
