# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The first process. It owns the listening socket and serves nothing itself: it starts workers, replaces those that end,
passes signals on, and has new code take its place.

SIGHUP     the configuration is checked, and then read by every worker. What runs is not touched.
SIGUSR2    this program is replaced by what is on the disk now, under the same process id and with the same socket. The
           new program starts workers of its own; when all of them serve, the earlier ones finish what they have and end.
SIGTERM    nothing more is accepted; the workers finish what they have and end.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from types import FrameType

from . import config, handover, meters, signals
from .config import Config, ConfigError
from .handover import Former, Handover, Post
from .keys import KeyFileError, KeyRing
from .logs import LOG, event

SNAPSHOT = "proxy.json"
"""In the folder of the service: the configuration that was found good last. A worker that is replaced gets no other."""
STEADY_SECONDS = 10.0
"""A worker that lived so long did not fail at its start."""
LONGEST_PAUSE = 30.0
KILL_SECONDS = 10.0
"""Beyond `drain_seconds` until a worker that does not end is killed."""
CHECK_SECONDS = 30.0
FAILED = 1
ENDING = frozenset({signal.SIGTERM, signal.SIGINT})


@dataclass
class Worker:
    pid: int
    slot: int
    ours: bool
    """It runs the present code."""
    started_at: float = field(default_factory=time.monotonic)
    ready: bool = False
    leaving: bool = False
    """It was told to end."""
    kill_at: float = inf


