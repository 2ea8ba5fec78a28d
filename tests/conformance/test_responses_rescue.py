# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tool calls left in the text of a response: streamed and whole, each is an item of its own, as OpenAI's own library reads it."""

from __future__ import annotations

import itertools
import json
from typing import Any

import openai
import pytest
from gateway import CLIENT_KEY, Gateway
from hypothesis import given, settings
from hypothesis import strategies as st
from rescue_samples import READ, SAMPLES, TOOLS, Sample
from standin import StandIn, stream
from standin import whole as whole_reply
from test_rescue import offer

from inferhost_proxy import sse
from inferhost_proxy.openai_chat import Rules
from inferhost_proxy.openai_request import prepare
from inferhost_proxy.openai_responses import ResponsesStream, whole

RESPONSES = "/v1/responses"
FLAT = [{"type": "function", **tool["function"]} for tool in TOOLS]
ASK: dict[str, Any] = {"model": "m", "input": "x", "tools": FLAT}
CALL_TEXT = next(sample.text for sample in SAMPLES if sample.name == "hermes")


def message_item(text: str, status: str = "completed", number: int = 1) -> dict[str, Any]:
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": None}
    return {"id": f"msg_{number}", "type": "message", "role": "assistant", "status": status, "content": [part]}


def response(*items: dict[str, Any], status: str = "completed") -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "m",
        "status": status,
        "output": list(items),
        "tools": [],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "text": None,
    }


def events(*texts: list[str], last: str = "completed", extra: list[dict[str, Any]] | None = None) -> bytes:
    """Messages with these pieces, as vLLM streams them, and items behind them."""
    rows: list[dict[str, Any]] = [{"type": "response.created", "response": response(status="in_progress")}]
    items = []
    for index, pieces in enumerate(texts):
        text = "".join(pieces)
        item = message_item(text, number=index)
        where = {"item_id": item["id"], "output_index": index, "content_index": 0}
        empty = {**item["content"][0], "text": ""}
        rows.append({"type": "response.output_item.added", "output_index": index, "item": {**item, "content": [], "status": "in_progress"}})
        rows.append({"type": "response.content_part.added", **where, "part": empty})
        rows += [{"type": "response.output_text.delta", **where, "delta": piece, "logprobs": []} for piece in pieces]
        rows.append({"type": "response.output_text.done", **where, "text": text, "logprobs": []})
        rows.append({"type": "response.content_part.done", **where, "part": item["content"][0]})
        rows.append({"type": "response.output_item.done", "output_index": index, "item": item})
        items.append(item)
    for index, item in enumerate(extra or [], len(items)):
        rows.append({"type": "response.output_item.added", "output_index": index, "item": {**item, "arguments": ""}})
        rows.append({"type": "response.output_item.done", "output_index": index, "item": item})
        items.append(item)
    rows.append({"type": f"response.{last}", "response": response(*items, status=last)})
    return b"".join(b"event: %s\ndata: %s\n\n" % (row["type"].encode(), json.dumps({**row, "sequence_number": at}).encode()) for at, row in enumerate(rows))


def reducer() -> ResponsesStream:
    numbers = itertools.count()
    tools = offer()
    return ResponsesStream(tools, Rules(tools, make_id=lambda: f"call_{next(numbers)}"))


def documents(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(sse.data_of(event)) for event in sse.events(data)]


def accumulated(data: bytes) -> list[tuple[str, str, str]]:
    """Type, name and text of each item, from the deltas alone. Every event has to be in its place."""
    items: dict[int, list[str]] = {}
    for number, document in enumerate(documents(data)):
        assert document["sequence_number"] == number
        index, kind = document.get("output_index"), document["type"]
        if kind == "response.output_item.added":
            assert index == len(items)
            items[index] = [document["item"]["type"], document["item"].get("name", ""), ""]
        elif kind.endswith(".delta"):
            items[index][2] += document["delta"]
        elif kind in ("response.output_text.done", "response.function_call_arguments.done"):
            assert document.get("text", document.get("arguments")) == items[index][2]
    return [(kind, name, text) for kind, name, text in items.values()]


def final(data: bytes) -> list[tuple[str, str, str]]:
    """The same from the last event."""
    output = documents(data)[-1]["response"]["output"]
    return [(item["type"], item.get("name", ""), item.get("arguments") or item["content"][0]["text"]) for item in output]


def pieces_of(text: str, at: list[int]) -> list[str]:
    places = sorted({0, len(text), *(place % (len(text) + 1) for place in at)})
    return [text[start:end] for start, end in itertools.pairwise(places)]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
@settings(max_examples=15)
@given(at=st.lists(st.integers(0, 300), max_size=8))
def test_L51_L52_L58_every_notation_however_it_is_cut(sample: Sample, at: list[int]) -> None:
    data = reducer().feed(events(pieces_of(sample.text, at)))
    found = accumulated(data)
    assert [(name, json.loads(text)) for kind, name, text in found if kind == "function_call"] == sample.calls
    assert found[0][2].strip() == sample.rest.strip()
    assert final(data) == [(kind, name, text) for kind, name, text in found]


