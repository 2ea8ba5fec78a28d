# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of models that clients use: what the engine is asked under them, and what the client reads."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anthropic
import msgspec
import openai
import pytest
from gateway import CLIENT_KEY, Gateway
from hypothesis import given
from hypothesis import strategies as st
from search_kit import SearchStandIn
from standin import CUT, Reply, Seen, StandIn, stream, whole

from inferhost_proxy.aliases import Aliases, filled, in_members
from inferhost_proxy.renaming import Renaming
from inferhost_proxy.upstream_config import Alias

CHAT, COMPLETIONS, RESPONSES, MESSAGES = "/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/messages"
FAST: dict[str, Any] = {"model": "m", "thinking": False, "defaults": {"temperature": 0.7, "top_p": 0.8}}
DEEP: dict[str, Any] = {"model": "m", "thinking": True, "chat_template_kwargs": {"style": "long"}, "defaults": {"temperature": 0.6, "max_tokens": 99}}
EFFORT: dict[str, Any] = {"model": "m", "defaults": {"reasoning_effort": "high"}}
ALIASES = {"m-fast": FAST, "m-deep": DEEP, "claude-*": {"model": "m"}, "claude-haiku-*": FAST, "ghost": {"model": "absent"}}
TURNS = [{"role": "user", "content": "x"}]


@pytest.fixture(scope="module")
def aliased_gateway(standin_server: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    running = Gateway(tmp_path_factory.mktemp("aliases") / "gateway", standin_server.url, aliases=ALIASES)
    yield running
    assert running.stop() == 0
    assert '"failure"' not in running.log()


@pytest.fixture
def gateway(aliased_gateway: Gateway, standin: StandIn) -> Gateway:
    standin.replies["/tokenize"] = whole({"count": 7, "max_model_len": 2048, "tokens": [1]})
    return aliased_gateway


def decode(name: str, alias: dict[str, Any]) -> Alias:
    return msgspec.convert({name: alias}, dict[str, Alias])[name]


def asked(standin: StandIn, path: str) -> Any:
    return json.loads(standin.last(path).body)


def chat_answer(model: str = "m", **message: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": "hi", **message}, "finish_reason": "stop", "logprobs": None}
    usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
    return {"id": "c", "object": "chat.completion", "created": 1, "model": model, "choices": [choice], "usage": usage}


def chunk(text: str | None, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {} if text is None else {"content": text}, "finish_reason": finish}
    return b"data: " + json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}).encode() + b"\n\n"


# What an alias says, where the client says something too.
SAID: list[tuple[dict[str, Any], str, dict[str, Any], dict[str, Any]]] = [
    (FAST, "chat", {}, {"temperature": 0.7, "top_p": 0.8, "chat_template_kwargs": {"enable_thinking": False}}),
    (FAST, "chat", {"temperature": 0}, {"top_p": 0.8, "chat_template_kwargs": {"enable_thinking": False}}),
    (FAST, "chat", {"chat_template_kwargs": {"enable_thinking": True}}, {"temperature": 0.7, "top_p": 0.8}),
    (FAST, "chat", {"chat_template_kwargs": {"thinking": True}}, {"temperature": 0.7, "top_p": 0.8}),
    (FAST, "chat", {"reasoning_effort": "high"}, {"temperature": 0.7, "top_p": 0.8}),
    (
        FAST,
        "chat",
        {"chat_template_kwargs": {"a": 1}},
        {"temperature": 0.7, "top_p": 0.8, "chat_template_kwargs": {"enable_thinking": False, "a": 1}},
    ),
    (
        DEEP,
        "chat",
        {"chat_template_kwargs": {"style": "short"}},
        {"temperature": 0.6, "max_tokens": 99, "chat_template_kwargs": {"enable_thinking": True, "style": "short"}},
    ),
    (DEEP, "chat", {"max_completion_tokens": 5}, {"temperature": 0.6, "chat_template_kwargs": {"enable_thinking": True, "style": "long"}}),
    (EFFORT, "chat", {}, {"reasoning_effort": "high"}),
    (EFFORT, "chat", {"chat_template_kwargs": {"enable_thinking": False}}, {}),
    (EFFORT, "chat", {"reasoning_effort": "low"}, {}),
    (EFFORT, "completions", {}, {}),
    (DEEP, "completions", {}, {"temperature": 0.6, "max_tokens": 99}),
    (DEEP, "responses", {}, {"temperature": 0.6, "max_output_tokens": 99, "chat_template_kwargs": {"enable_thinking": True, "style": "long"}}),
    (DEEP, "responses", {"reasoning": {"effort": "low"}}, {"temperature": 0.6, "max_output_tokens": 99, "chat_template_kwargs": {"style": "long"}}),
    (DEEP, "tokenize", {}, {"chat_template_kwargs": {"enable_thinking": True, "style": "long"}}),
    (DEEP, "embeddings", {}, {}),
    (DEEP, "other", {}, {}),
    ({"model": "m"}, "chat", {}, {}),
]


