# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Anthropic surface in front of real vLLM, with the engine of test_vllm.py."""

from __future__ import annotations

import json
import socket
from typing import Any

import anthropic
import pytest
from anthropic_kit import check_grammar, parse_events
from gateway import CLIENT_KEY, Gateway, eventually
from real_vllm import NEEDED, PARAMETERS, PATH, Engine, call_text, running, scripted

pytestmark = NEEDED

TOOL: Any = {"name": "read", "description": "Read a file", "input_schema": PARAMETERS}
USER: Any = {"role": "user", "content": f"Read the file {PATH}"}


@pytest.fixture
def client(front: Gateway) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=front.url, api_key=CLIENT_KEY, max_retries=0)


def ask(model: str, *messages: Any, **more: Any) -> Any:
    extra = {"temperature": 0, **more.pop("extra", {})}
    return {"model": model, "max_tokens": 300, "messages": list(messages or [USER]), "tools": [TOOL], "extra_body": extra, **more}


def both(client: anthropic.Anthropic, request: Any) -> tuple[Any, Any]:
    """The whole message, and the one put together from a stream."""
    with client.messages.stream(**request) as events:
        accumulated = events.get_final_message()
    return client.messages.create(**request), accumulated


def said(message: Any) -> list[Any]:
    return [block.model_dump(include={"type", "text", "name", "input"}) for block in message.content]


def prompt(message: Any) -> int:
    """The prompt's size; what came from the cache is counted apart."""
    return int(message.usage.input_tokens + (message.usage.cache_read_input_tokens or 0))


@pytest.mark.parametrize(
    ("text", "blocks", "reason"),
    [
        ("No call here, only text.", [{"type": "text", "text": "No call here, only text."}], "end_turn"),
        (call_text("/ünï/🙂"), [{"type": "tool_use", "name": "read", "input": {"path": "/ünï/🙂"}}], "tool_use"),
        (
            call_text("/a") + "\n" + call_text("/b"),
            [{"type": "tool_use", "name": "read", "input": {"path": "/a"}}, {"type": "tool_use", "name": "read", "input": {"path": "/b"}}],
            "tool_use",
        ),
    ],
)
def test_streamed_and_whole(engine: Engine, client: anthropic.Anthropic, model: str, text: str, blocks: list[Any], reason: str) -> None:
    for message in both(client, ask(model, extra=scripted(engine, text))):
        assert (said(message), message.stop_reason) == (blocks, reason)


def test_text_beside_a_call(engine: Engine, client: anthropic.Anthropic, model: str) -> None:
    for message in both(client, ask(model, extra=scripted(engine, f"I look.\n{call_text('/a')}"))):
        assert [block.type for block in message.content] == ["text", "tool_use"]
        assert (message.content[0].text.strip(), message.content[1].input, message.stop_reason) == ("I look.", {"path": "/a"}, "tool_use")


def test_events_keep_the_grammar_and_tell_the_prompts_size_first(front: Gateway, client: anthropic.Anthropic, model: str) -> None:
    request = ask(model)
    request |= request.pop("extra_body")
    events = parse_events(front.post("/v1/messages", {**request, "stream": True}).body)
    check_grammar(events)
    counted = client.messages.count_tokens(model=model, messages=[USER], tools=[TOOL]).input_tokens
    assert events[0]["message"]["usage"]["input_tokens"] == counted > 0


SESSION: Any = [
    USER,
    {"role": "system", "content": "<total_tokens>900 tokens left</total_tokens>"},
    {"role": "assistant", "content": [{"type": "text", "text": "I look."}, {"type": "tool_use", "id": "toolu_1", "name": "read", "input": {"path": PATH}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "The word is heliotrope."}, {"type": "text", "text": "Well?"}]},
]


@pytest.mark.parametrize("messages", [[USER], SESSION, [USER, {"role": "assistant", "content": "The word"}]], ids=["question", "session", "prefill"])
def test_count_tokens_is_what_the_answer_reports(engine: Engine, client: anthropic.Anthropic, model: str, messages: Any) -> None:
    system: Any = [{"type": "text", "text": "x-anthropic-billing-header: cch=1;"}, {"type": "text", "text": "Be brief."}]
    counted = client.messages.count_tokens(model=model, messages=messages, tools=[TOOL], system=system).input_tokens
    for message in both(client, ask(model, *messages, system=system, extra=scripted(engine, "ok"))):
        assert prompt(message) == counted


def test_output_is_clamped_and_a_prompt_that_does_not_fit_is_named(engine: Engine, client: anthropic.Anthropic, model: str) -> None:
    for message in both(client, ask(model, max_tokens=64000, extra=scripted(engine, "ok"), timeout=300)):
        assert said(message) == [{"type": "text", "text": "ok"}]
    with pytest.raises(anthropic.BadRequestError) as refused:
        # The built-in model's template shortens what users say, but not what an answer goes on from.
        client.messages.create(**ask(model, USER, {"role": "assistant", "content": "word " * 20000 + "end"}))
    assert "prompt is too long" in refused.value.message


def test_stop_sequence_and_max_tokens(engine: Engine, client: anthropic.Anthropic, model: str) -> None:
    extra = scripted(engine, "one two END three")
    for message in both(client, ask(model, stop_sequences=["END"], extra=extra)):
        assert (message.content[0].text.strip(), message.stop_reason, message.stop_sequence) == ("one two", "stop_sequence", "END")
    for message in both(client, ask(model, max_tokens=2, extra=extra)):
        assert (message.stop_reason, message.usage.output_tokens) == ("max_tokens", 2)


def test_errors_and_models(front: Gateway, client: anthropic.Anthropic, model: str) -> None:
    assert model in [each.id for each in client.models.list()]
    with pytest.raises(anthropic.NotFoundError):
        client.messages.create(**ask("no-such-model"))
    with pytest.raises(anthropic.NotFoundError):
        client.messages.count_tokens(model="no-such-model", messages=[USER])
    assert front.post("/v1/messages", {"model": model}).json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("stream", [False, True])
def test_B25_engine_stops_when_the_client_leaves(engine: Engine, front: Gateway, model: str, stream: bool) -> None:
    body = ask(model, max_tokens=1500, extra=scripted(engine, "word " * 1400))
    body |= body.pop("extra_body")
    source: socket.socket = front.open_stream("/v1/messages", json.loads(json.dumps({**body, "stream": stream})))
    eventually(lambda: running(engine) == 1, 20)
    source.close()
    eventually(lambda: running(engine) == 0, 5)
