# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real clients against a running endpoint, which the environment names:

    INFERHOST_TEST_ENDPOINT=http://127.0.0.1:4000  INFERHOST_TEST_KEY_FILE=…/etc/secrets/api_key  INFERHOST_TEST_CLIENTS_DIR=…/clients

The tests of the demo start one and set these.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import agents
import pytest

READ_TOOL = {
    "type": "function",
    "function": {
        "name": "read_file",
        "description": "Read a file from disk.",
        "parameters": {
            "type": "object",
            "properties": {"path": {"type": "string", "description": "Absolute path of the file"}},
            "required": ["path"],
        },
    },
}


@dataclass(frozen=True)
class Note:
    """A file with a word in it that nothing but reading the file can tell."""

    path: Path
    word: str

    @property
    def request(self) -> str:
        return f"Read the file {self.path}"


def _required(variable: str) -> str:
    value = os.environ.get(variable, "")
    if not value:
        pytest.skip(f"{variable} is not set: no running endpoint to test (the tests of the demo start one)")
    return value


@pytest.fixture(scope="session")
def endpoint() -> str:
    return _required("INFERHOST_TEST_ENDPOINT").rstrip("/")


@pytest.fixture(scope="session")
def key() -> str:
    return Path(_required("INFERHOST_TEST_KEY_FILE")).read_text(encoding="utf-8").strip()


@pytest.fixture(scope="session")
def generated() -> Path:
    """The folder of client files that the role client_config wrote."""
    return Path(_required("INFERHOST_TEST_CLIENTS_DIR"))


@pytest.fixture(scope="session")
def model(endpoint: str, key: str) -> str:
    request = urllib.request.Request(f"{endpoint}/v1/models", headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=30) as response:
        name: str = json.load(response)["data"][0]["id"]
    return name


@pytest.fixture
def note() -> Iterator[Note]:
    """In a folder of its own with a short path, since agents show and send it."""
    folder = Path(tempfile.mkdtemp(prefix="ih-", dir="/tmp"))
    note = Note(folder / f"{secrets.choice(['notes', 'todo', 'report', 'plan'])}.txt", secrets.token_hex(6))
    note.path.write_text(f"The word is {note.word}.\n", encoding="utf-8")
    yield note
    shutil.rmtree(folder)


@pytest.fixture
def tool_request(model: str, note: Note) -> dict[str, Any]:
    """What every client that speaks the API itself asks."""
    return {"model": model, "messages": [{"role": "user", "content": note.request}], "tools": [READ_TOOL], "max_tokens": 200, "temperature": 0}


@pytest.fixture
def run_agent(endpoint: str, note: Note, tmp_path: Path) -> Callable[..., list[dict[str, Any]]]:
    """Start an agent in the folder of the note, with a home of its own that holds only its settings, and return the events it printed."""

    def run(binary: str, arguments: list[str], settings: Path, place: str, **environment: str) -> list[dict[str, Any]]:
        program = agents.program(binary)
        home = tmp_path / "home"
        (home / place).parent.mkdir(parents=True)
        shutil.copy(settings, home / place)
        return agents.run(program, arguments, note.path.parent, home, **environment)

    return run
