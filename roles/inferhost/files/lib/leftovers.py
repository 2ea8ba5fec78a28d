# Copyright: (c) 2026, inferhost contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start a command of supervisord's after whatever its earlier life left behind is gone.  Usage: leftovers.py COMMAND ...

supervisord ends a program's process group when it stops the program, but not when the program's first process dies by itself: killed for memory,
an engine leaves workers that hold their share of the GPU, and the next one does not fit beside them. systemd's control groups do not need this.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

SERVER, PROGRAM = "SUPERVISOR_SERVER_URL", "SUPERVISOR_PROCESS_NAME"
PATIENCE_S = 30.0


def environment_of(pid: int) -> frozenset[bytes]:
    """The environment that a process was started with, as NAME=value; empty where it ended or is not ours to read."""
    try:
        with open(f"/proc/{pid}/environ", "rb") as stream:
            return frozenset(stream.read().split(b"\0"))
    except OSError:
        return frozenset()


def leftovers(server: str, program: str = "") -> list[int]:
    """Processes other than this one that a supervisord started, for one of its programs or for any."""
    marks = {f"{SERVER}={server}".encode()} | ({f"{PROGRAM}={program}".encode()} if program else set())
    pids = (int(entry) for entry in os.listdir("/proc") if entry.isdigit())
    return sorted(pid for pid in pids if pid != os.getpid() and marks <= environment_of(pid))


def end(server: str, program: str = "") -> list[int]:
    """Kill them, and wait until they are gone; what they hold on a GPU is free only then. Gives those that were there."""
    ended: set[int] = set()
    deadline = time.monotonic() + PATIENCE_S
    while (found := leftovers(server, program)) and time.monotonic() < deadline:
        for pid in found:
            ended.add(pid)
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)
    return sorted(ended)


def main(command: list[str]) -> None:
    """Become the command."""
    ended = end(os.environ[SERVER], os.environ[PROGRAM])
    if ended:
        print(f"leftovers: ended what an earlier {os.environ[PROGRAM]} left behind: {' '.join(map(str, ended))}", file=sys.stderr, flush=True)
    os.execvp(command[0], command)


if __name__ == "__main__":
    main(sys.argv[1:])
