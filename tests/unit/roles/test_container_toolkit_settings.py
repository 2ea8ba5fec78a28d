# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role container_toolkit wants of each release of Docker Engine, and where it does nothing: the role's own expressions, evaluated."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars_files:
    - {root}/roles/inferhost/defaults/main.yml
    - {root}/roles/container_toolkit/defaults/main.yml
    - {root}/roles/container_toolkit/vars/main.yml
  tasks:
    - ansible.builtin.copy:
        content: "{{{{ {{'settings': __container_toolkit_settings, 'has_cdi': __container_toolkit_has_cdi}} | to_json }}}}"
        dest: "{{{{ playbook_dir }}}}/engine-{{{{ __container_toolkit_engine_version }}}}"
        mode: "0600"
      loop: {versions}
      loop_control: {{loop_var: __container_toolkit_engine_version}}
    - ansible.builtin.copy:
        content: "{{{{ __container_toolkit_why_not | trim }}}}"
        dest: "{{{{ playbook_dir }}}}/{{{{ item.key }}}}"
        mode: "0600"
      loop: "{{{{ cases | dict2items }}}}"
      loop_control: {{label: "{{{{ item.key }}}}"}}
      vars:
        container_toolkit_enabled: "{{{{ item.value.enabled | default('auto') }}}}"
        inferhost_service_manager: "{{{{ item.value.manager | default('systemd') }}}}"
        inferhost_plan: "{{{{ {{'device': {{'kind': item.value.plan}}}} if 'plan' in item.value else {{}} }}}}"
        __container_toolkit_engine_there: "{{{{ item.value.engine | default(false) }}}}"
        __container_toolkit_gpu: "{{{{ {{'gpus': [1] * item.value.gpus, 'summary': 'no NVIDIA GPU found on the PCI bus'}} }}}}"
"""
VERSIONS = {
    "20.10.24": (False, None),
    "25.0.5": (True, True),
    "26.1.5+dfsg1": (True, True),
    "28.2.2": (True, True),
    "28.3.0": (True, None),
    "29.1.3": (True, None),
}
# Case: what the host has, and the beginning of why there is nothing to do; empty where there is.
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "a card and an engine": ({"gpus": 1, "engine": True}, ""),
    "a card and compose": ({"gpus": 1, "manager": "compose"}, ""),
    "a card and no containers": ({"gpus": 1}, "no containers are wanted"),
    "no card": ({"gpus": 0, "engine": True}, "no NVIDIA GPU found"),
    "a plan for a CPU": ({"gpus": 1, "engine": True, "plan": "cpu"}, "the plan is for a CPU"),
    "a plan for a GPU": ({"gpus": 1, "engine": True, "plan": "cuda"}, ""),
    "always": ({"gpus": 0, "enabled": "always"}, ""),
    "never": ({"gpus": 1, "engine": True, "enabled": "never"}, "container_toolkit_enabled is never"),
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("settings")
    play = folder / "play.yml"
    play.write_text(PLAY.format(root=ROOT, versions=json.dumps(list(VERSIONS))), encoding="utf-8")
    variables = {"ansible_python_interpreter": sys.executable, "cases": {name: host for name, (host, _why) in CASES.items()}}
    environment = {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    command = ["ansible-playbook", "-i", "localhost,", "-e", json.dumps(variables), str(play)]
    done = subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.mark.parametrize("version", VERSIONS)
def test_the_engine_is_told_to_use_cdi_where_it_has_to_be(answers: Path, version: str) -> None:
    has_cdi, told = VERSIONS[version]
    answer = json.loads((answers / f"engine-{version}").read_text(encoding="utf-8"))
    assert answer["has_cdi"] is has_cdi
    assert answer["settings"].get("features", {}).get("cdi") is told
    assert answer["settings"]["runtimes"] == {"nvidia": {"path": "nvidia-container-runtime", "args": []}}
    assert "exec-opts" not in answer["settings"]


@pytest.mark.parametrize("name", CASES)
def test_where_there_is_something_to_do(answers: Path, name: str) -> None:
    why_not = CASES[name][1]
    said = (answers / name).read_text(encoding="utf-8")
    assert said.startswith(why_not) if why_not else said == ""
