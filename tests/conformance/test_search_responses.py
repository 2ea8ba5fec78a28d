# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The web search of the Responses API: searches are items of the answer, and the official SDK judges."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import openai
import pytest
from anthropic_kit import Document
from gateway import CLIENT_KEY, Gateway, eventually
from hypothesis import given, settings
from hypothesis import strategies as st
from search_kit import RESPONSES, Script, SearchStandIn, function_call, message, response, response_as_stream, search
from standin import CUT, HANG, Reply, StandIn, stream
from test_tool_calls import cuts

from inferhost_proxy import sse
from inferhost_proxy.openai_chat import Rules
from inferhost_proxy.openai_request import prepare
from inferhost_proxy.responses_turns import ResponseTurns

TOOL: Any = {"type": "web_search"}
READ: Any = {"type": "function", "name": "read", "parameters": {"type": "object", "properties": {"path": {"type": "string"}}}}
ASK: Any = {"model": "m", "input": "What is new?"}
FINAL = response(message("It is new.", "msg_9"), usage=(30, 4), number=9)
READS = function_call("read", '{"path": "/x"}', "call_read")


def client(gateway: Gateway) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=CLIENT_KEY, max_retries=0)


def searching_for(query: str, number: int = 1) -> Document:
    return function_call(*search(query), f"call_{number}")


def shown(answer: Any) -> Document:
    """What an agent acts on; ids of searches are made anew each time."""
    document: Document = answer.to_dict()
    for item in document["output"]:
        if item["type"] == "web_search_call":
            assert item.pop("id").startswith("ws_")
    return document


def both(gateway: Gateway, standin: StandIn, *turns: Document, tools: Any = (TOOL,), **more: Any) -> tuple[Document, Script]:
    """What the client sees of an answer, after it was seen that its stream says the same, event for event and as a whole."""
    asked = {**ASK, "tools": list(tools), **more}
    Script(standin, *turns, path=RESPONSES)
    with client(gateway).responses.stream(**asked) as events:
        seen = list(events)
        streamed = events.get_final_response()
    assert [event.sequence_number for event in seen] == list(range(len(seen)))
    done = [event.item.to_dict() for event in seen if event.type == "response.output_item.done"]
    added = [event.output_index for event in seen if event.type == "response.output_item.added"]
    final = streamed.to_dict()
    assert added == list(range(len(done))) and done == [_plain(item) for item in final["output"]]
    script = Script(standin, *turns, path=RESPONSES)
    complete = client(gateway).responses.create(**asked)
    assert [_plain(item) for item in shown(streamed)["output"]] == shown(complete)["output"]
    assert final["usage"] == complete.to_dict()["usage"] and final["id"] == complete.id
    return shown(complete), script


def _plain(item: Document) -> Document:
    """Without what the SDK adds to a parsed answer."""
    kept = {key: value for key, value in item.items() if not key.startswith("parsed")}
    if "content" in kept:
        kept["content"] = [{key: value for key, value in part.items() if key != "parsed"} for part in kept["content"]]
    return kept


def kinds(answer: Document) -> list[str]:
    return [item["type"] for item in answer["output"]]


def rows(gateway: Gateway, **more: Any) -> list[Document]:
    answer = gateway.post(RESPONSES, {**ASK, "stream": True, "tools": [TOOL], **more})
    assert answer.status == 200
    return [json.loads(sse.data_of(event)) for event in sse.events(answer.body)]


