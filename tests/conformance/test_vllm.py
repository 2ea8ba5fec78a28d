# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gateway in front of real vLLM; real_vllm.py says which."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import openai
import pytest
from gateway import CLIENT_KEY, Gateway, eventually
from real_vllm import ASK, NEEDED, PARAMETERS, PATH, Engine, call_text, long_request, running, scripted
from search_kit import SearchStandIn

pytestmark = NEEDED


@pytest.fixture
def client(front: Gateway) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{front.url}/v1", api_key=CLIENT_KEY, max_retries=0)


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


def test_L57_vllm_goes_on_behind_the_searches_of_a_response(engine: Engine, front: Gateway, client: openai.OpenAI, model: str, web: SearchStandIn) -> None:
    """Its script makes it search in every turn; it takes the searches back each time, also from the client."""
    front.reload(search=web.configuration(max_uses=1))
    try:
        script = '<tool_call>\n{"name": "web_search", "arguments": {"query": "new"}}\n</tool_call>'
        asked: Any = {"model": model, "tools": [{"type": "web_search"}], "extra_body": scripted(engine, script)}
        complete = client.responses.create(input="What is new?", **asked)
        with client.responses.stream(input="What is new?", **asked) as events:
            streamed_one = events.get_final_response()
        for answer in (complete, streamed_one):
            assert [item.type for item in answer.output if item.type != "message"] == ["web_search_call"] * 3, answer
            assert [item.status for item in answer.output if item.type == "web_search_call"] == ["completed", "failed", "failed"]
        sent_back: Any = [item.to_dict() for item in complete.output]
        assert client.responses.create(input=[{"role": "user", "content": "What is new?"}, *sent_back], **asked).status == "completed"
    finally:
        front.reload(search={})


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


@pytest.mark.parametrize("stream", [True, False])
def test_B25_engine_stops_when_the_client_leaves(engine: Engine, front: Gateway, model: str, stream: bool) -> None:
    disconnects = 'inferhost_proxy_client_disconnects_total{phase="%s"}' % ("answer" if stream else "waiting")
    before = front.metric(disconnects)
    client = long_request(engine, front, model, stream)
    if stream:
        client.recv(4096)
    client.close()
    eventually(lambda: running(engine) == 0, 5)
    assert front.metric(disconnects) == before + 1, "the request was cancelled and not finished"
