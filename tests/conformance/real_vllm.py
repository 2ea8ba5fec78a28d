# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real vLLM for the tests of the gateway in front of one.

INFERHOST_TEST_ENDPOINT names a running vLLM, INFERHOST_TEST_ENDPOINT_KEY_FILE the file with its key if it has one, and
INFERHOST_TEST_ENDPOINT_SCRIPTED=1 says that it runs with engine/scripted_tokens.py.
Otherwise INFERHOST_VLLM_PYTHON names a Python that has vLLM, and one is started with the built-in model, or with the one
in the folder INFERHOST_TEST_MODEL. Starting takes a minute or more, so all tests of a run share it. It has the collection's own tool parser, which reads
what vLLM's hermes reads, too; with that one the demo runs.
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

import pytest
from gateway import ENGINE_KEY, Gateway, eventually, free_port

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


NEEDED = [
    pytest.mark.skipif(reason_to_skip() is not None, reason=str(reason_to_skip())),
    pytest.mark.timeout(START_SECONDS + 60),
]


@contextlib.contextmanager
def started(folder: Path) -> Iterator[Engine]:
    """The given endpoint, or an engine that is killed at the end."""
    if ENDPOINT:
        key_file = os.environ.get("INFERHOST_TEST_ENDPOINT_KEY_FILE")
        yield Engine(ENDPOINT, Path(key_file).read_text().strip() if key_file else ENGINE_KEY, None)
        return
    port = free_port()
    log = folder / "log"
    arguments = {
        "--model": str(MODEL),
        "--served-model-name": "m",
        "--host": "127.0.0.1",
        "--port": str(port),
        "--max-model-len": "2048",
        "--max-num-seqs": "4",
        "--tool-call-parser": "qwen_tools",
        "--tool-parser-plugin": str(HERE.parents[1] / "roles/vllm/files/qwen_tools_parser.py"),
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


def scripted(engine: Engine, text: str) -> dict[str, Any]:
    """What makes the engine answer with this text."""
    if engine.process is None and os.environ.get("INFERHOST_TEST_ENDPOINT_SCRIPTED") != "1":
        pytest.skip("the given endpoint has no scripted answers (INFERHOST_TEST_ENDPOINT_SCRIPTED is not 1)")
    return {"vllm_xargs": {"script": text}}


def call_text(path: str) -> str:
    return f"<tool_call>\n{json.dumps({'name': 'read', 'arguments': {'path': path}}, ensure_ascii=False)}\n</tool_call>"


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
