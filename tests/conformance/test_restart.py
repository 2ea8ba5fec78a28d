# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""New code without a refused connection: the first process becomes the new program, with the same id and socket."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gateway import CLIENT_KEY, PACKAGE, Gateway, environment, eventually
from standin import HANG, StandIn, stream, whole

CHAT = "/v1/chat/completions"
EVENT = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
DONE = b"data: [DONE]\n\n"


def generation(gateway: Gateway) -> int:
    return int(gateway.request("GET", "/livez").json()["generation"])


def upgraded(gateway: Gateway) -> list[int]:
    """Have new code started, and return its workers when the earlier ones are gone."""
    before = set(gateway.workers())
    gateway.tell(signal.SIGUSR2)
    return eventually(lambda: (now := gateway.workers()) and not before & set(now) and now, 30)  # type: ignore[no-any-return]


class Knocker(threading.Thread):
    """A client that opens a new connection every few milliseconds."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__()
        self.gateway = gateway
        self.answers = 0
        self.failures: list[str] = []
        self.enough = threading.Event()

    def run(self) -> None:
        while not self.enough.is_set():
            try:
                status = self.gateway.request("GET", "/livez").status
                self.answers += status == 200
                if status != 200:
                    self.failures.append(str(status))
            except (OSError, http.client.HTTPException) as exc:
                self.failures.append(repr(exc))
            time.sleep(0.005)


def test_upgrade_refuses_no_connection_and_cuts_no_stream(standin: StandIn, start: Callable[..., Gateway]) -> None:
    gateway = start()
    pid, (worker,) = gateway.process.pid, gateway.workers()
    standin.replies[CHAT] = stream(*[EVENT, 0.05] * 60, DONE)
    bodies: list[bytes] = []
    client = threading.Thread(target=lambda: bodies.append(gateway.post(CHAT, {}).body))
    client.start()
    eventually(lambda: standin.seen and standin.seen[-1].sent)
    knocker = Knocker(gateway)
    knocker.start()
    try:
        (successor,) = upgraded(gateway)
        client.join(10)
    finally:
        knocker.enough.set()
        knocker.join()
    assert knocker.failures == []
    assert knocker.answers > 50
    assert bodies == [EVENT * 60 + DONE], "the stream that ran goes on to its end"
    assert [line for line in gateway.lines() if line["level"] not in ("info", "debug")] == []
    assert gateway.process.poll() is None
    assert (gateway.process.pid, successor != worker, generation(gateway)) == (pid, True, 2)
    assert gateway.stop() == 0


def test_upgrades_one_after_another(start: Callable[..., Gateway]) -> None:
    gateway = start(workers=2)
    knocker = Knocker(gateway)
    knocker.start()
    try:
        for _ in range(2):
            assert len(upgraded(gateway)) == 2
    finally:
        knocker.enough.set()
        knocker.join()
    assert knocker.failures == []
    assert generation(gateway) == 3
    files = len(os.listdir(f"/proc/{gateway.process.pid}/fd"))
    upgraded(gateway)
    assert len(os.listdir(f"/proc/{gateway.process.pid}/fd")) == files, "nothing is left open by the program before"


def test_an_end_that_is_asked_for_during_an_upgrade(start: Callable[..., Gateway]) -> None:
    """Whether it comes before, in or after the moment when the new program takes over."""
    for seconds in (0.0, 0.1, 0.4, 0.8):
        gateway = start()
        gateway.tell(signal.SIGUSR2)
        time.sleep(seconds)
        assert gateway.stop() == 0
        with pytest.raises(ConnectionRefusedError):
            gateway.request("GET", "/livez")


def test_reloads_asked_for_during_an_upgrade(standin: StandIn, start: Callable[..., Gateway]) -> None:
    gateway = start()
    gateway.tell(signal.SIGUSR2)
    for _ in range(100):
        gateway.tell(signal.SIGHUP)
        time.sleep(0.02)
    eventually(lambda: generation(gateway) == 2, 20)
    standin.replies[CHAT] = whole({})
    assert gateway.post(CHAT, {}).status == 200
    assert gateway.stop() == 0
    assert [line for line in gateway.lines() if line["level"] not in ("info", "debug")] == []


def test_a_reload_asked_for_during_the_check_of_an_upgrade_is_done(standin: StandIn, own_code: Path, start: Callable[..., Gateway]) -> None:
    """The check has read the configuration of before, so the new program has to read it again."""
    main = own_code / "__main__.py"
    main.write_text(main.read_text().replace("from .cli", "import time\n\ntime.sleep(2 * ('--check-config' in sys.argv))\nfrom .cli"))
    gateway = start()
    standin.replies[CHAT] = whole({})
    gateway.tell(signal.SIGUSR2)
    time.sleep(1)
    gateway.configure(limits={"max_body_bytes": 10})
    gateway.tell(signal.SIGHUP)
    eventually(lambda: generation(gateway) == 2, 20)
    eventually(lambda: gateway.post(CHAT, b"x" * 11).status == 413)


def test_a_missing_key_file_refuses_the_upgrade(standin: StandIn, start: Callable[..., Gateway]) -> None:
    gateway = start()
    key = gateway.folder / "secrets/engine_key"
    key.rename(key.with_name("elsewhere"))
    gateway.tell(signal.SIGUSR2)
    line = eventually(lambda: next((line for line in gateway.lines() if line["event"] == "upgrade refused"), None), 20)
    assert "engine_key: No such file" in line["cause"]
    standin.replies[CHAT] = whole({})
    assert gateway.post(CHAT, {}).status == 200
    assert generation(gateway) == 1


def test_an_upgrade_takes_the_configuration_on_the_disk(standin: StandIn, start: Callable[..., Gateway]) -> None:
    gateway = start()
    standin.replies[CHAT] = whole({})
    gateway.configure(limits={"max_body_bytes": 10}, workers=2, port=gateway.port + 1)
    gateway.tell(signal.SIGUSR2)
    eventually(lambda: generation(gateway) == 2 and len(gateway.workers()) == 2, 30)
    assert gateway.post(CHAT, b"x" * 11).status == 413
    line = next(line for line in gateway.lines() if line["event"] == "needs a restart")
    assert line["keys"] == ["port"], "the socket is the one of before"


def test_two_upgrades_at_once(start: Callable[..., Gateway]) -> None:
    gateway = start()
    first = gateway.workers()
    gateway.tell(signal.SIGUSR2)
    gateway.tell(signal.SIGUSR2)
    eventually(lambda: not set(first) & set(gateway.workers()) and len(gateway.workers()) == 1, 30)
    assert generation(gateway) >= 2
    assert gateway.stop() == 0


def test_E15_a_connection_opened_before_the_end_is_answered_after_it_began(standin: StandIn, start: Callable[..., Gateway]) -> None:
    """The worker that leaves has accepted it already, so nobody else can answer it."""
    gateway = start()
    early = socket.create_connection(("127.0.0.1", gateway.port), timeout=10)
    eventually(lambda: gateway.request("GET", "/livez").status == 200)
    gateway.process.terminate()
    time.sleep(0.1)
    early.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
    answer = early.recv(65536)
    assert answer.startswith(b"HTTP/1.1 200"), answer
    assert b"connection: close" in answer.lower(), "E15: it is told that this was the last"
    assert gateway.stop() == 0


def test_streams_that_do_not_end_are_ended_after_the_drain(standin: StandIn, start: Callable[..., Gateway]) -> None:
    gateway = start(drain_seconds=1)
    standin.replies[CHAT] = stream(EVENT, HANG)
    bodies: list[bytes] = []
    client = threading.Thread(target=lambda: bodies.append(gateway.post(CHAT, {}).body))
    client.start()
    eventually(lambda: standin.seen and standin.seen[-1].sent)
    upgraded(gateway)
    client.join(5)
    assert b"shutting_down" in bodies[0]
    standin.replies[CHAT] = whole({})
    assert gateway.post(CHAT, {}).status == 200


@pytest.fixture
def own_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the package that a test may spoil."""
    import gateway as harness

    shutil.copytree(PACKAGE / "inferhost_proxy", tmp_path / "code" / "inferhost_proxy", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(harness, "PACKAGE", tmp_path / "code")
    return tmp_path / "code" / "inferhost_proxy"


@pytest.mark.parametrize("file", ["config.py", "proxy.json"])
def test_what_cannot_start_does_not_replace_what_runs(standin: StandIn, own_code: Path, start: Callable[..., Gateway], file: str) -> None:
    gateway = start()
    workers = gateway.workers()
    spoiled = own_code / file if file.endswith(".py") else gateway.folder / file
    good = spoiled.read_text()
    spoiled.write_text("this is neither(")
    gateway.tell(signal.SIGUSR2)
    line = eventually(lambda: next((line for line in gateway.lines() if line["event"] == "upgrade refused"), None), 20)
    assert ("SyntaxError" if file.endswith(".py") else f"{spoiled}: not valid JSON") in line["cause"]
    standin.replies[CHAT] = whole({})
    assert gateway.post(CHAT, {}).status == 200
    assert gateway.workers() == workers
    spoiled.write_text(good)
    assert upgraded(gateway) != workers


def test_new_workers_that_fail_leave_the_earlier_ones_serving(standin: StandIn, own_code: Path, start: Callable[..., Gateway]) -> None:
    gateway = start()
    workers = gateway.workers()
    server = own_code / "server.py"
    good = server.read_text()
    server.write_text("raise RuntimeError('spoiled')\n")
    gateway.tell(signal.SIGUSR2)
    eventually(lambda: sum(line["event"] == "worker ended" for line in map(parsed, gateway.log().splitlines()) if line) >= 2, 20)
    standin.replies[CHAT] = whole({})
    assert gateway.post(CHAT, {}).status == 200
    assert workers[0] in gateway.workers()
    server.write_text(good)
    eventually(lambda: workers[0] not in gateway.workers(), 30)
    assert generation(gateway) == 2


def parsed(line: str) -> dict[str, Any]:
    """A log line; a traceback of a worker that could not start is none."""
    import json

    return json.loads(line) if line.startswith("{") else {}


def test_new_code_is_what_runs_after_it(own_code: Path, start: Callable[..., Gateway]) -> None:
    gateway = start()
    init = own_code / "__init__.py"
    init.write_text(init.read_text().replace('__version__ = "', '__version__ = "9.9.9-'))
    assert gateway.metric('inferhost_proxy_build_info{version="9.9.9-0.1.0"}') == 0
    upgraded(gateway)
    assert gateway.metric('inferhost_proxy_build_info{version="9.9.9-0.1.0"}') == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_at_any_moment_ends_it_with_status_0(tmp_path: Path, number: int) -> None:
    """Early and repeated signals wait until somebody can act on them; none kills the process."""
    import subprocess

    from gateway import free_port

    (tmp_path / "key").write_text(CLIENT_KEY)
    port = free_port()
    config = tmp_path / "proxy.json"
    keys, engines = [{"label": "a", "file": f"{tmp_path}/key"}], [{"name": "engine", "url": "http://127.0.0.1:1"}]
    config.write_text(json.dumps({"port": port, "api_keys": keys, "upstreams": engines, "drain_seconds": 1}))
    for arguments in (["--config", str(config)], ["--port", str(port), "--upstream", "http://127.0.0.1:1", "--key-file", str(tmp_path / "key")]):
        process = subprocess.Popen(
            [sys.executable, "-m", "inferhost_proxy", *arguments],
            env=environment(),
            stderr=subprocess.DEVNULL,
        )
        # From the moment on in which it first says that it will act on them, long before it serves.
        eventually(lambda pid=process.pid: heeds(pid, signal.SIGTERM), 20)
        while process.poll() is None:
            process.send_signal(number)
            time.sleep(0.002)
        assert process.returncode == 0


def heeds(pid: int, number: int) -> bool:
    """Whether a signal of a process waits for it, or has a handler."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    masks = [int(line.split()[1], 16) for line in status if line.startswith(("SigBlk", "SigCgt"))]
    return any(mask >> (number - 1) & 1 for mask in masks)