@pytest.mark.parametrize(("alias", "route", "said", "expected"), SAID)
def test_the_client_goes_first(alias: dict[str, Any], route: str, said: dict[str, Any], expected: dict[str, Any]) -> None:
    members = {name: msgspec.Raw(json.dumps(value).encode()) for name, value in {"model": "x", **said}.items()}
    changes = in_members(decode("x", alias), route, members)
    assert {name: json.loads(bytes(value)) for name, value in changes.items() if value is not None} == {"model": "m", **expected}
    if route in ("chat", "tokenize"):
        assert filled(decode("x", alias), route, {"model": "x", **said}) == {"model": "m", **expected}


def test_null_is_nothing_said() -> None:
    members = {"model": msgspec.Raw(b'"x"'), "temperature": msgspec.Raw(b"null"), "chat_template_kwargs": msgspec.Raw(b"null")}
    changes = in_members(decode("x", FAST), "chat", members)
    assert bytes(changes["temperature"] or b"") == b"0.7"
    assert bytes(changes["chat_template_kwargs"] or b"") == b'{"enable_thinking":false}'


def test_which_alias() -> None:
    known = Aliases({name: decode(name, alias) for name, alias in ALIASES.items()} | {"*": decode("*", {"model": "all"})}, ["served"])
    assert (known.names, known.patterns) == (("m-fast", "m-deep", "ghost"), ("claude-haiku-*", "claude-*", "*"))
    found = {name: known.find(name) for name in ("claude-sonnet-4-5", "claude-haiku-4-5", "m-fast", "m", "served")}
    assert found["claude-sonnet-4-5"] == decode("x", {"model": "m"})
    assert found["claude-haiku-4-5"] == found["m-fast"] == decode("x", FAST), "the longest beginning"
    assert found["m"] == decode("x", {"model": "all"})
    assert found["served"] is None, "there is a model of that name"
    assert not Aliases({})


@pytest.mark.parametrize("name", ["m-fast", "claude-haiku-4-5-20251001", "claude-opus-4-1"])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_chat_completions(standin: StandIn, gateway: Gateway, name: str, streamed: bool) -> None:
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=CLIENT_KEY, max_retries=0)
    standin.replies[CHAT] = stream(chunk("h"), chunk("i"), chunk(None, "stop"), b"data: [DONE]\n\n") if streamed else whole(chat_answer())
    if streamed:
        chunks = list(client.chat.completions.create(model=name, messages=TURNS, stream=True))  # type: ignore[call-overload]
        assert {one.model for one in chunks} == {name}
        assert "".join(one.choices[0].delta.content or "" for one in chunks) == "hi"
    else:
        answer = client.chat.completions.create(model=name, messages=TURNS)  # type: ignore[arg-type]
        assert (answer.model, answer.choices[0].message.content) == (name, "hi")
    sent = asked(standin, CHAT)
    assert sent["model"] == "m"
    assert sent.get("temperature") == (None if name == "claude-opus-4-1" else 0.7)


def test_only_the_name_changes_in_an_answer(standin: StandIn, gateway: Gateway) -> None:
    document = b'{ "id":"c", "model" : "m",\t"choices":[{"index":0,"message":{"content":"\\"model\\":\\"m\\"","x":1.50},"finish_reason":"stop"}],"model2":"m"}'
    standin.replies[CHAT] = Reply([document])
    assert gateway.post(CHAT, {"model": "m-fast", "messages": TURNS}).body == document.replace(b'"m",\t', b'"m-fast",\t')
    events = b"".join(b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{"content":"%d"},"finish_reason":null}],"n":1e5}\n\n' % n for n in range(9))
    standin.replies[CHAT] = stream(events[:77], events[77:301], events[301:], b"data: [DONE]\n\n")
    answer = gateway.post(CHAT, {"model": "m-fast", "messages": TURNS, "stream": True})
    assert answer.body == events.replace(b'"model":"m"', b'"model":"m-fast"') + b"data: [DONE]\n\n"


