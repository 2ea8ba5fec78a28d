# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Citations: the links to results that the model wrote, and nothing else, on each surface; the official SDKs judge."""

from __future__ import annotations

from typing import Any

import anthropic
import openai
import pytest
from anthropic_kit import Document
from gateway import CLIENT_KEY, Gateway
from hypothesis import given
from hypothesis import strategies as st
from search_kit import CHAT, RESPONSES, Script, SearchStandIn, function_call, message, response, search, turn
from standin import StandIn

from inferhost_proxy.citations import cited

ONE, TWO = "https://one.example/a", "https://www.two.example/b"
SOURCES = {ONE: "One", TWO: "Two", "https://w.example/x_(y)": "Brackets", "https://root.example/": "Root"}
TEXT = f"Ünï says so [here]({ONE}), and see {TWO}."
LINKED = [(f"[here]({ONE})", ONE, "One"), (TWO, TWO, "Two")]
ASK: Any = {"model": "m", "messages": [{"role": "user", "content": "What is new?"}]}
TOOL: Any = {"type": "web_search"}


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        (f"see {ONE}.", [ONE]),
        (f"({ONE}), {TWO}!", [ONE, TWO]),
        (f"[one]({ONE})", [f"[one]({ONE})"]),
        (f"[{ONE}]({ONE})", [f"[{ONE}]({ONE})"]),
        (f"**{ONE}** <{TWO}>", [ONE, TWO]),
        ("https://w.example/x_(y) and (https://w.example/x_(y))", ["https://w.example/x_(y)"] * 2),
        ("https://root.example, https://one.example/a/", ["https://root.example", ONE]),
        (f"{ONE}bout {ONE}/more {ONE}?q=1 http://one.example/a", []),
        ("one.example says [1] that One", []),
        ("", []),
    ],
)
def test_only_links_to_results_are_citations(text: str, spans: list[str]) -> None:
    found = cited(text, SOURCES)
    assert [text[one.start : one.end] for one in found] == spans
    assert all(SOURCES[one.url] == one.title for one in found)
    assert cited(text, {}) == []


@given(st.lists(st.sampled_from([ONE, TWO, " ", "[", "](", ")", ".", "x", "https://", "\n"]), max_size=12).map("".join))
def test_a_citation_is_where_its_address_is_written(text: str) -> None:
    for one in cited(text, SOURCES):
        assert one.url.rstrip("/") in text[one.start : one.end]


def openai_client(gateway: Gateway) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=CLIENT_KEY, max_retries=0)


def annotated(text: str, rows: list[Document]) -> list[tuple[str, str, str]]:
    return [(text[row["start_index"] : row["end_index"]], row["url"], row["title"]) for row in rows]


@pytest.mark.parametrize("streamed", [False, True])
def test_url_citations_of_chat_completions(searching: Gateway, standin: StandIn, web: SearchStandIn, streamed: bool) -> None:
    Script(standin, turn(f"First {ONE}?", search("a")), turn(TEXT))
    client = openai_client(searching)
    if streamed:
        with client.chat.completions.stream(**ASK, extra_body={"tools": [TOOL]}) as events:
            said: Any = events.get_final_completion().choices[0].message
    else:
        said = client.chat.completions.create(**ASK, extra_body={"tools": [TOOL]}).choices[0].message
    rows = said.to_dict()["annotations"]
    assert {row["type"] for row in rows} == {"url_citation"}
    assert annotated(said.content, [row["url_citation"] for row in rows]) == [(ONE, ONE, "One"), *LINKED]


@pytest.mark.parametrize("streamed", [False, True])
def test_url_citations_of_responses(searching: Gateway, standin: StandIn, web: SearchStandIn, streamed: bool) -> None:
    turns = (response(message(f"First {ONE}?"), function_call(*search("a"))), response(message(TEXT, "msg_2"), number=2))
    Script(standin, *turns, path=RESPONSES)
    client, asked = openai_client(searching), {"model": "m", "input": "x", "tools": [TOOL]}
    if streamed:
        with client.responses.stream(**asked) as events:  # type: ignore[arg-type]
            seen = list(events)
            answer: Any = events.get_final_response()
        added = [event.to_dict() for event in seen if event.type == "response.output_text.annotation.added"]
        assert annotated(TEXT, [row["annotation"] for row in added]) == LINKED
        assert [row["annotation_index"] for row in added] == [0, 1] and {(row["item_id"], row["output_index"]) for row in added} == {("msg_2", 2)}
        (part,) = [event.part for event in seen if event.type == "response.content_part.done" and event.item_id == "msg_2"]
        assert annotated(TEXT, part.to_dict()["annotations"]) == LINKED
    else:
        answer = client.responses.create(**asked)  # type: ignore[call-overload]
    first, _search, last = (item.to_dict() for item in answer.output)
    assert first["content"][0]["annotations"] == [], "before the search nothing was found"
    assert annotated(TEXT, last["content"][0]["annotations"]) == LINKED


@pytest.mark.parametrize("streamed", [False, True])
def test_citations_of_messages(searching: Gateway, standin: StandIn, web: SearchStandIn, streamed: bool) -> None:
    Script(standin, turn(f"First {ONE}?", search("a")), turn(f"{TEXT} Again {ONE}."), turn("ok"))
    client = anthropic.Anthropic(base_url=searching.url, api_key=CLIENT_KEY, max_retries=0)
    asked: Any = {**ASK, "max_tokens": 500, "tools": [{"type": "web_search_20250305", "name": "web_search"}]}
    if streamed:
        with client.messages.stream(**asked) as events:
            seen = list(events)
            answer: Any = events.get_final_message()
        assert [event.citation.url for event in seen if event.type == "citation"] == [ONE, TWO]
    else:
        answer = client.messages.create(**asked)
    blocks = [block.to_dict() for block in answer.content]
    texts = [block for block in blocks if block["type"] == "text"]
    assert "citations" not in texts[0] or not texts[0]["citations"]
    found = [(row["type"], row["url"], row["title"], row["cited_text"]) for row in texts[1]["citations"]]
    kind = "web_search_result_location"
    assert found == [(kind, ONE, "One", ""), (kind, TWO, "Two", "")], "each once, and nothing is said to be quoted"
    asked["messages"] = [*ASK["messages"], {"role": "assistant", "content": blocks}, {"role": "user", "content": "More."}]
    assert client.messages.create(**asked).content


def test_an_answer_without_links_has_no_citations(searching: Gateway, standin: StandIn, web: SearchStandIn) -> None:
    Script(standin, turn(None, search("a")), turn("One says so [1]."))
    said = searching.post(CHAT, {**ASK, "tools": [TOOL]}).json()["choices"][0]["message"]
    assert "annotations" not in said
