# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests of the Responses API: what the engine ignores or refuses, put right."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from gateway import Gateway
from msgspec import Raw
from standin import Reply, Seen, StandIn
from standin import whole as whole_reply

from inferhost_proxy.context import RESERVE
from inferhost_proxy.openai_request import prepare
from inferhost_proxy.responses_request import counted

RESPONSES = "/v1/responses"
ITEMS: list[dict[str, Any]] = [
    {"role": "user", "content": [{"type": "input_text", "text": "Read "}, {"type": "input_text", "text": "it."}]},
    {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]},
    {"type": "function_call", "call_id": "c1", "name": "read", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c1", "output": "text"},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Done."}]},
]


def raws(document: dict[str, Any]) -> dict[str, Raw]:
    members: dict[str, Raw] = msgspec.json.decode(msgspec.json.encode(document), type=dict[str, Raw])
    return members


def test_L59_the_conversation_of_a_responses_request() -> None:
    tool = {"type": "function", "name": "read", "parameters": {"type": "object"}, "strict": True}
    found = counted(raws({"model": "m", "instructions": "Be brief.", "input": ITEMS, "tools": [tool, {"type": "web_search"}]}))
    assert found is not None
    assert [message["role"] for message in found["messages"]] == ["system", "user", "assistant", "assistant", "tool", "assistant"]
    assert [message["content"] for message in found["messages"]] == ["Be brief.", "Read it.", "", None, "text", "Done."]
    assert found["tools"] == [{"type": "function", "function": {"name": "read", "parameters": {"type": "object"}}}]
    assert counted(raws({"input": "Hello."})) == {"messages": [{"role": "user", "content": "Hello."}]}


@pytest.mark.parametrize(
    "document",
    [
        {"input": "x", "previous_response_id": "resp_1"},
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "https://example.org/a.png"}]}]},
        {"input": [{"type": "computer_call"}]},
        {"input": 1},
        {},
    ],
)
def test_L59_what_the_engine_alone_knows_is_not_counted(document: dict[str, Any]) -> None:
    assert counted(raws(document)) is None


def test_L64_guided_fields_of_a_responses_request() -> None:
    ask = prepare(json.dumps({"model": "m", "input": "x", "guided_choice": ["a", "b"]}).encode(), False, None)
    assert json.loads(ask.body) == {"model": "m", "input": "x", "structured_outputs": {"choice": ["a", "b"]}}
    formed = {"model": "m", "input": "x", "guided_json": {}, "text": {"format": {"type": "json_object"}}}
    assert json.loads(prepare(json.dumps(formed).encode(), False, None).body) == {key: formed[key] for key in ("model", "input", "text")}
    untouched = json.dumps({"model": "m", "input": ITEMS}).encode()
    assert prepare(untouched, False, 100).body == untouched


def test_L59_the_output_of_a_response_is_what_the_context_leaves(standin: StandIn, start: Callable[..., Gateway]) -> None:
    gateway = start(limits={"max_model_len": 2048})

    def engine(seen: Seen) -> Reply:
        wanted = json.loads(seen.body)["max_output_tokens"]
        return whole_reply({"id": "resp_1", "output": []}) if wanted + 100 <= 2048 else whole_reply({"error": {"message": "too many"}}, 400)

    standin.replies[RESPONSES] = engine
    standin.replies["/tokenize"] = whole_reply({"count": 100, "max_model_len": 2048})
    assert gateway.post(RESPONSES, {"model": "m", "input": ITEMS, "max_output_tokens": 32000}).status == 200
    assert json.loads(standin.last(RESPONSES).body)["max_output_tokens"] == 2048 - 100 - RESERVE
    assert json.loads(standin.last("/tokenize").body)["messages"][0] == {"role": "user", "content": "Read it."}
