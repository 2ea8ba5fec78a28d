# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The OpenAI SDK, configured by nothing but the generated environment file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

openai = pytest.importorskip("openai", reason="the OpenAI SDK is not installed in the Python that runs the tests")


@pytest.fixture
def client(endpoint, generated: Path, monkeypatch):
    for line in (generated / "env").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            monkeypatch.setenv(*line.split("=", 1))
    client = openai.OpenAI(max_retries=0, timeout=120)
    assert str(client.base_url).startswith(endpoint)
    return client


def test_a_tool_call(client, tool_request, note):
    answer = client.chat.completions.create(**tool_request)
    (call,) = answer.choices[0].message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("read_file", {"path": str(note.path)})
    assert answer.choices[0].finish_reason == "tool_calls"


def test_a_streamed_tool_call(client, tool_request, note):
    with client.chat.completions.stream(**tool_request, stream_options={"include_usage": True}) as events:
        answer = events.get_final_completion()
    (call,) = answer.choices[0].message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("read_file", {"path": str(note.path)})
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.usage.completion_tokens > 0


@pytest.mark.parametrize("stream", [False, True])
def test_the_result_of_a_tool_is_answered_with_text(client, tool_request, note, stream):
    first = client.chat.completions.create(**tool_request).choices[0].message
    conversation = [
        *tool_request["messages"],
        first.to_dict(),
        {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": note.path.read_text(encoding="utf-8")},
    ]
    request = {**tool_request, "messages": conversation}
    if stream:
        with client.chat.completions.stream(**request) as events:
            second = events.get_final_completion().choices[0]
    else:
        second = client.chat.completions.create(**request).choices[0]
    assert second.finish_reason == "stop"
    assert not second.message.tool_calls
    assert second.message.content.strip()


def test_the_model_in_the_environment_file_is_served(client, generated: Path):
    named = dict(line.split("=", 1) for line in (generated / "env").read_text(encoding="utf-8").splitlines() if "=" in line and line[0] != "#")
    assert named["OPENAI_MODEL"] in [served.id for served in client.models.list()]
