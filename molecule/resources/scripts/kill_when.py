# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Wait until a shell command succeeds, then kill with SIGKILL all that was started from outside.  Arguments: CONDITION SECONDS

"From outside" is what has no parent on this host: `docker exec` puts it there. Services are systemd's and stay.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

CONDITION, SECONDS = sys.argv[1], float(sys.argv[2])
DEADLINE = time.monotonic() + SECONDS


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


while subprocess.run(["sh", "-c", CONDITION], capture_output=True, check=False).returncode != 0:
    if time.monotonic() > DEADLINE:
        sys.exit(f"{CONDITION!r} did not come true within {SECONDS:g} s")
    time.sleep(0.05)
killed = []
for pid in from_outside():
    try:
        os.kill(pid, signal.SIGKILL)
        killed.append(pid)
    except ProcessLookupError:
        continue
print(json.dumps(killed))
