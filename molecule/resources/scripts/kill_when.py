# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait for a point of an installation, then kill with SIGKILL all that was started from outside.  Arguments: POINT ROOT DISTRIBUTIONS

"From outside" is what has no parent on this host: `docker exec` puts it there. Services are systemd's and stay.
"""

from __future__ import annotations

import glob
import json
import os
import signal
import subprocess
import sys
import time

POINT, ROOT, DISTRIBUTIONS = sys.argv[1], sys.argv[2], int(sys.argv[3])
DEADLINE = time.monotonic() + 400


def installed() -> int:
    return len(glob.glob(f"{ROOT}/venvs/vllm/lib/python3*/site-packages/*.dist-info"))


def engine_state() -> str:
    return subprocess.run(["systemctl", "is-active", "inferhost-vllm"], capture_output=True, text=True, check=False).stdout.strip()


POINTS = {
    "environment begun": lambda: os.path.exists(f"{ROOT}/venvs/vllm/pyvenv.cfg"),
    "packages half there": lambda: installed() >= DISTRIBUTIONS // 2,
    "engine starting": lambda: engine_state() == "activating",
}


def parents() -> dict[int, int]:
    found = {}
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as stream:
                found[int(entry)] = int(stream.read().rpartition(")")[2].split()[1])
        except OSError:
            continue
    return found


def from_outside() -> list[int]:
    parent = parents()

    def origin(pid: int) -> int:
        while parent.get(pid, 0) != 0:
            pid = parent[pid]
        return pid

    own = {origin(os.getpid()), 1}
    return [pid for pid in parent if origin(pid) not in own]


while not POINTS[POINT]():
    if time.monotonic() > DEADLINE:
        sys.exit(f"the point {POINT!r} was not reached")
    time.sleep(0.02)
killed = 0
for pid in from_outside():
    try:
        os.kill(pid, signal.SIGKILL)
        killed += 1
    except ProcessLookupError:
        continue
print(
    json.dumps(
        {
            "killed": killed,
            "installed": installed(),
            "engine": engine_state(),
            "applied": os.path.exists(f"{ROOT}/run/inferhost-vllm.applied"),
        }
    )
)
