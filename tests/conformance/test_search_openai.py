# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The web search of chat completions: the client sees the answer alone; the official SDK judges."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import msgspec
import openai
import pytest
from anthropic_kit import FIRST, Document, chunk, sse
from gateway import CLIENT_KEY, Gateway, eventually
from search_kit import CHAT, Script, SearchStandIn, search, turn
from standin import CUT, HANG, Reply, StandIn, stream

TOOL: Any = {"type": "web_search"}
READ: Any = {"type": "function", "function": {"name": "read", "parameters": {"type": "object", "properties": {"path": {"type": "string"}}}}}
ASK: Any = {"model": "m", "messages": [{"role": "user", "content": "What is new?"}]}
FINAL = turn("It is new.", usage=(30, 4))
SEARCHED = '{"query": "a"}'


def client(gateway: Gateway) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=CLIENT_KEY, max_retries=0)


def seen(completion: Any) -> Document:
    """What an agent acts on."""
    choice = completion.choices[0]
    message = choice.message
    return {
        "content": message.content or "",
        "reasoning": getattr(message, "reasoning", None) or "",
        "calls": [(call.id, call.function.name, call.function.arguments) for call in message.tool_calls or []],
        "finish": choice.finish_reason,
        "usage": (completion.usage.prompt_tokens, completion.usage.completion_tokens, completion.usage.total_tokens),
        "id": completion.id,
    }


def both(gateway: Gateway, standin: StandIn, *turns: Document, tools: Any = (TOOL,), **more: Any) -> tuple[Document, Script]:
    """What the client sees of an answer, after it was seen that its stream says the same."""
    extra = {**({"tools": list(tools)} if tools else {}), **more}
    Script(standin, *turns)
    with client(gateway).chat.completions.stream(**ASK, stream_options={"include_usage": True}, extra_body=extra) as events:
        streamed = seen(events.get_final_completion())
    script = Script(standin, *turns)
    complete = seen(client(gateway).chat.completions.create(**ASK, extra_body=extra))
    assert streamed == complete
    return complete, script


def frames(gateway: Gateway, **more: Any) -> list[Document]:
    answer = gateway.post(CHAT, {**ASK, "stream": True, "tools": [TOOL], **more})
    assert answer.status == 200
    lines = [line.removeprefix(b"data: ") for line in answer.body.split(b"\n\n") if line.startswith(b"data: ")]
    assert lines[-1] == b"[DONE]" and lines.count(b"[DONE]") == 1
    return [json.loads(line) for line in lines[:-1]]


@pytest.mark.parametrize(
    "asked",
    [{}, {"tools": [{"type": "web_search_preview"}]}, {"tools": [{"type": "web_search_preview_2025_03_11"}]}, {"tools": (), "web_search_options": {}}],
)
def test_L57_client_sees_the_answer_alone(searching: Gateway, standin: StandIn, web: SearchStandIn, asked: Document) -> None:
    answer, script = both(searching, standin, turn(None, search("a")), FINAL, **asked)
    assert answer["content"] == "It is new." and answer["calls"] == [] and answer["finish"] == "stop"
    assert answer["usage"] == (40, 9, 49)
    assert web.queries == ["a", "a"]
    assert [tool["function"]["name"] for tool in script.asked[0]["tools"]] == ["web_search"]
    assert "web_search_options" not in script.asked[0] and script.asked[1]["tools"] == script.asked[0]["tools"]
    told = script.asked[1]["messages"]
    assert told[0] == ASK["messages"][0] and told[1]["tool_calls"][0]["function"]["arguments"] == SEARCHED
    assert told[2]["tool_call_id"] == told[1]["tool_calls"][0]["id"] and "first text" in told[2]["content"]


