# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reasoning whose end an engine lost where a call begins: it cannot be put back, but it is counted."""

from __future__ import annotations

from typing import Any

import pytest
from gateway import Gateway
from search_kit import CHAT, RESPONSES, Script, function_call, response, turn
from standin import StandIn

from inferhost_proxy.counts import ending

MESSAGES = "/v1/messages"
PARAMETERS = {"type": "object", "properties": {"path": {"type": "string"}}}
FUNCTION = {"name": "read", "parameters": PARAMETERS}
READ = ("read", '{"path": "/x"}')
ASKED: dict[str, Any] = {
    CHAT: {"messages": [{"role": "user", "content": "x"}], "tools": [{"type": "function", "function": FUNCTION}]},
    MESSAGES: {"max_tokens": 100, "messages": [{"role": "user", "content": "x"}], "tools": [{"name": "read", "input_schema": PARAMETERS}]},
    RESPONSES: {"input": "x", "tools": [{"type": "function", **FUNCTION}]},
}


def counted(gateway: Gateway) -> dict[str, float]:
    return {end: gateway.metric(f'inferhost_proxy_reasoning_ends_total{{end="{end}"}}') for end in ("sentence", "middle")}


def script(standin: StandIn, path: str, thoughts: str, text: str | None, *calls: tuple[str, str]) -> None:
    if path != RESPONSES:
        Script(standin, turn(text, *calls, reasoning=thoughts))
        return
    thought = {"id": "rs_1", "type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": thoughts}]}
    said = [{"id": "msg_1", "type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}] if text else []
    Script(standin, response(thought, *said, *(function_call(*call) for call in calls)), path=RESPONSES)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("path", ASKED)
@pytest.mark.parametrize(
    ("thoughts", "text", "calls", "end"),
    [
        ("I have to read the fi", None, [READ], "middle"),
        ("I have to read the file.\n", None, [READ, READ], "sentence"),
        ("I have to", "Reading.", [READ], None),
        ("I have to", None, [], None),
    ],
)
def test_B18_how_reasoning_ends_where_a_call_follows(
    gateway: Gateway, standin: StandIn, path: str, streamed: bool, thoughts: str, text: str | None, calls: list[tuple[str, str]], end: str | None
) -> None:
    script(standin, path, thoughts, text, *calls)
    before = counted(gateway)
    assert gateway.post(path, {"model": "m", "stream": streamed, **ASKED[path]}).status == 200
    assert {name: value - before[name] for name, value in counted(gateway).items()} == {name: float(name == end) for name in before}


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Done.", "sentence"), ("So?\n\n", "sentence"), ("`x`", "sentence"), ("the fi", "middle"), ("first,", "middle"), ("\u8bfb\u3002", "sentence")],
)
def test_B18_the_end_of_a_sentence(text: str, expected: str) -> None:
    assert ending(text) == expected
