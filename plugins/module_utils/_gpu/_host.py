# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processor, the memory and the boot mode of the host, read from files below two roots."""

from __future__ import annotations

import os
import platform
import re
import typing as t

# What inference engines choose their kernels by; names as /proc/cpuinfo prints them (x86 `flags`, Arm `Features`).
INSTRUCTION_SETS = (
    "avx2",
    "avx512f",
    "avx512_vnni",
    "avx512_bf16",
    "amx_tile",
    "amx_int8",
    "amx_bf16",
    "asimd",
    "asimddp",
    "bf16",
    "i8mm",
    "sve",
    "sve2",
)

# Where a container's limit and use are written (cgroup v2, then v1), and what its `memory.stat` calls the part that can be reclaimed.
CGROUPS = (
    ("fs/cgroup/memory.max", "fs/cgroup/memory.current", "fs/cgroup/memory.stat", "inactive_file"),
    ("fs/cgroup/memory/memory.limit_in_bytes", "fs/cgroup/memory/memory.usage_in_bytes", "fs/cgroup/memory/memory.stat", "total_inactive_file"),
)
# A limit near 2^63 is cgroup v1's way to say "none".
NO_LIMIT = 1 << 60

# GUID of the UEFI global variables; the file holds four bytes of attributes and one of value.
SECURE_BOOT_FILE = "firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"


def cpu_facts(proc_root: str = "/proc", sysfs_root: str = "/sys") -> t.Dict[str, t.Any]:
    """Model, cores, memory and instruction sets; memory is the smaller of the machine's and the container's."""
    info = _read(os.path.join(proc_root, "cpuinfo"))
    memory = parse_meminfo(_read(os.path.join(proc_root, "meminfo")))
    total, available = memory.get("MemTotal"), memory.get("MemAvailable")
    limited = _cgroup_memory(sysfs_root)
    if limited is not None and total is not None and available is not None:
        total, available = min(total, limited[0]), min(available, limited[1])
    return {
        "model": parse_model(info),
        "architecture": platform.machine(),
        "cores": _cores(info),
        "memory_bytes": total,
        "memory_available_bytes": available,
        "isa": parse_instruction_sets(info),
    }


def parse_model(cpuinfo: str) -> t.Optional[str]:
    """Arm kernels print no model name: then the implementer and part numbers are all there is."""
    found = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.M)
    if found:
        return found.group(1).strip()
    implementer = re.search(r"^CPU implementer\s*:\s*(\S+)", cpuinfo, re.M)
    part = re.search(r"^CPU part\s*:\s*(\S+)", cpuinfo, re.M)
    return "Arm implementer %s part %s" % (implementer.group(1), part.group(1)) if implementer and part else None


def parse_instruction_sets(cpuinfo: str) -> t.List[str]:
    """The ones of INSTRUCTION_SETS that the first processor has, in that order."""
    found = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", cpuinfo, re.M)
    present = set(found.group(1).split()) if found else set()
    return [name for name in INSTRUCTION_SETS if name in present]


def parse_meminfo(meminfo: str) -> t.Dict[str, int]:
    """Field to bytes; the kernel writes kB and means KiB."""
    return {name: int(kib) * 1024 for name, kib in re.findall(r"^(\w+):\s+(\d+) kB$", meminfo, re.M)}


def secure_boot(sysfs_root: str = "/sys") -> t.Optional[bool]:
    """True or False on a UEFI host, None where firmware does not say (BIOS, container, no permission)."""
    try:
        with open(os.path.join(sysfs_root, SECURE_BOOT_FILE), "rb") as handle:
            content = handle.read(5)
    except OSError:
        return None
    return parse_secure_boot(content)


def parse_secure_boot(content: bytes) -> t.Optional[bool]:
    """The variable's value behind its attributes, None when the file is too short to hold one."""
    return content[4] == 1 if len(content) >= 5 else None


def _cores(cpuinfo: str) -> int:
    """The processors this process may use, which a container or `taskset` may have limited."""
    try:
        return len(os.sched_getaffinity(0))
    except (AttributeError, OSError):
        return len(re.findall(r"^processor\s*:", cpuinfo, re.M)) or 1


def _cgroup_memory(sysfs_root: str) -> t.Optional[t.Tuple[int, int]]:
    """Limit of the container and what is left below it, None where there is no limit."""
    for limit_file, usage_file, stat_file, reclaimable_field in CGROUPS:
        limit = _read(os.path.join(sysfs_root, limit_file)).strip()
        if not limit.isdigit() or int(limit) >= NO_LIMIT:
            continue
        usage = _read(os.path.join(sysfs_root, usage_file)).strip()
        reclaimable = re.search(r"^%s (\d+)$" % reclaimable_field, _read(os.path.join(sysfs_root, stat_file)), re.M)
        used = int(usage) - (int(reclaimable.group(1)) if reclaimable else 0) if usage.isdigit() else 0
        return int(limit), max(0, int(limit) - max(0, used))
    return None


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            return handle.read()
    except OSError:
        return ""
