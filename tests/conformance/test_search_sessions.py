# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any script of an engine, through the whole gateway: stream and whole answer say the same on both surfaces, and nothing fails."""

from __future__ import annotations

import json
from typing import Any

from anthropic_kit import Document, check_grammar
from gateway import Gateway
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from search_kit import Script, SearchStandIn, search, turn
from standin import StandIn
from test_search_anthropic import READ as READ_TOOL
from test_search_anthropic import TOOL, events_of
from test_search_anthropic import both as messages
from test_search_openai import READ as READ_FUNCTION
from test_search_openai import both as completions

calls = st.sampled_from([search("one"), search("two"), ("web_search", "{}"), ("web_search", '{"query": "cut'), ("read", '{"path": "/x"}'), ("read", "{}")])
texts = st.sampled_from(
    [None, "", "Text.", " \n", "a\n\n", "<tool_call>not one", 'So: <tool_call>{"name": "web_search", "arguments": {"query": "three"}}</tool_call>']
)
turns = st.builds(
    lambda text, made, thought, finish, usage: turn(text, *made, reasoning=thought, finish=finish, usage=usage),
    texts,
    st.lists(calls, max_size=3),
    st.sampled_from([None, "hm", "\n"]),
    st.sampled_from([None, "stop", "length"]),
    st.tuples(st.integers(2, 50), st.integers(0, 20)),
)
scripts = st.lists(turns, min_size=1, max_size=4)
some = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


@some
@given(scripts, st.booleans())
def test_messages(searching: Gateway, standin: StandIn, web: SearchStandIn, script: list[Document], single: bool) -> None:
    more: Any = {"tools": [TOOL, READ_TOOL], "tool_choice": {"type": "auto", "disable_parallel_tool_use": single}}
    message, asked = messages(searching, standin, *script, turn("The end."), **more)
    uses = [block["id"] for block in message["content"] if block["type"] == "server_tool_use"]
    assert uses == [block["tool_use_id"] for block in message["content"] if block["type"] == "web_search_tool_result"]
    assert (message["stop_reason"] == "tool_use") == any(block["type"] == "tool_use" for block in message["content"]) or message["stop_reason"] == "max_tokens"
    output = [each["usage"]["completion_tokens"] for each in [*script, *[turn("The end.")] * 10][: len(asked.asked)]]
    assert message["usage"]["output_tokens"] == sum(output)
    Script(standin, *script, turn("The end."))
    check_grammar(events_of(searching, **more))


@some
@given(scripts.filter(lambda script: all(each["choices"][0]["finish_reason"] != "length" for each in script)))  # the SDK raises for those
def test_chat_completions(searching: Gateway, standin: StandIn, web: SearchStandIn, script: list[Document]) -> None:
    answer, asked = completions(searching, standin, *script, turn("The end."), tools=(TOOL, READ_FUNCTION))
    assert "web_search" not in [name for _id, name, _arguments in answer["calls"]]
    assert bool(answer["calls"]) == (answer["finish"] == "tool_calls")
    spent = [each["usage"]["total_tokens"] for each in [*script, *[turn("The end.")] * 10][: len(asked.asked)]]
    assert answer["usage"][2] == sum(spent)
    for request in asked.asked:
        open_calls = {call["id"] for message in request["messages"] for call in message.get("tool_calls", [])}
        assert open_calls <= {message.get("tool_call_id") for message in request["messages"]}, "each call has its result"


def test_nothing_failed(searching: Gateway) -> None:
    """Behind all that was asked of it."""
    assert [line for line in searching.lines() if line["event"] == "failure"] == []
    assert json.dumps(searching.lines()).count("internal_error") == 0
