# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The host's Python cannot make environments, for Debian packs that part apart: ours are there all the same, and doctor names it."""

from __future__ import annotations

import json
import os
import subprocess

import pytest
from endpoint import ROOT
from playbook_runs import ENVIRONMENT, INVENTORY
from testinfra.host import Host


def test_the_python_of_the_distribution_cannot_make_an_environment(host: Host) -> None:
    made = host.run("/usr/bin/python3 -m venv /tmp/of-the-distribution")
    assert made.rc != 0 and "ensurepip is not available" in " ".join((made.stdout + made.stderr).split())


@pytest.mark.parametrize("name", ["vllm", "proxy"])
def test_our_environments_do_not_need_it(host: Host, name: str) -> None:
    python = f"{ROOT}/venvs/{name}/bin/python"
    assert host.check_output(f"{python} -c 'import sys; print(sys.prefix, sys.prefix != sys.base_prefix)'") == f"{ROOT}/venvs/{name} True"


def test_doctor_names_it_with_the_command_that_mends_it() -> None:
    command = ["ansible", "inferhost", "--inventory", str(INVENTORY), "--module-name", "inferhost.llm.doctor", "--args", "only=L10", "--one-line"]
    done = subprocess.run(command, env={**os.environ, **ENVIRONMENT}, capture_output=True, text=True, check=True)
    report = json.loads(done.stdout.partition("=>")[2])["report"]
    (found,) = report["findings"]
    # Ours do without, so it is only worth knowing.
    assert (found["id"], found["severity"]) == ("L10", "info")
    assert "/usr/bin/python3.11 cannot make a virtual environment" in found["seen"] and found["fix"] == "sudo apt-get install python3.11-venv"
