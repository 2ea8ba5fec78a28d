# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the role vllm brings a tool parser to the host: its own tasks and expressions, carried out in a folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
SERVICE = yaml.safe_load((ROOT / "roles/vllm/tasks/service.yml").read_text())[0]["vars"]["inferhost_service"]
SHIPPED = ROOT / "roles/vllm/files/qwen_tools_parser.py"
PLAY = f"""
- hosts: localhost
  connection: local
  gather_facts: false
  vars_files:
    - {ROOT}/roles/vllm/defaults/main.yml
    - {ROOT}/roles/vllm/vars/main.yml
  vars:
    role_path: {ROOT}/roles/vllm
    __vllm_venv_digest: packages
    inputs: "{SERVICE["restart_inputs"]}"
  tasks:
    - ansible.builtin.import_tasks: {ROOT}/roles/vllm/tasks/values.yml
    - ansible.builtin.import_tasks: {ROOT}/roles/vllm/tasks/tool_parser.yml
    - ansible.builtin.debug:
        msg: "restart inputs: {{{{ inputs | to_json }}}}"
"""


class Done(NamedTuple):
    output: str
    changed: int
    failed: int

    @property
    def inputs(self) -> list[str]:
        """What the engine is restarted for when it changes."""
        text = self.output.partition("restart inputs: ")[2].partition("]")[0]
        return list(json.loads(text.replace("\\", "") + "]"))


class Host:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.file = self.root / "lib/inferhost_tool_parser.py"
        (self.root / "lib").mkdir(parents=True)
        (self.root / "venvs/vllm/bin").mkdir(parents=True)
        (self.root / "venvs/vllm/bin/python").symlink_to(sys.executable)

    def play(self, wanted: bool = True, *options: str, **variables: object) -> Done:
        flags = [{"flag": "--max-model-len", "value": "1"}] + ([{"flag": "--tool-parser-plugin", "value": str(self.file)}] if wanted else [])
        values = {
            "ansible_python_interpreter": sys.executable,
            "inferhost_root": str(self.root),
            "inferhost_plan": {"flags": flags, "model": {"path": "/m"}},
            **variables,
        }
        (self.folder / "play.yml").write_text(PLAY)
        done = subprocess.run(
            [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "localhost,", "-e", json.dumps(values), *options, str(self.folder / "play.yml")],
            env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections")},
            capture_output=True,
            text=True,
            check=False,
        )
        counts = dict(word.split("=") for word in done.stdout.rsplit("localhost", 1)[-1].split() if "=" in word)
        return Done(done.stdout + done.stderr, int(counts["changed"]), int(counts["failed"]))


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_L52_the_collections_parser_is_brought_once_and_goes_when_it_is_not_wanted(host: Host) -> None:
    assert (host.play(True, "--check").changed, host.file.exists()) == (1, False)
    first = host.play()
    assert (first.changed, first.failed, host.file.read_bytes()) == (1, 0, SHIPPED.read_bytes()), first.output
    assert host.file.stat().st_mode & 0o777 == 0o644
    again = host.play()
    assert (again.changed, again.inputs) == (0, first.inputs)
    without = host.play(False)
    assert (without.changed, host.file.exists()) == (1, False)
    assert (without.inputs, first.inputs[:-1]) == (["packages", "/m", ""], ["packages", "/m", ""])
    assert host.play(False).changed == 0


def test_L52_a_change_of_ones_own_parser_restarts_the_engine_and_one_that_is_no_python_is_refused(host: Host) -> None:
    own = host.folder / "mine.py"
    own.write_text("ANSWER = 1\n")
    first = host.play(vllm_tool_parser_plugin=str(own))
    assert (first.changed, host.file.read_text()) == (1, "ANSWER = 1\n"), first.output
    own.write_text("ANSWER = 2\n")
    second = host.play(vllm_tool_parser_plugin=str(own))
    assert (second.changed, host.file.read_text()) == (1, "ANSWER = 2\n") and second.inputs != first.inputs
    own.write_text("ANSWER = = 3\n")
    third = host.play(vllm_tool_parser_plugin=str(own))
    assert (third.failed, host.file.read_text()) == (1, "ANSWER = 2\n")
    assert "invalid syntax" in third.output


@pytest.mark.parametrize("path", ["/nowhere/parser.py", "parser.py", "/"])
def test_a_parser_that_is_not_there_is_refused(host: Host, path: str) -> None:
    (host.folder / "parser.py").write_text("")
    done = host.play(vllm_tool_parser_plugin=path)
    said = " ".join(done.output.split())
    assert (done.failed, done.changed) == (1, 0)
    assert f"vllm_tool_parser_plugin: {path} - give the absolute path" in said and "Nothing was changed." in said


def test_removal_takes_the_file() -> None:
    removed = [path for task in yaml.safe_load((ROOT / "roles/vllm/tasks/remove.yml").read_text()) for path in task.get("loop", [])]
    assert "lib/inferhost_tool_parser.py" in removed