def test_models_own_name_stays_the_same_bytes(standin: StandIn, gateway: Gateway) -> None:
    """Where no alias is used nothing is written again, in neither direction."""
    body = b'{ "messages":[{"role":"user", "content":"x"}], "model":"m" ,"temperature":1.0}'
    document = b'{"model":"m", "choices":[]}'
    for path in (CHAT, COMPLETIONS, RESPONSES, "/v1/embeddings", "/tokenize", "/v1/score"):
        standin.replies[path] = Reply([document])
        assert gateway.post(path, body).body == document
        assert standin.last(path).body == body


def test_a_rescued_call_and_a_break_carry_the_name(standin: StandIn, gateway: Gateway) -> None:
    """What the gateway makes itself of an answer is under the client's name too."""
    tools = [{"type": "function", "function": {"name": "read", "parameters": {"type": "object"}}}]
    called = chunk('<tool_call>{"name": "read", "arguments": {"path": "a"}}</tool_call>')
    standin.replies[CHAT] = stream(called, chunk(None, "stop"), b"data: [DONE]\n\n")
    answer = gateway.post(CHAT, {"model": "m-fast", "messages": TURNS, "tools": tools, "stream": True})
    assert b'"tool_calls"' in answer.body and b'"model":"m"' not in answer.body.replace(b" ", b"")
    standin.replies[CHAT] = stream(chunk('<tool_call>{"name": "re'), CUT)
    answer = gateway.post(CHAT, {"model": "m-fast", "messages": TURNS, "tools": tools, "stream": True})
    assert b"upstream_cut" in answer.body and b"tool_call" in answer.body
    assert b'"model":"m"' not in answer.body.replace(b" ", b"")


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("path", [COMPLETIONS, "/v1/embeddings", "/v1/score", "/detokenize"])
def test_other_routes(standin: StandIn, gateway: Gateway, path: str, framing: str) -> None:
    document = {"id": "c", "data": [{"embedding": [0.1, 1e-7], "index": 0}], "choices": [{"text": "a"}], "model": "m", "usage": {"prompt_tokens": 1}}
    standin.replies[path] = Reply([json.dumps(document).encode()], framing=framing)
    answer = gateway.post(path, {"model": "m-deep", "input": ["x"], "prompt": "x"})
    assert answer.json() == {**document, "model": "m-deep"}
    expected = {"model": "m", "input": ["x"], "prompt": "x"} | ({"temperature": 0.6, "max_tokens": 99} if path == COMPLETIONS else {})
    assert asked(standin, path) == expected


def test_tokenize(standin: StandIn, gateway: Gateway) -> None:
    assert gateway.post("/tokenize", {"model": "m-fast", "messages": TURNS}).json()["count"] == 7
    assert asked(standin, "/tokenize") == {"model": "m", "messages": TURNS, "chat_template_kwargs": {"enable_thinking": False}}


def response(status: str) -> dict[str, Any]:
    schema = {"type": "function", "name": "t", "parameters": {"properties": {"model": {"enum": ["m"]}}}, "strict": True}
    fixed = {"id": "r", "object": "response", "created_at": 1, "parallel_tool_calls": True, "tool_choice": "auto", "output": []}
    return {**fixed, "metadata": {"model": "m"}, "tools": [schema], "model": "m", "status": status}


