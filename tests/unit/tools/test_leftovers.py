# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[3] / "roles" / "inferhost" / "files" / "lib" / "leftovers.py"


@pytest.fixture
def server() -> str:
    """A supervisord that nobody else on this machine has."""
    return f"unix:///nowhere/{uuid.uuid4()}.sock"


@pytest.fixture
def sleepers(server: str) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """One process of an engine's earlier life, one of another program, one of another supervisord."""
    of = {"engine": (server, "engine"), "proxy": (server, "proxy"), "elsewhere": (server + "2", "engine")}
    started = {name: subprocess.Popen(["sleep", "60"], env=environment(*marks)) for name, marks in of.items()}
    yield started
    for process in started.values():
        process.kill()
        process.wait()


def environment(server: str, program: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "SUPERVISOR_SERVER_URL": server, "SUPERVISOR_PROCESS_NAME": program}


def test_a_program_starts_when_its_leftovers_are_gone_and_nothing_else_is(server: str, sleepers: dict[str, subprocess.Popen[bytes]]) -> None:
    command = [sys.executable, str(PROGRAM), "sh", "-c", "echo began with $SUPERVISOR_PROCESS_NAME; exit 7"]
    # The leftover is this test's child: somebody has to wait for it, as the first process of a machine does for orphans.
    with subprocess.Popen(command, env=environment(server, "engine"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as started:
        assert sleepers["engine"].wait(timeout=30) == -9
        out, err = started.communicate(timeout=60)
    assert (started.returncode, out) == (7, "began with engine\n")
    assert str(sleepers["engine"].pid) in err
    assert sleepers["proxy"].poll() is None and sleepers["elsewhere"].poll() is None


def test_without_leftovers_it_says_nothing(server: str) -> None:
    done = subprocess.run([sys.executable, str(PROGRAM), "echo", "hello"], env=environment(server, "engine"), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello\n", "")
