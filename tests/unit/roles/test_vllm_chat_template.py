# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A chat template of one's own: the role's tasks and expressions, carried out in a folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[3]
PLAY = f"""
- hosts: localhost
  connection: local
  gather_facts: false
  vars_files:
    - {ROOT}/roles/vllm/defaults/main.yml
    - {ROOT}/roles/vllm/vars/main.yml
  tasks:
    - ansible.builtin.import_tasks: {ROOT}/roles/vllm/tasks/chat_template.yml
    - ansible.builtin.copy:
        content: "{{{{ {{'command': __vllm_command, 'digest': __vllm_chat_template_digest}} | to_json }}}}"
        dest: "{{{{ inferhost_root }}}}/seen"
        mode: "0600"
      changed_when: false
      check_mode: false
"""
# Evaluated, the first would be an error and the second another text.
TEMPLATE = "{% for one in messages %}{{ one.content }}{% endfor %}{{ 1 + 1 }}\n"


class Done(NamedTuple):
    changed: int
    failed: int
    command: list[str]
    digest: list[str]


class Host:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "root/etc/chat_template.jinja"
        self.own = folder / "mine.jinja"
        self.own.write_text(TEMPLATE)
        self.file.parent.mkdir(parents=True)

    def play(self, template: Path | None, *options: str) -> Done:
        values = {
            "ansible_python_interpreter": sys.executable,
            "inferhost_root": str(self.folder / "root"),
            "inferhost_vllm_port": 8000,
            "inferhost_plan": {"flags": [], "model": {"path": "/m", "name": "m"}},
            "vllm_chat_template": str(template or ""),
        }
        (self.folder / "play.yml").write_text(PLAY)
        done = subprocess.run(
            [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "localhost,", "-e", json.dumps(values), *options, str(self.folder / "play.yml")],
            env={**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections")},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        counts = dict(word.split("=") for word in done.stdout.rsplit("localhost", 1)[-1].split() if "=" in word)
        assert counts["failed"] == "0", done.stdout + done.stderr
        seen = json.loads((self.folder / "root/seen").read_text())
        return Done(int(counts["changed"]), int(counts["failed"]), seen["command"], seen["digest"])


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_L53_it_is_brought_as_it_is_and_named_to_the_engine(host: Host) -> None:
    assert host.play(host.own, "--check").changed == 1 and not host.file.exists()
    first = host.play(host.own)
    assert (first.changed, host.file.read_text(), host.file.stat().st_mode & 0o777) == (1, TEMPLATE, 0o644)
    assert first.command[-2:] == ["--chat-template", str(host.file)]
    again = host.play(host.own)
    assert (again.changed, again.digest) == (0, first.digest) and len(first.digest) == 1


def test_L53_another_content_is_another_start(host: Host) -> None:
    first = host.play(host.own)
    host.own.write_text(TEMPLATE + "\n")
    second = host.play(host.own)
    assert (second.changed, host.file.read_text()) == (1, TEMPLATE + "\n") and second.digest != first.digest


def test_L53_it_goes_when_it_is_no_longer_asked_for(host: Host) -> None:
    host.play(host.own)
    assert host.play(None, "--check").changed == 1 and host.file.exists()
    without = host.play(None)
    assert (without.changed, without.digest, host.file.exists()) == (1, [], False)
    assert "--chat-template" not in without.command
    assert host.play(None).changed == 0


def test_the_engine_gets_the_digest_and_removal_takes_the_file() -> None:
    service = (ROOT / "roles/vllm/tasks/service.yml").read_text()
    assert "+ __vllm_chat_template_digest" in service.partition("restart_inputs:")[2].partition("\n")[0]
    assert "- etc/chat_template.jinja\n" in (ROOT / "roles/vllm/tasks/remove.yml").read_text()
