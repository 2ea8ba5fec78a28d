# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a program that may never end: a process that waits inside a broken driver cannot even be killed."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import typing as t


class Ended(t.NamedTuple):
    """How it ended: `exit`, `signal`, `hang` or `not_started`, with a sentence where it was not an exit."""

    how: str
    status: int
    output: str
    errors: str
    detail: str


def run_bounded(command: t.Sequence[str], timeout: float) -> Ended:
    """Give the program `timeout` seconds; after that it is killed and, when even that does not end it, left behind."""
    try:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        return Ended("not_started", 0, "", "", "%s: %s" % (command[0], error.strerror or error))
    try:
        output, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired as error:
        process.kill()
        _reap(process)
        return Ended("hang", 0, _decoded(error.stdout), _decoded(error.stderr), "no answer within %g s" % timeout)
    if process.returncode < 0:
        return Ended("signal", process.returncode, output, errors, "ended by %s" % _signal_name(-process.returncode))
    return Ended("exit", process.returncode, output, errors, "")


def _reap(process: subprocess.Popen[str]) -> None:
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(timeout=1)


def _decoded(partial: t.Union[bytes, str, None]) -> str:
    """What came before the end of the time; bytes even where text was asked for."""
    return partial.decode("utf-8", "replace") if isinstance(partial, bytes) else partial or ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "signal %d" % number
