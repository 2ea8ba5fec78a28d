# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several processes that serve, and the one that looks after them."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from gateway import CLIENT_KEY, Gateway, environment, eventually, free_port
from standin import HANG, StandIn, stream, whole

CHAT = "/v1/chat/completions"
CHATTED = 'inferhost_proxy_requests_total{method="POST",route="chat",status="2xx"}'


def served(gateway: Gateway) -> bool:
    try:
        return gateway.post(CHAT, {}).status == 200
    except OSError:
        return False


def test_metrics_are_summed_and_survive_a_worker(standin: StandIn, start: Callable[..., Gateway]) -> None:
    gateway = start(workers=3)
    standin.replies[CHAT] = whole({})
    for _ in range(30):
        assert gateway.post(CHAT, {}).status == 200
    # A request is counted just after its answer.
    eventually(lambda: gateway.metric(CHATTED) == 30)
    assert [gateway.metric(CHATTED) for _ in range(5)] == [30.0] * 5, "whoever answers tells it for all"
    assert gateway.metric('inferhost_proxy_duration_seconds_count{route="chat"}') == 30
    workers = gateway.workers()
    os.kill(workers[0], signal.SIGKILL)
    eventually(lambda: len(gateway.workers()) == 3 and workers[0] not in gateway.workers(), 20)
    assert gateway.metric(CHATTED) == 30, "a counter never goes back"
    for _ in range(10):
        eventually(lambda: served(gateway), 20)
    eventually(lambda: gateway.metric(CHATTED) == 40)


def test_requests_of_a_dead_worker_are_no_longer_in_flight(standin: StandIn, start: Callable[..., Gateway]) -> None:
    gateway = start()
    standin.replies[CHAT] = stream(b"data: {}\n\n", HANG)
    clients = [gateway.open_stream(CHAT, {}) for _ in range(3)]
    eventually(lambda: gateway.metric("inferhost_proxy_in_flight_requests") == 4)
    eventually(lambda: gateway.metric('inferhost_proxy_upstream_in_flight_requests{upstream="engine"}') == 3)
    (worker,) = gateway.workers()
    os.kill(worker, signal.SIGKILL)
    standin.replies[CHAT] = whole({})
    eventually(lambda: gateway.workers() != [worker] and served(gateway), 20)
    # The question for it is the one.
    eventually(lambda: gateway.metric("inferhost_proxy_in_flight_requests") == 1)
    assert gateway.metric('inferhost_proxy_upstream_in_flight_requests{upstream="engine"}') == 0
    for client in clients:
        client.close()


def test_metrics_are_told_also_while_a_worker_starts(start: Callable[..., Gateway]) -> None:
    """It makes its files first and fills them then."""
    gateway = start(workers=2)
    folder = next(Path(link).parent for worker in gateway.workers() for link in opened(worker) if "inferhost-proxy-" in link)
    for name in ("counter_9.db", "gauge_livesum_9.db"):
        (folder / name).touch()
    assert gateway.request("GET", "/metrics").status == 200
    assert gateway.metric("process_cpu_seconds_total") > 0


def test_process_metrics_are_of_all_processes(start: Callable[..., Gateway]) -> None:
    gateway = start(workers=2)
    resident = 0
    for pid in (gateway.process.pid, *gateway.workers()):
        status = Path(f"/proc/{pid}/status").read_text()
        resident += int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) * 1024
    assert 0.8 * resident < gateway.metric("process_resident_memory_bytes") < 1.25 * resident
    assert gateway.metric("process_cpu_seconds_total") > 0
    assert gateway.metric("process_open_fds") > 10


def test_a_killed_worker_is_replaced_and_nobody_is_refused(standin: StandIn, start: Callable[..., Gateway]) -> None:
    gateway = start()
    standin.replies[CHAT] = whole({})
    (worker,) = gateway.workers()
    os.kill(worker, signal.SIGKILL)
    # Nobody serves now, and yet the connection is taken: the listening socket is not the worker's.
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as client:
        client.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        assert client.recv(65536).startswith(b"HTTP/1.1 200")
    assert gateway.post(CHAT, {}).status == 200
    assert gateway.workers() != [worker]
    line = next(line for line in gateway.lines() if line["event"] == "worker ended")
    assert (line["pid"], line["status"]) == (worker, -9)


