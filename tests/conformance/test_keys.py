# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who gets in, what the others are told, and that no key is anywhere it should not be."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
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
    eventually(lambda: "reload refused" in gateway.log())
    assert gateway.post(CHAT, {}).status == 200, "the old key stays while the new one cannot be used"

    (secrets / "api_key").write_text("sk-new-key")
    (secrets / "engine_key").write_text("engine-new-key")
    gateway.process.send_signal(signal.SIGHUP)
    eventually(lambda: '"reloaded"' in gateway.log())
    assert gateway.post(CHAT, {}).status == 401
    assert gateway.request("POST", CHAT, b"{}", key="sk-new-key").status == 200
    assert standin.last(CHAT).header("authorization") == "Bearer engine-new-key"
    assert "sk-new-key" not in gateway.log()


def digest(key: str) -> str:
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


def test_digests_are_all_the_gateway_needs(standin: StandIn, start: Callable[..., Gateway], tmp_path: Path) -> None:
    """In a file of their own, a line each, or in the configuration; a digest itself opens nothing."""
    (tmp_path / "digests").write_text(f"{digest('sk-new')}\n{digest('sk-old')} 2999-01-01T00:00:00Z\n{digest('sk-older')} 2020-01-01T00:00:00+01:00\n")
    gateway = start(
        api_keys=[
            {"label": "rotated", "file": str(tmp_path / "digests")},
            {"label": "inline", "digest": digest("sk-inline")},
            {"label": "plain", "file": "api_key"},
        ]
    )
    standin.replies[CHAT] = whole(ANSWER)
    expected = {"sk-new": "rotated", "sk-old": "rotated", "sk-inline": "inline", CLIENT_KEY: "plain"}
    for key, label in expected.items():
        for headers in ({"x-api-key": key}, {"authorization": f"Bearer {key}"}):
            answer = gateway.request("POST", CHAT, b"{}", headers)
            assert answer.status == 200
            assert gateway.request_line(answer.headers["x-request-id"])["key"] == label
    for key in ("sk-older", digest("sk-new"), digest("sk-inline"), digest("sk-inline").removeprefix("sha256:")):
        assert gateway.request("POST", CHAT, b"{}", key=key).status == 401
    for key in (*expected, digest("sk-new"), digest("sk-inline")):
        assert key not in gateway.log()


@pytest.mark.parametrize(("expires", "status"), [("2020-01-01", 401), ("2020-01-01T00:00:00Z", 401), ("2999-12-31", 200), (None, 200)])
def test_expiry(standin: StandIn, start: Callable[..., Gateway], expires: str | None, status: int) -> None:
    gateway = start(api_keys=[{"label": "main", "file": "api_key", "expires": expires}])
    standin.replies[CHAT] = whole(ANSWER)
    answer = gateway.request("POST", CHAT, REQUEST, key=CLIENT_KEY)
    assert answer.status == status
    if status == 401:
        assert answer.json()["error"]["code"] == "expired_api_key"
        assert "has expired" in answer.json()["error"]["message"]
        assert answer.headers["www-authenticate"] == "Bearer"
        assert gateway.request_line(answer.headers["x-request-id"])["key"] == "main"
        answer = gateway.request("POST", MESSAGES, REQUEST, key=CLIENT_KEY)
        assert (answer.status, answer.json()["error"]["type"]) == (401, "authentication_error")
        assert gateway.request("GET", "/metrics", headers={"x-forwarded-for": "192.0.2.1", "x-api-key": CLIENT_KEY}).status == 401
        assert standin.seen == []


def test_a_key_ends_while_the_gateway_runs(standin: StandIn, start: Callable[..., Gateway]) -> None:
    ends = datetime.now(UTC) + timedelta(seconds=4)
    gateway = start(api_keys=[{"label": "main", "file": "api_key", "expires": ends.isoformat()}])
    standin.replies[CHAT] = whole(ANSWER)
    if datetime.now(UTC) < ends - timedelta(seconds=1):
        assert gateway.request("POST", CHAT, REQUEST, key=CLIENT_KEY).status == 200
    eventually(lambda: gateway.request("POST", CHAT, REQUEST, key=CLIENT_KEY).status == 401, 10)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-21", "2026-11-22T00:00:00+00:00"),
        ("2026-11-21T10:00:00Z", "2026-11-21T10:00:00+00:00"),
        ("2026-11-21T10:00:00.5+02:00", "2026-11-21T08:00:00.5+00:00"),
        ("9999-12-31", "9999-12-31T23:59:59.999999+00:00"),
        ("2026-11-21T10:00:00", None),
        ("soon", None),
        ("20261121", None),
        ("2026-W47-6", None),
        ("2026-13-01", None),
        ("", None),
    ],
)
def test_dates(text: str, moment: str | None) -> None:
    from inferhost_proxy.expiry import parse

    if moment is None:
        with pytest.raises(ValueError):
            parse(text)
    else:
        assert abs(parse(text) - datetime.fromisoformat(moment).timestamp()) < 0.001


