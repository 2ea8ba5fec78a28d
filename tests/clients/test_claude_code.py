# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real Claude Code with the generated settings and nothing else; it speaks the Messages API."""

from __future__ import annotations

import json

from agents import CLAUDE_CODE


def test_it_reads_a_file(run_agent, generated, endpoint, note):
    settings = generated / "claude-settings.json"
    assert json.loads(settings.read_text(encoding="utf-8"))["env"]["ANTHROPIC_BASE_URL"] == endpoint
    arguments = ["--print", note.request, "--output-format", "stream-json", "--verbose", "--allowedTools", "Read"]
    events = run_agent(CLAUDE_CODE, arguments, settings, ".claude/settings.json")
    blocks = [block for event in events if event["type"] in ("assistant", "user") for block in event["message"]["content"]]
    calls = [block for block in blocks if block["type"] == "tool_use"]
    assert [(call["name"], call["input"]) for call in calls] == [("Read", {"file_path": str(note.path)})]
    (result,) = [block for block in blocks if block["type"] == "tool_result"]
    assert result["tool_use_id"] == calls[0]["id"]
    assert note.word in result["content"]
    assert events[-1]["type"] == "result"
    assert (events[-1]["subtype"], events[-1]["is_error"]) == ("success", False)
