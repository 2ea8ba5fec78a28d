# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""curl, as somebody types it; the key is in a file of headers, so it is in no process list."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def curl(endpoint: str, key: str, tmp_path: Path) -> Any:
    def post(body: dict[str, Any], key: str = key) -> tuple[int, str]:
        headers = tmp_path / "headers"
        headers.write_text(f"Authorization: Bearer {key}\nContent-Type: application/json\n", encoding="utf-8")
        headers.chmod(0o600)
        done = subprocess.run(
            [
                "curl",
                "--silent",
                "--show-error",
                "--no-buffer",
                "--max-time",
                "120",
                "--header",
                f"@{headers}",
                "--data",
                "@-",
                "--write-out",
                "\n%{http_code}",
                f"{endpoint}/v1/chat/completions",
            ],
            input=json.dumps(body),
            capture_output=True,
            text=True,
            check=True,
        )
        text, _, status = done.stdout.rpartition("\n")
        return int(status), text

    return post


def test_a_tool_call(curl, tool_request, note):
    status, text = curl(tool_request)
    assert status == 200, text
    choice = json.loads(text)["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    (call,) = choice["message"]["tool_calls"]
    assert call["function"]["name"] == "read_file"
    assert json.loads(call["function"]["arguments"]) == {"path": str(note.path)}


def test_a_streamed_tool_call(curl, tool_request, note):
    status, text = curl({**tool_request, "stream": True})
    assert status == 200, text
    events = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    assert events[-1] == "[DONE]"
    choices = [choice for event in events[:-1] for choice in json.loads(event)["choices"]]
    assert all(choice["delta"].get("tool_calls") != [] for choice in choices)
    pieces = [call["function"] for choice in choices for call in choice["delta"].get("tool_calls") or []]
    assert "".join(piece.get("name") or "" for piece in pieces) == "read_file"
    assert json.loads("".join(piece.get("arguments") or "" for piece in pieces)) == {"path": str(note.path)}


def test_a_wrong_key_is_refused_in_the_form_of_openai(curl, tool_request):
    status, text = curl(tool_request, key="sk-wrong")
    assert status == 401
    error = json.loads(text)["error"]
    assert error["message"] and error["type"]
    assert "sk-wrong" not in text
