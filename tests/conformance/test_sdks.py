# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SDKs that clients use, as the oracle: what they make of a stream is what they make of the whole answer."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from gateway import CLIENT_KEY, Gateway
from standin import CUT, StandIn, Step, stream, whole

CHAT = "/v1/chat/completions"
MESSAGE = {
    "role": "assistant",
    "content": 'Reading. "tool_calls": []',
    "tool_calls": [
        {"id": "call_0", "type": "function", "function": {"name": "read", "arguments": '{"path": "/é/🙂.txt"}'}},
        {"id": "call_1", "type": "function", "function": {"name": "list", "arguments": "{}"}},
    ],
}


def answer_of(message: dict[str, Any], finish: str) -> dict[str, Any]:
    choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}


def chunks_of(message: dict[str, Any], finish: str) -> list[Step]:
    """The answer as a server streams it that writes an empty `tool_calls` into every chunk without a call."""

    def chunk(delta: dict[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason, "logprobs": None}
        document = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
        return b"data: " + json.dumps(document, separators=(",", ":")).encode() + b"\n\n"

    steps: list[Step] = [chunk({"role": "assistant", "content": "", "tool_calls": []})]
    steps += [chunk({"content": letter, "tool_calls": []}) for letter in message["content"]]
    for index, call in enumerate(message.get("tool_calls", [])):
        head = {"name": call["function"]["name"], "arguments": ""}
        steps.append(chunk({"tool_calls": [{"index": index, "id": call["id"], "type": "function", "function": head}]}))
        for letter in call["function"]["arguments"]:
            steps.append(chunk({"tool_calls": [{"index": index, "function": {"arguments": letter}}]}))
    return [*steps, chunk({"tool_calls": []}, finish), b"data: [DONE]\n\n"]


@pytest.fixture
def client(gateway: Gateway) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=CLIENT_KEY, max_retries=0)


def accumulate(client: openai.OpenAI) -> dict[str, Any]:
    with client.chat.completions.stream(model="m", messages=[{"role": "user", "content": "x"}]) as events:
        return events.get_final_completion().choices[0].message.to_dict()


@pytest.mark.parametrize(
    ("message", "finish"),
    [(MESSAGE, "tool_calls"), ({"role": "assistant", "content": "no call", "tool_calls": []}, "stop")],
)
def test_stream_equals_whole(standin: StandIn, client: openai.OpenAI, message: dict[str, Any], finish: str) -> None:
    standin.replies[CHAT] = whole(answer_of(message, finish))
    complete = client.chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}])
    standin.replies[CHAT] = stream(*chunks_of(message, finish))
    accumulated = accumulate(client)
    direct = {key: value for key, value in message.items() if value != []}
    assert {key: value for key, value in complete.choices[0].message.to_dict().items() if key in message} == direct
    for call in accumulated.get("tool_calls") or []:
        call.pop("index")
        call["function"].pop("parsed_arguments", None)
    assert {key: value for key, value in accumulated.items() if key in message and value is not None} == direct


def test_openai_errors(standin: StandIn, gateway: Gateway, client: openai.OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "x"}]
    with pytest.raises(openai.AuthenticationError) as refused:
        client.with_options(api_key="sk-wrong").chat.completions.create(model="m", messages=messages)
    assert refused.value.code == "invalid_api_key"
    assert refused.value.request_id

    standin.replies[CHAT] = stream(*chunks_of(MESSAGE, "tool_calls")[:5], CUT)
    with pytest.raises(openai.APIError) as cut:
        list(client.chat.completions.create(model="m", messages=messages, stream=True))
    assert cut.value.code == "upstream_cut"

    standin.stop()
    try:
        with pytest.raises(openai.InternalServerError) as down:
            client.chat.completions.create(model="m", messages=messages)
    finally:
        standin.start()
    assert down.value.code == "upstream_refused"