class First:
    def __init__(self, path: Path, arguments: Sequence[str], settings: Config, raw: bytes, listener: socket.socket, taken: Handover | None) -> None:
        """`raw`: what the settings were read from."""
        self._path = path
        self._arguments = arguments
        self._config = settings
        self._address = (settings.host, settings.port) if taken is None else taken.address
        self._count = settings.workers
        self._listener = listener
        if taken is None:
            self._folder = Path(tempfile.mkdtemp(prefix="inferhost-proxy-"))
            self._generation = 1
            self._own_end, self._workers_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._workers: dict[int, Worker] = {}
        else:
            self._folder = Path(taken.folder)
            self._generation = taken.generation
            self._own_end, self._workers_end = (socket.socket(fileno=number) for number in taken.control)
            self._workers = {former.pid: Worker(former.pid, former.slot, ours=False, ready=True) for former in taken.workers}
        self._raw = raw
        # Who tidies up temporary files leaves a folder alone that somebody has locked.
        self._lock = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(self._lock, fcntl.LOCK_SH)
        # Workers get their end and the socket; that the other end is closed tells them that this process is gone.
        self._own_end.set_inheritable(False)
        self._workers_end.set_inheritable(True)
        self._listener.set_inheritable(True)
        self._wake, self._waker = socket.socketpair()
        self._was_ready = taken is not None
        self._failures = 0
        self._start_at = 0.0
        self._stopping = False
        self._status = 0

    def run(self) -> int:
        """Until SIGTERM or SIGINT; the exit status."""
        self._watch_signals()
        event(logging.INFO, "started" if self._generation == 1 else "upgraded", workers=self._count, generation=self._generation)
        self._name_restarts()
        # Some may have ended while nobody could be told.
        self._reap()
        self._fill()
        while self._workers or not self._stopping:
            self._sleep()
            self._act(self._arrived())
            self._hear()
            self._reap()
            self._relieve()
            self._fill()
            self._kill_overdue()
        for number in signals.HANDLED:
            signal.signal(number, signal.SIG_IGN)
        shutil.rmtree(self._folder, ignore_errors=True)
        return self._status

    def _watch_signals(self) -> None:
        for end in (self._wake, self._waker):
            end.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        for number in (*signals.HANDLED, signal.SIGCHLD):
            signal.signal(number, _noted)
        signals.let_in()

    def _sleep(self) -> None:
        """Until a signal, a worker's word, or the next thing that is due."""
        due = min([worker.kill_at for worker in self._workers.values()], default=inf)
        if not self._stopping and self._missing():
            due = min(due, self._start_at)
        pause = None if due == inf else max(0.0, due - time.monotonic())
        select.select([self._wake, self._own_end], [], [], pause)

    def _arrived(self) -> set[int]:
        """The signals that came since the last look."""
        try:
            return set(self._wake.recv(4096))
        except BlockingIOError:
            return set()

    def _act(self, arrived: set[int]) -> None:
        if signal.SIGINT in arrived and self._stopping:
            for pid in self._workers:
                _send(pid, signal.SIGINT)
        elif arrived & ENDING:
            self._stop()
        if signal.SIGHUP in arrived and not self._stopping:
            self._reload()
        if signal.SIGUSR2 in arrived and not self._stopping:
            self._upgrade()

    def _hear(self) -> None:
        while True:
            try:
                said = self._own_end.recv(64, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            worker = self._workers.get(int(said)) if said.isdigit() else None
            if worker is not None:
                worker.ready = self._was_ready = True

    def _reap(self) -> None:
        for worker in list(self._workers.values()):
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if pid:
                del self._workers[pid]
                self._bury(worker, os.waitstatus_to_exitcode(status))

    def _bury(self, worker: Worker, status: int) -> None:
        meters.forget(self._folder, worker.slot)
        # What it had in flight was not counted out.
        for file in self._folder.glob(f"gauge_*_{worker.slot}.db"):
            file.unlink()
        if worker.leaving:
            return
        event(logging.ERROR, "worker ended", pid=worker.pid, status=status)
        if not self._was_ready:
            # The service manager has to see that this does not start.
            self._status = FAILED
            self._stop()
        if worker.ours:
            steady = worker.ready and time.monotonic() - worker.started_at >= STEADY_SECONDS
            self._failures = 0 if steady else self._failures + 1
            self._start_at = time.monotonic() + (min(2.0 ** (self._failures - 2), LONGEST_PAUSE) if self._failures > 1 else 0.0)

    def _missing(self) -> int:
        return self._count - sum(worker.ours and not worker.leaving for worker in self._workers.values())

    def _fill(self) -> None:
        while not self._stopping and self._missing() > 0 and time.monotonic() >= self._start_at:
            self._start()

    def _start(self) -> None:
        self._keep(self._raw)
        slot = min(set(range(len(self._workers) + 1)) - {worker.slot for worker in self._workers.values()})
        post = Post(str(self._folder), slot, self._generation, self._listener.fileno(), self._workers_end.fileno())
        command = [sys.executable, "-m", __package__, *self._arguments]
        pid = os.posix_spawn(sys.executable, command, handover.environment_of(post), setsigmask=signals.HANDLED)
        self._workers[pid] = Worker(pid, slot, ours=True)

    def _relieve(self) -> None:
        """Earlier workers end when every new one serves, and not before."""
        ours = [worker for worker in self._workers.values() if worker.ours]
        if len(ours) >= self._count and all(worker.ready for worker in ours):
            for worker in self._workers.values():
                if not worker.ours and not worker.leaving:
                    self._dismiss(worker)

    def _dismiss(self, worker: Worker) -> None:
        worker.leaving = True
        worker.kill_at = time.monotonic() + self._config.drain_seconds + KILL_SECONDS
        _send(worker.pid, signal.SIGTERM)

    def _kill_overdue(self) -> None:
        for worker in self._workers.values():
            if time.monotonic() >= worker.kill_at:
                worker.kill_at = inf
                event(logging.ERROR, "worker killed", pid=worker.pid, cause="it did not end in time")
                _send(worker.pid, signal.SIGKILL)

    def _stop(self) -> None:
        if not self._stopping:
            self._stopping = True
            self._listener.close()
        for worker in self._workers.values():
            if not worker.leaving:
                self._dismiss(worker)

    def _reload(self) -> None:
        try:
            raw = config.read(self._path)
            settings = config.decode(raw, self._path)
            KeyRing.load(settings)
            self._keep(raw)
        except (ConfigError, KeyFileError, OSError) as exc:
            event(logging.ERROR, "reload refused", cause=str(exc))
            return
        except Exception:
            # Whatever it is, the service goes on with what it has.
            LOG.exception("reload refused")
            return
        self._config = settings
        self._name_restarts()
        LOG.setLevel(settings.log_level.upper())
        for worker in self._workers.values():
            if not worker.leaving:
                _send(worker.pid, signal.SIGHUP)

    def _name_restarts(self) -> None:
        """Say what of the configuration this process cannot do any more."""
        running = {"host": self._address[0], "port": self._address[1], "workers": self._count}
        waiting = [name for name, value in running.items() if getattr(self._config, name) != value]
        if waiting:
            event(logging.WARNING, "needs a restart", keys=waiting)

    def _keep(self, raw: bytes) -> None:
        """Replace the snapshot at once, so that nobody reads half of one."""
        new = self._folder / f"{SNAPSHOT}.new"
        new.write_bytes(raw)
        new.replace(self._folder / SNAPSHOT)
        self._raw = raw

    def _checked(self) -> str:
        """What the code on the disk says against the configuration and keys on the disk; if nothing, that is the configuration now."""
        candidate = self._folder / f"{SNAPSHOT}.candidate"
        command = [sys.executable, "-m", __package__, "--check-config", str(candidate), "--check-keys"]
        try:
            candidate.write_bytes(self._path.read_bytes())
            done = subprocess.run(command, capture_output=True, text=True, timeout=CHECK_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as exc:
            return str(exc)
        if done.returncode:
            said = done.stderr.strip().rpartition("\n")[2].replace(str(candidate), str(self._path))
            return said or f"the check ended with status {done.returncode}"
        candidate.replace(self._folder / SNAPSHOT)
        return ""

    def _upgrade(self) -> None:
        """Become what is on the disk now, if that can read the configuration."""
        problem = self._checked()
        if problem:
            event(logging.ERROR, "upgrade refused", cause=problem)
            return
        former = [Former(worker.pid, worker.slot) for worker in self._workers.values()]
        ends = (self._own_end.fileno(), self._workers_end.fileno())
        taken = Handover(str(self._folder), self._generation + 1, self._listener.fileno(), self._address, ends, former)
        signals.hold_back()
        # Those that come from now on wait for the new program; those that came during the check are known to this one alone.
        arrived = self._arrived()
        if signal.SIGHUP in arrived:
            # What was checked may be older than what is to be read.
            os.kill(os.getpid(), signal.SIGHUP)
        if not arrived & ENDING:
            self._own_end.set_inheritable(True)
            try:
                os.execve(sys.executable, [sys.executable, "-m", str(__package__), *self._arguments], handover.environment_for(taken))
            except OSError as exc:
                self._own_end.set_inheritable(False)
                event(logging.ERROR, "upgrade refused", cause=str(exc))
        else:
            self._stop()
        signals.let_in()


def _noted(number: int, frame: FrameType | None) -> None:
    """Python writes the number into the wake-up socket."""


def _send(pid: int, number: int) -> None:
    # One that has ended is the next thing that is noticed.
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
