# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process: its configuration, its port, its signals, its log."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gateway import CLIENT_KEY, Gateway, environment, eventually, free_port, run_cli
from standin import HANG, Reply, StandIn, stream, whole

CHAT = "/v1/chat/completions"
EVENT = b'data: {"choices":[{"delta":{"content":"a"}}]}\n\n'
DONE = b"data: [DONE]\n\n"
GOOD: dict[str, Any] = {
    "host": "127.0.0.1",
    "port": 4000,
    "api_keys": [{"label": "main", "file": "api_key"}],
    "upstreams": [{"name": "engine", "url": "http://127.0.0.1:8000", "key_file": "engine_key"}],
    "limits": {"max_model_len": 2048, "max_output_tokens": 512},
    "models": ["m"],
    "log_level": "info",
}


def changed(path: str, value: object) -> dict[str, Any]:
    """The good configuration with one value replaced."""
    config: dict[str, Any] = json.loads(json.dumps(GOOD))
    *parents, last = path.split(".")
    place: Any = config
    for name in parents:
        place = place[int(name) if name.isdecimal() else name]
    place[last] = value
    return config


BAD = [
    (changed("prot", 4000), "unknown key `prot`; did you mean `port`?"),
    (changed("upstreams.0.urll", "x"), "unknown key `urll` in `upstreams[0]`; did you mean `url`?"),
    (changed("limits.max_modellen", 1), "unknown key `max_modellen` in `limits`; did you mean `max_model_len`?"),
    (changed("api_keys", [{"label": "a", "fiel": "b"}]), "unknown key `fiel` in `api_keys[0]`; did you mean `file`?"),
    (changed("zzz", 1), "known keys: aliases, anthropic, api_keys"),
    (changed("port", "4000"), "Expected `int`, got `str` - at `$.port`"),
    (changed("port", 0), "Expected `int` >= 1 - at `$.port`"),
    (changed("port", 65536), "Expected `int` <= 65535 - at `$.port`"),
    (changed("host", ""), "at `$.host`"),
    (changed("api_keys", []), "length >= 1 - at `$.api_keys`"),
    (changed("api_keys", [{"label": "a b", "file": "x"}]), "at `$.api_keys[0].label`"),
    (changed("api_keys", [{"label": "a", "file": "x"}, {"label": "a", "file": "y"}]), "the label `a` is there twice"),
    (changed("api_keys", [{"label": "a"}]), "the key `a` needs either `file` or `digest`"),
    (changed("api_keys", [{"label": "a", "file": "x", "digest": "sha256:" + "a" * 64}]), "the key `a` needs either `file` or `digest`"),
    (changed("api_keys", [{"label": "a", "digest": "sha256:x"}]), "at `$.api_keys[0].digest`"),
    (changed("api_keys", [{"label": "a", "file": "x", "expires": "2027"}]), "expires `2027`, which is no RFC 3339 date"),
    (changed("api_keys", [{"label": "a", "file": "x", "requests_per_minute": 0}]), "at `$.api_keys[0].requests_per_minute`"),
    (changed("workers", 0), "Expected `int` >= 1 - at `$.workers`"),
    (changed("trace", {"creat": True}), "unknown key `creat` in `trace`; did you mean `create`?"),
    (changed("upstream", {}), "unknown key `upstream`; did you mean `upstreams`?"),
    (changed("upstreams", []), "Expected `array` of length >= 1 - at `$.upstreams`"),
    (changed("upstreams", [{"name": "engine"}]), "missing required field `url` - at `$.upstreams[0]`"),
    (changed("upstreams.0.name", "a b"), "at `$.upstreams[0].name`"),
    (changed("upstreams", [{"name": "a", "url": "http://h:1"}] * 2), "the name `a` is there twice"),
    (changed("upstreams.0.url", "127.0.0.1:8000"), "`upstreams[0].url` must be http://HOST:PORT"),
    (changed("upstreams.0.url", "http://a:b@h:1"), "`upstreams[0].url` takes no user"),
    (changed("upstreams.0.url", "http://h:99999"), "`upstreams[0].url`: Port out of range"),
    (changed("upstreams.0.url", "http://gpu..lan:8000"), "`upstreams[0].url`: its host cannot be a name"),
    (changed("upstreams.0.url", f"http://{'g' * 64}.lan:8000"), "each part between dots has 1 to 63 characters"),
    (changed("upstreams.0.url", "http://gpu\0.lan:8000"), "`upstreams[0].url`: its host cannot be a name"),
    (changed("search", {"providers": ["searxng"], "searxng_url": "http://a..b:80"}), "`search.searxng_url`: its host cannot be a name"),
    (changed("upstreams.0.url", "http://localhost:4000/v1"), "the gateway's own address, port 4000"),
    (changed("timeouts", {"idle_seconds": 0}), "Expected `float` > 0.0 - at `$.timeouts.idle_seconds`"),
    (changed("timeouts", {"total_seconds": -1}), "Expected `float` >= 0.0 - at `$.timeouts.total_seconds`"),
    (changed("health", {"interval": 1}), "unknown key `interval` in `health`; did you mean `interval_seconds`?"),
    (changed("aliases", {"x": {"thinking": True}}), "missing required field `model` - at `$.aliases[...]`"),
    (changed("aliases", {"x": {"model": "m", "thinkng": True}}), "unknown key `thinkng` in `aliases[...]`; did you mean `thinking`?"),
    (changed("aliases", {"x": {"model": "m", "defaults": {"temprature": 1}}}), "did you mean `temperature`?"),
    (changed("aliases", {"x": {"model": "m", "defaults": {"top_p": 2}}}), "Expected `float` <= 1.0 - at `$.aliases[...].defaults.top_p`"),
    (changed("aliases", {"a*b": {"model": "m"}}), "a `*` is allowed at the end only"),
    (changed("aliases", {"": {"model": "m"}}), "a name is empty"),
    (changed("aliases", {"a": {"model": "b"}, "b": {"model": "m"}}), "`b` is an alias itself"),
    (changed("log_level", "loud"), "Invalid enum value 'loud' - at `$.log_level`"),
    (changed("models", "m"), "Expected `array`, got `str` - at `$.models`"),
    ([], "Expected `object`, got `array`"),
]