def test_L57_text_and_reasoning_of_every_turn(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    turns = (turn("Let me look.", search("a"), reasoning="hm"), turn(None, search("b"), search("c"), reasoning="so"), FINAL)
    answer, script = both(searching, standin, *turns)
    assert answer["content"] == "Let me look.\n\nIt is new." and answer["reasoning"] == "hm\n\nso"
    assert sorted(web.queries) == sorted(["a", "b", "c"] * 2)
    assert script.asked[1]["messages"][1]["content"] == "Let me look." and script.asked[1]["messages"][1]["reasoning"] == "hm"
    sent = [bytes(msgspec.json.decode(each.body, type=dict[str, msgspec.Raw])["messages"]) for each in script.raw]
    assert all(after.startswith(before[:-1]) for before, after in pairwise(sent)), "the next request begins with the bytes of the one before"


def test_D03_one_stream_in_order(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    Script(standin, turn("a", search("x")), turn("b", search("y")), FINAL)
    found = frames(searching, stream_options={"include_usage": True})
    assert {frame["id"] for frame in found} == {"chatcmpl-1"}
    deltas = [choice["delta"] for frame in found for choice in frame["choices"]]
    assert [delta["role"] for delta in deltas if "role" in delta] == ["assistant"]
    assert not any("tool_calls" in delta for delta in deltas)
    assert [choice["finish_reason"] for frame in found for choice in frame["choices"] if choice["finish_reason"]] == ["stop"]
    assert [frame["usage"]["total_tokens"] for frame in found if not frame["choices"]] == [15 + 15 + 34]


def test_D01_final_turn_is_streamed_as_it_comes(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    Script(standin, turn(None, search("a")), stream(sse(FIRST, chunk(content="early"), done=False), HANG))  # type: ignore[arg-type]
    with searching.open_stream(CHAT, {**ASK, "stream": True, "tools": [TOOL]}) as open_socket:
        received = b""
        while b"early" not in received:
            received += open_socket.recv(65536)
    assert b"[DONE]" not in received


def test_L57_the_clients_own_calls_are_untouched(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    answer, _script = both(searching, standin, turn("now", ("read", '{"path": "/x"}'), ("read", "{}")), tools=(READ, TOOL))
    assert answer["calls"] == [("call_0", "read", '{"path": "/x"}'), ("call_1", "read", "{}")] and answer["finish"] == "tool_calls"
    answer, script = both(searching, standin, turn(None, search("a")), turn("now", ("read", '{"path": "/x"}')), tools=(READ, TOOL))
    assert answer["calls"] == [("call_0", "read", '{"path": "/x"}')] and answer["finish"] == "tool_calls"
    assert [tool["function"]["name"] for tool in script.asked[0]["tools"]] == ["read", "web_search"]


def test_D07_search_first_then_the_model_repeats_its_call(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    turns = (turn(None, search("a"), ("read", '{"path": "/x"}')), turn(None, ("read", '{"path": "/x"}')))
    answer, script = both(searching, standin, *turns, tools=(READ, TOOL))
    assert answer["calls"] == [("call_0", "read", '{"path": "/x"}')] and answer["finish"] == "tool_calls"
    told = script.asked[1]["messages"]
    assert [call["function"]["name"] for call in told[1]["tool_calls"]] == ["web_search", "read"]
    assert "first text" in told[2]["content"] and "Call it again" in told[3]["content"]


def test_D07_the_clients_call_first(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    answer, script = both(searching, standin, turn(None, ("read", '{"path": "/x"}'), search("a")), tools=(READ, TOOL))
    assert answer["calls"] == [("call_0", "read", '{"path": "/x"}')] and answer["finish"] == "tool_calls"
    assert len(script.asked) == 1 and web.queries == []


def test_D09_a_model_that_only_searches_is_stopped(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    answer, script = both(searching, standin, turn("more", search("a")))
    assert len(script.asked) == 6 and len(web.queries) == 6
    assert answer["finish"] == "stop" and answer["calls"] == [] and answer["content"] == "\n\n".join(["more"] * 6)
    assert answer["usage"] == (60, 30, 90)
    assert "max_uses_exceeded" in script.asked[-1]["messages"][-1]["content"]


@pytest.mark.parametrize("choice", ["required", {"type": "web_search"}, {"type": "function", "function": {"name": "web_search"}}])
def test_D02_choice_counts_for_the_first_turn_only(searching: Gateway, standin: StandIn, web: SearchStandIn, choice: Any) -> None:
    answer, script = both(searching, standin, turn(None, search("a"), finish="stop"), FINAL, tool_choice=choice)
    assert script.asked[0]["tool_choice"] == (choice if choice == "required" else {"type": "function", "function": {"name": "web_search"}})
    assert script.asked[1]["tool_choice"] == "auto"
    assert answer["content"] == "It is new."


def test_L57_a_search_left_in_the_text_is_rescued(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    lost = turn('<tool_call>\n{"name": "web_search", "arguments": {"query": "lost"}}\n</tool_call>')
    answer, _script = both(searching, standin, lost, FINAL)
    assert answer["content"] == "It is new." and web.queries == ["lost", "lost"]


@pytest.mark.parametrize(("reply", "code"), [(Reply([b"{}"], status=429), "too_many_requests"), (Reply([b""], status=500), "unavailable")])
def test_D11_a_search_that_fails_is_told_to_the_model(start: Callable[..., Gateway], standin: StandIn, web: SearchStandIn, reply: Reply, code: str) -> None:
    gateway = start(search=web.configuration())
    web.answers(reply)
    answer, script = both(gateway, standin, turn(None, search("a")), FINAL)
    assert answer["content"] == "It is new." and code in script.asked[1]["messages"][-1]["content"]


def test_L57_offered_to_all_where_the_operator_says_so(start: Callable[..., Gateway], standin: StandIn, web: SearchStandIn) -> None:
    gateway = start(search=web.configuration(always_offer=True))
    answer, script = both(gateway, standin, turn(None, search("a")), FINAL, tools=())
    assert answer["content"] == "It is new." and [tool["function"]["name"] for tool in script.asked[0]["tools"]] == ["web_search"]
    own = {"type": "function", "function": {"name": "web_search", "parameters": {"type": "object", "properties": {}}}}
    for tools, more in (((own,), {}), ((), {"response_format": {"type": "json_object"}}), ((READ,), {"tool_choice": "none"}), ((), {"n": 2})):
        script = Script(standin, FINAL)
        asked = {**ASK, **({"tools": list(tools)} if tools else {}), **more}
        assert gateway.post(CHAT, asked).status == 200
        assert script.asked == [asked]


def test_D10_a_tool_of_the_same_name(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    own = {"type": "function", "function": {"name": "web_search", "description": "mine", "parameters": {"type": "object", "properties": {}}}}
    answer, script = both(searching, standin, turn(None, search("a")), FINAL, tools=(own, TOOL, TOOL))
    assert len(script.asked[0]["tools"]) == 1 and script.asked[0]["tools"][0]["function"]["description"] != "mine"
    answer, script = both(searching, standin, turn(None, search("a")), tools=(own,))
    assert answer["calls"] == [("call_0", "web_search", SEARCHED)] and web.queries == ["a", "a"]


def test_L57_place_and_domains(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    place = {"type": "approximate", "approximate": {"city": "Lyon", "country": "FR"}}
    _answer, script = both(searching, standin, turn(None, search("a")), FINAL, tools=(), web_search_options={"user_location": place})
    assert "Lyon, FR" in script.asked[0]["tools"][0]["function"]["description"]
    assert "language=fr-FR" in web.server.seen[-1].target
    both(searching, standin, turn(None, search("a")), FINAL, tools=({**TOOL, "filters": {"allowed_domains": ["two.example"]}},))
    assert web.queries[-1] == "a site:two.example"


def test_bad_requests_are_refused_in_openais_words(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    for more in ({"n": 2}, {"tools": [{**TOOL, "user_location": "here"}]}, {"tools": [{**TOOL, "filters": {"allowed_domains": ["no domain"]}}]}):
        answer = searching.post(CHAT, {**ASK, "tools": [TOOL], **more})
        assert answer.status == 400 and answer.json()["error"]["code"] == "invalid_request"


@pytest.mark.parametrize(
    "body", [json.dumps(ASK).encode(), b'{"model": "m",  "messages": [{"role": "user", "content": "about web_search"}]}', b'{"web_search', b"[]"]
)
def test_L57_what_asks_for_no_search_keeps_its_bytes(searching: Gateway, standin: StandIn, web: SearchStandIn, body: bytes) -> None:
    standin.replies[CHAT] = Reply([b'{"error":   {"message": "as it is"}}'], status=400)
    answer = searching.request("POST", CHAT, body, {"content-type": "application/json"}, CLIENT_KEY)
    assert standin.last(CHAT).body == body
    assert (answer.status, answer.body) == (400, b'{"error":   {"message": "as it is"}}')


def test_engine_errors_before_and_behind_a_search(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    refusal = Reply([b'{"error":   {"message": "boom"}}'], status=422)
    Script(standin, refusal)  # type: ignore[arg-type]
    answer = searching.post(CHAT, {**ASK, "tools": [TOOL]})
    assert (answer.status, answer.body) == (422, b'{"error":   {"message": "boom"}}')
    Script(standin, turn(None, search("a")), refusal)  # type: ignore[arg-type]
    answer = searching.post(CHAT, {**ASK, "tools": [TOOL]})
    assert answer.status == 422 and answer.json()["error"]["message"] == "boom" and answer.json()["error"]["code"] == "engine_error"
    for broken in (refusal, stream(sse(FIRST, chunk(content="x"), done=False), CUT)):
        Script(standin, turn("a", search("a")), broken)  # type: ignore[arg-type]
        with pytest.raises(openai.APIError):
            list(client(searching).chat.completions.create(**ASK, stream=True, extra_body={"tools": [TOOL]}))


@pytest.mark.parametrize("streamed", [False, True])
def test_E02_a_client_that_leaves_ends_the_search(start: Callable[..., Gateway], standin: StandIn, web: SearchStandIn, streamed: bool) -> None:
    gateway = start(search=web.configuration(seconds=30))
    web.answers(Reply([HANG]))
    Script(standin, turn(None, search("a")), FINAL)
    with gateway.open_stream(CHAT, {**ASK, "stream": streamed, "tools": [TOOL]}):
        eventually(lambda: web.server.seen)
    assert web.server.seen[0].closed.wait(3)
    assert len([each for each in standin.seen if each.target == CHAT]) == 1


def test_B26_comments_while_a_search_takes_its_time(start: Callable[..., Gateway], standin: StandIn, web: SearchStandIn) -> None:
    gateway = start(search=web.configuration(), openai={"keep_alive_seconds": 0.2})
    web.answers(Reply([b'{"results": []}'], before=[1.0]))
    Script(standin, turn("a", search("slow")), FINAL)
    answer = gateway.post(CHAT, {**ASK, "stream": True, "tools": [TOOL]})
    assert answer.body.count(b": waiting") >= 2 and answer.body.endswith(b"data: [DONE]\n\n")
