# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import socket
import time
import traceback

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._http import HttpError, bearer, request, stream_events
from ansible_collections.inferhost.llm.tests.unit.plugins.scripted_server import ScriptedServer, chunked, http, pieces, slow, sse

KEY = "sk-0123456789abcdef0123456789abcdef"


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_whole_answer() -> None:
    with ScriptedServer({"/v1/models": http(200, {"data": []})}) as server:
        answer = request("GET", server.url + "/v1/models", headers=bearer(KEY), timeout=5)
    assert (answer.status, answer.json(), answer.headers["content-type"]) == (200, {"data": []}, "application/json")
    assert 0 < answer.elapsed_s < 5
    assert server.seen[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_mapping_is_sent_as_json() -> None:
    with ScriptedServer({"/x": http(200, {})}) as server:
        request("POST", server.url + "/x?a=b", {"n": 1}, timeout=5)
    assert server.seen[0].json() == {"n": 1}
    assert server.seen[0].headers["content-type"] == "application/json"
    assert server.seen[0].path == "/x?a=b"


def test_an_error_status_is_an_answer_and_a_redirect_is_not_followed() -> None:
    moved = [b"HTTP/1.1 307 X\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n"]
    with ScriptedServer({"/bad": http(400, {"error": "no"}), "/here": moved}) as server:
        assert request("GET", server.url + "/bad", timeout=5).status == 400
        assert request("GET", server.url + "/here", timeout=5).status == 307
    assert [seen.path for seen in server.seen] == ["/bad", "/here"]


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{closed_port()}")
    with ScriptedServer({"/x": http(200, {"direct": True})}) as server:
        assert request("GET", server.url + "/x", timeout=5).json() == {"direct": True}


def test_ipv6() -> None:
    try:
        server = ScriptedServer({"/x": http(200, {"six": True})}, host="::1")
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    with server:
        assert request("GET", server.url + "/x", timeout=5).json() == {"six": True}


HALF = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
BROKEN = [
    pytest.param([], "reset", id="closed-at-once"),
    pytest.param([HALF], "reset", id="closed-inside-the-body"),
    pytest.param(chunked(b"part", end=False), "reset", id="closed-before-the-last-chunk"),
    pytest.param([b"SSH-2.0-OpenSSH_9.2\r\n\r\n"], "protocol", id="another-protocol"),
    pytest.param([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"], "reset", id="broken-chunk-size"),
    pytest.param([30.0], "timeout", id="hangs-before-the-answer"),
    pytest.param([HALF, 30.0], "timeout", id="hangs-inside-the-body"),
    # Each byte comes well within the limit of a single read; only a deadline ends this.
    pytest.param(slow(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 200, 0.05), "timeout", id="drips"),
]


@pytest.mark.parametrize("script, kind", BROKEN)
def test_every_failure_has_a_kind_and_ends_in_time(script: list, kind: str) -> None:
    with ScriptedServer({"/x": script}) as server:
        started = time.monotonic()
        with pytest.raises(HttpError) as caught:
            request("GET", server.url + "/x", headers=bearer(KEY), timeout=3)
        assert time.monotonic() - started < 30
    assert caught.value.kind == kind
    assert server.url in caught.value.message


def test_nothing_listens() -> None:
    with pytest.raises(HttpError, match="nothing listens there") as caught:
        request("GET", f"http://127.0.0.1:{closed_port()}/x", timeout=2)
    assert caught.value.kind == "refused"


def test_a_name_that_does_not_resolve() -> None:
    with pytest.raises(HttpError) as caught:
        request("GET", "http://no-such-host.invalid/x", timeout=5)
    assert caught.value.kind == "dns"


def test_tls_to_a_plain_listener() -> None:
    with ScriptedServer({"/x": http(200, {})}) as server, pytest.raises(HttpError) as caught:
        request("GET", server.url.replace("http", "https") + "/x", timeout=2)
    assert caught.value.kind == "tls"


def test_too_long_an_answer() -> None:
    with ScriptedServer({"/x": http(200, b"x" * 2000)}) as server, pytest.raises(HttpError, match="longer than 1000 bytes"):
        request("GET", server.url + "/x", timeout=5, max_bytes=1000)


@pytest.mark.parametrize(
    "url, says",
    [
        ("ftp://h/x", "http://"),
        ("/v1/models", "http://"),
        ("http://:80/", "name a host"),
        ("http://h:port/", "not a URL"),
        (f"http://user:{KEY}@h/", "credentials"),
        ("http://h/a b", "percent-encoded"),
    ],
)
def test_a_bad_address_says_why(url: str, says: str) -> None:
    with pytest.raises(HttpError, match=says) as caught:
        request("GET", url, timeout=1)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("key", [KEY + "\nX-Evil: 1", KEY + "\u20ac"])
def test_a_key_that_no_header_can_carry_stays_out_of_the_error(key: str) -> None:
    with pytest.raises(HttpError) as caught:
        request("GET", "http://127.0.0.1:9/", headers=bearer(key), timeout=1)
    shown = "".join(traceback.format_exception(HttpError, caught.value, caught.tb)) + repr(caught.value)
    assert "header Authorization" in shown
    assert KEY not in shown


def test_repr_shows_no_content() -> None:
    with ScriptedServer({"/x": http(200, {"echo": KEY})}) as server:
        assert KEY not in repr(request("GET", server.url + "/x", timeout=5))


STREAM = sse({"n": 1}, "caf\u00e9", "[DONE]")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_events_do_not_depend_on_how_they_are_cut(size: int) -> None:
    with ScriptedServer({"/s": chunked(*pieces(STREAM, size))}) as server:
        events = list(stream_events(server.url + "/s", {"stream": True}, timeout=5))
    assert [data for _when, data in events] == ['{"n": 1}', "caf\u00e9", "[DONE]"]
    assert server.seen[0].method == "POST"


def test_an_event_is_yielded_when_it_arrives() -> None:
    with ScriptedServer({"/s": chunked(sse("a"), 0.3, sse("b"))}) as server:
        times = [when for when, _data in stream_events(server.url + "/s", timeout=5)]
    assert 0.2 < times[1] - times[0] < 2


def test_a_stream_with_a_length() -> None:
    with ScriptedServer({"/s": http(200, STREAM, "text/event-stream; charset=utf-8")}) as server:
        assert len(list(stream_events(server.url + "/s", timeout=5))) == 3


@pytest.mark.parametrize(
    "script, kind",
    [
        (chunked(sse("a"), end=False), "reset"),
        (chunked(sse("a"), 30.0), "timeout"),
        ([b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: 500\r\n\r\n" + sse("a")], "reset"),
    ],
)
def test_a_stream_that_breaks_gives_what_came_and_then_the_error(script: list, kind: str) -> None:
    got = []
    with ScriptedServer({"/s": script}) as server, pytest.raises(HttpError) as caught:
        for _when, data in stream_events(server.url + "/s", timeout=3):
            got.append(data)
    assert (got, caught.value.kind) == (["a"], kind)


def test_the_deadline_ends_a_stream_that_never_falls_silent() -> None:
    with ScriptedServer({"/s": chunked(*[step for _n in range(100) for step in (sse("a"), 0.05)])}) as server:
        started = time.monotonic()
        with pytest.raises(HttpError) as caught:
            list(stream_events(server.url + "/s", timeout=5, deadline_s=0.5))
    assert caught.value.kind == "timeout"
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("answer", [http(400, {"error": {"message": "no parser"}}), http(200, {"error": {"message": "no parser"}})])
def test_a_stream_answered_with_something_else_carries_that_answer(answer: list) -> None:
    with ScriptedServer({"/s": answer}) as server, pytest.raises(HttpError) as caught:
        list(stream_events(server.url + "/s", timeout=5))
    assert caught.value.kind == "status"
    assert caught.value.response is not None
    assert caught.value.response.json() == {"error": {"message": "no parser"}}


def test_leaving_a_stream_closes_the_connection() -> None:
    with ScriptedServer({"/s": chunked(sse("a"), 0.2, *[sse("x" * 60000)] * 200)}) as server:
        events = stream_events(server.url + "/s", timeout=5)
        next(events)
        events.close()
        assert events.gi_frame is None  # type: ignore[attr-defined]