def test_responses(standin: StandIn, gateway: Gateway) -> None:
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=CLIENT_KEY, max_retries=0)
    standin.replies[RESPONSES] = whole(response("completed"))
    answer = client.responses.create(model="m-fast", input="x")
    assert (answer.model, answer.metadata) == ("m-fast", {"model": "m"})
    assert answer.tools[0].to_dict()["parameters"] == {"properties": {"model": {"enum": ["m"]}}}
    events = [{"type": f"response.{kind}", "sequence_number": 0, "response": response("in_progress")} for kind in ("created", "completed")]
    delta = {
        "type": "response.output_text.delta",
        "sequence_number": 1,
        "item_id": "i",
        "output_index": 0,
        "content_index": 0,
        "logprobs": [],
        "delta": '"model"',
    }
    wire = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in (events[0], delta, events[1])]
    standin.replies[RESPONSES] = stream(*wire)
    read: list[Any] = list(client.responses.create(model="m-fast", input="x", stream=True))
    assert [one.response.model for one in (read[0], read[2])] == ["m-fast", "m-fast"]
    assert read[1].delta == '"model"'
    assert asked(standin, RESPONSES) == {
        "model": "m",
        "input": "x",
        "stream": True,
        "temperature": 0.7,
        "top_p": 0.8,
        "chat_template_kwargs": {"enable_thinking": False},
    }


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("name", ["claude-haiku-4-5", "claude-sonnet-4-5", "m-deep", "m"])
def test_messages(standin: StandIn, gateway: Gateway, name: str, streamed: bool) -> None:
    client = anthropic.Anthropic(base_url=gateway.url, api_key=CLIENT_KEY, max_retries=0)
    standin.replies[CHAT] = stream(chunk("hi"), chunk(None, "stop"), b"data: [DONE]\n\n") if streamed else whole(chat_answer())
    if streamed:
        with client.messages.stream(model=name, max_tokens=9, messages=TURNS) as events:  # type: ignore[arg-type]
            message = events.get_final_message()
    else:
        message = client.messages.create(model=name, max_tokens=9, messages=TURNS)  # type: ignore[arg-type]
    assert (message.model, message.content[0].to_dict()["text"]) == (name, "hi")
    sent = asked(standin, CHAT)
    assert (sent["model"], sent["max_tokens"]) == ("m", 9)
    thinking = {"claude-haiku-4-5": False, "m-deep": True}.get(name)
    assert sent.get("chat_template_kwargs", {}).get("enable_thinking") == thinking
    assert sent.get("temperature") == {"claude-haiku-4-5": 0.7, "m-deep": 0.6}.get(name)


THOUGHTS: list[tuple[dict[str, Any], bool | None, float]] = [
    ({}, False, 0.7),
    ({"thinking": {"type": "adaptive"}}, False, 0.7),
    ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, True, 0.7),
    ({"thinking": {"type": "disabled"}, "temperature": 0.1}, False, 0.1),
    ({"output_config": {"effort": "high"}}, True, 0.7),
    ({"chat_template_kwargs": {"enable_thinking": None}}, None, 0.7),
]


@pytest.mark.parametrize(("said", "thinking", "temperature"), THOUGHTS)
def test_L61_thinking_of_an_alias_and_of_a_client(standin: StandIn, gateway: Gateway, said: dict[str, Any], thinking: bool | None, temperature: float) -> None:
    standin.replies[CHAT] = whole(chat_answer())
    body = {"model": "m-fast", "max_tokens": 9, "messages": TURNS, **said}
    assert gateway.post(MESSAGES, body).status == 200
    sent = asked(standin, CHAT)
    assert sent["chat_template_kwargs"]["enable_thinking"] is thinking
    assert sent["temperature"] == temperature
    assert gateway.post("/v1/messages/count_tokens", body).json() == {"input_tokens": 7}
    counted = asked(standin, "/tokenize")
    assert counted["model"] == "m"
    assert counted["chat_template_kwargs"]["enable_thinking"] is thinking, "the same prompt is counted"


def test_an_aliass_effort_is_counted(standin: StandIn, start: Callable[..., Gateway]) -> None:
    """The prompt that is counted is the one that is asked."""
    gateway = start(aliases={"m-effort": EFFORT})
    standin.replies[CHAT] = whole(chat_answer())
    standin.replies["/tokenize"] = whole({"count": 7, "max_model_len": 2048, "tokens": [1]})
    body = {"model": "m-effort", "max_tokens": 9, "messages": TURNS}
    assert gateway.post(MESSAGES, body).status == 200
    assert asked(standin, CHAT)["reasoning_effort"] == "high"
    assert gateway.post("/v1/messages/count_tokens", body).json() == {"input_tokens": 7}
    assert asked(standin, "/tokenize")["chat_template_kwargs"] == {"reasoning_effort": "high"}


def test_models_are_listed(standin: StandIn, gateway: Gateway) -> None:
    listed = gateway.request("GET", "/v1/models", key=CLIENT_KEY).json()
    assert listed["object"] == "list"
    assert [entry["id"] for entry in listed["data"]] == ["m", "m-fast", "m-deep"], "no pattern, and nothing that nobody serves"
    assert listed["data"][1] == {"id": "m-fast", "object": "model", "max_model_len": 2048, "parent": "m"}
    one = gateway.request("GET", "/v1/models/m-deep", key=CLIENT_KEY)
    assert (one.status, one.json()["id"]) == (200, "m-deep")
    assert gateway.request("GET", "/v1/models/claude-sonnet-4-5", key=CLIENT_KEY).json()["parent"] == "m"
    absent = gateway.request("GET", "/v1/models/gpt", key=CLIENT_KEY)
    assert (absent.status, absent.json()["error"]["message"]) == (404, "There is no model `gpt`; there is: m, m-fast, m-deep")
    client = anthropic.Anthropic(base_url=gateway.url, api_key=CLIENT_KEY, max_retries=0)
    assert [model.id for model in client.models.list()] == ["m", "m-fast", "m-deep"]
    assert client.models.retrieve("claude-opus-4-1").id == "claude-opus-4-1"
    with pytest.raises(anthropic.NotFoundError, match="there is: m, m-fast, m-deep"):
        client.models.retrieve("gpt")


