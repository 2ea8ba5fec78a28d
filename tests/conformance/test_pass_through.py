# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes through goes through unchanged; what belongs to one hop stays on it."""

from __future__ import annotations

import re

import pytest
from gateway import CLIENT_KEY, ENGINE_KEY, Gateway
from standin import Reply, StandIn, whole

ANY_BYTES = bytes(range(256)) * 5000


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/v1/models"),
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/completions"),
        ("POST", "/v1/responses"),
        ("POST", "/v1/embeddings"),
        ("POST", "/v1/chat/completions?beta=true"),
        ("POST", "/tokenize"),
        ("POST", "/detokenize"),
        ("DELETE", "/v1/responses/resp_1"),
        ("GET", "/health"),
        ("GET", "/some/thing/else?a=b%20c&d=%2F"),
        ("GET", "/a%2Fb/%C3%A4/..;/x"),
        ("PUT", "/v1/x"),
    ],
)
def test_every_path_is_forwarded_as_written(standin: StandIn, gateway: Gateway, method: str, target: str) -> None:
    path = target.partition("?")[0]
    standin.replies[path] = Reply([b'{"x":1}'], headers={"content-type": "application/json", "x-engine": "yes"})
    answer = gateway.request(method, target, b'{"q":1}' if method != "GET" else None, key=CLIENT_KEY)
    assert (answer.status, answer.body, answer.headers["x-engine"]) == (200, b'{"x":1}', "yes")
    seen = standin.last(path)
    assert (seen.method, seen.target) == (method, target)
    assert seen.body == (b"" if method == "GET" else b'{"q":1}')


@pytest.mark.parametrize("framing", ["length", "chunked", "close"])
def test_bodies_are_the_same_bytes(standin: StandIn, gateway: Gateway, framing: str) -> None:
    standin.replies["/v1/audio/speech"] = Reply([ANY_BYTES], headers={"content-type": "audio/wav"}, framing=framing)
    answer = gateway.post("/v1/audio/speech", ANY_BYTES, **{"content-type": "application/octet-stream"})
    assert answer.body == ANY_BYTES
    assert answer.headers["content-type"] == "audio/wav"
    seen = standin.last("/v1/audio/speech")
    assert seen.body == ANY_BYTES
    assert seen.header("content-type") == "application/octet-stream"


@pytest.mark.parametrize("status", [204, 304, 400, 404, 422, 429, 500, 503])
def test_status_and_error_bodies(standin: StandIn, gateway: Gateway, status: int) -> None:
    raw = b"" if status in (204, 304) else b'{"error":{"message":"from the engine"}}'
    standin.replies["/v1/chat/completions"] = Reply([raw], status, headers={"content-type": "application/json", "retry-after": "7"})
    answer = gateway.post("/v1/chat/completions", {})
    assert (answer.status, answer.body, answer.headers["retry-after"]) == (status, raw, "7")


def test_headers_of_one_hop_stay_on_it(standin: StandIn, gateway: Gateway) -> None:
    standin.replies["/v1/x"] = Reply(
        [b"ok"],
        headers={
            "connection": "x-hop",
            "x-hop": "1",
            "keep-alive": "timeout=5",
            "server": "engine",
            "set-cookie": "a=b",
            "x-stays": "2",
        },
    )
    answer = gateway.request(
        "GET",
        "/v1/x",
        headers={
            "connection": "x-mine",
            "x-mine": "1",
            "te": "trailers",
            "proxy-authorization": "Basic secret",
            "cookie": "session=1",
            "x-api-key": CLIENT_KEY,
            "user-agent": "agent/1",
            "anthropic-version": "2023-06-01",
            "accept-encoding": "gzip, br",
        },
    )
    assert answer.headers["x-stays"] == "2"
    assert not {"x-hop", "keep-alive", "server", "set-cookie"} & answer.headers.keys()
    seen = standin.last("/v1/x")
    for name in ("x-mine", "te", "proxy-authorization", "cookie", "x-api-key", "transfer-encoding"):
        assert seen.header(name) is None, name
    assert seen.header("user-agent") == "agent/1"
    assert seen.header("anthropic-version") == "2023-06-01"
    assert seen.header("accept-encoding") == "identity"
    assert seen.header("host") == f"127.0.0.1:{standin.port}"
    assert [value for name, value in seen.headers if name.lower() == "authorization"] == [f"Bearer {ENGINE_KEY}"]


def test_compressed_answers_are_left_alone(standin: StandIn, gateway: Gateway) -> None:
    raw = b'\x1f\x8b,"tool_calls":[]'
    standin.replies["/v1/chat/completions"] = Reply([raw], headers={"content-type": "application/json", "content-encoding": "gzip"})
    answer = gateway.post("/v1/chat/completions", {})
    assert (answer.body, answer.headers["content-encoding"]) == (raw, "gzip")


def test_redirects_are_not_followed(standin: StandIn, gateway: Gateway) -> None:
    standin.replies["/v1/x"] = Reply([], 307, headers={"location": "/v1/y"})
    answer = gateway.request("GET", "/v1/x", key=CLIENT_KEY)
    assert (answer.status, answer.headers["location"]) == (307, "/v1/y")


def test_head(standin: StandIn, gateway: Gateway) -> None:
    standin.replies["/v1/x"] = Reply([b"12345"], headers={"content-type": "text/plain"})
    answer = gateway.request("HEAD", "/v1/x", key=CLIENT_KEY)
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"", "5")
    assert gateway.request("HEAD", "/").status == 200


@pytest.mark.parametrize(
    ("given", "kept"),
    [("abc-1.2_3:4", True), ("x" * 64, True), ("x" * 65, False), ("a b", False), ('"quoted"', False), (None, False)],
)
def test_request_id(standin: StandIn, gateway: Gateway, given: str | None, kept: bool) -> None:
    standin.replies["/v1/x"] = whole({})
    answer = gateway.request("GET", "/v1/x", headers={"x-request-id": given} if given else {}, key=CLIENT_KEY)
    returned = answer.headers["x-request-id"]
    assert answer.headers["request-id"] == returned
    upstream_id = standin.last("/v1/x").header("x-request-id")
    assert upstream_id is not None
    if kept:
        assert returned == given
        assert upstream_id.startswith(f"{given}-"), "an id used twice must not collide in the engine"
    else:
        assert re.fullmatch(r"[0-9a-f]{32}", returned)
        assert upstream_id == returned
    assert gateway.request_line(returned)["upstream_id"] == upstream_id
