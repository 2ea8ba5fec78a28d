# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The web search on /v1/messages, over real sockets; the official SDK judges blocks and streams."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from typing import Any

import anthropic
import pytest
from anthropic_kit import Document, parse_events
from gateway import CLIENT_KEY, Gateway, eventually
from search_kit import CHAT, PAGES, Script, SearchStandIn, search, turn
from standin import HANG, Reply, StandIn, stream

TOOL: Any = {"type": "web_search_20250305", "name": "web_search"}
READ: Any = {"name": "read", "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}}}
ASK: Any = {"model": "m", "max_tokens": 500, "messages": [{"role": "user", "content": "What is new?"}], "tools": [TOOL]}
FINAL = turn("It is new.", usage=(30, 4))


def client(gateway: Gateway) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=gateway.url, max_retries=0, api_key=CLIENT_KEY)


def plain(message: Any) -> Document:
    """A message without what streams and whole answers name differently, and without the ids made for it."""
    document: Document = json.loads(json.dumps(message.to_dict()))
    mark = document.pop("id").removeprefix("msg_")
    for block in document["content"]:
        block.pop("parsed_output", None)
    document.pop("parsed_output", None)
    document = {name: value for name, value in document.items() if value is not None}
    found: Document = json.loads(json.dumps(document).replace(mark, "ID"))
    return found


def both(gateway: Gateway, standin: StandIn, *turns: Document, **more: Any) -> tuple[Document, Script]:
    """The message of a request, after it was seen that the stream of the same says the same."""
    Script(standin, *turns)
    with client(gateway).messages.stream(**{**ASK, **more}) as events:
        streamed = plain(events.get_final_message())
    script = Script(standin, *turns)
    complete = plain(client(gateway).messages.create(**{**ASK, **more}))
    assert streamed == complete
    return complete, script


def kinds(message: Document) -> list[str]:
    return [block["type"] for block in message["content"]]


def events_of(gateway: Gateway, **more: Any) -> list[Document]:
    answer = gateway.post("/v1/messages", {**ASK, "stream": True, **more})
    assert answer.status == 200
    return parse_events(answer.body)


def results(block: Document) -> list[tuple[str, str]]:
    return [(entry["title"], entry["url"]) for entry in block["content"]]