def test_claude_code_finds_models(standin: StandIn, start: Callable[..., Gateway]) -> None:
    """It keeps only names that begin with claude or anthropic, so an alias of such a name is what it can show."""
    gateway = start(aliases={"claude-local": {"model": "m"}, "claude-local-fast": FAST})
    listed = gateway.request("GET", "/v1/models?limit=1000", headers={"anthropic-version": "2023-06-01"}, key=CLIENT_KEY).json()
    assert [model["id"] for model in listed["data"] if model["id"].startswith(("claude", "anthropic"))] == ["claude-local", "claude-local-fast"]


REFUSAL = {"error": {"message": "The model `gpt-x` does not exist.", "type": "NotFoundError", "param": "model", "code": 404}}


@pytest.mark.parametrize("path", [CHAT, COMPLETIONS, RESPONSES, "/v1/embeddings", "/tokenize"])
def test_unknown_model(standin: StandIn, gateway: Gateway, path: str) -> None:
    standin.replies[path] = whole(REFUSAL, 404)
    answer = gateway.post(path, {"model": "gpt-x", "messages": TURNS, "prompt": "x", "input": "x"})
    message = "The model `gpt-x` does not exist. There is: m, m-fast, m-deep, claude-haiku-*, claude-*."
    assert (answer.status, answer.json()) == (404, {"error": {**REFUSAL["error"], "message": message}})


@pytest.mark.parametrize("streamed", [False, True])
def test_unknown_model_where_every_chat_may_search(standin: StandIn, start: Callable[..., Gateway], web: SearchStandIn, streamed: bool) -> None:
    gateway = start(search=web.configuration(always_offer=True))
    standin.replies[CHAT] = whole(REFUSAL, 404)
    answer = gateway.post(CHAT, {"model": "gpt-x", "messages": TURNS, "stream": streamed})
    message = "The model `gpt-x` does not exist. There is: m."
    assert (answer.status, answer.json()) == (404, {"error": {**REFUSAL["error"], "message": message}})


def test_unknown_model_without_aliases(standin: StandIn, start: Callable[..., Gateway]) -> None:
    gateway = start()
    standin.replies[CHAT] = whole(REFUSAL, 404)
    answer = gateway.post(CHAT, {"model": "gpt-x", "messages": TURNS})
    assert answer.json()["error"]["message"] == "The model `gpt-x` does not exist. There is: m."
    answer = gateway.post(MESSAGES, {"model": "gpt-x", "max_tokens": 9, "messages": TURNS})
    assert (answer.status, answer.json()["error"]["type"]) == (404, "not_found_error")
    assert answer.json()["error"]["message"] == "The model `gpt-x` does not exist. There is: m."
    standin.replies["/v1/models"] = whole({}, 500)
    assert gateway.post(CHAT, {"model": "gpt-x", "messages": TURNS}).json() == REFUSAL
    other = {"error": {"message": "Not Found"}}
    standin.replies[CHAT] = whole(other, 404)
    assert gateway.post(CHAT, {"model": "gpt-x", "messages": TURNS}).json() == other, "another 404 keeps its words"


@pytest.mark.parametrize("raw", [b"not json", b"[1]", b'{"model": 1}', b'{"model": null}', b"{}", b'{"model":"m-fast","chat_template_kwargs":[1]}', b"\xff"])
def test_what_is_no_request_is_the_engines_to_refuse(standin: StandIn, gateway: Gateway, raw: bytes) -> None:
    for path in (CHAT, "/v1/embeddings"):
        standin.replies[path] = whole({"error": {"message": "bad"}}, 400)
        assert gateway.post(path, raw).status == 400
        assert b"m-fast" not in standin.last(path).body
        if b"m-fast" not in raw:
            assert standin.last(path).body == raw


