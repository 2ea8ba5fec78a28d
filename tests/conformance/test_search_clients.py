# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real agents that search the web through the proxy; the engine is scripted and SearXNG a stand-in.

INFERHOST_CLAUDE_CODE names the program of Claude Code (npm: @anthropic-ai/claude-code).
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gateway import CLIENT_KEY, Gateway
from search_kit import CHAT, SearchStandIn, search, turn, turn_as_stream
from standin import Reply, Seen, StandIn, stream, whole

CLAUDE_CODE = os.environ.get("INFERHOST_CLAUDE_CODE", "")


@pytest.mark.timeout(240)
@pytest.mark.skipif(not CLAUDE_CODE, reason="INFERHOST_CLAUDE_CODE does not name a program")
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
    done = subprocess.run(
        [CLAUDE_CODE, "--print", "Search the web for inferhost news", "--output-format", "stream-json", "--verbose", "--allowedTools", "WebSearch"],
        cwd=tmp_path,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    events = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    (result,) = [block for event in events if event["type"] == "user" for block in event["message"]["content"] if block["type"] == "tool_result"]
    assert "https://one.example/a" in result["content"] and "Found: it is new." in result["content"]
    assert web.queries == ["inferhost news"]
    named = {"type": "function", "function": {"name": "web_search"}}
    assert [choice for names, choice in asked if names == ["web_search"]] == [named, "auto"]
    last = events[-1]
    assert last["type"] == "result" and not last["is_error"] and last["result"] == "It is new, says the search."
    assert last["modelUsage"]["m"]["webSearchRequests"] == 1