def test_L57_D03_D05_search_is_executed_and_shown(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    message, script = both(searching, standin, turn("Let me look.", search("new things"), reasoning="hm"), FINAL)
    assert kinds(message) == ["thinking", "text", "server_tool_use", "web_search_tool_result", "text"]
    use, result, text = message["content"][2:]
    assert use["name"] == "web_search" and use["id"].startswith("srvtoolu_") and use["input"] == {"query": "new things"}
    assert result["tool_use_id"] == use["id"]
    assert results(result) == [("One", "https://one.example/a"), ("Two", "https://www.two.example/b")]
    assert result["content"][0]["page_age"] == "2026-11-01"
    assert text["text"] == "It is new." and message["stop_reason"] == "end_turn"
    assert web.queries == ["new things"] * 2
    offered = script.asked[0]["tools"]
    assert [tool["function"]["name"] for tool in offered] == ["web_search"] and script.asked[1]["tools"] == offered
    told = script.asked[1]["messages"]
    assert [item["role"] for item in told] == ["user", "assistant", "tool"]
    assert told[1] == {
        "role": "assistant",
        "reasoning": "hm",
        "content": "Let me look.",
        "tool_calls": [{"id": use["id"], "type": "function", "function": {"name": "web_search", "arguments": '{"query":"new things"}'}}],
    } or told[1]["tool_calls"][0]["id"].startswith("srvtoolu_")
    assert "first text" in told[2]["content"] and "https://one.example/a" in told[2]["content"]
    assert "<|im_end|>" not in told[2]["content"] and "\x07" not in told[2]["content"]


def test_L57_D06_usage_is_the_sum(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    message, _script = both(searching, standin, turn(None, search("a")), FINAL)
    assert message["usage"] == {
        "input_tokens": (10 - 2) + (30 - 2),
        "cache_read_input_tokens": 4,
        "output_tokens": 9,
        "server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0},
    }


def test_D01_final_turn_is_streamed_as_it_comes(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    from anthropic_kit import FIRST, chunk, sse

    Script(standin, turn(None, search("a")), stream(sse(FIRST, chunk(content="early"), done=False), HANG))  # type: ignore[arg-type]
    with searching.open_stream("/v1/messages", {**ASK, "stream": True}) as open_socket:
        received = b""
        while b"early" not in received:
            received += open_socket.recv(65536)
    assert received.count(b"event: message_start") == 1
    assert b"message_delta" not in received


def test_L57_one_message_in_order(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    Script(standin, turn("a", search("one"), search("two")), turn("b", search("three")), FINAL)
    events = events_of(searching)
    assert [event["type"] for event in events].count("message_start") == 1
    starts = [event for event in events if event["type"] == "content_block_start"]
    assert [event["index"] for event in starts] == list(range(len(starts)))
    assert [event["content_block"]["type"] for event in starts] == [
        "text", *["server_tool_use", "web_search_tool_result"] * 2, "text", "server_tool_use", "web_search_tool_result", "text",
    ]  # fmt: skip
    uses = [event["content_block"] for event in starts if event["content_block"]["type"] == "server_tool_use"]
    assert all(use["input"] == {} for use in uses) and len({use["id"] for use in uses}) == 3
    deltas = [event["delta"]["partial_json"] for event in events if event["type"] == "content_block_delta" and "partial_json" in event["delta"]]
    assert [json.loads(delta)["query"] for delta in deltas] == ["one", "two", "three"]
    assert events[-2]["usage"]["server_tool_use"]["web_search_requests"] == 3
    assert events[-1]["type"] == "message_stop"


@pytest.mark.parametrize("streamed", [False, True])
def test_D12_replay_extends_the_prompt(searching: Gateway, standin: StandIn, web: SearchStandIn, streamed: bool) -> None:
    """What a client sends back gives the very messages that the engine was asked with while it searched."""
    script = Script(standin, turn("Let me look.", search("x"), reasoning="hm"), turn(None, search("y")), FINAL)
    if streamed:
        with client(searching).messages.stream(**ASK) as events:
            message = events.get_final_message()
    else:
        message = client(searching).messages.create(**ASK)
    assert all(entry.encrypted_content for block in message.content if block.type == "web_search_tool_result" for entry in block.content)
    script_after = Script(standin, FINAL)
    kept = [block.to_dict(exclude_none=False) for block in message.content]
    for block in kept:
        block.pop("parsed_output", None)
    client(searching).messages.create(**{**ASK, "messages": [*ASK["messages"], {"role": "assistant", "content": kept}, {"role": "user", "content": "go on"}]})
    before, after = script.asked[-1]["messages"], script_after.asked[0]["messages"]
    assert after[: len(before)] == before
    assert after[len(before) :] == [{"role": "assistant", "content": "It is new."}, {"role": "user", "content": "go on"}]
    assert script_after.asked[0]["tools"] == script.asked[0]["tools"]


def test_C23_C24_foreign_blocks_are_read(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    """Blocks of Anthropic's own servers, whose texts only those can read; a search without its result; a turn of blocks alone."""
    content = [
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "q"}},
        {
            "type": "web_search_tool_result",
            "tool_use_id": "srvtoolu_1",
            "content": [{"type": "web_search_result", "title": "T", "url": "https://t.example", "encrypted_content": "EqgfCio", "page_age": "May"}],
        },
        {"type": "server_tool_use", "id": "srvtoolu_2", "name": "web_search", "input": {"query": "r"}},
    ]
    script = Script(standin, FINAL)
    client(searching).messages.create(**{**ASK, "messages": [*ASK["messages"], {"role": "assistant", "content": content}, {"role": "user", "content": "so?"}]})
    messages = script.asked[0]["messages"]
    assert [item["role"] for item in messages] == ["user", "assistant", "tool", "assistant", "tool", "user"]
    assert "1. T (May)\nhttps://t.example" in messages[2]["content"] and "EqgfCio" not in messages[2]["content"]
    assert messages[4]["tool_call_id"] == "srvtoolu_2" and messages[4]["content"]


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply([b"{}"], status=429), "too_many_requests"),
        (Reply([b"no"], status=500), "unavailable"),
        (Reply([b"no"], status=403), "unavailable"),
        (Reply([b"<html>"]), "unavailable"),
        (Reply([b""], status=302, headers={"location": "http://127.0.0.1:1/"}), "unavailable"),
        (Reply([HANG]), "unavailable"),
    ],
)
def test_D11_a_search_that_fails_is_a_result(start: Callable[..., Gateway], standin: StandIn, web: SearchStandIn, reply: Reply, code: str) -> None:
    gateway = start(search=web.configuration(seconds=0.5))
    web.answers(reply)
    message, script = both(gateway, standin, turn(None, search("a")), FINAL)
    assert kinds(message) == ["server_tool_use", "web_search_tool_result", "text"]
    assert message["content"][1]["content"] == {"type": "web_search_tool_result_error", "error_code": code}
    assert message["stop_reason"] == "end_turn"
    assert message["usage"]["server_tool_use"]["web_search_requests"] == 0
    assert code in script.asked[1]["messages"][-1]["content"]
    # The second request finds the provider left alone.
    assert len(web.server.seen) == 1
    assert gateway.metric('inferhost_proxy_searches_total{outcome="backing_off",provider="searxng"}') == 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("{}", "invalid_tool_input"),
        ('{"query": 7}', "invalid_tool_input"),
        ('{"query": "a', "invalid_tool_input"),
        (json.dumps({"query": "x" * 500}), "query_too_long"),
    ],
)
def test_D11_calls_that_ask_for_nothing(searching: Gateway, standin: StandIn, web: SearchStandIn, arguments: str, code: str) -> None:
    message, _script = both(searching, standin, turn(None, ("web_search", arguments)), FINAL)
    assert message["content"][1]["content"]["error_code"] == code
    assert message["stop_reason"] == "end_turn"
    assert web.queries == []