@pytest.mark.parametrize("text", ["Hello.", "Use `<tool_call>` here.", "", "a < b [1] {2}"])
def test_an_answer_without_a_call_keeps_its_bytes(text: str) -> None:
    given_bytes = events([text] if text else [])
    assert reducer().feed(given_bytes) == given_bytes


def test_B15_what_comes_behind_a_call_moves_up() -> None:
    engines = {"type": "function_call", "id": "fc_9", "call_id": "call_9", "name": "list", "arguments": "{}", "status": "completed"}
    data = reducer().feed(events([CALL_TEXT], ["And more."], extra=[engines]))
    assert [kind for kind, _name, _text in accumulated(data)] == ["message", "function_call", "message", "function_call"]
    assert [item[0] for item in final(data)] == ["message", "function_call", "message", "function_call"]


def test_an_answer_that_was_cut_off_calls_nothing_that_only_its_end_makes_a_call() -> None:
    text = json.dumps({"name": "read", "arguments": READ[1]})
    assert [kind for kind, _name, _text in accumulated(reducer().feed(events([text])))] == ["message", "function_call"]
    cut_off = reducer().feed(events([text], last="incomplete"))
    assert [(kind, said) for kind, _name, said in accumulated(cut_off)] == [("message", text)]


@pytest.mark.parametrize(
    "odd",
    [
        {"type": "response.output_item.added"},
        {"type": "response.output_item.added", "item": "message"},
        {"type": "response.output_item.added", "output_index": None, "item": {"type": "message"}},
        {"type": "response.output_item.done", "output_index": None, "item": None},
        {"type": "response.completed", "response": None},
    ],
)
@pytest.mark.parametrize("texts", [[], [["Hello."]], [[CALL_TEXT], ["Hello."]]])
def test_events_that_lack_what_belongs_to_them_pass_as_they_are(odd: dict[str, Any], texts: list[list[str]]) -> None:
    written = events(*texts)
    event = b"event: x\ndata: %s\n\n" % json.dumps(odd).encode()
    assert reducer().feed(written[: written.index(b"event: response.completed")] + event).endswith(event)


def test_a_stream_that_breaks_gives_out_what_is_held() -> None:
    one = reducer()
    begun = events(["Hello. <tool_", "call>"])
    data = one.feed(begun[: begun.index(b"event: response.output_text.done")]) + one.broken()
    assert accumulated(data) == [("message", "", "Hello. <tool_call>")]


@pytest.mark.parametrize(
    ("more", "offered"),
    [
        ({}, ["read", "list"]),
        ({"tool_choice": "none"}, None),
        ({"tool_choice": {"type": "function", "name": "list"}}, ["list"]),
        ({"tools": [*FLAT, {"type": "web_search"}]}, ["read", "list"]),
        ({"text": {"format": {"type": "json_schema", "schema": {}}}}, None),
        ({"text": {"format": {"type": "text"}}}, ["read", "list"]),
        ({"tools": []}, None),
    ],
)
def test_only_tools_of_the_request(more: dict[str, Any], offered: list[str] | None) -> None:
    found = prepare(json.dumps({**ASK, **more}).encode(), False, None).offer
    assert (None if found is None else sorted(found.tools)) == (None if offered is None else sorted(set(offered) & {tool["name"] for tool in FLAT}))


def test_whole() -> None:
    tools = offer()
    body = json.dumps(response(message_item(f"I will look.\n{CALL_TEXT}"))).encode()
    made = whole(body, tools, Rules(tools))
    output = json.loads(made.body)["output"]
    assert [item["type"] for item in output] == ["message", "function_call"]
    assert output[0]["content"][0]["text"].strip() == "I will look."
    assert (output[1]["name"], json.loads(output[1]["arguments"])) == READ
    assert made.counts.rescued == {"tool_call": 1}
    for untouched in (json.dumps(response(message_item("Hello."))).encode(), b'{"error": {"message": "no"}}', b"[]", b"no JSON"):
        assert whole(untouched, tools, Rules(tools)).body == untouched


def test_L58_openais_library_reads_it(standin: StandIn, gateway: Gateway) -> None:
    client = openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=CLIENT_KEY, max_retries=0)
    standin.replies[RESPONSES] = stream(events(list(CALL_TEXT)))
    with client.responses.create(**ASK, stream=True) as seen:
        done = next(event for event in seen if event.type == "response.completed").response
    standin.replies[RESPONSES] = whole_reply(response(message_item(CALL_TEXT)))
    whole_answer = client.responses.create(**ASK)
    for answer in (done, whole_answer):
        (call,) = [item for item in answer.output if item.type == "function_call"]
        assert (call.name, json.loads(call.arguments)) == READ
        assert call.call_id
        assert answer.output_text == ""
