# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that were started here and must be stopped again, and no other: a process number alone may be somebody else's by then."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def start_time(pid: int) -> str:
    """Clock tick at which a process started, which tells it from a later one with the same number; empty when there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def remember(pid: int, file: Path) -> None:
    """Write down which process was started."""
    file.write_text(f"{pid} {start_time(pid)}\n", encoding="utf-8")


def running(file: Path) -> int | None:
    """Number of the process that was written down, if it is the one that still runs."""
    try:
        number, started = file.read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return None
    return int(number) if start_time(int(number)) == started else None


def stop(file: Path, seconds: float) -> bool:
    """Ask the process that was written down to end, and wait for it. Returns whether there was one."""
    pid = running(file)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and running(file) is not None:
            time.sleep(0.1)
    file.unlink(missing_ok=True)
    return pid is not None