def test_L57_nothing_found_is_an_empty_list(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    web.finds([])
    message, script = both(searching, standin, turn(None, search("rare")), FINAL)
    assert message["content"][1]["content"] == []
    assert "nothing was found" in script.asked[1]["messages"][-1]["content"]


def test_D09_uses_are_limited_and_a_model_that_only_searches_is_stopped(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    message, script = both(searching, standin, turn(None, search("again")), tools=[{**TOOL, "max_uses": 2}])
    outcomes = [block["content"] for block in message["content"] if block["type"] == "web_search_tool_result"]
    assert [isinstance(outcome, list) for outcome in outcomes] == [True, True, False, False, False]
    assert outcomes[2] == {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"}
    assert message["stop_reason"] == "pause_turn"
    assert len(script.asked) == 5
    assert message["usage"]["server_tool_use"]["web_search_requests"] == 2
    # The client sends it back as it is, and the model goes on behind the last result.
    after = Script(standin, FINAL)
    ended = client(searching).messages.create(**{**ASK, "messages": [*ASK["messages"], {"role": "assistant", "content": message["content"]}]})
    assert ended.stop_reason == "end_turn"
    assert after.asked[0]["messages"][-1]["role"] == "tool"
    assert "continue_final_message" not in after.asked[0]


def test_D09_the_operators_limit_counts_too(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    message, _script = both(searching, standin, turn(None, search("again")), tools=[{**TOOL, "max_uses": 50}])
    assert message["usage"]["server_tool_use"]["web_search_requests"] == 3


def test_D07_search_and_client_tool_in_one_turn(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    """Both are done: the search here, before the client gets its call; none is lost, and the next request has both results."""
    message, script = both(searching, standin, turn("both", search("a"), ("read", '{"path": "/x"}')), tools=[TOOL, READ])
    assert kinds(message) == ["text", "server_tool_use", "web_search_tool_result", "tool_use"]
    assert message["stop_reason"] == "tool_use" and message["content"][3]["input"] == {"path": "/x"}
    assert len(script.asked) == 1
    following = Script(standin, FINAL)
    answer = {"type": "tool_result", "tool_use_id": message["content"][3]["id"], "content": "file"}
    client(searching).messages.create(
        **{
            **ASK,
            "tools": [TOOL, READ],
            "messages": [*ASK["messages"], {"role": "assistant", "content": message["content"]}, {"role": "user", "content": [answer]}],
        }
    )
    messages = following.asked[0]["messages"]
    assert [item["role"] for item in messages] == ["user", "assistant", "tool", "assistant", "tool"]
    assert "first text" in messages[2]["content"] and messages[4]["content"] == "file"


def test_D07_client_tool_first(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    message, script = both(searching, standin, turn(None, ("read", '{"path": "/x"}'), search("a")), tools=[TOOL, READ])
    assert kinds(message) == ["tool_use", "server_tool_use", "web_search_tool_result"]
    assert message["stop_reason"] == "tool_use" and len(script.asked) == 1


def test_D08_client_tool_after_the_search(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    message, _script = both(searching, standin, turn(None, search("a")), turn("now", ("read", '{"path": "/x"}')), tools=[TOOL, READ])
    assert kinds(message) == ["server_tool_use", "web_search_tool_result", "text", "tool_use"]
    assert message["stop_reason"] == "tool_use"


def test_D10_the_servers_search_wins_over_a_tool_of_its_name(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    own = {"name": "web_search", "description": "mine", "input_schema": {"type": "object", "properties": {"q": {"type": "string"}}}}
    message, script = both(searching, standin, turn(None, search("a")), FINAL, tools=[own, TOOL, READ])
    assert [tool["function"]["name"] for tool in script.asked[0]["tools"]] == ["web_search", "read"]
    assert script.asked[0]["tools"][0]["function"]["description"] != "mine"
    assert "web_search_tool_result" in kinds(message)
    # And the other way round: without the server's, the client's is its own.
    message, script = both(searching, standin, turn(None, ("web_search", '{"q": "a"}')), tools=[own])
    assert script.asked[0]["tools"][0]["function"]["description"] == "mine"
    assert kinds(message) == ["tool_use"] and message["stop_reason"] == "tool_use"


@pytest.mark.parametrize("choice", [{"type": "tool", "name": "web_search"}, {"type": "any"}])
def test_D02_C26_choice_counts_for_the_first_turn_only(searching: Gateway, standin: StandIn, web: SearchStandIn, choice: Document) -> None:
    message, script = both(searching, standin, turn(None, search("a"), finish="stop"), FINAL, tool_choice=choice)
    named = {"type": "function", "function": {"name": "web_search"}}
    assert script.asked[0]["tool_choice"] == (named if choice["type"] == "tool" else "required")
    assert script.asked[1]["tool_choice"] == "auto"
    assert message["stop_reason"] == "end_turn" and kinds(message)[-1] == "text"


@pytest.mark.parametrize("choice", [{}, {"tool_choice": {"type": "auto"}}])
def test_D04_an_agent_that_asks_for_a_search_gets_one(searching: Gateway, standin: StandIn, web: SearchStandIn, choice: Document) -> None:
    """Claude Code's own request: without a search it would say that it did 0."""
    demand = [{"role": "user", "content": [{"type": "text", "text": "Perform a web search for the query: vllm 0.33"}]}]
    message, script = both(searching, standin, turn(None, search("the model's own words"), finish="stop"), FINAL, messages=demand, **choice)
    assert script.asked[0]["tool_choice"] == {"type": "function", "function": {"name": "web_search"}}
    assert script.asked[1]["tool_choice"] == "auto"
    assert web.queries[-1] == "the model's own words"
    assert kinds(message) == ["server_tool_use", "web_search_tool_result", "text"]
    again = Script(standin, FINAL)
    client(searching).messages.create(**ASK)
    assert again.asked[0]["tool_choice"] == "auto"


def test_D04_a_search_left_in_the_text_is_rescued(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    lost = turn('<tool_call>\n{"name": "web_search", "arguments": {"query": "lost"}}\n</tool_call>')
    message, _script = both(searching, standin, lost, FINAL)
    assert kinds(message) == ["server_tool_use", "web_search_tool_result", "text"]
    assert message["content"][0]["input"] == {"query": "lost"}
    assert web.queries[-1] == "lost"


def test_L58_a_client_tool_left_in_the_text_is_rescued(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    sample = 'inferhost_proxy_rescued_tool_calls_total{notation="tool_call"}'
    before = searching.metric(sample)
    lost = turn('Reading.\n<tool_call>\n{"name": "read", "arguments": {"path": "/x"}}\n</tool_call>')
    message, _script = both(searching, standin, lost, tools=[READ])
    assert kinds(message) == ["text", "tool_use"] and message["stop_reason"] == "tool_use"
    assert message["content"][1]["input"] == {"path": "/x"}
    assert searching.metric(sample) == before + 2


def test_B09_a_call_in_the_reasoning_is_rescued(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    lost = turn(None, reasoning='I search.\n<tool_call>\n{"name": "web_search", "arguments": {"query": "thought"}}\n</tool_call>')
    message, _script = both(searching, standin, lost, FINAL)
    assert kinds(message) == ["thinking", "server_tool_use", "web_search_tool_result", "text"]
    assert message["content"][0]["thinking"].strip() == "I search." and web.queries[-1] == "thought"


def test_L58_no_rescue_where_it_is_switched_off(start: Callable[..., Gateway], standin: StandIn) -> None:
    gateway = start(rescue={"enabled": False})
    lost = '<tool_call>\n{"name": "read", "arguments": {"path": "/x"}}\n</tool_call>'
    message, _script = both(gateway, standin, turn(lost), tools=[READ])
    assert message["content"] == [{"type": "text", "text": lost}]


def test_results_count_as_held_bytes(start: Callable[..., Gateway], standin: StandIn, web: SearchStandIn) -> None:
    gateway = start(search=web.configuration(), limits={"max_held_bytes": 2500})
    web.finds([{"url": "https://big.example/", "title": "Big", "content": "word " * 2000}])
    for _again in range(2):
        Script(standin, turn(None, search("a")), FINAL)
        answer = gateway.post("/v1/messages", ASK)
        assert answer.status == 529 and answer.json()["error"]["type"] == "overloaded_error"
    Script(standin, FINAL)
    assert gateway.post("/v1/messages", ASK).status == 200, "what was held is given back"


def test_L57_domains_and_place(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    place = {"type": "approximate", "city": "Bonn", "country": "DE"}
    message, script = both(searching, standin, turn(None, search("a")), FINAL, tools=[{**TOOL, "allowed_domains": ["two.example"], "user_location": place}])
    assert results(message["content"][1]) == [("Two", "https://www.two.example/b")]
    assert web.queries[-1] == "a site:two.example"
    assert "language=de-DE" in web.server.seen[-1].target
    assert "Bonn, DE" in script.asked[0]["tools"][0]["function"]["description"]
    message, _script = both(searching, standin, turn(None, search("a")), FINAL, tools=[{**TOOL, "blocked_domains": ["two.example"]}])
    assert results(message["content"][1]) == [("One", "https://one.example/a")]
    refused = searching.post("/v1/messages", {**ASK, "tools": [{**TOOL, "allowed_domains": ["a.example"], "blocked_domains": ["b.example"]}]})
    assert refused.status == 400 and "allowed_domains" in refused.json()["error"]["message"]
    refused = searching.post("/v1/messages", {**ASK, "tools": [{**TOOL, "allowed_domains": ["a.example", "not one"]}]})
    assert refused.status == 400 and "`not one` is not a domain" in refused.json()["error"]["message"], "a limit is never left out in silence"


@pytest.mark.parametrize("kind", ["web_search_20260209", "web_search_20260318", "web_search_20990101"])
def test_C26_later_versions_of_the_tool(searching: Gateway, standin: StandIn, web: SearchStandIn, kind: str) -> None:
    message, _script = both(searching, standin, turn(None, search("a")), FINAL, tools=[{**TOOL, "type": kind}])
    assert kinds(message) == ["server_tool_use", "web_search_tool_result", "text"]


def test_L57_without_a_provider_the_search_is_refused_or_left_out(gateway: Gateway, standin: StandIn) -> None:
    answer = gateway.post("/v1/messages", ASK)
    assert answer.status == 400 and "web_search" in answer.json()["error"]["message"]
    script = Script(standin, FINAL)
    assert gateway.post("/v1/messages", {**ASK, "tools": [TOOL, READ]}).status == 200
    assert [tool["function"]["name"] for tool in script.asked[0]["tools"]] == ["read"]
    searches = [line for line in gateway.request("GET", "/metrics").body.decode().splitlines() if line.startswith("inferhost_proxy_searches_total{")]
    assert searches and all(line.endswith(" 0.0") for line in searches), "every series is there from the start"


def test_count_tokens_counts_the_tool(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    from standin import whole

    standin.replies["/tokenize"] = whole({"count": 12, "max_model_len": 2048, "tokens": []})
    assert client(searching).messages.count_tokens(**{name: value for name, value in ASK.items() if name != "max_tokens"}).input_tokens == 12
    assert json.loads(standin.last("/tokenize").body)["tools"][0]["function"]["name"] == "web_search"


def test_B26_pings_while_a_search_takes_its_time(start: Callable[..., Gateway], standin: StandIn, web: SearchStandIn) -> None:
    gateway = start(search=web.configuration(), anthropic={"ping_seconds": 0.2})
    web.answers(Reply([b'{"results": []}'], before=[0.9]))
    Script(standin, turn(None, search("slow")), FINAL)
    events = events_of(gateway)
    place = next(index for index, event in enumerate(events) if event.get("content_block", {}).get("type") == "web_search_tool_result")
    assert [event["type"] for event in events[:place]].count("ping") >= 2
    assert events[-1]["type"] == "message_stop"


def test_L57_output_limit_is_for_the_message(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    _message, script = both(searching, standin, turn(None, search("a"), usage=(10, 120)), FINAL)
    assert [asked["max_tokens"] for asked in script.asked] == [500, 380]
    message, script = both(searching, standin, turn(None, ("web_search", '{"que'), finish="length"))
    assert message["stop_reason"] == "max_tokens" and len(script.asked) == 1


def test_L57_the_operators_output_limit_is_for_the_message_too(start: Callable[..., Gateway], standin: StandIn, web: SearchStandIn) -> None:
    gateway = start(search=web.configuration(), limits={"max_output_tokens": 200})
    _message, script = both(gateway, standin, turn(None, search("a"), usage=(10, 120)), FINAL)
    assert [asked["max_tokens"] for asked in script.asked] == [200, 80]


@pytest.mark.parametrize("phase", ["search", "second turn"])
def test_E01_E02_a_client_that_leaves_ends_search_and_engine(start: Callable[..., Gateway], standin: StandIn, web: SearchStandIn, phase: str) -> None:
    gateway = start(search=web.configuration(seconds=30))
    if phase == "search":
        web.answers(Reply([HANG]))
    Script(standin, turn(None, search("a")), stream(HANG))  # type: ignore[arg-type]
    raw = json.dumps({**ASK, "stream": True}).encode()
    with socket.create_connection(("127.0.0.1", gateway.port)) as left:
        left.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: x\r\nx-api-key: %s\r\ncontent-length: %d\r\n\r\n" % (CLIENT_KEY.encode(), len(raw)) + raw)
        eventually(lambda: web.server.seen if phase == "search" else sum(seen.target == CHAT for seen in standin.seen) == 2)
        time.sleep(0.2)
    last = web.server.seen[-1] if phase == "search" else standin.last(CHAT)
    assert last.closed.wait(3)
    eventually(lambda: gateway.metric("inferhost_proxy_in_flight_requests") == 1)  # the question itself


def test_A25_an_engine_that_fails_behind_the_search(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    Script(standin, turn(None, search("a")), Reply([b'{"error": {"message": "boom"}}'], status=500))  # type: ignore[arg-type]
    events = events_of(searching)
    assert events[-1]["type"] == "error" and "message_stop" not in [event["type"] for event in events]
    Script(standin, turn(None, search("a")), Reply([b'{"error": {"message": "boom"}}'], status=500))  # type: ignore[arg-type]
    answer = searching.post("/v1/messages", ASK)
    assert answer.status == 500 and answer.json()["error"]["message"] == "boom"


def test_nothing_of_a_search_is_logged(start: Callable[..., Gateway], standin: StandIn, web: SearchStandIn) -> None:
    gateway = start(search=web.configuration())
    both(gateway, standin, turn(None, search("private words")), FINAL)
    web.answers(Reply([b"private page"], status=500))
    both(gateway, standin, turn(None, search("private matters")), FINAL)
    eventually(lambda: [line for line in gateway.lines() if line["event"] == "search" and line["outcome"] == "unavailable"])
    assert "private" not in gateway.log()
    assert gateway.metric('inferhost_proxy_searches_total{outcome="found",provider="searxng"}') == 1
    assert gateway.metric('inferhost_proxy_searches_total{outcome="found",provider="cache"}') == 1
    assert PAGES
