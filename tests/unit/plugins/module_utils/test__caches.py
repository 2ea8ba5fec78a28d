# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ansible_collections.inferhost.llm.plugins.module_utils import _caches as caches
from ansible_collections.inferhost.llm.plugins.module_utils._caches import Process

ROOT = "/opt/inferhost"
GOOD = {name: f"{ROOT}/cache/{name.lower()}" for name in caches.CACHES}


def test_all_below_the_root_is_no_finding() -> None:
    assert caches.judge(GOOD, ROOT) == []


def test_each_variable_counts() -> None:
    for name in caches.CACHES:
        elsewhere = caches.judge({**GOOD, name: "/root/.cache"}, ROOT)
        assert [(finding["id"], finding["seen"]) for finding in elsewhere] == [("L70", f"{name}=/root/.cache")]
        unset = caches.judge({key: value for key, value in GOOD.items() if key != name}, ROOT)
        assert f"{name} is not set" in unset[0]["seen"]


def test_a_folder_that_only_begins_alike_is_elsewhere() -> None:
    assert len(caches.judge({**GOOD, "TMPDIR": "/opt/inferhost-old/tmp"}, ROOT)) == 1


def test_the_oldest_fitting_process_is_the_service() -> None:
    found = caches.find_process(
        [
            Process(3, ("VLLM::EngineCore",), 10),
            Process(9, (f"{ROOT}/venvs/vllm/bin/python", "-c", "worker"), 30),
            Process(5, (f"{ROOT}/venvs/vllm/bin/python", "-m", "vllm"), 20),
            Process(1, ("/sbin/init",), 1),
            Process(2, (), 2),
        ],
        f"{ROOT}/venvs/vllm/",
    )
    assert found is not None
    assert found.pid == 5
    assert caches.find_process([], "x") is None


def test_a_real_process(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    environment = {**os.environ, "TMPDIR": str(tmp_path / "link"), "SECRET": "x"}
    environment.pop("HF_HOME", None)
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        mine = [process for process in caches.processes() if process.pid == child.pid]
        variables = caches.cache_variables(child.pid)
        child.kill()
    assert mine[0].argv[0] == sys.executable
    assert mine[0].start > 0
    assert variables["TMPDIR"] == str(real.resolve())
    assert "HF_HOME" not in variables
    assert "SECRET" not in variables