@pytest.mark.parametrize("rest", ["abc", "g" * 64, "A" * 64, "a" * 64 + " soon", "a" * 64 + "\nsk-plain"])
def test_a_digest_that_is_none_is_refused_without_being_shown(tmp_path: Path, rest: str) -> None:
    from inferhost_proxy.keys import KeyFileError, read_known

    (tmp_path / "digests").write_text("sha256:" + rest)
    with pytest.raises(KeyFileError) as raised:
        read_known("a", tmp_path / "digests")
    assert "is not `sha256:HEX`" in str(raised.value)
    assert not any(word in str(raised.value) for word in ("aaa", "ggg", "AAA", "abc", "sk-plain"))


def test_a_name_that_no_file_can_have_is_told_as_a_key_file(tmp_path: Path) -> None:
    from inferhost_proxy.keys import KeyFileError, read, read_known

    for reading in (read, lambda path: read_known("a", path)):
        with pytest.raises(KeyFileError, match="correct the path"):
            reading(tmp_path / "a\0b")


def test_a_valid_key_wins_over_an_expired_one_whatever_their_order() -> None:
    from inferhost_proxy.keys import Found, KeyRing, Known

    digests = {key: hashlib.sha256(key).digest() for key in (b"old", b"new")}
    for known in ([Known("a", digests[b"old"], 1.0), Known("b", digests[b"new"])], [Known("b", digests[b"new"]), Known("a", digests[b"old"], 1.0)]):
        ring = KeyRing(known, None)
        shown = [(b"x-api-key", b"old"), (b"authorization", b"Bearer new")]
        assert ring.find(shown) == ring.find(shown[::-1]) == Found("b", False)
        assert ring.find(shown[:1]) == Found("a", True)
        assert (ring.label(shown[:1]), ring.find([]), ring.find([(b"x-api-key", b"none")])) == (None, None, None)


def test_what_the_role_writes_is_what_the_proxy_reads(tmp_path: Path) -> None:
    """The two have no code in common: one runs in Ansible's Python, the other in the proxy's."""
    from inferhost_proxy.keys import NEVER, Known, read_known

    source = Path(__file__).resolve().parents[2] / "plugins/module_utils/_client_keys.py"
    spec = importlib.util.spec_from_file_location("client_keys", source)
    assert spec is not None
    assert spec.loader is not None
    writer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(writer)
    lines = writer.rotated(writer.digest(b"sk-new"), writer.digest(b"sk-old\n"), [], 1_000_000.0, 3600)
    (tmp_path / "main").write_text("".join(f"{line}\n" for line in lines))
    new, old = (hashlib.sha256(key).digest() for key in (b"sk-new", b"sk-old"))
    assert read_known("main", tmp_path / "main") == [Known("main", new, NEVER), Known("main", old, 1_003_600.0)]


def test_every_key_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look that ended at the first match would tell by its time how far it came."""
    from inferhost_proxy import keys

    compared: list[bytes] = []
    monkeypatch.setattr(keys.hmac, "compare_digest", lambda one, other: compared.append(other) or one == other)
    known = [keys.Known(str(number), hashlib.sha256(str(number).encode()).digest()) for number in range(9)]
    assert keys.KeyRing(known, None).label([(b"x-api-key", b"0")]) == "0"
    assert compared == [one.digest for one in known]


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
    everything = gateway.log()
    for pid in (gateway.process.pid, *gateway.workers()):
        everything += Path(f"/proc/{pid}/cmdline").read_text() + Path(f"/proc/{pid}/environ").read_text()
    metrics = gateway.request("GET", "/metrics").body.decode()
    for secret in (CLIENT_KEY, SECOND_KEY, ENGINE_KEY, "sk-a-wrong-key", prompt, "an-answer-as-private"):
        assert secret not in everything
        assert secret not in metrics
