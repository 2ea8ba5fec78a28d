# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes wrong on a running host, and what a second run makes of it."""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
from demo import REPO, Demo, recap, run, wait_until

# The engine starts anew for it once; it is back to the plan's choice with the start that a later test makes anyway.
OTHER_PARSER = ("-e", "vllm_tool_parser=qwen_tools")


def kill_when(demo: Demo, reached: Callable[[], bool]) -> str:
    """Start the playbook, kill it and all its children with SIGKILL at a point, and return what it had printed."""
    with subprocess.Popen(
        demo.command(),
        cwd=REPO / "inventories",
        env=demo.play_environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        end = time.monotonic() + 900
        while not reached() and process.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
        alive = process.poll() is None
        os.killpg(process.pid, signal.SIGKILL)
        output = process.stdout.read() if process.stdout else ""
    assert alive, f"the playbook ended before the point was reached: {output[-3000:]}"
    return output


def group_members(group: int) -> set[int]:
    """Processes of a process group that still run."""
    listed = run(["ps", "-eo", "pid=,pgid=,stat="]).stdout.splitlines()
    return {int(pid) for pid, pgid, state in map(str.split, listed) if int(pgid) == group and not state.startswith("Z")}


def test_an_engine_killed_with_sigkill_comes_back_and_verifies(demo: Demo) -> None:
    _state, pid = demo.status()["inferhost-vllm"]
    family = group_members(pid)
    assert len(family) > 1, "the engine works in processes of its own"
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: demo.status()["inferhost-vllm"][1] not in (0, pid), 120, "a new engine process")
    wait_until(lambda: not family & group_members(pid), 60, "the end of what the old engine left behind")
    body = {"model": "inferhost-tiny", "prompt": "hello", "max_tokens": 1}
    wait_until(lambda: demo.request("/v1/completions", body, demo.key)[0] == 200, 600, "an answer of the new engine")
    verified = demo.play(playbook="verify")
    assert verified.returncode == 0, verified.stdout[-4000:]


def test_packages_lost_from_the_engines_environment_are_brought_back(demo: Demo) -> None:
    """One whose files somebody deleted, and one that somebody uninstalled in the wrong environment."""
    python = demo.root / "venvs/vllm/bin/python"
    site = next((demo.root / "venvs/vllm").glob("lib/python*/site-packages"))
    shutil.rmtree(site / "uvloop")
    gone = run([str(demo.root / "bin/uv"), "pip", "uninstall", "--python", str(python), "msgspec"])
    assert gone.returncode == 0, gone.stdout
    assert run([str(python), "-c", "import msgspec"]).returncode != 0
    done = demo.play(*OTHER_PARSER)
    assert done.returncode == 0, done.stdout[-4000:]
    assert recap(done.stdout)["changed"] >= 1
    assert run([str(python), "-c", "import msgspec, uvloop"]).returncode == 0


def test_L52_the_engine_loads_the_collections_tool_parser_where_it_is_asked_for(demo: Demo) -> None:
    done = demo.play(*OTHER_PARSER)
    assert done.returncode == 0, done.stdout[-4000:]
    plugin = demo.root / "lib/inferhost_tool_parser.py"
    assert plugin.read_bytes() == (REPO / "roles/vllm/files/qwen_tools_parser.py").read_bytes()
    _state, pid = demo.status()["inferhost-vllm"]
    words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    assert (words[words.index("--tool-parser-plugin") + 1], words[words.index("--tool-call-parser") + 1]) == (str(plugin), "qwen_tools")
    parameters = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
    body = {
        "model": "inferhost-tiny",
        "messages": [{"role": "user", "content": "Read the file /var/log/dpkg.log"}],
        "tools": [{"type": "function", "function": {"name": "read_file", "description": "Read a file", "parameters": parameters}}],
        "temperature": 0,
    }
    status, answer = demo.request("/v1/chat/completions", body, demo.key)
    assert status == 200, answer
    assert [call["function"]["name"] for call in answer["choices"][0]["message"]["tool_calls"]] == ["read_file"]


def test_stopping_stops_what_was_started_and_nothing_else(demo: Demo) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", str(demo.root)])
    try:
        pids = [pid for _state, pid in demo.status().values()]
        stopped = demo.make("demo-down")
        assert stopped.returncode == 0, stopped.stdout
        assert not [pid for pid in pids if os.path.isdir(f"/proc/{pid}")]
        assert bystander.poll() is None
        assert "nothing of" in demo.make("demo-down").stdout
    finally:
        bystander.kill()
        bystander.wait()


# Earlier points, and all of them under systemd and on a fresh host, are in molecule/default/tests/interrupted.
def test_an_installation_killed_while_the_engine_starts_converges(demo: Demo) -> None:
    """Where nothing runs and all is lost that comes after the engine's environment; the start after a stop is shown by the way."""
    assert demo.make("demo-down").returncode == 0
    for lost in ("etc/supervisor.d", "run", "lib", "venvs/proxy"):
        shutil.rmtree(demo.root / lost)
    kill_when(demo, lambda: (demo.root / "etc/supervisor.d/inferhost-vllm.ini").exists())
    assert not (demo.root / "venvs/proxy").exists()
    started = demo.make("demo")
    assert started.returncode == 0, started.stdout[-4000:]
    assert demo.request("/v1/models", key=demo.key)[0] == 200


@pytest.mark.parametrize("service", ["inferhost-vllm", "inferhost-proxy"])
def test_every_service_is_running(demo: Demo, service: str) -> None:
    assert demo.status()[service][0] == "RUNNING"
