# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a process and its children use, by the kernel's own books."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from pathlib import Path

PROC = Path("/proc")


def tree(pid: int) -> list[int]:
    """A process and its descendants."""
    children = defaultdict(list)
    for entry in PROC.glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            children[int(entry.read_text().rpartition(")")[2].split()[1])].append(int(entry.parent.name))
    found = [pid]
    for each in found:
        found += children[each]
    return found


def processor_seconds(pid: int) -> float:
    """Time on a processor so far: of all threads that live, in nanoseconds, where /proc/PID/stat counts in hundredths of a second."""
    total = 0
    for each in tree(pid):
        for task in PROC.glob(f"{each}/task/*/schedstat"):
            with contextlib.suppress(OSError):
                total += int(task.read_text().split()[0])
    return total / 1e9


def resident_bytes(pid: int) -> int:
    """Memory that is in use now; what processes share counts once for each, so this is never too little."""
    total = 0
    for each in tree(pid):
        with contextlib.suppress(OSError):
            lines = (PROC / str(each) / "status").read_text().splitlines()
            total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))
    return total
