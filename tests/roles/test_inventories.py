# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example inventories: Ansible reads them, every variable in them is one that a role knows, and no secret is in them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).parents[2]
INVENTORIES = REPOSITORY / "inventories"
MACHINES = ("hetzner", "workstation", "runpod")


def variables(inventory: str) -> dict[str, Any]:
    """Every variable of the inventory's one host, as written."""
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "inventory", "-i", inventory, "--list"], cwd=INVENTORIES, capture_output=True, text=True, check=True
    )
    (host,) = json.loads(done.stdout)["_meta"]["hostvars"].values()
    return dict(host)


def known_options() -> dict[str, dict[str, Any]]:
    options: dict[str, dict[str, Any]] = {}
    for file in REPOSITORY.glob("roles/*/meta/argument_specs.yml"):
        options.update(yaml.safe_load(file.read_text(encoding="utf-8"))["argument_specs"]["main"]["options"])
    return options


@pytest.mark.parametrize("inventory", MACHINES)
def test_every_variable_is_known_and_has_a_possible_value(inventory: str) -> None:
    options = known_options()
    given = {name: value for name, value in variables(inventory).items() if not name.startswith("ansible_")}
    assert given
    assert set(given) <= set(options)
    impossible = {name: value for name, value in given.items() if value not in options[name].get("choices", [value])}
    # What a later release brings is refused by name today.
    assert impossible == ({"inferhost_service_manager": "compose"} if inventory == "hetzner" else {})


@pytest.mark.parametrize("inventory", MACHINES)
def test_site_is_understood(inventory: str) -> None:
    command = [sys.executable, "-m", "ansible", "playbook", "site.yml", "-i", inventory, "--list-hosts"]
    done = subprocess.run(command, cwd=INVENTORIES, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "hosts (1)" in done.stdout


def test_a_password_comes_from_the_environment_or_the_vault() -> None:
    assert "INFERHOST_BECOME_PASSWORD" in str(variables("workstation")["ansible_become_password"])


def test_only_what_says_so_listens_beyond_loopback() -> None:
    assert {name: variables(name).get("inferhost_proxy_host") for name in MACHINES} == {
        "hetzner": "127.0.0.1",
        "workstation": "0.0.0.0",
        "runpod": "0.0.0.0",
    }