def check(tmp_path: Path, text: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "proxy.json").write_text(text)
    return run_cli("--check-config", str(tmp_path / "proxy.json"))


def test_good_configuration(tmp_path: Path) -> None:
    result = check(tmp_path, json.dumps(GOOD))
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


@pytest.mark.parametrize(("config", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_configuration(config: object, message: str) -> None:
    from inferhost_proxy.config import ConfigError, parse

    with pytest.raises(ConfigError) as raised:
        parse(config)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (json.dumps(BAD[0][0]), BAD[0][1]),
        ("{", "not valid JSON"),
        ("\xff{}", "not valid JSON"),
        ('{"host": "\xff"}', "not valid JSON: 'utf-8' codec"),
        ("[" * 100_000, "not valid JSON: maximum recursion"),
    ],
)
@pytest.mark.parametrize("option", ["--check-config", "--config"])
def test_bad_file_is_one_line_and_status_2(tmp_path: Path, option: str, text: str, message: str) -> None:
    file = tmp_path / "proxy.json"
    file.write_text(text, encoding="latin-1")
    result = run_cli(option, str(file))
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith(f"inferhost_proxy: {file}: ")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


def test_missing_file(tmp_path: Path) -> None:
    result = run_cli("--check-config", str(tmp_path / "none.json"))
    assert (result.returncode, result.stderr) == (2, f"inferhost_proxy: {tmp_path}/none.json: No such file or directory\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file or directory"),
        (b" \n", "is empty"),
        (b"two keys\n", "does not hold one key"),
        (b"a\nb\n", "does not hold one key"),
        ("sk-ä".encode(), "does not hold one key"),
    ],
)
def test_bad_key_file(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    result = run_cli("--port", str(free_port()), "--upstream", "http://127.0.0.1:1", "--key-file", str(file))
    assert result.returncode == 2
    assert result.stderr.startswith(f"inferhost_proxy: key file {file}")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    if content and content.strip():
        assert content.strip().decode() not in result.stderr


def test_without_arguments() -> None:
    result = run_cli()
    assert result.returncode == 2
    assert "--upstream URL and --key-file FILE" in result.stderr


def test_port_taken_names_the_process(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(CLIENT_KEY)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = run_cli("--port", str(port), "--upstream", "http://127.0.0.1:1", "--key-file", str(tmp_path / "key"))
    assert result.returncode == 3
    name = Path("/proc/self/comm").read_text().strip()
    assert f"port {port} on 127.0.0.1 is already taken by {name} (pid {os.getpid()})" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_start_reads_its_configuration_once(standin: StandIn, tmp_path: Path) -> None:
    """What was checked is what serves, whatever happens to the file meanwhile: out of a pipe it can be read one time only."""
    port, pipe, key = free_port(), tmp_path / "proxy.json", tmp_path / "key"
    key.write_text(CLIENT_KEY)
    os.mkfifo(pipe)
    upstream = {"name": "engine", "url": standin.url}
    settings = {"port": port, "api_keys": [{"label": "main", "file": str(key)}], "upstreams": [upstream]}
    process = subprocess.Popen([sys.executable, "-m", "inferhost_proxy", "--config", str(pipe)], env=environment(), stderr=subprocess.PIPE)
    try:
        pipe.write_text(json.dumps(settings))
        gateway = Gateway.__new__(Gateway)
        gateway.port = port

        def alive() -> bool:
            try:
                return gateway.request("GET", "/livez").status == 200
            except OSError:
                return False

        assert eventually(alive, 30)
    finally:
        process.terminate()
        process.communicate(timeout=15)
    assert process.returncode == 0


def test_foreign_host(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(CLIENT_KEY)
    arguments = ("--host", "192.0.2.1", "--upstream", "http://127.0.0.1:1", "--key-file", str(tmp_path / "key"))
    result = run_cli(*arguments)
    assert result.returncode == 3
    assert "192.0.2.1 is not an address of this machine" in result.stderr


def test_bare_command_line(standin: StandIn, tmp_path: Path) -> None:
    """What `make proxy PORT= UPSTREAM= KEY_FILE=` runs; the upstream is given as clients know it, with /v1."""
    standin.replies[CHAT] = whole({"ok": 1})
    (tmp_path / "key").write_text(CLIENT_KEY)
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "inferhost_proxy", "--port", str(port), "--upstream", f"{standin.url}/v1", "--key-file", "key"],
        env=environment(),
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
    )
    gateway = Gateway.__new__(Gateway)
    gateway.port = port
    try:
        eventually(lambda: answers(gateway), 15)
        assert gateway.post(CHAT, {}).json() == {"ok": 1}
        assert standin.last(CHAT).header("authorization") is None, "the client's key is not the engine's"
    finally:
        process.terminate()
        assert process.wait(10) == 0


def answers(gateway: Gateway) -> bool:
    try:
        return gateway.request("GET", "/livez").status == 200
    except OSError:
        return False


def test_sigterm_lets_streams_finish(standin: StandIn, start: Callable[..., Gateway]) -> None:
    gateway = start()
    standin.replies[CHAT] = stream(EVENT, 1.0, EVENT, DONE)
    bodies: list[bytes] = []
    client = threading.Thread(target=lambda: bodies.append(gateway.post(CHAT, {}).body))
    client.start()
    eventually(lambda: standin.seen and standin.seen[-1].sent)
    gateway.process.terminate()
    eventually(lambda: not answers(gateway))
    client.join(5)
    assert bodies == [EVENT + EVENT + DONE]
    assert gateway.stop() == 0


@pytest.mark.parametrize("reply", [stream(EVENT, HANG), Reply([], before=[HANG])], ids=["stream", "no answer yet"])
def test_sigterm_ends_what_does_not_finish(standin: StandIn, start: Callable[..., Gateway], reply: Reply) -> None:
    gateway = start(drain_seconds=1)
    standin.replies[CHAT] = reply
    bodies: list[Any] = []
    client = threading.Thread(target=lambda: bodies.append(gateway.post(CHAT, {})))
    client.start()
    eventually(lambda: standin.seen and (reply.before or standin.seen[-1].sent))
    begin = time.monotonic()
    assert gateway.stop() == 0
    assert time.monotonic() - begin < 10
    client.join(5)
    error = json.loads(bodies[0].body.removeprefix(EVENT).removeprefix(b"data: "))["error"]
    assert error["code"] == "shutting_down"
    assert bodies[0].status == (503 if reply.before else 200)
    assert standin.last(CHAT).closed.wait(2)


def test_log_is_json_lines(standin: StandIn, gateway: Gateway) -> None:
    standin.replies[CHAT] = stream(EVENT, 0.05, DONE)
    answer = gateway.post(CHAT, {})
    line = gateway.request_line(answer.headers["x-request-id"])
    assert line["event"] == "request"
    assert (line["route"], line["method"], line["status"], line["outcome"]) == ("chat", "POST", 200, "ok")
    assert (line["key"], line["bytes"]) == ("main", len(answer.body))
    assert 0 < line["first_byte_ms"] < line["duration_ms"]


PARENT = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"


@pytest.mark.parametrize("path", [CHAT, "/v1/messages", "/v1/embeddings"])
def test_trace_context_is_passed_on_and_logged(standin: StandIn, gateway: Gateway, path: str) -> None:
    reached = CHAT if path == "/v1/messages" else path
    standin.replies[reached] = whole({"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]})
    body = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    answer = gateway.post(path, body, traceparent=PARENT, tracestate="a=b")
    assert (standin.last(reached).header("traceparent"), standin.last(reached).header("tracestate")) == (PARENT, "a=b")
    assert gateway.request_line(answer.headers["x-request-id"])["trace"] == PARENT.split("-")[1]
    answer = gateway.post(path, body)
    assert standin.last(reached).header("traceparent") is None, "none is made unless it is asked for"
    assert gateway.request_line(answer.headers["x-request-id"])["trace"] is None


@pytest.mark.parametrize("given", [None, "no trace", f"{PARENT[:3]}{'0' * 32}{PARENT[35:]}", f"ff{PARENT[2:]}", "ä"])
def test_a_trace_is_begun_where_that_is_asked_for(standin: StandIn, start: Callable[..., Gateway], given: str | None) -> None:
    gateway = start(trace={"create": True})
    standin.replies[CHAT] = whole({})
    answer = gateway.post(CHAT, {}, **({"traceparent": given, "tracestate": "a=b"} if given else {}))
    made = standin.last(CHAT).header("traceparent") or ""
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", made)
    assert standin.last(CHAT).header("tracestate") is None
    assert gateway.request_line(answer.headers["x-request-id"])["trace"] == made.split("-")[1]
    assert gateway.post(CHAT, {}, traceparent=PARENT).status == 200
    assert standin.last(CHAT).header("traceparent") == PARENT


def test_connections_to_the_server_are_kept(standin: StandIn, gateway: Gateway) -> None:
    """Many requests one after another use one connection, and one that the server closed meanwhile does no harm."""
    ports: set[str] = set()
    standin.replies[CHAT] = whole({})
    for _ in range(5):
        assert gateway.post(CHAT, {}).status == 200
    connections = Path("/proc/net/tcp").read_text().splitlines()[1:]
    wanted = f":{standin.port:04X}"
    ports = {line.split()[1] for line in connections if line.split()[2].endswith(wanted) and line.split()[3] == "01"}
    assert len(ports) <= 2
    time.sleep(2.5)
    assert gateway.post(CHAT, {}).status == 200
