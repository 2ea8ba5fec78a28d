# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a running engine really puts its caches: read from the process, not from a file that claims it."""

from __future__ import annotations

import os
import typing as t

# The variables that decide, and where things go without them.
CACHES: t.Mapping[str, str] = {
    "HF_HOME": "~/.cache/huggingface",
    "HUGGINGFACE_HUB_CACHE": "$HF_HOME/hub",
    "XDG_CACHE_HOME": "~/.cache",
    "TMPDIR": "/tmp",
    "TORCHINDUCTOR_CACHE_DIR": "$TMPDIR/torchinductor_USER",
    "TRITON_CACHE_DIR": "~/.triton/cache",
    "VLLM_CACHE_ROOT": "$XDG_CACHE_HOME/vllm",
}


class Process(t.NamedTuple):
    pid: int
    argv: tuple[str, ...]
    start: int


def find_process(processes: t.Iterable[Process], program: str) -> Process | None:
    """The oldest process whose first argument is below ``program``: workers rename themselves and lose their environment."""
    fitting = [process for process in processes if process.argv and process.argv[0].startswith(program)]
    return min(fitting, key=lambda process: (process.start, process.pid)) if fitting else None


def judge(environ: t.Mapping[str, str], root: str) -> list[dict[str, str]]:
    """One finding a cache that is not below ``root``; both are compared as they are, links resolved by the caller."""
    found = []
    for name, default in CACHES.items():
        path = environ.get(name, "")
        if path and (path == root or path.startswith(root.rstrip("/") + "/")):
            continue
        found.append(
            {
                "id": "L70",
                "severity": "error",
                "title": f"{name} is not on the persistent path",
                "seen": f"{name}={path}" if path else f"{name} is not set, so it is {default}",
                "cause": "the service was not started by the collection, or with other variables",
                "fix": f"ansible-playbook inferhost.llm.site  # sets {name} below {root}",
            }
        )
    return found


def processes(proc: str = "/proc") -> t.Iterator[Process]:
    for name in os.listdir(proc):
        if not name.isdigit():
            continue
        try:
            with open(os.path.join(proc, name, "cmdline"), "rb") as stream:
                argv = stream.read().decode("utf-8", "replace").rstrip("\0").split("\0")
            with open(os.path.join(proc, name, "stat"), "rb") as stream:
                # The second field is a name that may hold spaces and brackets; the start time is the 20th after it.
                start = int(stream.read().rpartition(b")")[2].split()[19])
        except (OSError, IndexError, ValueError):
            continue  # it ended
        yield Process(int(name), tuple(argv), start)


def cache_variables(pid: int, proc: str = "/proc") -> dict[str, str]:
    """The cache variables of a process, and nothing else of its environment; links are resolved."""
    with open(os.path.join(proc, str(pid), "environ"), "rb") as stream:
        pairs = (entry.partition(b"=") for entry in stream.read().split(b"\0"))
        values = {name.decode("utf-8", "replace"): value.decode("utf-8", "surrogateescape") for name, _equals, value in pairs}
    return {name: os.path.realpath(values[name]) for name in CACHES if values.get(name)}
