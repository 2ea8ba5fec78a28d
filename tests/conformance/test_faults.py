# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What breaks, and what each side is told."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gateway import CLIENT_KEY, Gateway, eventually, free_port
from standin import CUT, HANG, Reply, StandIn, Step, stream, whole

from inferhost_proxy.config import parse
from inferhost_proxy.health import Health
from inferhost_proxy.metrics import Metrics
from inferhost_proxy.pool import Pool

CHAT, MESSAGES, COMPLETIONS = "/v1/chat/completions", "/v1/messages", "/v1/completions"
EVENT = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
DONE = b"data: [DONE]\n\n"
RUNNING: list[Step] = [EVENT, 0.01] * 500
REQUEST = b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}]}'


def ask(gateway: Gateway, path: str) -> Any:
    return gateway.request("POST", path, REQUEST, {"x-api-key": CLIENT_KEY})


def engine(path: str) -> str:
    """What the engine is asked for a request."""
    return CHAT if path == MESSAGES else path


def check_error(answer: Any, path: str, status: int, code: str, anthropic_type: str) -> None:
    overloaded = path == MESSAGES and status == 503
    assert answer.status == (529 if overloaded else status)
    document = answer.json()
    if path == MESSAGES:
        assert (document["type"], document["error"]["type"]) == ("error", anthropic_type)
        assert document["request_id"]
    else:
        assert document["error"]["code"] == code
        assert document["error"]["param"] is None
    assert "127.0.0.1" not in document["error"]["message"], "addresses are for the log"


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_server_down_and_back(standin: StandIn, gateway: Gateway, path: str) -> None:
    standin.replies[engine(path)] = whole({"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]})
    before = gateway.metric('inferhost_proxy_upstream_errors_total{kind="upstream_refused"}')
    standin.stop()
    try:
        answer = ask(gateway, path)
    finally:
        standin.start()
    check_error(answer, path, 503, "upstream_refused", "overloaded_error")
    assert answer.headers["retry-after"] == "5"
    assert gateway.metric('inferhost_proxy_upstream_errors_total{kind="upstream_refused"}') == before + 1
    assert ask(gateway, path).status == 200


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_server_closes_before_it_answers(standin: StandIn, gateway: Gateway, path: str) -> None:
    standin.replies[engine(path)] = Reply([], before=[CUT])
    check_error(ask(gateway, path), path, 502, "upstream_reset", "api_error")


def test_server_that_speaks_no_http(standin: StandIn, gateway: Gateway) -> None:
    standin.replies[CHAT] = Reply([], before=[b"SSH-2.0-OpenSSH\r\n\r\n", CUT])
    answer = ask(gateway, CHAT)
    check_error(answer, CHAT, 502, "upstream_protocol", "api_error")
    assert "SSH-2.0" not in gateway.log()


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("path", [CHAT, COMPLETIONS, MESSAGES])
def test_whole_answer_cut(standin: StandIn, gateway: Gateway, path: str, framing: str) -> None:
    standin.replies[engine(path)] = Reply([b'{"choices":[{"mess', CUT], framing=framing)
    check_error(ask(gateway, path), path, 502, "upstream_cut", "api_error")


@pytest.mark.parametrize("rest", [[], [b'data: {"choi'], [b"data: 1\n"]])
@pytest.mark.parametrize("framing", ["chunked", "close"])
@pytest.mark.parametrize("path", [CHAT, COMPLETIONS])
def test_stream_cut(standin: StandIn, gateway: Gateway, path: str, framing: str, rest: list[Step]) -> None:
    standin.replies[path] = stream(EVENT, EVENT, *rest, CUT, framing=framing)
    answer = ask(gateway, path)
    assert answer.status == 200
    assert answer.body.startswith(EVENT + EVENT)
    events = answer.body.removeprefix(EVENT + EVENT).split(b"\n\n")
    assert events[1:] == [b""], "one error event and nothing behind it"
    name, _, data = events[0].rpartition(b"data: ")
    assert name == b""
    error = json.loads(data)["error"]
    assert error["type"] == "server_error"
    assert "incomplete" in error["message"]
    assert gateway.request_line(answer.headers["x-request-id"])["outcome"] == "upstream_cut"


@pytest.mark.parametrize(
    ("path", "last"),
    [
        (CHAT, DONE),
        (CHAT, DONE[:-1]),
        (CHAT, b'data: {"error":{"message":"from the engine"}}\n\n'),
        ("/v1/responses", b'event: response.completed\ndata: {"type":"response.completed","response":{}}\n\n'),
        ("/v1/responses", b'event: response.incomplete\ndata: {"type":"response.incomplete","response":{}}\n\n'),
    ],
)
def test_complete_stream_gets_nothing_added(standin: StandIn, gateway: Gateway, path: str, last: bytes) -> None:
    standin.replies[path] = stream(EVENT, last, framing="close")
    assert ask(gateway, path).body == EVENT + last


def test_broken_download_is_visible(standin: StandIn, gateway: Gateway) -> None:
    """An answer of unknown kind cannot carry an error, so its connection must not end as if all were well."""
    standin.replies["/v1/files"] = Reply([b"half", CUT], headers={"content-type": "audio/wav"}, framing="chunked")
    with pytest.raises(Exception, match="IncompleteRead"):
        gateway.post("/v1/files", {})


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_no_answer_in_time(standin: StandIn, start: Callable[..., Gateway], path: str) -> None:
    gateway = start(timeouts={"answer_seconds": 0.5, "idle_seconds": 0.5})
    standin.replies[engine(path)] = Reply([], before=[HANG])
    check_error(ask(gateway, path), path, 504, "upstream_timeout", "timeout_error")
    assert standin.last(engine(path)).closed.wait(2)


def test_stream_falls_silent(standin: StandIn, start: Callable[..., Gateway]) -> None:
    gateway = start(timeouts={"idle_seconds": 0.5})
    standin.replies[CHAT] = stream(EVENT, HANG)
    answer = ask(gateway, CHAT)
    assert json.loads(answer.body.removeprefix(EVENT + b"data: "))["error"]["code"] == "upstream_stalled"
    assert standin.last(CHAT).closed.wait(2)


def test_unreachable_server(start: Callable[..., Gateway]) -> None:
    with socket.socket() as listener:
        # A full backlog leaves further connections without an answer, as a firewall that drops packets does.
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        fill = [socket.socket() for _ in range(4)]
        for client in fill:
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        gateway = start(f"http://127.0.0.1:{port}", timeouts={"connect_seconds": 0.5})
        answer = ask(gateway, CHAT)
        for client in fill:
            client.close()
    check_error(answer, CHAT, 503, "upstream_connect_timeout", "overloaded_error")


def leave(client: socket.socket, reset: bool) -> None:
    if reset:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize(
    ("reply", "read", "phase"),
    [
        (Reply([], before=[HANG]), b"", "waiting"),
        (Reply([HANG]), b"", "waiting"),
        (Reply([b'{"half', HANG], framing="chunked"), b"", "waiting"),
        (stream(HANG), b"text/event-stream", "answer"),
        (stream(EVENT, HANG), EVENT, "answer"),
        (stream(*RUNNING, DONE), EVENT, "answer"),
    ],
    ids=["before the head", "whole", "whole begun", "stream not begun", "stream", "running stream"],
)
def test_client_leaves(standin: StandIn, gateway: Gateway, reply: Reply, read: bytes, phase: str, reset: bool) -> None:
    """The engine's connection is closed, so that it stops generating, whenever the client goes."""
    sample = f'inferhost_proxy_client_disconnects_total{{phase="{phase}"}}'
    before = gateway.metric(sample)
    standin.replies[CHAT] = reply
    client = gateway.open_stream(CHAT, {})
    eventually(lambda: standin.seen)
    got = b""
    while read not in got:
        got += client.recv(65536)
    gone_at = time.monotonic()
    leave(client, reset)
    assert standin.last(CHAT).closed.wait(2), "the engine would go on generating"
    assert time.monotonic() - gone_at < 1
    eventually(lambda: gateway.metric(sample) == before + 1)


def test_client_leaves_while_sending(standin: StandIn, gateway: Gateway) -> None:
    sample = 'inferhost_proxy_client_disconnects_total{phase="upload"}'
    before = gateway.metric(sample)
    client = socket.create_connection(("127.0.0.1", gateway.port))
    client.sendall(f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nx-api-key: {CLIENT_KEY}\r\ncontent-length: 1000\r\n\r\nhalf".encode())
    time.sleep(0.1)
    client.close()
    eventually(lambda: gateway.metric(sample) == before + 1)
    assert standin.seen == []


def test_slow_client_slows_the_server(standin: StandIn, gateway: Gateway) -> None:
    """Back-pressure: of 200 MB only what the buffers hold leaves the engine while nobody reads."""
    standin.replies["/v1/x"] = stream(*[b"data: " + b"x" * 2**20 + b"\n\n"] * 200)
    client = gateway.open_stream("/v1/x", {})
    eventually(lambda: standin.seen and standin.seen[0].sent)
    time.sleep(1.0)
    (worker,) = gateway.workers()
    status = Path(f"/proc/{worker}/status").read_text()
    resident = int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))
    assert standin.seen[0].sent < 40 * 2**20
    assert resident < 200_000, f"{resident} KiB resident"
    client.close()


def test_client_that_never_reads_is_dropped(standin: StandIn, start: Callable[..., Gateway]) -> None:
    gateway = start(timeouts={"client_seconds": 1.0})
    standin.replies["/v1/x"] = stream(*[b"data: " + b"x" * 2**20 + b"\n\n"] * 100)
    client = gateway.open_stream("/v1/x", {})
    line = eventually(lambda: next((line for line in gateway.lines() if line.get("route") == "other"), None), 10)
    assert line["outcome"] == "client_stalled"
    assert standin.last("/v1/x").closed.wait(2)
    client.close()


def test_body_limit(standin: StandIn, start: Callable[..., Gateway]) -> None:
    gateway = start(limits={"max_body_bytes": 1000})
    standin.replies[CHAT] = whole({})
    assert gateway.post(CHAT, b"x" * 1000).status == 200
    answer = gateway.post(CHAT, b"x" * 1001)
    check_error(answer, CHAT, 413, "body_too_large", "request_too_large")
    client = gateway.connect()
    chunks = iter([b"x" * 600, b"x" * 600])
    client.request("POST", CHAT, chunks, {"x-api-key": CLIENT_KEY}, encode_chunked=True)
    assert client.getresponse().status == 413, "a body without an announced length is counted as it comes"
    client.close()
    assert len(standin.seen) == 1


def test_request_head_limit(gateway: Gateway) -> None:
    client = socket.create_connection(("127.0.0.1", gateway.port), timeout=5)
    client.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\nx-long: ")
    received = b""
    try:
        for _ in range(64):
            client.sendall(b"x" * 16384)
            time.sleep(0.002)
        received = client.recv(1000)
    except ConnectionError:
        received = received or b"HTTP/1.1 400"
    client.close()
    assert received.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize(
    ("limits", "code"),
    [({"max_in_flight": 1}, "busy"), ({"max_held_bytes": 1500}, "busy")],
)
def test_too_much_at_once(standin: StandIn, start: Callable[..., Gateway], limits: dict[str, int], code: str) -> None:
    gateway = start(limits=limits)
    standin.replies[CHAT] = Reply([], before=[HANG])
    first = gateway.open_stream(CHAT, "x" * 1000)
    eventually(lambda: standin.seen)
    answer = gateway.post(CHAT, "x" * 1000)
    assert (answer.status, answer.json()["error"]["code"]) == (503, code)
    assert int(answer.headers["retry-after"]) > 0
    first.close()
    assert standin.last(CHAT).closed.wait(2)
    standin.replies[CHAT] = whole({})
    assert eventually(lambda: gateway.post(CHAT, "x" * 1000).status == 200), "what was held is given back"


def test_answers_too_large_to_hold(standin: StandIn, start: Callable[..., Gateway]) -> None:
    gateway = start(limits={"max_held_bytes": 5000, "max_event_bytes": 5000})
    standin.replies[CHAT] = Reply([b'{"a":"' + b"x" * 10000 + b'"}'])
    assert gateway.post(CHAT, {}).json()["error"]["code"] == "answer_too_large"
    standin.replies[CHAT] = stream(EVENT, b"data: " + b"x" * 2**20 + b"\n\n", DONE)
    answer = gateway.post(CHAT, {})
    assert answer.body.startswith(EVENT + b'data: {"error":')


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_own_paths_take_no_other_method(gateway: Gateway, method: str) -> None:
    assert gateway.request(method, "/livez", key=CLIENT_KEY).status == 405


def readiness(url: str, **settings: Any) -> str | None:
    """What a gateway with these settings says of the model server at this address."""

    async def ask() -> str | None:
        config = parse({"api_keys": [{"label": "a", "file": "a"}], "upstreams": [{"name": "e", "url": url}], **settings})
        pool = Pool(config, Metrics())
        pool.open()
        try:
            return (await Health(config, pool, {"e": b"engine-key"}).state()).problem
        finally:
            await pool.close()

    return asyncio.run(ask())


def test_readiness(standin: StandIn) -> None:
    assert readiness(standin.url, models=["m"]) is None
    assert standin.last("/v1/models").header("authorization") == "Bearer engine-key"
    assert readiness(standin.url, models=["m", "other"]) == "the model server does not serve other"
    standin.replies["/v1/models"] = whole({"data": []})
    assert readiness(standin.url) == "the model server serves no model"
    standin.replies["/v1/models"] = whole("nonsense")
    assert readiness(standin.url) == "the model server's /v1/models is not a list of models"
    standin.replies["/v1/models"] = whole({}, 401)
    assert "refuses the gateway's own key" in (readiness(standin.url) or "")
    standin.replies["/health"] = Reply([], 500)
    assert readiness(standin.url) == "the model server answers /health with status 500"
    standin.replies["/health"] = Reply([], before=[HANG])
    assert readiness(standin.url, ready_seconds=0.3) == "the model server did not answer within 0.3 s"
    assert "does not accept connections" in (readiness(f"http://127.0.0.1:{free_port()}") or "")


def test_not_ready_is_503(standin: StandIn, start: Callable[..., Gateway]) -> None:
    answer = start(models=["other"]).request("GET", "/readyz")
    assert answer.status == 503
    assert answer.json() == {"status": "not ready", "reason": "the model server does not serve other"}


def test_readiness_asks_the_server_rarely(standin: StandIn, start: Callable[..., Gateway]) -> None:
    gateway = start()
    for _ in range(20):
        assert gateway.request("GET", "/readyz").status == 200
    assert len([seen for seen in standin.seen if seen.target == "/health"]) == 1


def test_metrics(standin: StandIn, start: Callable[..., Gateway]) -> None:
    gateway = start()
    standin.replies[CHAT] = stream(0.2, EVENT, DONE)
    assert gateway.post(CHAT, {}).status == 200
    gateway.request("PROPFIND", f"/v1/{'x' * 50}")
    gateway.request("GET", "/v1/wp-login.php", key=CLIENT_KEY)
    assert gateway.metric('inferhost_proxy_requests_total{method="POST",route="chat",status="2xx"}') == 1
    assert gateway.metric('inferhost_proxy_requests_total{method="other",route="other",status="4xx"}') == 1
    assert gateway.metric('inferhost_proxy_requests_total{method="GET",route="other",status="4xx"}') == 1
    assert gateway.metric('inferhost_proxy_first_byte_seconds_bucket{le="0.1",route="chat"}') == 0
    assert gateway.metric('inferhost_proxy_first_byte_seconds_bucket{le="1.0",route="chat"}') == 1
    assert gateway.metric('inferhost_proxy_duration_seconds_count{route="chat"}') == 1
    assert gateway.metric("inferhost_proxy_in_flight_requests") == 1, "the metrics request itself"
    assert gateway.metric("inferhost_proxy_rejected_keys_total") == 1
    assert "wp-login" not in gateway.request("GET", "/metrics").body.decode()
