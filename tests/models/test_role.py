# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The role by ansible-playbook, with a model that a plan can be made of: foreseen, interrupted, completed, left alone, removed."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import typing as t
from collections.abc import Iterator
from pathlib import Path

import pytest
from model_kit import REPOSITORY, content, published

from ansible_collections.inferhost.llm.tests.unit.plugins.model_hub import MODEL, TOKEN, ModelHub

TINY = REPOSITORY / "roles" / "model" / "files" / "inferhost-tiny"
WEIGHTS = "model.safetensors"
PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  roles:
    - role: inferhost.llm.model
"""
PLAN = """
- hosts: localhost
  connection: local
  gather_facts: false
  roles:
    - {role: inferhost.llm.model, when: false}
    - {role: inferhost.llm.vllm, when: false}
  tasks:
    - ansible.builtin.include_role:
        name: inferhost.llm.preflight
        tasks_from: "{{ item }}"
      loop: [survey, plan]
"""


class Host:
    """This machine, with a folder of its own and a hub that has the model which ships with the collection, gated."""

    def __init__(self, folder: Path, hub: ModelHub) -> None:
        self.folder = folder
        self.root = folder / "root"
        self.model = self.root / "models" / MODEL.replace("/", "--")
        self.hub = hub

    def begin(self, play: str, *arguments: str, **variables: t.Any) -> subprocess.Popen[str]:
        (self.folder / "play.yml").write_text(play, encoding="utf-8")
        given = {
            "ansible_python_interpreter": sys.executable,
            "inferhost_root": str(self.root),
            "inferhost_service_manager": "supervisor",
            "inferhost_find_links": [path for path in os.environ.get("UV_FIND_LINKS", "").split(",") if path],
            "inferhost_index_url": os.environ.get("UV_DEFAULT_INDEX", ""),
            "model_source": "huggingface",
            "model_id": MODEL,
            "model_endpoint": self.hub.url,
            "model_token": TOKEN,
            **variables,
        }
        (self.folder / "variables.json").write_text(json.dumps(given), encoding="utf-8")
        command = [sys.executable, "-m", "ansible", "playbook", "play.yml", "-i", "localhost,", "-e", "@variables.json", *arguments]
        environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / ".collections"), "ANSIBLE_NOCOLOR": "1", "ANSIBLE_PIPELINING": "1"}
        return subprocess.Popen(command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def play(self, play: str, *arguments: str, ok: bool = True, **variables: t.Any) -> str:
        """What ansible-playbook said."""
        process = self.begin(play, *arguments, **variables)
        said = process.communicate()[0]
        assert (process.returncode == 0) == ok, said[-4000:]
        assert TOKEN not in said
        return said

    def stop(self) -> None:
        """What runs there."""
        python, stop = self.root / "venvs" / "supervisor" / "bin" / "python", self.root / "lib" / "supervisord_stop.py"
        if python.exists():
            subprocess.run([python, stop, self.root / "run" / "supervisor.sock"], check=True, capture_output=True)


def changes(said: str) -> int:
    found = re.search(r"changed=(\d+)", said)
    assert found, said[-2000:]
    return int(found.group(1))


def module_that_fetches(folder: Path) -> int:
    """The process id of the module whose program fetches into a folder; 0 where there is none."""
    for entry in (entry for entry in os.listdir("/proc") if entry.isdigit()):
        try:
            if b"model_fetch" in Path("/proc", entry, "cmdline").read_bytes() and os.fsencode(folder) in Path("/proc", entry, "environ").read_bytes():
                return int(Path("/proc", entry, "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
        except OSError:
            continue
    return 0


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    files = {path.name: path.read_bytes() for path in TINY.iterdir() if path.name != "SHA256SUMS"}
    with ModelHub({**files, "pytorch_model.bin": files[WEIGHTS]}, gated=True) as hub:
        # Short, for the path of a socket.
        made = Host(tmp_path_factory.mktemp("role"), hub)
        try:
            yield made
        finally:
            made.stop()


def test_0_a_plan_that_cannot_work_is_refused_before_anything_is_fetched(host: Host) -> None:
    said = host.play(PLAN, ok=False, vllm_context=10_000_000)
    assert "10000000" in said.replace(",", "") or "10,000,000" in said
    assert host.hub.requests("cdn") == [] and not host.root.exists()
    assert {one.path.rpartition("/")[2].partition("?")[0] for one in host.hub.seen if "resolve/" in one.path} <= {
        "config.json",
        "tokenizer_config.json",
        "chat_template.jinja",
        "generation_config.json",
    }


def test_1_check_mode_on_a_fresh_host_foresees_everything_and_changes_nothing(host: Host) -> None:
    said = host.play(PLAY, "--check", "--diff")
    assert f"++ {WEIGHTS}" in said and "pytorch_model.bin" not in said and changes(said) > 0
    assert host.hub.requests("cdn") == [] and not host.root.exists()


def test_2_a_run_that_is_killed_leaves_what_the_next_one_goes_on_from(host: Host) -> None:
    host.hub.faults.slow[WEIGHTS] = 0.1
    process = host.begin(PLAY)
    deadline = time.monotonic() + 300
    while host.hub.sent(WEIGHTS) < 512 * 1024 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    pid = module_that_fetches(host.model)
    assert pid, "nothing was being fetched"
    os.kill(pid, signal.SIGKILL)
    assert process.communicate()[0] and process.returncode != 0
    (arrived,) = (path.stat().st_size for path in (host.model / ".inferhost" / "partial").iterdir())
    assert 0 < arrived < len(host.hub.files[WEIGHTS]) and WEIGHTS not in content(host.model)
    before = {name: (host.model / name).stat().st_mtime_ns for name in content(host.model)}
    host.hub.faults.slow.clear()
    host.hub.forget()
    said = host.play(PLAY, "--diff")
    assert content(host.model) == published(host.hub)
    assert host.hub.sent(WEIGHTS) == len(host.hub.files[WEIGHTS]) - arrived
    assert {name: (host.model / name).stat().st_mtime_ns for name in before} == before
    assert f"++ {WEIGHTS}" in said


def test_3_a_second_run_changes_nothing_and_asks_nobody(host: Host) -> None:
    host.hub.forget()
    assert changes(host.play(PLAY)) == changes(host.play(PLAY, "--check", "--diff")) == 0
    assert host.hub.seen == []
    secret = TOKEN.encode()
    assert not [path for path in host.root.rglob("*") if path.is_file() and not path.is_symlink() and secret in path.read_bytes()]


def test_4_what_is_not_wanted_any_more_goes(host: Host) -> None:
    said = host.play(PLAY, "--diff", model_state="absent")
    assert f"-- {WEIGHTS}" in said and not host.model.exists() and not (host.root / "venvs" / "hub").exists()
