# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the clients: there, for their reader alone, with the server's real limits."""

from __future__ import annotations

import json
from typing import Any

import pytest
from endpoint import PROXY, ROOT
from testinfra.host import Host

HOME = "/home/dev"


@pytest.fixture(scope="module")
def plan(host: Host) -> dict[str, Any]:
    return json.loads(host.file(f"{ROOT}/etc/plan.json").content_string)


def test_files_of_the_installation_are_for_root_alone(host: Host) -> None:
    for name in ("env", "opencode.json", "claude-settings.json"):
        client_file = host.file(f"{ROOT}/clients/{name}")
        assert (client_file.user, client_file.mode) == ("root", 0o600), name


@pytest.mark.parametrize("name", [".config/inferhost/api_key", ".config/opencode/opencode.json", ".claude/settings.json"])
def test_files_in_a_home_belong_to_its_owner(host: Host, name: str) -> None:
    assert host.file(f"{HOME}/{name}").user == "dev"
    assert host.file(f"{HOME}/.config/inferhost/api_key").mode == 0o600


def test_opencode_knows_the_real_limits_and_keeps_what_was_there(host: Host, plan: dict[str, Any]) -> None:
    settings = json.loads(host.file(f"{HOME}/.config/opencode/opencode.json").content_string)
    assert settings["theme"] == "gruvbox"
    assert settings["provider"]["elsewhere"] == {"name": "Elsewhere"}
    provider = settings["provider"]["inferhost"]
    assert provider["options"]["baseURL"] == f"{PROXY}/v1"
    model = provider["models"][plan["model"]["name"]]
    assert model["limit"] == {"context": plan["limits"]["max_model_len"], "output": plan["limits"]["max_output_tokens"]}
    assert model["tool_call"] is plan["capabilities"]["tool_calls"]
    assert model["reasoning"] is plan["capabilities"]["reasoning"]


def test_claude_code_knows_the_endpoint_and_the_real_limits(host: Host, plan: dict[str, Any]) -> None:
    environment = json.loads(host.file(f"{HOME}/.claude/settings.json").content_string)["env"]
    assert environment["ANTHROPIC_BASE_URL"] == PROXY
    assert environment["CLAUDE_CODE_MAX_OUTPUT_TOKENS"] == str(plan["limits"]["max_output_tokens"])


def test_the_key_in_a_home_opens_the_endpoint(host: Host) -> None:
    assert host.file(f"{HOME}/.config/inferhost/api_key").content_string.strip() == host.file(f"{ROOT}/etc/secrets/api_key").content_string.strip()
