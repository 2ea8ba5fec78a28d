# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Docker Engine the scenarios need: the one that runs, otherwise one that is installed and started here, and stopped again."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

STATE = Path(__file__).resolve().parents[2] / ".cache" / "molecule"
PID_FILE = STATE / "dockerd.pid"
LOG_FILE = STATE / "dockerd.log"
# Locked by every scenario while it uses the engine, by the one that is starting it, and by the one that installs packages on this machine.
USERS_FILE = STATE / "engine.users"
STARTING_FILE = STATE / "engine.starting"
INSTALLING_FILE = STATE / "installing"
START_SECONDS = 60
STOP_SECONDS = 60


class NoEngine(Exception):
    """There is no Docker Engine and none can be had; the message says why, in one line."""


def answers() -> bool:
    """Whether an engine answers where the docker command looks for it (DOCKER_HOST is honoured)."""
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "version", "--format", "{{.Server.Version}}"], capture_output=True, check=False).returncode == 0


def apt_install(*packages: str) -> None:
    """Install Debian packages on this machine, or say in one line why not."""
    if os.geteuid() != 0:
        raise NoEngine(f"{', '.join(packages)} not found, and only root can install it; run: sudo apt-get install {' '.join(packages)}")
    if shutil.which("apt-get") is None:
        raise NoEngine(f"{', '.join(packages)} not found, and this machine has no apt-get to install it with")
    STATE.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with INSTALLING_FILE.open("a") as installing:
        fcntl.flock(installing, fcntl.LOCK_EX)
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-qq", "-y", "--no-install-recommends", *packages]):
            done = subprocess.run([*command, "-o", "DPkg::Lock::Timeout=300"], env=environment, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
                raise NoEngine(f"{' '.join(command)} failed: {reason}")


def ensure() -> None:
    """Make sure an engine answers."""
    if answers():
        return
    if os.environ.get("DOCKER_HOST"):
        raise NoEngine(f"no Docker Engine answers at DOCKER_HOST={os.environ['DOCKER_HOST']}")
    if os.geteuid() != 0:
        raise NoEngine("no Docker Engine answers, and only root can start one; start it (sudo systemctl start docker) or join its group")
    if shutil.which("dockerd") is None or shutil.which("docker") is None:
        # iptables is only recommended by docker.io, but the hosts' network needs it.
        apt_install("docker.io", "iptables")
    if not answers():  # the package may have started it
        _start()


@contextlib.contextmanager
def shared() -> Iterator[None]:
    """An engine for as long as it is needed. One that was started here is stopped by the last scenario that uses it."""
    STATE.mkdir(parents=True, exist_ok=True)
    with USERS_FILE.open("a") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        try:
            with STARTING_FILE.open("a") as starting:
                fcntl.flock(starting, fcntl.LOCK_EX)
                ensure()
            yield
        finally:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if stop_ours():
                    print("stopped the Docker Engine that was started for the tests")


def _start() -> None:
    STATE.mkdir(parents=True, exist_ok=True)
    with LOG_FILE.open("wb") as log:
        daemon = subprocess.Popen(["dockerd"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    PID_FILE.write_text(f"{daemon.pid} {_start_time(daemon.pid)}\n", encoding="utf-8")
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if answers():
            return
        if daemon.poll() is not None:
            break
        time.sleep(0.2)
    stop_ours()
    tail = LOG_FILE.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-1:]
    raise NoEngine(f"dockerd does not start here ({LOG_FILE}): {''.join(tail)}")


def _start_time(pid: int) -> str:
    """Clock tick at which a process started, which tells it from a later one with the same number; empty when there is none."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def stop_ours() -> bool:
    """Stop the engine that was started here; one that was there before is left alone. Returns whether there was one to stop."""
    try:
        number, started = PID_FILE.read_text(encoding="utf-8").split()
    except (OSError, ValueError):
        return False
    PID_FILE.unlink()
    pid = int(number)
    if _start_time(pid) != started:
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while time.monotonic() < deadline and _start_time(pid) == started:
        time.sleep(0.2)
    return True
