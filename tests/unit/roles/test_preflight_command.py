# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the engine would not start with is refused by the real roles, with the plan and before anything is changed; in check mode too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[3]
# `inferhost`, on which vllm depends, would be the first to change the host.
PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  roles:
    - role: inferhost.llm.preflight
    - role: inferhost.llm.model
    - role: inferhost.llm.vllm
    - {role: inferhost.llm.proxy, when: false}
    - {role: inferhost.llm.monitoring, when: false}
    - {role: inferhost.llm.client_config, when: false}
    - {role: inferhost.llm.verify, when: false}
"""
PLAN = """
- import_playbook: inferhost.llm.plan
"""


class Done(NamedTuple):
    said: str
    status: int


class Host:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = folder / "root"

    def play(self, text: str, *options: str, **variables: object) -> Done:
        """What was said, on one line."""
        (self.folder / "play.yml").write_text(text)
        values = {
            "ansible_python_interpreter": sys.executable,
            "inferhost_hosts": "localhost",
            "inferhost_root": str(self.root),
            "inferhost_service_manager": "supervisor",
            "vllm_build": "cpu",
            "preflight_enforce": False,
            **variables,
        }
        ansible = str(Path(sys.executable).parent / "ansible-playbook")
        done = subprocess.run(
            [ansible, "-i", "localhost,", "-c", "local", "-e", json.dumps(values), *options, str(self.folder / "play.yml")],
            env={
                **os.environ,
                "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
                "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return Done(" ".join((done.stdout + done.stderr).split()), done.returncode)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def refused(done: Done, host: Host, *sentences: str) -> None:
    assert done.status != 0 and "changed=0" in done.said and "failed=1" in done.said, done.said[-3000:]
    assert all(sentence in done.said for sentence in sentences), done.said[-3000:]
    assert "Nothing was changed." in done.said and not host.root.exists()


@pytest.mark.parametrize("options", [(), ("--check",)])
def test_L30_a_flag_that_the_engine_does_not_know_stops_the_run_first(host: Host, options: tuple[str, ...]) -> None:
    done = host.play(PLAY, *options, vllm_extra_flags={"--dtype": "fp8", "--swap-space": 4, "--api-key": "sk-secret"})
    refused(done, host, "--dtype: fp8 is none of", "--swap-space: vLLM 0.32.0 no longer has it", "--api-key: a secret on a command line")
    assert "sk-secret" not in done.said


def test_L30_the_plan_alone_says_it_too(host: Host) -> None:
    refused(host.play(PLAN, vllm_extra_flags={"--max-modl-len": 4096}), host, "--max-modl-len: no flag of vLLM 0.32.0; did you mean --max-model-len?")


@pytest.mark.parametrize("template", ["mine.jinja", "EMPTY"])
def test_L53_a_chat_template_that_is_not_there_stops_the_run_first(host: Host, template: str) -> None:
    (host.folder / "EMPTY").write_text("\n")
    path = str(host.folder / template) if template == "EMPTY" else template
    refused(host.play(PLAY, vllm_chat_template=path), host, f"vllm_chat_template: {path} - give the absolute path of a Jinja file")


def test_what_the_engine_takes_is_planned_with_the_users_template(host: Host) -> None:
    """The built-in model's own template would have Hermes' parser."""
    own = host.folder / "mine.jinja"
    own.write_text("{%- if tools %}<tool_call>\n<function={{ name }}>{% endif %}{{ undefined_here }}")
    done = host.play(PLAN, vllm_chat_template=str(own), vllm_extra_flags={"--seed": 7, "--log-config-file": "/x"}, vllm_extra_environment={"VLLM_USE_V1": "1"})
    assert done.status == 0, done.said[-3000:]
    assert "--tool-call-parser qwen3_coder the chat template writes calls as <function=" in done.said
    assert "vllm_extra_flags: --log-config-file: vLLM 0.32.0 still takes it" in done.said
    assert "vllm_extra_environment: VLLM_USE_V1: vLLM 0.32.0 no longer reads it" in done.said
    assert "time to start" in done.said and "for reading the weights at 50 MB/s" in done.said
    assert not host.root.exists()
