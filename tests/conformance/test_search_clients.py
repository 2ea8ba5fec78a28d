# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real agents that search the web through the proxy; the engine is scripted and SearXNG a stand-in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import agents
import pytest
from gateway import CLIENT_KEY, Gateway
from search_kit import CHAT, SearchStandIn, search, turn, turn_as_stream
from standin import Reply, Seen, StandIn, stream, whole


@pytest.mark.timeout(600)
def test_L57_D04_claude_code_searches_and_counts_it(start: Callable[..., Gateway], standin: StandIn, web: SearchStandIn, tmp_path: Path) -> None:
    asked: list[Any] = []

    def answer(seen: Seen) -> Reply:
        body = json.loads(seen.body)
        names = [tool["function"]["name"] for tool in body.get("tools", [])]
        told = body["messages"][-1]["role"] == "tool"
        asked.append((names, body.get("tool_choice")))
        if names == ["web_search"]:
            said = turn("Found: it is new.") if told else turn(None, search("inferhost news"), finish="stop")
        elif "WebSearch" in names and not told:
            said = turn(None, ("WebSearch", json.dumps({"query": "inferhost news"})))
        else:
            said = turn("It is new, says the search.")
        return stream(turn_as_stream(said)) if body.get("stream") else whole(said)

    standin.replies[CHAT] = answer
    gateway = start(search=web.configuration())
    home = tmp_path / "home"
    (home / ".claude").mkdir(parents=True)
    environment = {"ANTHROPIC_BASE_URL": gateway.url, "ANTHROPIC_AUTH_TOKEN": CLIENT_KEY, "ANTHROPIC_MODEL": "m", "ANTHROPIC_DEFAULT_HAIKU_MODEL": "m"}
    quiet = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "ENABLE_TOOL_SEARCH": "false"}
    (home / ".claude/settings.json").write_text(json.dumps({"env": {**environment, **quiet}}))
    arguments = ["--print", "Search the web for inferhost news", "--output-format", "stream-json", "--verbose", "--allowedTools", "WebSearch"]
    events = agents.run(agents.program(agents.CLAUDE_CODE), arguments, tmp_path, home)
    (result,) = [block for event in events if event["type"] == "user" for block in event["message"]["content"] if block["type"] == "tool_result"]
    assert "https://one.example/a" in result["content"] and "Found: it is new." in result["content"]
    assert web.queries == ["inferhost news"]
    named = {"type": "function", "function": {"name": "web_search"}}
    assert [choice for names, choice in asked if names == ["web_search"]] == [named, "auto"]
    last = events[-1]
    assert last["type"] == "result" and not last["is_error"] and last["result"] == "It is new, says the search."
    assert last["modelUsage"]["m"]["webSearchRequests"] == 1


@pytest.mark.timeout(600)
def test_L57_opencode_sees_the_answer_alone(start: Callable[..., Gateway], standin: StandIn, web: SearchStandIn, tmp_path: Path) -> None:
    """Its own call behind the search is one that it executes."""
    (tmp_path / "note.txt").write_text("the word is heron\n")

    def answer(seen: Seen) -> Reply:
        body = json.loads(seen.body)
        results = [message["content"] for message in body["messages"] if message["role"] == "tool"]
        if len(body.get("tools", [])) < 2:
            said = turn("A title")
        elif not results:
            said = turn("I look it up.", search("inferhost news"))
        elif "heron" in results[-1]:
            said = turn("It is heron.")
        else:
            said = turn(None, ("read", json.dumps({"filePath": str(tmp_path / "note.txt")})))
        return stream(turn_as_stream(said)) if body.get("stream") else whole(said)

    standin.replies[CHAT] = answer
    gateway = start(search=web.configuration(always_offer=True))
    options = {"baseURL": f"{gateway.url}/v1", "apiKey": CLIENT_KEY}
    model = {"name": "m", "limit": {"context": 65536, "output": 4096}, "tool_call": True}
    provider = {"npm": "@ai-sdk/openai-compatible", "name": "inferhost", "options": options, "models": {"m": model}}
    settings = tmp_path / "home/.config/opencode/opencode.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"model": "inferhost/m", "small_model": "inferhost/m", "provider": {"inferhost": provider}}))
    arguments = ["run", "--format", "json", "What", "is", "new"]
    events = agents.run(agents.program(agents.OPENCODE), arguments, tmp_path, tmp_path / "home", **agents.QUIET_OPENCODE)
    calls = [event["part"] for event in events if event["type"] == "tool_use"]
    assert [(call["tool"], call["state"]["status"]) for call in calls] == [("read", "completed")]
    assert [event["part"]["text"] for event in events if event["type"] == "text"] == ["I look it up.", "It is heron."]
    assert [event["part"]["reason"] for event in events if event["type"] == "step_finish"] == ["tool-calls", "stop"]
    assert web.queries == ["inferhost news"]
