# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every time-out, alone, on both surfaces, streamed and whole: when it strikes, what the client reads, and that the engine is let go.

In each test only one of them is short, so that no other can be what strikes.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import anthropic
import openai
import pytest
from gateway import CLIENT_KEY, Answer, Gateway, eventually
from standin import HANG, Reply, StandIn, Step, stream, whole

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
SHORT = 0.5
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
END = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
DOCUMENT = json.dumps({"choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]}).encode()
MESSAGE_OF = {
    "upstream_connect_timeout": "could not be reached in time",
    "upstream_timeout": "did not answer in time (timeouts.answer_seconds)",
    "upstream_stalled": "went silent in the middle of its answer (timeouts.idle_seconds)",
    "total_timeout": "took longer than this gateway allows (timeouts.total_seconds)",
}
Limited = Callable[..., Gateway]
both = pytest.mark.parametrize("path", [CHAT, MESSAGES])
modes = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


@pytest.fixture(scope="module")
def shared(standin_server: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Limited]:
    """Gateways by their settings, each started once."""
    running: dict[str, Gateway] = {}

    def get(**settings: Any) -> Gateway:
        name = json.dumps(settings)
        if name not in running:
            running[name] = Gateway(tmp_path_factory.mktemp("limited") / "gateway", standin_server.url, **settings)
        return running[name]

    yield get
    for gateway in running.values():
        assert gateway.stop() == 0
        assert '"failure"' not in gateway.log()


@pytest.fixture
def limited(standin: StandIn, shared: Limited) -> Limited:
    return shared


def next_line(gateway: Gateway, path: str, known: int) -> dict[str, Any]:
    """The line of the first request of this path behind so many lines."""
    route = "chat" if path == CHAT else "messages" if path == MESSAGES else "other"
    found: dict[str, Any] = eventually(lambda: next((line for line in gateway.lines()[known:] if line.get("route") == route), None), 10)
    return found


def ask(gateway: Gateway, path: str, streamed: bool) -> Answer:
    return gateway.post(path, {"model": "m", "max_tokens": 9, "stream": streamed, "messages": [{"role": "user", "content": "x"}]})


def drip(streamed: bool, count: int) -> Reply:
    """An answer that goes on and on, never silent for long."""
    if streamed:
        return stream(*[EVENT, 0.1] * count, END)
    steps: list[Step] = []
    for number in range(count):
        steps += [b" " if number else b"{", 0.1]
    return Reply([*steps, DOCUMENT[1:]], framing="chunked")


def check(gateway: Gateway, answer: Answer, path: str, kind: str, begun: bool) -> None:
    """The fault, in the client's protocol, as a status or as the stream's last event, and in the log."""
    status = 503 if kind == "upstream_connect_timeout" else 504
    anthropic_type = "overloaded_error" if status == 503 else "timeout_error"
    if begun:
        assert answer.status == 200
        name, _, data = answer.body.removesuffix(b"\n\n").rpartition(b"\n\n")[2].rpartition(b"data: ")
        assert name == (b"event: error\n" if path == MESSAGES else b"")
        error = json.loads(data)
    else:
        assert answer.status == (529 if path == MESSAGES and status == 503 else status)
        error = answer.json()
    assert MESSAGE_OF[kind] in error["error"]["message"]
    if path == MESSAGES:
        assert (error["type"], error["error"]["type"]) == ("error", anthropic_type)
    else:
        assert (error["error"]["type"], error["error"]["code"]) == ("server_error", kind)
    line = gateway.request_line(answer.headers["request-id"])
    assert line["outcome"] == kind
    assert line["duration_ms"] < 3000


@contextmanager
def silent_listener() -> Iterator[int]:
    """A port where connections get no answer, as behind a firewall that drops packets: its backlog is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = int(listener.getsockname()[1])
        fill = [socket.socket() for _number in range(4)]
        for client in fill:
            client.setblocking(False)
            client.connect_ex(("127.0.0.1", port))
        yield port
        for client in fill:
            client.close()


@both
@modes
def test_connect(start: Callable[..., Gateway], path: str, streamed: bool) -> None:
    with silent_listener() as port:
        gateway = start(f"http://127.0.0.1:{port}", timeouts={"connect_seconds": SHORT})
        answer = ask(gateway, path, streamed)
    check(gateway, answer, path, "upstream_connect_timeout", begun=False)
    assert answer.headers["retry-after"] == "5"


SILENT: dict[str, Reply] = {"no head": Reply([], before=[HANG]), "whole": Reply([HANG], framing="chunked"), "stream": stream(HANG)}


@pytest.mark.parametrize("silence", ["no head", "head"])
@both
@modes
def test_first_byte(standin: StandIn, limited: Limited, path: str, streamed: bool, silence: str) -> None:
    """A head is no answer yet."""
    gateway = limited(timeouts={"answer_seconds": SHORT})
    standin.replies[CHAT] = SILENT[silence if silence == "no head" else "stream" if streamed else "whole"]
    answer = ask(gateway, path, streamed)
    check(gateway, answer, path, "upstream_timeout", begun=silence == "head" and streamed)
    assert standin.last(CHAT).closed.wait(2)


@both
@modes
def test_silence_within_an_answer(standin: StandIn, limited: Limited, path: str, streamed: bool) -> None:
    gateway = limited(timeouts={"idle_seconds": SHORT})
    standin.replies[CHAT] = stream(EVENT, EVENT, HANG) if streamed else Reply([b'{"choices":', HANG], framing="chunked")
    answer = ask(gateway, path, streamed)
    check(gateway, answer, path, "upstream_stalled", begun=streamed)
    assert standin.last(CHAT).closed.wait(2)


@both
@modes
def test_total(standin: StandIn, limited: Limited, path: str, streamed: bool) -> None:
    gateway = limited(timeouts={"total_seconds": SHORT})
    standin.replies[CHAT] = drip(streamed, 100)
    answer = ask(gateway, path, streamed)
    check(gateway, answer, path, "total_timeout", begun=streamed)
    assert standin.last(CHAT).closed.wait(2)
    if streamed:
        assert answer.body.count(b"error") >= 1 and answer.body.count(b'"a"') >= 2, "what came in time was passed on"
    for kind in ("upstream_timeout", "upstream_stalled"):
        assert gateway.metric(f'inferhost_proxy_upstream_errors_total{{kind="{kind}"}}') == 0


@both
@modes
def test_total_before_the_answer(standin: StandIn, limited: Limited, path: str, streamed: bool) -> None:
    gateway = limited(timeouts={"total_seconds": SHORT})
    standin.replies[CHAT] = Reply([], before=[HANG])
    check(gateway, ask(gateway, path, streamed), path, "total_timeout", begun=False)
    assert standin.last(CHAT).closed.wait(2)


@both
@modes
def test_no_limit_on_the_whole_by_default(standin: StandIn, limited: Limited, path: str, streamed: bool) -> None:
    """Silence is what is limited: an answer of many times that length goes through."""
    gateway = limited(timeouts={"answer_seconds": SHORT, "idle_seconds": SHORT, "client_seconds": SHORT, "total_seconds": 0})
    standin.replies[CHAT] = drip(streamed, 12)
    answer = ask(gateway, path, streamed)
    assert answer.status == 200
    assert b"error" not in answer.body
    if streamed:
        assert answer.body.count(b'"a"') == 12


@both
def test_the_first_byte_has_one_clock(standin: StandIn, limited: Limited, path: str) -> None:
    """However much is asked of the engine for a request, the time until its answer begins is one."""
    gateway = limited(timeouts={"answer_seconds": 0.8}, limits={"max_model_len": 50})
    refusal = whole({"error": {"message": "maximum context length"}}, 400)
    refusal.before = [SHORT]
    standin.replies[CHAT] = refusal
    standin.replies["/tokenize"] = Reply([], before=[HANG])
    begun = time.monotonic()
    answer = gateway.post(path, {"model": "m", "max_tokens": 40, "messages": [{"role": "user", "content": "x " * 60}]})
    assert answer.status == 504
    assert "did not answer in time" in answer.json()["error"]["message"]
    assert 0.7 < time.monotonic() - begun < 1.6


@pytest.mark.parametrize("limit", ["client_seconds", "total_seconds"])
@both
@modes
def test_client_that_does_not_read(standin: StandIn, limited: Limited, path: str, streamed: bool, limit: str) -> None:
    """It has a time-out of its own, and cannot hold a request beyond the total either. Nothing is sent to it then: it would not be taken."""
    gateway = limited(timeouts={limit: 1.0})
    text = "x" * 2**20
    event = json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}).encode()
    message = {"choices": [{"index": 0, "message": {"content": text * 20}, "finish_reason": "stop"}]}
    standin.replies[CHAT] = stream(*[b"data: " + event + b"\n\n"] * 40, END) if streamed else whole(message)
    begun, known = time.monotonic(), len(gateway.lines())
    client = gateway.open_stream(path, {"model": "m", "max_tokens": 9, "stream": streamed, "messages": [{"role": "user", "content": "x"}]})
    line = next_line(gateway, path, known)
    assert line["outcome"] == ("client_stalled" if limit == "client_seconds" else "total_timeout")
    assert time.monotonic() - begun < 5
    if streamed:
        assert standin.last(CHAT).closed.wait(2)
    client.close()


@both
@modes
def test_slow_reader_within_its_time(standin: StandIn, limited: Limited, path: str, streamed: bool) -> None:
    """Reading slowly is not silence of the engine: only the client's clock runs while the client is waited for."""
    gateway = limited(timeouts={"idle_seconds": SHORT, "client_seconds": 20})
    text = "x" * 2**20
    event = json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}).encode()
    message = {"choices": [{"index": 0, "message": {"content": text * 12}, "finish_reason": "stop"}]}
    standin.replies[CHAT] = stream(*[b"data: " + event + b"\n\n"] * 12, END) if streamed else whole(message)
    known = len(gateway.lines())
    client = gateway.open_stream(path, {"model": "m", "max_tokens": 9, "stream": streamed, "messages": [{"role": "user", "content": "x"}]})
    time.sleep(2.5 * SHORT)
    received = 0
    while received < 12 * 2**20:
        data = client.recv(2**20)
        assert data, f"the answer ended after {received} bytes"
        received += len(data)
    client.close()
    assert next_line(gateway, path, known)["outcome"] in ("ok", "client_disconnect")