def test_C03_request_after_request_extends_the_prompt(standin: StandIn, gateway: Gateway) -> None:
    """An alias adds the same to each request, so the prefix cache holds."""
    standin.replies[CHAT] = whole(chat_answer())
    turns: list[dict[str, str]] = []
    seen: list[Any] = []
    for path in (CHAT, MESSAGES):
        turns.clear()
        seen.clear()
        for number in range(4):
            turns.append({"role": "user", "content": f"{number} ünd"})
            assert gateway.post(path, {"model": "m-fast", "max_tokens": 9, "messages": turns}).status == 200
            turns.append({"role": "assistant", "content": "hi"})
            seen.append(asked(standin, CHAT))
        for one, following in itertools.pairwise(seen):
            assert following["messages"][: len(one["messages"])] == one["messages"]
            rest = [{name: value for name, value in body.items() if name != "messages"} for body in (one, following)]
            assert rest[0] == rest[1]


def test_context_is_fitted_under_an_alias(standin: StandIn, start: Callable[..., Gateway]) -> None:
    gateway = start(aliases=ALIASES, limits={"max_model_len": 100})
    standin.replies["/tokenize"] = whole({"count": 60, "max_model_len": 100, "tokens": []})

    def refuse_first(seen: Seen) -> Reply:
        return whole(chat_answer()) if json.loads(seen.body)["max_tokens"] <= 40 else whole({"error": {"message": "maximum context length"}}, 400)

    standin.replies[CHAT] = refuse_first
    answer = gateway.post(CHAT, {"model": "m-fast", "messages": TURNS, "max_tokens": 90})
    assert (answer.status, answer.json()["model"]) == (200, "m-fast")
    assert asked(standin, "/tokenize")["chat_template_kwargs"] == {"enable_thinking": False}
    answer = gateway.post(MESSAGES, {"model": "m-fast", "messages": TURNS, "max_tokens": 90})
    assert (answer.status, answer.json()["model"]) == (200, "m-fast")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.just('"model":"m"'),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6) | st.just("model"), inner, max_size=4),
    max_leaves=12,
)
objects = st.dictionaries(st.text(max_size=8) | st.sampled_from(["model", "response", "id"]), values, max_size=6)


@given(objects, st.text(), st.booleans(), st.sampled_from([None, 2]))
def test_renaming(document: dict[str, Any], name: str, ascii_only: bool, indent: int | None) -> None:
    """The one member changes, to the byte nothing else does."""
    raw = json.dumps(document, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "surrogatepass")
    changed = Renaming(name.encode("utf-8", "replace").decode()).whole(raw)
    expected = json.loads(raw)
    inner = expected.get("response")
    holder = expected if isinstance(expected.get("model"), str) else inner if isinstance(inner, dict) and isinstance(inner.get("model"), str) else None
    if holder is None:
        assert changed == raw
        return
    holder["model"] = name.encode("utf-8", "replace").decode()
    assert json.loads(changed) == expected
    before = json.dumps(json.loads(raw), ensure_ascii=False)
    assert changed.count(b",") - raw.count(b",") == json.dumps(expected, ensure_ascii=False).count(",") - before.count(",")


@given(st.binary())
def test_renaming_of_anything(data: bytes) -> None:
    renaming = Renaming("x")
    renaming.whole(data)
    renaming.events(b"data: " + data + b'"model"\n\n')


@pytest.mark.parametrize("eol", [b"\n", b"\r\n", b"\r"])
def test_renaming_of_events(eol: bytes) -> None:
    event = eol.join([b": note", b"event: x", b'data: {"id":"a",', b'data: "model":"m"}', b"", b""])
    single = b'data:{"model":"m"}' + eol + eol
    done = b"data: [DONE]" + eol + eol
    out = Renaming("n").events(event + single + done)
    assert b'"model":"m"' not in out
    assert out.count(b'"model":"n"') == 2
    assert out.endswith(done)


def test_configuration_of_the_role_knows_aliases() -> None:
    """The example in the role's defaults is one that the gateway takes."""
    from inferhost_proxy.config import parse

    defaults = (Path(__file__).resolve().parents[2] / "roles/proxy/defaults/main.yml").read_text()
    assert "claude-*: {model: qwen3, thinking: false, defaults: {temperature: 0.7, top_p: 0.8}}" in defaults
    example = {"claude-*": {"model": "qwen3", "thinking": False, "defaults": {"temperature": 0.7, "top_p": 0.8}}}
    config = parse({"api_keys": [{"label": "a", "file": "a"}], "upstreams": [{"name": "e", "url": "http://h:1"}], "aliases": example})
    assert config.aliases["claude-*"].thinking is False
