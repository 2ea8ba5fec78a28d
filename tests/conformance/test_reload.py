# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGHUP: another configuration for what comes, the same for what runs, and none that cannot be used."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable
from typing import Any

import pytest
from gateway import CLIENT_KEY, SECOND_KEY, Gateway, eventually
from standin import HANG, StandIn, stream, whole

CHAT = "/v1/chat/completions"
EVENT = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
DONE = b"data: [DONE]\n\n"


@pytest.fixture
def other() -> Any:
    server = StandIn()
    yield server
    server.close()


def line_of(gateway: Gateway, event: str) -> dict[str, Any]:
    found: dict[str, Any] = eventually(lambda: next((line for line in gateway.lines() if line["event"] == event), None))
    return found


@pytest.mark.parametrize("workers", [1, 2])
def test_another_engine_for_what_comes_and_the_same_for_what_runs(standin: StandIn, other: StandIn, start: Callable[..., Gateway], workers: int) -> None:
    gateway = start(workers=workers)
    pids = gateway.workers()
    standin.replies[CHAT] = stream(*[EVENT, 0.1] * 15, DONE)
    other.replies[CHAT] = whole({"from": "the other"})
    bodies: list[bytes] = []
    client = threading.Thread(target=lambda: bodies.append(gateway.post(CHAT, {}).body))
    client.start()
    eventually(lambda: standin.seen and standin.seen[-1].sent)
    gateway.reload(upstreams=[{"name": "engine", "url": other.url, "key_file": "engine_key"}])
    for _ in range(6):
        assert gateway.post(CHAT, {}).json() == {"from": "the other"}
    client.join(10)
    assert bodies == [EVENT * 15 + DONE]
    assert gateway.workers() == pids, "nobody was restarted"
    assert line_of(gateway, "reloaded")["changed"] == ["upstreams"]


def test_limits_labels_and_log_level(standin: StandIn, start: Callable[..., Gateway]) -> None:
    gateway = start()
    standin.replies[CHAT] = whole({})
    assert gateway.request("POST", CHAT, b"{}", key=SECOND_KEY).status == 200
    gateway.reload(
        api_keys=[{"label": "third", "file": "api_key", "requests_per_minute": 1}],
        limits={"max_body_bytes": 10},
        log_level="warning",
    )
    assert gateway.request("POST", CHAT, b"{}", key=SECOND_KEY).status == 401
    assert gateway.post(CHAT, b"x" * 11).status == 413
    assert gateway.post(CHAT, b"{}").status == 429
    assert gateway.metric('inferhost_proxy_key_requests_total{key="third"}') == 1
    logged = len(gateway.lines())
    assert gateway.request("GET", "/v1/models").status == 401
    assert gateway.request("GET", "/livez").status == 200
    assert len(gateway.lines()) == logged


def test_a_counted_minute_goes_on(standin: StandIn, start: Callable[..., Gateway]) -> None:
    """A reload gives nobody a new allowance."""
    keys = [{"label": "main", "file": "api_key", "requests_per_minute": 2}]
    gateway = start(api_keys=keys)
    standin.replies[CHAT] = whole({})
    assert [gateway.post(CHAT, {}).status for _ in range(3)] == [200, 200, 429]
    gateway.reload(log_level="debug")
    assert gateway.post(CHAT, {}).status == 429
    gateway.reload(api_keys=[{**keys[0], "requests_per_minute": 3}])
    assert [gateway.post(CHAT, {}).status for _ in range(2)] == [200, 429]


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"prot": 1}, "unknown key `prot`; did you mean `port`?"),
        ({"upstreams": [{"name": "engine", "url": "nowhere"}]}, "`upstreams[0].url` must be http://HOST:PORT"),
        ({"api_keys": [{"label": "a", "file": "none_there"}]}, "none_there: No such file or directory"),
        ({"api_keys": [{"label": "a", "file": "api_key", "expires": "soon"}]}, "expires `soon`, which is no RFC 3339 date"),
    ],
)
def test_an_invalid_file_changes_nothing(standin: StandIn, start: Callable[..., Gateway], changes: dict[str, Any], cause: str) -> None:
    gateway = start()
    standin.replies[CHAT] = whole({})
    good = (gateway.folder / "proxy.json").read_text()
    gateway.configure(**changes)
    gateway.tell(signal.SIGHUP)
    line = line_of(gateway, "reload refused")
    assert cause in line["cause"]
    assert line["level"] == "error"
    assert gateway.post(CHAT, {}).status == 200
    (worker,) = gateway.workers()
    # A worker that is replaced meanwhile gets what was good last, and not what is on the disk.
    import os

    os.kill(worker, signal.SIGKILL)
    eventually(lambda: gateway.workers() not in ([], [worker]), 10)
    if "none_there" not in cause:
        eventually(lambda: answered(gateway), 20)
    (gateway.folder / "proxy.json").write_text(good)
    gateway.reload(log_level="info")
    eventually(lambda: answered(gateway), 20)