@pytest.mark.parametrize("kind", ["web_search", "web_search_preview", "web_search_2025_08_26", "web_search_preview_2025_03_11"])
def test_L57_searches_are_items_of_the_answer(searching: Gateway, standin: StandIn, web: SearchStandIn, kind: str) -> None:
    answer, script = both(searching, standin, response(searching_for("a")), FINAL, tools=[{"type": kind}])
    assert kinds(answer) == ["web_search_call", "message"] and answer["output"][1]["content"][0]["text"] == "It is new."
    action = answer["output"][0]["action"]
    assert (answer["output"][0]["status"], action["type"], action["query"]) == ("completed", "search", "a")
    assert [source["url"] for source in action["sources"]] == ["https://one.example/a", "https://www.two.example/b"]
    assert [result["url"] for result in answer["output"][0]["results"]] == ["https://one.example/a", "https://www.two.example/b"]
    assert answer["id"] == "resp_1" and answer["created_at"] == 1
    assert answer["tools"] == [{"type": kind}], "the client reads the request that it made"
    assert web.queries == ["a", "a"]
    (offered,) = script.asked[0]["tools"]
    assert (offered["type"], offered["name"]) == ("function", "web_search") and script.asked[1]["tools"] == script.asked[0]["tools"]
    said, call, told = script.asked[1]["input"]
    assert said == {"role": "user", "content": "What is new?"}
    assert json.loads(call["arguments"]) == {"query": "a"} and told["call_id"] == call["call_id"]
    assert "first text" in told["output"] and "<|im_end|>" not in told["output"]


