# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who gets in, what the others are told, and that no key is anywhere it should not be."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from gateway import CLIENT_KEY, ENGINE_KEY, SECOND_KEY, Gateway, eventually
from standin import StandIn, whole

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
REQUEST = b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"x"}]}'
ANSWER = {"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]}


@pytest.mark.parametrize(
    ("headers", "label"),
    [
        ({}, None),
        ({"authorization": f"Bearer {CLIENT_KEY}"}, "main"),
        ({"authorization": f"bearer  {CLIENT_KEY} "}, "main"),
        ({"x-api-key": CLIENT_KEY}, "main"),
        ({"x-api-key": SECOND_KEY}, "second"),
        ({"authorization": "Bearer wrong", "x-api-key": SECOND_KEY}, "second"),
        ({"authorization": f"Bearer {CLIENT_KEY}x"}, None),
        ({"authorization": f"Bearer {CLIENT_KEY[:-1]}"}, None),
        ({"authorization": f"Basic {CLIENT_KEY}"}, None),
        ({"authorization": CLIENT_KEY}, None),
        ({"authorization": "Bearer"}, None),
        ({"x-api-key": ""}, None),
        ({"authorization": f"Bearer {ENGINE_KEY}"}, None),
        ({"x-api-key": "ä"}, None),
    ],
)
@pytest.mark.parametrize("path", [CHAT, MESSAGES, "/tokenize", "/health", "/docs", "/"])
def test_table(standin: StandIn, gateway: Gateway, path: str, headers: dict[str, str], label: str | None) -> None:
    standin.replies[CHAT if path == MESSAGES else path] = whole(ANSWER)
    answer = gateway.request("POST", path, REQUEST, headers)
    assert answer.status == (200 if label else 401)
    assert len(standin.seen) == (1 if label else 0), "nothing reaches the engine without a key"
    assert gateway.request_line(answer.headers["x-request-id"])["key"] == label


def test_refusal_in_both_forms(gateway: Gateway) -> None:
    answer = gateway.request("POST", CHAT, b"{}")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["www-authenticate"] == "Bearer"
    error = answer.json()["error"]
    assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", None, "invalid_api_key")
    assert "Authorization: Bearer" in error["message"]

    answer = gateway.request("POST", f"{MESSAGES}?beta=true", b"{}")
    document = answer.json()
    assert document["type"] == "error"
    assert document["error"]["type"] == "authentication_error"
    assert document["request_id"] == answer.headers["request-id"]


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_health_is_open(gateway: Gateway, path: str) -> None:
    assert gateway.request("GET", path).status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"x-forwarded-for": "192.0.2.1"}, 401),
        ({"forwarded": "for=192.0.2.1"}, 401),
        ({"x-forwarded-for": "192.0.2.1", "x-api-key": CLIENT_KEY}, 200),
    ],
)
def test_metrics_are_open_on_this_host_only(gateway: Gateway, headers: dict[str, str], status: int) -> None:
    assert gateway.request("GET", "/metrics", headers=headers).status == status


@pytest.mark.parametrize(
    ("client", "own"),
    [(("127.0.0.1", 1), True), (("::1", 1), True), (("::ffff:127.0.0.1", 1), True), (("192.0.2.1", 1), False), (None, False)],
)
def test_which_client_is_on_this_host(client: tuple[str, int] | None, own: bool) -> None:
    from inferhost_proxy.app import from_this_host

    assert from_this_host({"client": client, "headers": []}) is own


def test_engine_that_refuses_the_gateways_key(standin: StandIn, gateway: Gateway) -> None:
    standin.replies[CHAT] = whole({"error": "Unauthorized"}, 401)
    answer = gateway.post(CHAT, {})
    assert answer.status == 502, "a 401 would send the client looking at its own key"
    assert answer.json()["error"]["code"] == "upstream_auth"


def test_keys_are_read_again_on_sighup(standin: StandIn, start: Callable[..., Gateway]) -> None:
    gateway = start()
    standin.replies[CHAT] = whole({})
    secrets = gateway.folder / "secrets"

    (secrets / "api_key").write_text("")
    gateway.process.send_signal(signal.SIGHUP)
    eventually(lambda: "reload failed" in gateway.log())
    assert gateway.post(CHAT, {}).status == 200, "the old key stays while the new one cannot be used"

    (secrets / "api_key").write_text("sk-new-key")
    (secrets / "engine_key").write_text("engine-new-key")
    gateway.process.send_signal(signal.SIGHUP)
    eventually(lambda: "keys reloaded" in gateway.log())
    assert gateway.post(CHAT, {}).status == 401
    assert gateway.request("POST", CHAT, b"{}", key="sk-new-key").status == 200
    assert standin.last(CHAT).header("authorization") == "Bearer engine-new-key"
    assert "sk-new-key" not in gateway.log()


def test_credentials_of_the_service_manager_come_first(tmp_path: Path) -> None:
    from inferhost_proxy.keys import locate

    (tmp_path / "api_key").write_text("x")
    environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert locate("api_key", "/elsewhere", environment) == tmp_path / "api_key"
    assert locate("other", "/elsewhere", environment) == Path("/elsewhere/other")
    assert locate("api_key", "/elsewhere", {}) == Path("/elsewhere/api_key")
    assert locate("/absolute/key", "/elsewhere", environment) == Path("/absolute/key")


@pytest.mark.skipif(not os.path.exists("/proc/self/cmdline"), reason="needs /proc")
def test_no_key_and_no_prompt_is_logged_or_in_argv(standin: StandIn, start: Callable[..., Gateway]) -> None:
    gateway = start()
    prompt = "a-prompt-nobody-else-should-read"
    standin.replies[CHAT] = whole({"choices": [{"message": {"content": "an-answer-as-private"}}]})
    assert gateway.post(f"{CHAT}?key={CLIENT_KEY}", {"messages": prompt}).status == 200
    assert gateway.request("GET", f"/v1/{CLIENT_KEY}", key=CLIENT_KEY).status == 404
    assert gateway.request("POST", CHAT, {"messages": prompt}, key="sk-a-wrong-key").status == 401
    standin.stop()
    try:
        assert gateway.post(CHAT, {"messages": prompt}).status == 503
    finally:
        standin.start()
    assert gateway.post("/v1/chat/completions", {"messages": prompt}, **{"x-request-id": f"{CLIENT_KEY} "}).status == 200
    assert len(eventually(lambda: [line for line in gateway.lines() if line.get("route") == "chat"][3:])) >= 1
    everything = gateway.log() + Path(f"/proc/{gateway.process.pid}/cmdline").read_text()
    metrics = gateway.request("GET", "/metrics").body.decode()
    for secret in (CLIENT_KEY, SECOND_KEY, ENGINE_KEY, "sk-a-wrong-key", prompt, "an-answer-as-private"):
        assert secret not in everything
        assert secret not in metrics
