# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gateway in front of real vLLM.

INFERHOST_TEST_ENDPOINT names a running vLLM, INFERHOST_TEST_ENDPOINT_KEY_FILE the file with its key if it has one, and
INFERHOST_TEST_ENDPOINT_SCRIPTED=1 says that it runs with engine/scripted_tokens.py.
Otherwise INFERHOST_VLLM_PYTHON names a Python that has vLLM, and one is started with the built-in model, or with the one
in the folder INFERHOST_TEST_MODEL.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import anthropic
import openai
import pytest
from gateway import CLIENT_KEY, ENGINE_KEY, Answer, Gateway, eventually, free_port

HERE = Path(__file__).resolve().parent
MODEL = Path(os.environ.get("INFERHOST_TEST_MODEL") or HERE.parents[1] / "roles/model/files/inferhost-tiny")
ENDPOINT = os.environ.get("INFERHOST_TEST_ENDPOINT", "").rstrip("/").removesuffix("/v1")
PYTHON = os.environ.get("INFERHOST_VLLM_PYTHON", "")
START_SECONDS = 900
PATH = "/srv/app/notes.txt"
PARAMETERS = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
TOOL = {"name": "read", "description": "Read a file", "parameters": PARAMETERS}
ASK: dict[str, Any] = {
    "messages": [{"role": "user", "content": f"Read the file {PATH}"}],
    "tools": [{"type": "function", "function": TOOL}],
    "temperature": 0,
    "max_tokens": 400,
}


class Engine(NamedTuple):
    url: str
    key: str
    process: subprocess.Popen[bytes] | None


def reason_to_skip() -> str | None:
    if ENDPOINT:
        return None
    if not PYTHON:
        return "neither INFERHOST_TEST_ENDPOINT nor INFERHOST_VLLM_PYTHON is set"
    return None if (MODEL / "config.json").exists() else f"no model in {MODEL}"


pytestmark = [
    pytest.mark.skipif(reason_to_skip() is not None, reason=str(reason_to_skip())),
    pytest.mark.timeout(START_SECONDS + 60),
]


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    if ENDPOINT:
        key_file = os.environ.get("INFERHOST_TEST_ENDPOINT_KEY_FILE")
        yield Engine(ENDPOINT, Path(key_file).read_text().strip() if key_file else ENGINE_KEY, None)
        return
    port = free_port()
    log = tmp_path_factory.mktemp("vllm") / "log"
    arguments = {
        "--model": str(MODEL),
        "--served-model-name": "m",
        "--host": "127.0.0.1",
        "--port": str(port),
        "--max-model-len": "2048",
        "--max-num-seqs": "4",
        "--tool-call-parser": "hermes",
        "--logits-processors": "scripted_tokens:Scripted",
    }
    environment = {
        "PYTHONPATH": str(HERE / "engine"),
        "VLLM_API_KEY": ENGINE_KEY,
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                PYTHON,
                "-m",
                "vllm.entrypoints.openai.api_server",
                "--enable-auto-tool-choice",
                "--enforce-eager",
                *(word for pair in arguments.items() for word in pair),
            ],
            env={**os.environ, **environment},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        end = time.monotonic() + START_SECONDS
        while not healthy(port):
            assert process.poll() is None, f"vLLM ended: {log.read_text()[-3000:]}"
            assert time.monotonic() < end, f"vLLM was not ready in {START_SECONDS} s: {log.read_text()[-3000:]}"
            time.sleep(0.5)
        yield Engine(f"http://127.0.0.1:{port}", ENGINE_KEY, process)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)


def healthy(port: int) -> bool:
    gateway = Gateway.__new__(Gateway)
    gateway.port = port
    try:
        return gateway.request("GET", "/health").status == 200
    except OSError:
        return False


