# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The endpoint as a client on the host uses it."""

from __future__ import annotations

import json
from typing import Any

from inside import Inside

ROOT = "/opt/inferhost"
PROXY = "http://127.0.0.1:4000"
PROMETHEUS = "http://127.0.0.1:9090"
API_KEY = f"{ROOT}/etc/secrets/api_key"
READ_FILE = {
    "type": "function",
    "function": {
        "name": "read_file",
        "description": "Read a file and return its content.",
        "parameters": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
    },
}


def ask(inside: Inside, path: str, body: dict[str, Any] | None = None, *, base: str = PROXY, key: str = API_KEY) -> tuple[int, Any]:
    """Status and JSON of one request; a body makes it a POST."""
    answer = inside("http", "GET" if body is None else "POST", base + path, key, "-" if body is None else json.dumps(body))
    try:
        return answer["status"], json.loads(answer["body"])
    except ValueError:
        return answer["status"], answer["body"]


def tool_call(inside: Inside, path: str) -> dict[str, Any]:
    """Ask the model to read a file and return the call it makes."""
    status, models = ask(inside, "/v1/models")
    assert status == 200, models
    body = {
        "model": models["data"][0]["id"],
        "messages": [{"role": "user", "content": f"Read the file {path}"}],
        "tools": [READ_FILE],
        "tool_choice": "auto",
        "temperature": 0,
        "max_tokens": 256,
    }
    status, answer = ask(inside, "/v1/chat/completions", body)
    assert status == 200, answer
    choice = answer["choices"][0]
    assert choice["finish_reason"] == "tool_calls", choice
    (call,) = choice["message"]["tool_calls"]
    return call["function"]


def works(inside: Inside) -> None:
    """The endpoint's whole job once: a path nobody trained on comes back in a structured call."""
    path = "/srv/molecule/notes-7319.txt"
    call = tool_call(inside, path)
    assert call["name"] == "read_file"
    assert json.loads(call["arguments"]) == {"path": path}
