# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An installation that is killed, three times at three points, and goes on from what it left."""

from __future__ import annotations

import os
import re
import signal

import pytest
from inside import Inside
from playbook_runs import ROOT, Playbooks
from testinfra.host import Host

INSTALL_ROOT = "/opt/inferhost"


def locked_distributions() -> int:
    lock = (ROOT / "roles" / "vllm" / "files" / "locks" / "cpu.lock").read_text(encoding="utf-8")
    return len(re.findall(r"^[A-Za-z0-9._-]+==", lock, re.MULTILINE))


# Each run starts from what the one before left, so reaching a later point shows that the earlier state was healed.
@pytest.mark.parametrize("point", ["environment begun", "packages half there", "engine starting"])
def test_killed_while(point: str, playbooks: Playbooks, inside: Inside) -> None:
    run = playbooks.start("site")
    try:
        state = inside("kill_when", point, INSTALL_ROOT, str(locked_distributions()), timeout=500)
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    print(point, state)
    assert state["killed"] > 0
    assert not state["applied"], "the interrupted run must not count as done"
    if point != "engine starting":
        assert state["installed"] < locked_distributions()


def test_the_next_run_converges(playbooks: Playbooks, host: Host, record_property: pytest.RecordProperty) -> None:
    outcome = playbooks.run("site")
    record_property("seconds", f"{outcome.seconds:.1f}")
    assert outcome.status == 0, outcome.output[-4000:]
    assert outcome.changed > 0
    assert host.service("inferhost-vllm").is_running
