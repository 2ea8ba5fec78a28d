# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real OpenCode with the generated opencode.json and nothing else."""

from __future__ import annotations

import json

from agents import OPENCODE, QUIET_OPENCODE


def test_it_reads_a_file(run_agent, generated, endpoint, note):
    settings = generated / "opencode.json"
    provider = json.loads(settings.read_text(encoding="utf-8"))["provider"]["inferhost"]
    assert provider["options"]["baseURL"] == f"{endpoint}/v1"
    # Word by word: OpenCode puts quotation marks around an argument with blanks and sends them to the model.
    arguments = ["run", "--format", "json", *note.request.split()]
    events = run_agent(OPENCODE, arguments, settings, ".config/opencode/opencode.json", **QUIET_OPENCODE)
    calls = [event["part"] for event in events if event["type"] == "tool_use"]
    assert [(call["tool"], call["state"]["input"]["filePath"], call["state"]["status"]) for call in calls] == [("read", str(note.path), "completed")]
    assert note.word in calls[0]["state"]["output"]
    # The model saw the result and ended its answer.
    assert [event["part"]["reason"] for event in events if event["type"] == "step_finish"] == ["tool-calls", "stop"]
