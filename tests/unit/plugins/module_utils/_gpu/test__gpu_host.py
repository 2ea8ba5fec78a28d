# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._host import SECURE_BOOT_FILE, cpu_facts, parse_instruction_sets, parse_model, secure_boot

CPUINFO = """processor\t: 0
model name\t: Intel(R) Xeon(R) Gold 5412U
flags\t\t: fpu avx2 avx512f avx512_vnni amx_bf16 amx_tile amx_int8 avx512_bf16

processor\t: 1
model name\t: Intel(R) Xeon(R) Gold 5412U
flags\t\t: fpu avx2
"""
ARM_CPUINFO = """processor\t: 0
Features\t: fp asimd asimddp bf16 i8mm sve
CPU implementer\t: 0x41
CPU part\t: 0xd4f
"""
MEMINFO = "MemTotal:       131072000 kB\nMemFree:         1000 kB\nMemAvailable:   98304000 kB\n"


def roots(folder: Path, files: t.Dict[str, str]) -> t.Tuple[str, str]:
    for name, content in {"proc/cpuinfo": CPUINFO, "proc/meminfo": MEMINFO, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="ascii")
    return str(folder / "proc"), str(folder / "sys")


def test_a_machine(tmp_path: Path) -> None:
    facts = cpu_facts(*roots(tmp_path, {}))
    assert facts["model"] == "Intel(R) Xeon(R) Gold 5412U"
    assert facts["memory_bytes"] == 131072000 * 1024
    assert facts["memory_available_bytes"] == 98304000 * 1024
    assert facts["isa"] == ["avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_int8", "amx_bf16"]
    assert facts["cores"] >= 1 and facts["architecture"]


# limit and use of a container, then total and available bytes: the machine has 125 GiB, 93.75 GiB of them free.
CONTAINERS = [
    # v2: 8 GiB, 3 GiB used of which 1 GiB is page cache
    (
        {
            "sys/fs/cgroup/memory.max": "8589934592\n",
            "sys/fs/cgroup/memory.current": "3221225472\n",
            "sys/fs/cgroup/memory.stat": "anon 5\ninactive_file 1073741824\n",
        },
        8 << 30,
        6 << 30,
    ),
    # v1: the same
    (
        {
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "8589934592\n",
            "sys/fs/cgroup/memory/memory.usage_in_bytes": "3221225472\n",
            "sys/fs/cgroup/memory/memory.stat": "total_inactive_file 1073741824\n",
        },
        8 << 30,
        6 << 30,
    ),
    # no limit, as the two versions say it
    ({"sys/fs/cgroup/memory.max": "max\n"}, 131072000 * 1024, 98304000 * 1024),
    ({"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 131072000 * 1024, 98304000 * 1024),
    # a limit above what the machine has
    ({"sys/fs/cgroup/memory.max": "%d\n" % (1 << 40), "sys/fs/cgroup/memory.current": "0\n"}, 131072000 * 1024, 98304000 * 1024),
]


@pytest.mark.parametrize(("files", "total", "available"), CONTAINERS)
def test_the_limit_of_a_container_counts(tmp_path: Path, files: t.Dict[str, str], total: int, available: int) -> None:
    facts = cpu_facts(*roots(tmp_path, files))
    assert (facts["memory_bytes"], facts["memory_available_bytes"]) == (total, available)


def test_an_arm_machine_names_what_it_can() -> None:
    assert parse_model(ARM_CPUINFO) == "Arm implementer 0x41 part 0xd4f"
    assert parse_instruction_sets(ARM_CPUINFO) == ["asimd", "asimddp", "bf16", "i8mm", "sve"]


def test_nothing_readable(tmp_path: Path) -> None:
    facts = cpu_facts(str(tmp_path), str(tmp_path))
    assert (facts["model"], facts["memory_bytes"], facts["isa"]) == (None, None, [])


@pytest.mark.parametrize(("content", "expected"), [(b"\x06\x00\x00\x00\x01", True), (b"\x06\x00\x00\x00\x00", False), (b"\x06", None)])
def test_secure_boot(tmp_path: Path, content: bytes, expected: t.Optional[bool]) -> None:
    path = tmp_path / SECURE_BOOT_FILE
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert secure_boot(str(tmp_path)) is expected


def test_no_firmware_that_says(tmp_path: Path) -> None:
    assert secure_boot(str(tmp_path)) is None