def test_D06_usage_is_the_sum(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    answer, _script = both(searching, standin, response(message("Let me look."), searching_for("a")), FINAL)
    assert kinds(answer) == ["message", "web_search_call", "message"]
    assert answer["usage"] == {
        "input_tokens": 40,
        "input_tokens_details": {"cached_tokens": 4},
        "output_tokens": 9,
        "output_tokens_details": {"reasoning_tokens": 2},
        "total_tokens": 49,
    }


def test_D03_one_stream_in_order(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    Script(standin, response(searching_for("x"), searching_for("y", 2)), FINAL, path=RESPONSES)
    found = rows(searching)
    assert [row["sequence_number"] for row in found] == list(range(len(found)))
    made = [
        (row["type"].removeprefix("response."), row["output_index"]) for row in found if "web_search" in row["type"] or "web_search" in str(row.get("item"))
    ]
    once = ["output_item.added", "web_search_call.in_progress", "web_search_call.searching", "web_search_call.completed", "output_item.done"]
    assert made == [(kind, index) for index in (0, 1) for kind in once]
    assert len({row["item_id"] for row in found if "web_search" in row["type"]}) == 2
    ends = [row["type"] for row in found if row["type"] in ("response.created", "response.in_progress", "response.completed")]
    assert ends == ["response.created", "response.in_progress", "response.completed"]


def test_D01_final_turn_is_streamed_as_it_comes(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    begun = response_as_stream(FINAL)
    begun = begun[: begun.index(b"event: response.output_text.done")]
    Script(standin, response(searching_for("a")), stream(begun, HANG), path=RESPONSES)  # type: ignore[arg-type]
    with searching.open_stream(RESPONSES, {**ASK, "stream": True, "tools": [TOOL]}) as open_socket:
        received = b""
        while received.count(b"output_text.delta") < len("It is new."):
            received += open_socket.recv(65536)
    assert b"response.completed" not in received and b"web_search_call.completed" in received


def test_L57_a_request_that_searches_nothing_keeps_its_answer(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    answer, script = both(searching, standin, response(message("now"), READS), tools=[READ, TOOL])
    assert kinds(answer) == ["message", "function_call"] and answer["output"][1] == READS
    assert [tool["name"] for tool in script.asked[0]["tools"]] == ["read", "web_search"] and web.queries == []


@pytest.mark.parametrize("search_first", [True, False])
def test_D07_a_search_and_a_clients_call_in_one_turn(searching: Gateway, standin: StandIn, web: SearchStandIn, search_first: bool) -> None:
    items = [searching_for("a"), READS] if search_first else [READS, searching_for("a")]
    answer, script = both(searching, standin, response(*items), FINAL, tools=[READ, TOOL])
    expected = ["web_search_call", "function_call"]
    assert kinds(answer) == (expected if search_first else expected[::-1])
    assert len(script.asked) == 1 and web.queries == ["a", "a"], "the search is made, and then it is the client's turn"
    assert READS in answer["output"]


def test_D07_what_follows_a_search_in_one_answer_comes_behind_it(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    answer, script = both(searching, standin, response(searching_for("a"), message("Searching.")), FINAL)
    assert kinds(answer) == ["web_search_call", "message", "message"]
    assert [item.get("type", "message") for item in script.asked[1]["input"]] == ["message", "function_call", "function_call_output", "message"]


def test_D08_a_client_tool_behind_a_search(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    answer, _script = both(searching, standin, response(searching_for("a")), response(READS, number=2), tools=[READ, TOOL])
    assert kinds(answer) == ["web_search_call", "function_call"] and answer["output"][1] == READS


def test_D09_a_model_that_only_searches_is_stopped(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    answer, script = both(searching, standin, response(searching_for("a")))
    assert len(script.asked) == 6 and len(web.queries) == 6
    assert [item["status"] for item in answer["output"]] == ["completed"] * 3 + ["failed"] * 2 and answer["status"] == "completed"
    assert answer["output"][-1]["error"] == {"code": "max_uses_exceeded"}
    assert "max_uses_exceeded" in script.asked[-1]["input"][-1]["output"] and answer["usage"]["total_tokens"] == 90


@pytest.mark.parametrize("more", [{"max_tool_calls": 0}, {"tools": [{**TOOL, "external_web_access": False}]}])
def test_the_request_can_allow_fewer_searches(searching: Gateway, standin: StandIn, web: SearchStandIn, more: Document) -> None:
    answer, _script = both(searching, standin, response(searching_for("a")), FINAL, **more)
    assert web.queries == [] and answer["output"][0]["error"] == {"code": "max_uses_exceeded"}


@pytest.mark.parametrize("choice", ["required", {"type": "web_search_preview"}, {"type": "function", "name": "web_search"}])
def test_D02_choice_counts_for_the_first_turn_only(searching: Gateway, standin: StandIn, web: SearchStandIn, choice: Any) -> None:
    answer, script = both(searching, standin, response(searching_for("a")), FINAL, tool_choice=choice)
    assert script.asked[0]["tool_choice"] == (choice if choice == "required" else {"type": "function", "name": "web_search"})
    assert script.asked[1]["tool_choice"] == "auto" and answer["tool_choice"] == choice


def test_D10_a_client_tool_of_the_name_gives_way(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    _answer, script = both(searching, standin, response(searching_for("a")), FINAL, tools=[{**READ, "name": "web_search"}, TOOL])
    assert [tool["name"] for tool in script.asked[0]["tools"]] == ["web_search"] and "excerpts" in script.asked[0]["tools"][0]["description"]


@pytest.mark.parametrize(("reply", "code"), [(Reply([b"{}"], status=429), "too_many_requests"), (Reply([b""], status=500), "unavailable")])
def test_D11_a_search_that_fails_is_an_item(start: Callable[..., Gateway], standin: StandIn, web: SearchStandIn, reply: Reply, code: str) -> None:
    gateway = start(search=web.configuration())
    web.answers(reply)
    answer, script = both(gateway, standin, response(searching_for("a")), FINAL)
    assert answer["output"][0]["status"] == "failed" and answer["output"][0]["error"] == {"code": code}
    assert code in script.asked[1]["input"][-1]["output"] and answer["status"] == "completed"


def test_a_call_without_a_query_is_told_so(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    answer, script = both(searching, standin, response(function_call("web_search", "{}")), FINAL)
    assert answer["output"][0]["error"] == {"code": "invalid_tool_input"} and web.queries == []
    assert "invalid_tool_input" in script.asked[1]["input"][-1]["output"]


def test_L57_a_search_left_in_the_text_is_rescued(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    lost = message('<tool_call>\n{"name": "web_search", "arguments": {"query": "lost"}}\n</tool_call>')
    answer, _script = both(searching, standin, response(lost), FINAL)
    assert kinds(answer) == ["message", "web_search_call", "message"] and web.queries == ["lost", "lost"]


def test_an_answer_that_was_cut_off_searches_nothing(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    for streamed in (False, True):
        Script(standin, response(message("so"), searching_for("a"), status="incomplete"), FINAL, path=RESPONSES)
        if streamed:
            answer = rows(searching)[-1]["response"]
        else:
            answer = searching.post(RESPONSES, {**ASK, "tools": [TOOL]}).json()
        assert kinds(answer) == ["message"] and answer["status"] == "incomplete" and web.queries == []


def test_C23_C24_the_answer_sent_back_gives_the_prompt_that_there_was(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    Script(standin, response(message("Let me look."), searching_for("a"), searching_for("b", 2)), FINAL, path=RESPONSES)
    given_input: list[Any] = [{"role": "user", "content": "What is new?"}]
    with client(searching).responses.stream(model="m", input=given_input, tools=[TOOL]) as events:
        answer = events.get_final_response()
    before = json.loads(standin.last(RESPONSES).body)["input"]
    script = Script(standin, FINAL, path=RESPONSES)
    sent_back = [item.to_dict() for item in answer.output]
    for item in sent_back:
        for part in item.get("content") or []:
            part.pop("parsed", None)
    client(searching).responses.create(model="m", input=[*given_input, *sent_back, {"role": "user", "content": "More."}], tools=[TOOL])  # type: ignore[list-item]
    assert script.asked[0]["input"][: len(before)] == before
    assert [item.get("type", "message") for item in script.asked[0]["input"][len(before) :]] == ["message", "message"]


@pytest.mark.parametrize(
    "item", [{"status": "completed", "action": {"type": "search", "query": "a"}}, {}, {"action": 1, "results": [1, {"url": 2}], "error": {}}]
)
def test_C24_a_search_of_another_server_is_read(gateway: Gateway, standin: StandIn, item: Document) -> None:
    """Also by a proxy that searches nothing itself."""
    script = Script(standin, FINAL, path=RESPONSES)
    spoken = {"role": "user", "content": "x"}
    asked = {
        **ASK,
        "input": [spoken, {"type": "web_search_call", "id": "ws_1", **item}, spoken],
        "include": ["web_search_call.results", "reasoning.encrypted_content"],
    }
    assert gateway.post(RESPONSES, asked).status == 200
    first, call, told, last = script.asked[0]["input"]
    assert (first, last) == (spoken, spoken) and script.asked[0]["include"] == ["reasoning.encrypted_content"]
    assert (call["type"], call["name"], call["call_id"]) == ("function_call", "web_search", told["call_id"])
    assert told["type"] == "function_call_output" and told["output"]


def test_errors_of_a_request_name_what_is_wrong(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    for more in ({"background": True}, {"tools": [{**TOOL, "user_location": "here"}]}, {"tools": [{**TOOL, "filters": {"allowed_domains": ["no domain"]}}]}):
        answer = searching.post(RESPONSES, {**ASK, "tools": [TOOL], **more})
        assert answer.status == 400 and answer.json()["error"]["code"] == "invalid_request"


@pytest.mark.parametrize("body", [json.dumps(ASK).encode(), b'{"model": "m",  "input": "about web_search_call"}', b'{"web_search', b"[]"])
def test_L57_what_asks_for_no_search_keeps_its_bytes(searching: Gateway, standin: StandIn, web: SearchStandIn, body: bytes) -> None:
    standin.replies[RESPONSES] = Reply([b'{"error":   {"message": "as it is"}}'], status=400)
    answer = searching.request("POST", RESPONSES, body, {"content-type": "application/json"}, CLIENT_KEY)
    assert standin.last(RESPONSES).body == body
    assert (answer.status, answer.body) == (400, b'{"error":   {"message": "as it is"}}')


def test_engine_errors_before_and_behind_a_search(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    refusal: Any = Reply([b'{"error":   {"message": "boom"}}'], status=422)
    Script(standin, refusal, path=RESPONSES)
    answer = searching.post(RESPONSES, {**ASK, "tools": [TOOL]})
    assert (answer.status, answer.body) == (422, b'{"error":   {"message": "boom"}}')
    Script(standin, response(searching_for("a")), refusal, path=RESPONSES)
    answer = searching.post(RESPONSES, {**ASK, "tools": [TOOL]})
    assert answer.status == 422 and answer.json()["error"]["message"] == "boom" and answer.json()["error"]["code"] == "engine_error"
    for broken in (refusal, stream(response_as_stream(FINAL)[:600], CUT)):
        Script(standin, response(searching_for("a")), broken, path=RESPONSES)
        with pytest.raises(openai.APIError):
            list(client(searching).responses.create(**ASK, stream=True, tools=[TOOL]))


def test_E02_a_client_that_leaves_ends_the_search(start: Callable[..., Gateway], standin: StandIn, web: SearchStandIn) -> None:
    gateway = start(search=web.configuration(seconds=30))
    web.answers(Reply([HANG]))
    Script(standin, response(searching_for("a")), FINAL, path=RESPONSES)
    with gateway.open_stream(RESPONSES, {**ASK, "stream": True, "tools": [TOOL]}):
        eventually(lambda: web.server.seen)
    assert web.server.seen[0].closed.wait(3)
    assert len([each for each in standin.seen if each.target == RESPONSES]) == 1


@settings(max_examples=60)
@given(st.lists(st.sampled_from(["search", "read", "message"]), max_size=4), st.lists(st.integers(0, 10**5), max_size=6), st.booleans())
def test_any_cut_gives_the_same_items(made: list[str], at: list[int], complete: bool) -> None:
    items = [
        {"search": searching_for("q", n), "read": function_call("read", "{}", f"call_{n}"), "message": message("text", f"msg_{n}")}[kind]
        for n, kind in enumerate(made)
    ]
    body = response_as_stream(response(*items, status="completed" if complete else "incomplete"))

    def run(places: list[int]) -> tuple[bytes, list[Any]]:
        splitter, turns = sse.EventSplitter(10**6), ResponseTurns({}, lambda: "ws_1")
        reader = turns.reader(Rules())
        out = b"".join(turns.feed(reader.feed(splitter.feed(piece))) for piece in cuts(body, places))
        assert turns.done
        return out, turns.calls

    assert run(at) == run([])
    out, pending = run([])
    assert b'"web_search","arguments"' not in out.replace(b" ", b"")
    assert len(pending) == (made.count("search") if complete else 0)
    found = [json.loads(sse.data_of(event)) for event in sse.events(out)]
    assert [row["sequence_number"] for row in found] == list(range(len(found)))
    added = [row["item"]["type"] for row in found if row["type"] == "response.output_item.added"]
    assert added == [
        {"read": "function_call"}.get(kind, kind) for kind in (made[: made.index("search")] if pending else [kind for kind in made if kind != "search"])
    ]


@pytest.mark.parametrize(
    "odd",
    [
        {"type": "response.output_item.added", "output_index": [1], "item": function_call(*search("a"))},
        {"type": "response.output_item.done", "output_index": {}, "item": 1},
        {"type": "response.output_text.done", "output_index": 7, "text": 1},
        {"type": ["x"]},
        {"type": "response.completed", "response": None},
        [1],
    ],
)
def test_odd_events_of_an_engine_break_nothing(odd: Any) -> None:
    turns = ResponseTurns({}, lambda: "ws_1")
    turns.reader(Rules())
    turns.feed(response_as_stream(response(message("x")))[:-400])
    assert isinstance(turns.feed(b"data: " + json.dumps(odd).encode() + b"\n\n"), bytes)
    assert isinstance(turns.stopped(), bytes) and all(call.name == "web_search" for call in turns.calls)


odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.sampled_from(["web_search_call", "search"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "id", "action", "query", "results", "url", "error", "code"]), inner, max_size=4)
    ),
    max_leaves=10,
)


@settings(max_examples=200)
@given(odd, odd)
def test_any_history_is_read_or_left_alone(items: Any, include: Any) -> None:
    body = json.dumps({"model": "m", "input": items, "include": include}).encode()
    sent = json.loads(prepare(body, False, None).body)
    if isinstance(items, list) and isinstance(sent["input"], list):
        assert not any(isinstance(item, dict) and item.get("type") == "web_search_call" for item in sent["input"])
