# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SIGHUP: another configuration for what comes, the same for what runs, and none that cannot be used."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
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


def test_a_file_that_is_replaced_while_it_is_read_is_kept_as_it_was_checked(standin: StandIn, start: Callable[..., Gateway]) -> None:
    """A worker that is started later gets what the check has seen, and not what the next look would find."""
    import os

    gateway = start()
    standin.replies[CHAT] = whole({})
    file = gateway.folder / "proxy.json"
    good = file.read_bytes()
    file.unlink()
    os.mkfifo(file)

    def write() -> None:
        for content in (b"{}", good):
            # Each look at the file waits for its writer.
            file.write_bytes(content)
            time.sleep(0.3)

    threading.Thread(target=write, daemon=True).start()
    gateway.tell(signal.SIGHUP)
    assert "missing required field" in line_of(gateway, "reload refused")["cause"]
    (worker,) = gateway.workers()
    os.kill(worker, signal.SIGKILL)
    eventually(lambda: gateway.workers() not in ([], [worker]) and answered(gateway), 10)


UNREADABLE = {
    "no UTF-8": b'{"host": "\xff"}',
    "too deep": b"[" * 100_000,
    "no file name": b'{"api_keys": [{"label": "a", "file": "a\\u0000b"}], "upstreams": [{"name": "engine", "url": "http://127.0.0.1:1"}]}',
    "no host": b'{"api_keys": [{"label": "a", "file": "api_key"}], "upstreams": [{"name": "engine", "url": "http://gpu..lan:8000"}]}',
}


@pytest.mark.parametrize("content", list(UNREADABLE.values()), ids=list(UNREADABLE))
def test_a_file_that_cannot_be_read_as_json_at_all_changes_nothing(standin: StandIn, start: Callable[..., Gateway], content: bytes) -> None:
    gateway = start()
    standin.replies[CHAT] = whole({})
    workers = gateway.workers()
    good = (gateway.folder / "proxy.json").read_text()
    (gateway.folder / "proxy.json").write_bytes(content)
    gateway.tell(signal.SIGHUP)
    assert line_of(gateway, "reload refused")["cause"]
    assert gateway.post(CHAT, {}).status == 200
    (gateway.folder / "proxy.json").write_text(good)
    gateway.reload(log_level="info")
    assert gateway.workers() == workers


@pytest.mark.parametrize("failing", ["inferhost_proxy.first.KeyRing.load", "inferhost_proxy.first.config.decode"])
def test_a_failure_that_nobody_thought_of_refuses_a_reload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, failing: str
) -> None:
    from inferhost_proxy.first import First

    (tmp_path / "proxy.json").write_text("{}")
    for name in ("inferhost_proxy.first.KeyRing.load", "inferhost_proxy.first.config.decode"):
        monkeypatch.setattr(name, raising if name == failing else lambda *_given: None)
    first = First.__new__(First)
    first._path = tmp_path / "proxy.json"
    first._reload()
    assert [record.getMessage() for record in caplog.records] == ["reload refused"]


def raising(*_given: object) -> None:
    raise LookupError("nobody thought of it")


def test_a_process_alone_hears_the_next_sighup_after_any_failure(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    import asyncio

    from inferhost_proxy import server

    outcomes: list[BaseException | bool] = [LookupError(), ValueError(), False]
    heard: list[int] = []

    async def reload(*_given: object) -> bool:
        outcome = outcomes.pop(0)
        heard.append(len(outcomes))
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    async def serve() -> None:
        one = server.Server.__new__(server.Server)
        one._app, one._load, one._reload_due = None, None, asyncio.Event()  # type: ignore[assignment]
        task = asyncio.ensure_future(one._reloads())
        for left in (2, 1, 0):
            one._hang_up(signal.SIGHUP, None)
            await asyncio.sleep(0.01)
            assert heard[-1] == left
        task.cancel()

    monkeypatch.setattr(server, "reload", reload)
    asyncio.run(serve())
    assert [record.getMessage() for record in caplog.records] == ["failure", "failure"]


def test_a_new_service_that_cannot_be_opened_is_closed_and_the_earlier_one_serves(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    import asyncio

    from inferhost_proxy import config, reload
    from inferhost_proxy.app import App
    from inferhost_proxy.health import Health
    from inferhost_proxy.keys import KeyRing
    from inferhost_proxy.pool import Pool

    keys = [{"label": "a", "digest": "sha256:" + "a" * 64}]
    before, after = (config.parse({"api_keys": keys, "upstreams": [{"name": "engine", "url": f"http://127.0.0.1:{port}"}]}) for port in (1, 2))
    closed: list[Pool] = []
    close = Pool.close

    async def closing(pool: Pool) -> None:
        closed.append(pool)
        await close(pool)

    async def failing(_health: Health) -> None:
        raise LookupError

    async def run() -> None:
        app = App(before, KeyRing.load(before))
        assert not await reload.reload(app, lambda: (after, KeyRing.load(after)))
        assert app.config is before
        assert len(closed) == 1
        assert closed[0]._session is not None and closed[0]._session.closed

    monkeypatch.setattr(Pool, "close", closing)
    monkeypatch.setattr(Health, "start", failing)
    asyncio.run(run())
    assert [record.getMessage() for record in caplog.records] == ["reload refused"]


def test_a_host_that_no_name_can_be_is_an_engine_that_refuses() -> None:
    """Also where the check of the configuration did not see it."""
    import asyncio

    from multidict import CIMultiDict

    from inferhost_proxy import upstream
    from inferhost_proxy.errors import Fault

    async def run() -> None:
        async with upstream.session(1, 1) as session:
            with pytest.raises(Fault) as raised:
                await upstream.send(session, "http://gpu..lan:8000", None, upstream.Request("GET", "/health", CIMultiDict()))
            assert raised.value.kind == "upstream_refused"

    asyncio.run(run())


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
