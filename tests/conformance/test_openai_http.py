# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The OpenAI surface over real HTTP: what the official SDK makes of a stream is what it makes of the whole answer."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from typing import Any

import openai
import pytest
from gateway import CLIENT_KEY, PACKAGE, Answer, Gateway, eventually
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rescue_samples import LIST, READ, SAMPLES, TOOLS, Sample
from standin import CUT, HANG, Reply, Seen, StandIn, Step, stream, whole
from test_openai_stream import DONE, call, chunk
from test_rescue import cut

from inferhost_proxy.errors import KINDS

CHAT = "/v1/chat/completions"
ASK: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
RESCUED = "inferhost_proxy_rescued_tool_calls_total"
CHANGED = "inferhost_proxy_requests_changed_total"


@pytest.fixture
def client(gateway: Gateway) -> openai.OpenAI:
    return sdk(gateway)


def sdk(gateway: Gateway) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=CLIENT_KEY, max_retries=0)


def answer_of(message: dict[str, Any], finish: str) -> Reply:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish, "logprobs": None}
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    return whole({"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage})


def frames(*deltas: dict[str, Any], finish: str = "stop") -> bytes:
    usage = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": []}
    last = b"data: " + json.dumps({**usage, "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}}).encode() + b"\n\n"
    return chunk({"role": "assistant", "content": ""}) + b"".join(map(chunk, deltas)) + chunk({}, finish) + last + DONE


def accumulated(client: openai.OpenAI, **more: Any) -> Any:
    with client.chat.completions.stream(**ASK, stream_options={"include_usage": True}, extra_body={"tools": TOOLS, **more}) as events:
        return events.get_final_completion()


def seen_by_client(completion: Any) -> dict[str, Any]:
    """What an agent acts on, without what streams and whole answers name differently."""
    choice = completion.choices[0]
    calls = [(item.type, item.function.name, json.loads(item.function.arguments)) for item in choice.message.tool_calls or []]
    assert all(item.id for item in choice.message.tool_calls or [])
    thoughts = getattr(choice.message, "reasoning", None), getattr(choice.message, "reasoning_content", None)
    return {
        "content": choice.message.content or "",
        "calls": calls,
        "finish": choice.finish_reason,
        "thoughts": thoughts,
        "usage": completion.usage.total_tokens,
    }


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_L51_L52_L58_rescued_streamed_and_whole(standin: StandIn, client: openai.OpenAI, sample: Sample) -> None:
    standin.replies[CHAT] = answer_of({"content": sample.text}, "stop")
    complete = seen_by_client(client.chat.completions.create(**ASK, extra_body={"tools": TOOLS}))
    standin.replies[CHAT] = stream(frames(*({"content": letter} for letter in sample.text)))
    assert seen_by_client(accumulated(client)) == complete
    wanted = [("function", name, arguments) for name, arguments in sample.calls]
    assert complete == {"content": sample.rest, "calls": wanted, "finish": "tool_calls", "thoughts": (None, None), "usage": 7}


def test_B09_call_in_the_reasoning(standin: StandIn, client: openai.OpenAI) -> None:
    thoughts = "I need the file.\n" + SAMPLES[0].text
    standin.replies[CHAT] = answer_of({"content": None, "reasoning": thoughts}, "stop")
    complete = seen_by_client(client.chat.completions.create(**ASK, extra_body={"tools": TOOLS}))
    standin.replies[CHAT] = stream(frames(*({"reasoning": letter} for letter in thoughts)))
    assert seen_by_client(accumulated(client)) == complete
    assert complete["calls"] == [("function", *READ)]
    assert complete["thoughts"] == ("I need the file.\n", "I need the file.\n")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(SAMPLES), st.lists(st.integers(0, 10**6), max_size=40), st.sampled_from(["chunked", "close"]))
def test_however_tcp_cuts_the_same_bytes(standin: StandIn, gateway: Gateway, sample: Sample, at: list[int], framing: str) -> None:
    raw = frames(*({"content": sample.text[start : start + 9], "tool_calls": []} for start in range(0, len(sample.text), 9)))
    pieces: list[Step] = []
    places = sorted({0, len(raw), *(place % len(raw) for place in at)})
    pieces += [raw[start:end] for start, end in itertools.pairwise(places)]
    standin.replies[CHAT] = stream(*pieces, framing=framing)
    completion = accumulated(sdk(gateway))
    assert [(name, arguments) for _type, name, arguments in seen_by_client(completion)["calls"]] == sample.calls


@pytest.mark.parametrize(
    ("text", "more"),
    [
        (SAMPLES[0].text, {"tools": None}),
        (SAMPLES[0].text, {"tools": TOOLS, "tool_choice": "none"}),
        (f"So:\n```\n{SAMPLES[0].text}\n```\nand so on.", {"tools": TOOLS}),
        (SAMPLES[0].text, {"tools": [tool for tool in TOOLS if tool["function"]["name"] != "read"]}),
    ],
    ids=["no tools", "B14 none", "fence", "another tool"],
)
def test_no_rescue(standin: StandIn, gateway: Gateway, text: str, more: dict[str, Any]) -> None:
    body = {**ASK, **{key: value for key, value in more.items() if value is not None}}
    raw = frames(*({"content": piece} for piece in cut(text, [5, 12, 40])))
    standin.replies[CHAT] = stream(raw)
    got = gateway.post(CHAT, {**body, "stream": True}).body
    assert b'"tool_calls"' not in got
    assert "".join(json.loads(event[6:])["choices"][0]["delta"].get("content", "") for event in got.split(b"\n\n")[:-3]) == text
    if "tools" not in body or body.get("tool_choice") == "none":
        assert got == raw
    standin.replies[CHAT] = answer_of({"content": text}, "stop")
    assert gateway.post(CHAT, body).json()["choices"][0]["message"]["content"] == text


def test_rescue_can_be_switched_off(start: Callable[..., Gateway], standin: StandIn) -> None:
    gateway = start(rescue={"enabled": False}, openai={"both_reasoning_names": False})
    raw = frames({"reasoning": "r"}, {"content": SAMPLES[0].text})
    standin.replies[CHAT] = stream(raw)
    assert gateway.post(CHAT, {**ASK, "tools": TOOLS}).body == raw


def test_rescues_are_counted(standin: StandIn, gateway: Gateway) -> None:
    before = gateway.metric(RESCUED + '{notation="tool_call"}')
    sample = next(sample for sample in SAMPLES if len(sample.calls) == 2 and sample.notation == "tool_call")
    standin.replies[CHAT] = stream(frames({"content": sample.text}))
    gateway.post(CHAT, {**ASK, "tools": TOOLS})
    assert gateway.metric(RESCUED + '{notation="tool_call"}') == before + 2
    assert b'notation="kimi"} 0.0' in gateway.request("GET", "/metrics").body or gateway.metric(RESCUED + '{notation="kimi"}') > 0


def test_engine_quirks_at_once(standin: StandIn, client: openai.OpenAI) -> None:
    """B1, B3, B4, B5, B6, B7 and B15 in one stream."""
    items = [
        {"tool_calls": [call(0, id="", name="list")]},
        {"tool_calls": [call(0, id=None, name=None, arguments="{")]},
        {"tool_calls": [call(0, arguments="}")]},
    ]
    standin.replies[CHAT] = stream(frames({"reasoning": "hm", "tool_calls": []}, *items, {"tool_calls": []}, finish="stop"))
    got = seen_by_client(accumulated(client))
    assert got == {"content": "", "calls": [("function", *LIST)], "finish": "tool_calls", "thoughts": ("hm", "hm"), "usage": 7}
    standin.replies[CHAT] = stream(frames({"content": "x"}, finish="tool_calls"))
    assert seen_by_client(accumulated(client))["finish"] == "stop"


# Requests


def test_request_reaches_the_engine_put_right(standin: StandIn, gateway: Gateway) -> None:
    standin.replies[CHAT] = answer_of({"content": "x"}, "stop")
    before = gateway.metric(CHANGED + '{change="history"}')
    broken = {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": {"name": "read", "arguments": '{"path": "/a'}}]}
    gateway.post(CHAT, {**ASK, "messages": [*ASK["messages"], broken], "guided_choice": ["a"]})
    seen = json.loads(standin.last(CHAT).body)
    assert seen["messages"][1]["tool_calls"][0]["function"]["arguments"] == '{"path": "/a"}'
    assert seen["structured_outputs"] == {"choice": ["a"]}
    assert gateway.metric(CHANGED + '{change="history"}') == before + 1


@pytest.mark.parametrize("path", [CHAT, "/v1/completions", "/v1/responses", "/v1/embeddings", "/tokenize"])
def test_untouched_request_is_the_same_bytes(standin: StandIn, gateway: Gateway, path: str) -> None:
    raw = b'{ "model" : "m", "input":"x",  "max_tokens" : 5, "guided":1, "x": 1.0e-5 }'
    standin.replies[path] = whole({"id": "x"})
    gateway.post(path, raw)
    assert standin.last(path).body == raw


OLD_ENGINE = {"error": {"message": "This model's maximum context length is 2048 tokens.", "type": "BadRequestError", "code": 400}}


def engine(count: int, limit: int = 2048) -> tuple[Callable[[Seen], Reply], Callable[[Seen], Reply]]:
    """An engine that refuses what does not fit, and its tokenizer."""

    def chat(seen: Seen) -> Reply:
        asked = json.loads(seen.body).get("max_tokens", 1)
        return whole(OLD_ENGINE, 400) if count + asked > limit else answer_of({"content": str(asked)}, "length")

    return chat, lambda _seen: whole({"count": count, "max_model_len": limit, "tokens": []})


@pytest.fixture
def limited(start: Callable[..., Gateway]) -> Gateway:
    return start(limits={"max_model_len": 2048, "max_output_tokens": 512})


LONG = {**ASK, "messages": [{"role": "user", "content": "word " * 500}]}


def test_L59_B23_output_is_what_the_context_leaves(standin: StandIn, limited: Gateway) -> None:
    standin.replies[CHAT], standin.replies["/tokenize"] = engine(1500)
    answer = limited.post(CHAT, {**LONG, "max_tokens": 32000, "tools": TOOLS})
    assert answer.json()["choices"][0]["message"]["content"] == str(2048 - 1500 - 8)
    tokenized = json.loads(standin.last("/tokenize").body)
    assert (tokenized["messages"], tokenized["tools"]) == (LONG["messages"], TOOLS)
    assert standin.last("/tokenize").header("authorization") == standin.last(CHAT).header("authorization")
    assert limited.metric(CHANGED + '{change="max_tokens"}') == 2


def test_a_request_that_fits_costs_no_question(standin: StandIn, limited: Gateway) -> None:
    standin.replies[CHAT], standin.replies["/tokenize"] = engine(100)
    assert limited.post(CHAT, {**LONG, "max_tokens": 1900}).json()["choices"][0]["message"]["content"] == "1900"
    assert [seen.target for seen in standin.seen] == [CHAT]
    standin.replies[CHAT] = whole({"error": {"message": "no such model"}}, 400)
    assert limited.post(CHAT, {**ASK, "max_tokens": 10}).json()["error"]["message"] == "no such model"
    assert [seen.target for seen in standin.seen] == [CHAT, CHAT], "its size clears it"


def test_B24_input_that_does_not_fit(standin: StandIn, limited: Gateway) -> None:
    standin.replies[CHAT], standin.replies["/tokenize"] = engine(3000)
    with pytest.raises(openai.BadRequestError) as refused:
        sdk(limited).chat.completions.create(**LONG, max_tokens=100, stream=True)
    assert refused.value.code == "context_length_exceeded"
    assert "maximum context length is 2048 tokens" in refused.value.message
    assert "3000" in refused.value.message


@pytest.mark.parametrize("tokenizer", [whole({"x": 1}), whole({}, 500), Reply([CUT])], ids=["strange", "500", "cut"])
def test_without_the_tokenizer_the_engines_refusal_is_the_answer(standin: StandIn, limited: Gateway, tokenizer: Reply) -> None:
    standin.replies[CHAT], _tokenizer = engine(3000)
    standin.replies["/tokenize"] = tokenizer
    answer = limited.post(CHAT, {**LONG, "max_tokens": 100})
    assert (answer.status, answer.json()) == (400, OLD_ENGINE)


def test_completions_are_fitted_too(standin: StandIn, limited: Gateway) -> None:
    path = "/v1/completions"

    def complete(seen: Seen) -> Reply:
        return whole({"asked": json.loads(seen.body)["max_tokens"]}, 400 if json.loads(seen.body)["max_tokens"] > 1548 else 200)

    standin.replies[path] = complete
    standin.replies["/tokenize"] = whole({"count": 500})
    assert limited.post(path, {"model": "m", "prompt": "word " * 500, "max_tokens": 2000}).json() == {"asked": 1540}


# Streams that are silent, or break


def test_B26_comments_while_the_engine_is_silent(start: Callable[..., Gateway], standin: StandIn) -> None:
    gateway = start(openai={"keep_alive_seconds": 0.2})
    standin.replies[CHAT] = stream(0.7, chunk({"content": "a"}), 0.5, chunk({}, "stop"), DONE)
    body = gateway.post(CHAT, {**ASK, "stream": True}).body
    before, _event, after = body.partition(chunk({"content": "a"}))
    assert 2 <= before.count(b": waiting\n\n") <= 4
    assert 1 <= after.count(b": waiting\n\n") <= 3
    assert body.replace(b": waiting\n\n", b"") == chunk({"content": "a"}) + chunk({}, "stop") + DONE
    standin.replies[CHAT] = stream(0.5, frames({"content": "b"}))
    assert seen_by_client(accumulated(sdk(gateway)))["content"] == "b", "the SDK takes no notice"


def test_no_comment_between_busy_events_nor_in_other_answers(start: Callable[..., Gateway], standin: StandIn) -> None:
    gateway = start(openai={"keep_alive_seconds": 0.4})
    steps: list[Step] = [step for number in range(8) for step in (0.1, chunk({"content": str(number)}))]
    standin.replies[CHAT] = stream(*steps, DONE)
    assert b": waiting" not in gateway.post(CHAT, {**ASK, "stream": True}).body
    standin.replies["/v1/messages"] = stream(0.6, b'event: message_stop\ndata: {"type":"message_stop"}\n\n')
    assert b": waiting" not in gateway.post("/v1/messages", {}).body
    standin.replies[CHAT] = Reply([b'{"choices"', 0.6, b":[]}"])
    assert gateway.post(CHAT, ASK).body == b'{"choices":[]}'


@pytest.mark.parametrize("behind", [1, 2, 3, 4])
def test_an_end_that_comes_in_two_parts_is_an_end(standin: StandIn, gateway: Gateway, behind: int) -> None:
    raw = chunk({"content": "a"}).replace(b"\n", b"\r\n") + b"data: [DONE]\r\n\r\n"
    standin.replies[CHAT] = stream(raw[:-behind], 0.1, raw[-behind:], framing="close")
    assert gateway.post(CHAT, {**ASK, "stream": True}).body == raw


HELD = [chunk({"content": "Reading. "}), chunk({"content": '<tool_call>{"name": "read", "argu'})]


@pytest.mark.parametrize("end", [[CUT], []], ids=["cut", "A45 no end marker"])
def test_A25_A26_a_broken_stream_is_an_error_and_no_call(standin: StandIn, gateway: Gateway, end: list[Step]) -> None:
    standin.replies[CHAT] = stream(*HELD, *end)
    received = []
    with pytest.raises(openai.APIError) as broken:
        for event in sdk(gateway).chat.completions.create(**ASK, stream=True, extra_body={"tools": TOOLS}):
            received.append(event.choices[0])
    assert broken.value.code == "upstream_cut"
    assert "".join(choice.delta.content or "" for choice in received) == 'Reading. <tool_call>{"name": "read", "argu'
    assert [choice.finish_reason for choice in received] == [None] * len(received)


def test_held_text_of_a_stalled_stream_comes_with_the_error(start: Callable[..., Gateway], standin: StandIn) -> None:
    gateway = start(timeouts={"idle_seconds": 0.5})
    standin.replies[CHAT] = stream(*HELD, HANG)
    body = gateway.post(CHAT, {**ASK, "stream": True, "tools": TOOLS}).body
    assert b"upstream_stalled" in body
    assert b'{\\"name\\": \\"read\\", \\"argu' in body


def test_error_of_the_engine_in_a_stream(standin: StandIn, client: openai.OpenAI) -> None:
    standin.replies[CHAT] = stream(*HELD, b'data: {"error":{"message":"out of memory","type":"x","code":500}}\n\n', DONE)
    with pytest.raises(openai.APIError, match="out of memory"):
        list(client.chat.completions.create(**ASK, stream=True, extra_body={"tools": TOOLS}))


def test_responses_that_break_off(standin: StandIn, client: openai.OpenAI) -> None:
    created = {"type": "response.created", "sequence_number": 0, "response": {"id": "r", "object": "response", "output": []}}
    standin.replies["/v1/responses"] = stream(b"event: response.created\ndata: " + json.dumps(created).encode() + b"\n\n", framing="close")
    with pytest.raises(openai.APIError) as broken:
        list(client.responses.create(model="m", input="x", stream=True))
    assert broken.value.code == "upstream_cut"


def test_E16_each_event_at_once(standin: StandIn, gateway: Gateway) -> None:
    standin.replies[CHAT] = stream(chunk({"content": "Hello <b> and `x`. "}), 3.0, DONE)
    connection = gateway.connect(timeout=2)
    connection.request("POST", CHAT, json.dumps({**ASK, "tools": TOOLS}), {"authorization": f"Bearer {CLIENT_KEY}"})
    assert connection.getresponse().readline() + b"\n" == chunk({"content": "Hello <b> and `x`. "})
    connection.close()


def test_a_client_that_leaves_while_the_tokenizer_is_asked(standin: StandIn, limited: Gateway) -> None:
    standin.replies[CHAT], _tokenizer = engine(3000)
    standin.replies["/tokenize"] = Reply([HANG])
    client = limited.open_stream(CHAT, {**LONG, "max_tokens": 100})
    eventually(lambda: any(seen.target == "/tokenize" for seen in standin.seen))
    client.close()
    assert standin.last("/tokenize").closed.wait(5)


def test_nothing_of_a_prompt_or_an_answer_is_logged(standin: StandIn, limited: Gateway) -> None:
    standin.replies[CHAT] = stream(frames({"content": SAMPLES[0].text}))
    answer: Answer = limited.post(CHAT, {**ASK, "messages": [{"role": "user", "content": "very-secret-prompt"}], "tools": TOOLS})
    assert answer.status == 200
    time.sleep(0.2)
    for word in ("very-secret-prompt", "notes.txt", "tool_call>"):
        assert word not in limited.log()


def test_every_code_is_documented() -> None:
    documented = (PACKAGE.parents[2] / "docs/proxy.md").read_text()
    assert [code for code in KINDS if f"`{code}`" not in documented] == []
