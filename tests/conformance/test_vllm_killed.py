# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real vLLM dies under the gateway. After the other tests with it by its name, because it ends the engine that they share."""

from __future__ import annotations

import os
import signal

import pytest
from gateway import Answer, Gateway, eventually
from real_vllm import ASK, NEEDED, Engine, long_request

pytestmark = NEEDED


def test_engine_is_killed(engine: Engine, front: Gateway, model: str) -> None:
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