def answered(gateway: Gateway) -> bool:
    try:
        return gateway.post(CHAT, {}).status == 200
    except OSError:
        return False


def test_what_needs_a_restart_is_named_and_the_rest_is_done(standin: StandIn, start: Callable[..., Gateway]) -> None:
    gateway = start()
    standin.replies[CHAT] = whole({})
    gateway.reload(port=gateway.port + 1, workers=3, log_level="info")
    assert line_of(gateway, "needs a restart")["keys"] == ["port", "workers"]
    assert gateway.post(CHAT, {}).status == 200
    assert len(gateway.workers()) == 1


@pytest.mark.parametrize("steps", [[EVENT, HANG], [b"data: " + b"x" * 2**20 + b"\n\n"] * 100], ids=["the engine hangs", "the client does not read"])
def test_drain_seconds_also_for_what_began_before(standin: StandIn, start: Callable[..., Gateway], steps: list[Any]) -> None:
    import time

    gateway = start(drain_seconds=60)
    standin.replies[CHAT] = stream(*steps)
    client = gateway.open_stream(CHAT, {})
    eventually(lambda: standin.seen and standin.seen[-1].sent)
    gateway.reload(drain_seconds=1)
    begin = time.monotonic()
    assert gateway.stop() == 0
    assert time.monotonic() - begin < 12
    client.close()


def test_a_hundred_reloads_leave_nothing_behind(standin: StandIn, start: Callable[..., Gateway]) -> None:
    import os

    gateway = start()
    standin.replies[CHAT] = whole({})
    (worker,) = gateway.workers()
    gateway.reload()
    assert gateway.post(CHAT, {}).status == 200
    files = len(os.listdir(f"/proc/{worker}/fd"))
    for number in range(100):
        gateway.tell(signal.SIGHUP)
        if number % 10 == 0:
            assert gateway.post(CHAT, {}).status == 200
    assert gateway.post(CHAT, {}).status == 200
    eventually(lambda: len(os.listdir(f"/proc/{worker}/fd")) <= files + 2)
    assert gateway.workers() == [worker]


def test_the_command_line_alone_reads_its_keys_again(standin: StandIn, tmp_path: Any) -> None:
    import subprocess
    import sys

    from gateway import environment, free_port

    standin.replies[CHAT] = whole({})
    key = tmp_path / "key"
    key.write_text(CLIENT_KEY)
    gateway = Gateway.__new__(Gateway)
    gateway.port, gateway.folder = free_port(), tmp_path
    arguments = ["--port", str(gateway.port), "--upstream", standin.url, "--key-file", str(key)]
    with (tmp_path / "stderr").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "inferhost_proxy", *arguments], env=environment(), stderr=log)
    try:
        eventually(lambda: answered(gateway), 20)
        key.write_text("sk-another-key")
        process.send_signal(signal.SIGHUP)
        eventually(lambda: gateway.request("POST", CHAT, b"{}", key="sk-another-key").status == 200)
        assert gateway.post(CHAT, {}).status == 401
        assert json.loads(gateway.log().splitlines()[0])["event"] == "listening"
    finally:
        process.terminate()
        assert process.wait(10) == 0