def test_workers_end_with_the_first_process(start: Callable[..., Gateway]) -> None:
    """Killed, it cannot tell them; a worker that stayed would hold the port against the next start."""
    gateway = start(workers=2)
    workers = gateway.workers()
    gateway.process.kill()
    gateway.process.wait()
    eventually(lambda: not any(alive(pid) for pid in workers), 10)
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", gateway.port))


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
def test_after_a_second_sigint_nothing_is_waited_for(standin: StandIn, start: Callable[..., Gateway], first: int) -> None:
    gateway = start(workers=2, drain_seconds=60)
    standin.replies[CHAT] = stream(b"data: {}\n\n", HANG)
    client = gateway.open_stream(CHAT, {})
    eventually(lambda: standin.seen and standin.seen[-1].sent)
    gateway.tell(first)
    time.sleep(1.5)
    assert gateway.process.poll() is None, "the first one waits for the answer"
    assert gateway.stop(signal.SIGINT, timeout=10) == 0
    assert '"worker ended"' not in gateway.log()
    client.close()


def alive(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_a_service_that_cannot_start_ends(tmp_path: Path) -> None:
    """The service manager has to see it; only what has served once is tried again and again."""
    import shutil
    import subprocess
    import sys

    from gateway import PACKAGE

    shutil.copytree(PACKAGE / "inferhost_proxy", tmp_path / "inferhost_proxy", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "inferhost_proxy/server.py").write_text("raise RuntimeError('spoiled')\n")
    (tmp_path / "key").write_text(CLIENT_KEY)
    config = tmp_path / "proxy.json"
    config.write_text(
        f'{{"port": {free_port()}, "api_keys": [{{"label": "a", "file": "{tmp_path}/key"}}], "upstreams": [{{"name": "engine", "url": "http://127.0.0.1:1"}}]}}'
    )
    done = subprocess.run(
        [sys.executable, "-m", "inferhost_proxy", "--config", str(config)],
        env=environment(PYTHONPATH=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert "spoiled" in done.stderr
    assert '"worker ended"' in done.stderr


def test_nothing_is_left_in_the_temporary_folder(start: Callable[..., Gateway]) -> None:
    gateway = start(workers=2)
    # One of them serves; the other may still be on its way.
    folder = next(Path(link).parent for worker in gateway.workers() for link in opened(worker) if "inferhost-proxy-" in link)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert gateway.stop() == 0
    assert not folder.exists()


def test_a_worker_starts_also_when_its_files_were_tidied_away(standin: StandIn, start: Callable[..., Gateway]) -> None:
    """The folder is locked, which systemd-tmpfiles respects; others do not."""
    import fcntl

    gateway = start()
    standin.replies[CHAT] = whole({})
    (worker,) = gateway.workers()
    folder = next(Path(link).parent for link in opened(worker) if "inferhost-proxy-" in link)
    handle = os.open(folder, os.O_RDONLY)
    with pytest.raises(BlockingIOError):
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(handle)
    for file in folder.iterdir():
        file.unlink()
    os.kill(worker, signal.SIGKILL)
    eventually(lambda: gateway.workers() not in ([], [worker]) and served(gateway), 20)
    eventually(lambda: gateway.metric(CHATTED) >= 1)


def opened(pid: int) -> list[str]:
    """The files that a process has mapped."""
    return [line.split(maxsplit=5)[5] for line in Path(f"/proc/{pid}/maps").read_text().splitlines() if len(line.split()) > 5]


def test_E07_no_series_for_what_a_client_invents(standin: StandIn, start: Callable[..., Gateway]) -> None:
    gateway = start(api_keys=[{"label": "main", "file": "api_key", "requests_per_minute": 1000}])
    standin.replies[CHAT] = whole({})

    def series() -> set[str]:
        lines = gateway.request("GET", "/metrics").body.decode().splitlines()
        return {line.rsplit(" ", 1)[0] for line in lines if not line.startswith("#")}

    def knock(number: int) -> None:
        gateway.request("BREW", f"/v1/{number}")
        gateway.request("POST", f"/v1/{number}?x={number}", b"{}", {"x-api-key": f"sk-{number}", "user-agent": f"a{number}"})
        gateway.post(CHAT, {"model": f"m{number}"}, traceparent=f"00-{number:032x}-{number:016x}-01")
        gateway.post(f"/v1/{number}", {})

    knock(1)
    series()
    before = series()
    for number in range(2, 12):
        knock(number)
    assert series() == before


def test_E09_health_is_answered_when_nothing_else_is(standin: StandIn, start: Callable[..., Gateway]) -> None:
    gateway = start(limits={"max_in_flight": 1}, api_keys=[{"label": "main", "file": "api_key", "concurrent_requests": 1}])
    standin.replies[CHAT] = stream(b"data: {}\n\n", HANG)
    client = gateway.open_stream(CHAT, {})
    eventually(lambda: standin.seen)
    assert gateway.post(CHAT, {}).status in (429, 503)
    for path in ("/livez", "/readyz", "/metrics"):
        assert gateway.request("GET", path).status == 200
    client.close()