def test_the_sdks_see_them(standin: StandIn, limited: Limited) -> None:
    gateway = limited(timeouts={"total_seconds": SHORT})
    messages: Any = [{"role": "user", "content": "x"}]
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=CLIENT_KEY, max_retries=0)
    other = anthropic.Anthropic(base_url=gateway.url, api_key=CLIENT_KEY, max_retries=0)
    standin.replies[CHAT] = drip(False, 100)
    with pytest.raises(openai.InternalServerError, match="total_seconds"):
        client.chat.completions.create(model="m", messages=messages)
    with pytest.raises(anthropic.APIStatusError, match="total_seconds") as raised:
        other.messages.create(model="m", max_tokens=9, messages=messages)
    assert raised.value.status_code == 504
    standin.replies[CHAT] = drip(True, 100)
    with pytest.raises(openai.APIError, match="total_seconds"):
        list(client.chat.completions.create(model="m", messages=messages, stream=True))
    with pytest.raises(anthropic.APIStatusError, match="total_seconds"), other.messages.stream(model="m", max_tokens=9, messages=messages) as events:
        events.until_done()


def test_other_answers(standin: StandIn, limited: Limited) -> None:
    """What is handed on as it comes, and cannot carry an error, ends visibly incomplete."""
    gateway = limited(timeouts={"total_seconds": SHORT})
    audio = {"content-type": "audio/wav"}
    known = len(gateway.lines())
    standin.replies["/v1/audio"] = Reply([b"x", 0.1] * 100, headers=audio, framing="chunked")
    with pytest.raises(Exception, match="IncompleteRead"):
        gateway.post("/v1/audio", {})
    assert next_line(gateway, "/v1/audio", known)["outcome"] == "total_timeout"