@pytest.fixture(scope="module")
def front(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("front")
    gateway = Gateway(folder / "gateway", engine.url, models=[])
    if engine.key != ENGINE_KEY:
        (gateway.folder / "secrets/engine_key").write_text(engine.key)
        gateway.process.send_signal(signal.SIGHUP)
        eventually(lambda: '"reloaded"' in gateway.log())
    yield gateway
    gateway.stop()


@pytest.fixture(scope="module")
def model(front: Gateway) -> str:
    return str(front.request("GET", "/v1/models", key=CLIENT_KEY).json()["data"][0]["id"])


@pytest.fixture
def client(front: Gateway) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{front.url}/v1", api_key=CLIENT_KEY, max_retries=0)


def scripted(engine: Engine, text: str) -> dict[str, Any]:
    """What makes the engine answer with this text."""
    if engine.process is None and os.environ.get("INFERHOST_TEST_ENDPOINT_SCRIPTED") != "1":
        pytest.skip("the given endpoint has no scripted answers (INFERHOST_TEST_ENDPOINT_SCRIPTED is not 1)")
    return {"vllm_xargs": {"script": text}}


def call_text(path: str) -> str:
    return f"<tool_call>\n{json.dumps({'name': 'read', 'arguments': {'path': path}}, ensure_ascii=False)}\n</tool_call>"


def whole(client: openai.OpenAI, model: str, **extra: Any) -> tuple[str, list[tuple[str, str]], str]:
    choice = client.chat.completions.create(model=model, **ASK, extra_body=extra).choices[0]
    calls = [(call.function.name, call.function.arguments) for call in choice.message.tool_calls or []]
    return choice.message.content or "", calls, choice.finish_reason


def streamed(client: openai.OpenAI, model: str, **extra: Any) -> tuple[str, list[tuple[str, str]], str]:
    with client.chat.completions.stream(model=model, **ASK, extra_body=extra) as events:
        choice = events.get_final_completion().choices[0]
    calls = [(call.function.name, call.function.arguments) for call in choice.message.tool_calls or []]
    return choice.message.content or "", calls, choice.finish_reason


def test_ready(front: Gateway) -> None:
    answer = front.request("GET", "/readyz")
    assert (answer.status, answer.json()) == (200, {"status": "ready"})


@pytest.mark.parametrize("path", ["/srv/app/notes.txt", '/tmp/ünï/🙂 "quoted" [].txt'])
def test_tool_call_streamed_and_whole(engine: Engine, client: openai.OpenAI, model: str, path: str) -> None:
    extra = scripted(engine, call_text(path))
    for text, calls, finish in (whole(client, model, **extra), streamed(client, model, **extra)):
        assert [(name, json.loads(arguments)) for name, arguments in calls] == [("read", {"path": path})]
        assert (text.strip(), finish) == ("", "tool_calls")


def test_text_streamed_and_whole(engine: Engine, client: openai.OpenAI, model: str) -> None:
    text = 'No call here, only "tool_calls": [] as text.'
    extra = scripted(engine, text)
    assert whole(client, model, **extra) == (text, [], "stop")
    assert streamed(client, model, **extra) == (text, [], "stop")


@pytest.mark.parametrize("stream", [False, True])
def test_no_empty_tool_calls_on_the_wire(engine: Engine, front: Gateway, model: str, stream: bool) -> None:
    body = {**ASK, "model": model, "stream": stream, **scripted(engine, "plain text")}
    answer = front.post("/v1/chat/completions", body)
    assert answer.status == 200
    assert b"tool_calls" not in answer.body


def test_tool_call_of_the_models_own(client: openai.OpenAI, model: str) -> None:
    for _, calls, finish in (whole(client, model), streamed(client, model)):
        assert [(name, json.loads(arguments)) for name, arguments in calls] == [("read", {"path": PATH})]
        assert finish == "tool_calls"


def blocks(message: Any) -> list[dict[str, Any]]:
    """The content without the ids, which differ from answer to answer."""
    return [block.model_dump(include={"type", "text", "name", "input"}) for block in message.content]


def test_anthropic_messages(front: Gateway, model: str) -> None:
    """The model's own answer: the same message, streamed and whole."""
    client = anthropic.Anthropic(base_url=front.url, api_key=CLIENT_KEY, max_retries=0)
    ask: Any = {
        "model": model,
        "max_tokens": 400,
        "messages": ASK["messages"],
        "tools": [{"name": "read", "description": "Read a file", "input_schema": PARAMETERS}],
        # The SDK no longer has the parameter; vLLM has.
        "extra_body": {"temperature": 0},
    }
    complete = client.messages.create(**ask)
    with client.messages.stream(**ask) as events:
        accumulated = events.get_final_message()
    assert blocks(complete) == blocks(accumulated) != []
    assert complete.stop_reason == accumulated.stop_reason
    assert complete.usage.output_tokens == accumulated.usage.output_tokens


@pytest.mark.parametrize(
    ("target", "body", "field"),
    [("/tokenize", {"prompt": "hello"}, "tokens"), ("/v1/completions", {"prompt": "hello", "max_tokens": 3}, "choices")],
)
def test_other_paths(front: Gateway, model: str, target: str, body: dict[str, Any], field: str) -> None:
    answer = front.post(target, {"model": model, **body})
    assert answer.status == 200
    assert answer.json()[field]


def test_errors_of_the_engine(front: Gateway, model: str) -> None:
    answer = front.post("/v1/chat/completions", {"model": "no-such-model", "messages": []})
    assert answer.status in (400, 404)
    assert answer.json()["error"]["message"]


def running(engine: Engine) -> float:
    gateway = Gateway.__new__(Gateway)
    gateway.port = int(engine.url.rpartition(":")[2])
    text = gateway.request("GET", "/metrics", key=engine.key).body.decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith("vllm:num_requests_running"))


def long_request(engine: Engine, front: Gateway, model: str, stream: bool) -> socket.socket:
    messages = [{"role": "user", "content": "x"}]
    body = {"model": model, "messages": messages, "stream": stream, "max_tokens": 1500, **scripted(engine, "word " * 1400)}
    client = front.open_stream("/v1/chat/completions", body)
    eventually(lambda: running(engine) == 1, 20)
    return client


@pytest.mark.parametrize("stream", [True, False])
def test_engine_stops_when_the_client_leaves(engine: Engine, front: Gateway, model: str, stream: bool) -> None:
    disconnects = 'inferhost_proxy_client_disconnects_total{phase="%s"}' % ("answer" if stream else "waiting")
    before = front.metric(disconnects)
    client = long_request(engine, front, model, stream)
    if stream:
        client.recv(4096)
    client.close()
    eventually(lambda: running(engine) == 0, 5)
    assert front.metric(disconnects) == before + 1, "the request was cancelled and not finished"


def test_engine_is_killed(engine: Engine, front: Gateway, model: str) -> None:
    """Last, because it ends the engine."""
    if engine.process is None:
        pytest.skip("a given endpoint is not this test's to kill")
    client = long_request(engine, front, model, stream=True)
    received = client.recv(65536)
    os.killpg(engine.process.pid, signal.SIGKILL)
    engine.process.wait()
    while more := client.recv(65536):
        received += more
        if received.endswith(b"0\r\n\r\n"):
            break
    client.close()
    assert b'"code":"upstream_cut"' in received.rpartition(b"data: ")[2]
    answer: Answer = front.post("/v1/chat/completions", {**ASK, "model": model})
    assert (answer.status, answer.json()["error"]["code"]) == (503, "upstream_refused")
    assert front.request("GET", "/readyz").status in (200, 503), "a cached answer may be two seconds old"
    eventually(lambda: front.request("GET", "/readyz").status == 503)
