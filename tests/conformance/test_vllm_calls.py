# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's tool parser inside real vLLM, without the gateway, which would find calls in the text by itself."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from real_vllm import ASK, NEEDED, PARAMETERS, Engine, scripted

pytestmark = NEEDED

PATH = '/srv/ünï/🙂 "</tools>" {}.txt'
READ = json.dumps({"name": "read", "arguments": {"path": PATH}}, ensure_ascii=False)
OTHER = '{"name": "read", "arguments": "{\\"path\\": \\"/b\\"}"}'
UNKNOWN = '<tools>{"name": "delete", "arguments": {}}</tools>'
BROKEN = '<tools>{"name": "read", "arguments": {"path": }}</tools> That is all.'
CUT = 'Now <tools>{"name": "read", "arguments": {"path": "/a'

# What the model writes, what of it is text, and the paths of its calls.
ANSWERS: dict[str, tuple[str, str, list[str]]] = {
    "object": (f"<tools>{READ}</tools>", "", [PATH]),
    "text, an array, and more blocks": (
        f"I will look.\n<tools>\n[{READ},\n {OTHER}]\n</tools>\n<tool_call>\n{OTHER}\n</tool_call>\n",
        "I will look.",
        [PATH, "/b", "/b"],
    ),
    "no tool of the request": (UNKNOWN, UNKNOWN, []),
    "a call and broken JSON": (f"<tools>{OTHER}</tools>{BROKEN}", BROKEN, ["/b"]),
    "cut off": (CUT, CUT, []),
}
Answer = tuple[str, list[tuple[str, dict[str, Any]]], str]


@pytest.fixture
def direct(engine: Engine) -> openai.OpenAI:
    if engine.process is None:
        pytest.skip("the given endpoint may have another tool parser")
    return openai.OpenAI(base_url=f"{engine.url}/v1", api_key=engine.key, max_retries=0)


def whole(client: openai.OpenAI, **more: Any) -> Answer:
    choice = client.chat.completions.create(model="m", **{**ASK, **more}).choices[0]
    calls = choice.message.tool_calls or []
    assert len({call.id for call in calls}) == len(calls)
    return choice.message.content or "", [(call.function.name, json.loads(call.function.arguments)) for call in calls], choice.finish_reason


def streamed(client: openai.OpenAI, **more: Any) -> Answer:
    """Put together here, because the SDK refuses answers that are cut off."""
    text, finish, ids = "", "", set()
    calls: list[list[str]] = []
    for chunk in client.chat.completions.create(model="m", stream=True, **{**ASK, **more}):
        choice = chunk.choices[0]
        text, finish = text + (choice.delta.content or ""), choice.finish_reason or finish
        for part in choice.delta.tool_calls or []:
            if part.index == len(calls):
                ids.add(part.id)
                calls.append([part.function.name, ""])
            calls[part.index][1] += part.function.arguments or ""
    assert len(ids) == len(calls)
    return text, [(name, json.loads(arguments)) for name, arguments in calls], finish


@pytest.mark.parametrize("name", ANSWERS)
def test_L52_streamed_and_whole(engine: Engine, direct: openai.OpenAI, name: str) -> None:
    text, said, paths = ANSWERS[name]
    expected = (said, [("read", {"path": path}) for path in paths], "tool_calls" if paths else "stop")
    assert whole(direct, extra_body=scripted(engine, text)) == expected
    assert streamed(direct, extra_body=scripted(engine, text)) == expected


@pytest.mark.parametrize("more", [{"max_tokens": 12}, {"stop": ["/a"]}], ids=["limit", "stop string"])
def test_L52_nothing_of_a_call_is_lost_that_does_not_come_to_its_end(engine: Engine, direct: openai.OpenAI, more: dict[str, Any]) -> None:
    answer = whole(direct, extra_body=scripted(engine, CUT), **more)
    assert CUT.startswith(answer[0]) and "<tools>{" in answer[0] and not answer[1]
    assert streamed(direct, extra_body=scripted(engine, CUT), **more) == answer


def test_L52_a_required_call_has_the_form_that_vllm_demands(engine: Engine, direct: openai.OpenAI) -> None:
    """Then vLLM makes the model write JSON without tags, and reads it without the parser."""
    extra = scripted(engine, '[{"name": "read", "parameters": {"path": "/b"}}]')
    for answer in (whole, streamed):
        assert answer(direct, tool_choice="required", extra_body=extra)[:2] == ("", [("read", {"path": "/b"})])


def test_L52_with_tool_choice_none_all_is_text(engine: Engine, direct: openai.OpenAI) -> None:
    text = f"<tools>{READ}</tools>"
    for answer in (whole, streamed):
        assert answer(direct, tool_choice="none", extra_body=scripted(engine, text)) == (text, [], "stop")


def test_L52_the_responses_api_has_the_call_too(engine: Engine, direct: openai.OpenAI) -> None:
    ask: dict[str, Any] = {
        "model": "m",
        "input": "Read the file",
        "tools": [{"type": "function", "name": "read", "description": "Read a file", "parameters": PARAMETERS}],
        "extra_body": scripted(engine, f"I will look.\n<tools>{READ}</tools>"),
    }
    with direct.responses.stream(**ask) as events:
        accumulated = events.get_final_response()
    for response in (direct.responses.create(**ask), accumulated):
        calls = [(item.name, json.loads(item.arguments)) for item in response.output if item.type == "function_call"]
        assert calls == [("read", {"path": PATH})]
        assert response.output_text.strip() == "I will look."
