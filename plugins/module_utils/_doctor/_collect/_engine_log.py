# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the logs of engines say: of a service, of a container, or of the file that a process writes to. The end of each, and none of its lines is kept."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect._container import log_of
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collector import Collected, Context, collector, unreadable
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._engines import Engine, engines
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._log_signs import read
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts
from ansible_collections.inferhost.llm.plugins.module_utils._leak import Report, Search, read_needles

MAX_BYTES = 2 << 20
_LINES = 4000
_JOURNAL_S = 15.0


@collector(
    "engine_logs", root="helps", cost="files; journalctl, Docker's log of a container", timeout_s=60, after=["processes", "services"], maybe=["containers"]
)
def engine_logs(context: Context, facts: Facts) -> Collected:
    gaps: list[str] = []
    needles = read_needles([context.path(os.path.join(context.root, "etc/secrets"))], Report())
    found = []
    for one in engines(facts):
        try:
            source, content = _content(context, one)
        except (OSError, subprocess.SubprocessError) as error:
            why = unreadable("it", error) if isinstance(error, OSError) else "the journal did not answer"
            gaps.append(f"the log of {one.where} is not known: {why}")
            continue
        if content is None:
            gaps.append(f"the log of {one.where} is not known: {source}")
            continue
        search = Search(needles)
        search.feed(content)
        keys = sorted(os.path.basename(path) for path in search.found)
        found.append({"where": one.where, "source": source, "keys": keys, **read(content.decode("utf-8", "replace"))})
    return Collected(found, gaps)


def _content(context: Context, one: Engine) -> tuple[str, bytes | None]:
    """Where the log is, and its end; or why there is none."""
    if one.container is not None:
        return f"docker logs {one.container}", log_of(context, one.container, _LINES)[-MAX_BYTES:]
    if one.log:
        return one.log, tail(context.path(one.log))
    if one.unit:
        content = _journal(context, one.unit)
        return f"journalctl -u {one.unit}" if content is not None else "its journal is empty or closed to this user", content
    return _standard_output(context, one)


def tail(path: str) -> bytes:
    with open(path, "rb") as handle:
        handle.seek(max(0, os.fstat(handle.fileno()).st_size - MAX_BYTES))
        return handle.read(MAX_BYTES)


def _journal(context: Context, unit: str) -> bytes | None:
    program = shutil.which("journalctl")
    if program is None or os.path.realpath(context.fs) != "/":
        return None
    # Without the right to read the system's journal it says so, and prints nothing.
    done = subprocess.run([program, "-u", unit, "-n", str(_LINES), "-o", "cat", "--no-pager", "-q"], capture_output=True, timeout=_JOURNAL_S, check=False)
    return done.stdout[-MAX_BYTES:] if done.returncode == 0 and done.stdout.strip() else None


def _standard_output(context: Context, one: Engine) -> tuple[str, bytes | None]:
    """The file that a process writes to, where it is one."""
    for number in (1, 2):
        link = context.path(f"/proc/{one.pid}/fd/{number}")
        if os.path.exists(link) and stat.S_ISREG(os.stat(link).st_mode):
            return os.readlink(link), tail(link)
    return "its output goes to no file", None
