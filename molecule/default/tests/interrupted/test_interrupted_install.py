# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An installation that is killed, three times at three points, and goes on from what it left: the last time as `converge`."""

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


INSTALLED = f"ls -d {INSTALL_ROOT}/venvs/vllm/lib/python3*/site-packages/*.dist-info 2>/dev/null | wc -l"
POINTS = {
    "environment begun": f"test -e {INSTALL_ROOT}/venvs/vllm/pyvenv.cfg",
    "packages half there": f'test "$({INSTALLED})" -ge {locked_distributions() // 2}',
    "engine starting": 'test "$(systemctl is-active inferhost-vllm)" = activating',
}


# Each run starts from what the one before left, so reaching a later point shows that the earlier state was healed.
@pytest.mark.parametrize("point", POINTS)
def test_killed_while(point: str, playbooks: Playbooks, inside: Inside, host: Host) -> None:
    run = playbooks.start("site")
    try:
        killed = inside("kill_when", POINTS[point], "400", timeout=500)
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    assert killed
    assert not host.file(f"{INSTALL_ROOT}/run/inferhost-vllm.applied").exists, "the interrupted run must not count as done"
    if point != "engine starting":
        assert int(host.check_output(INSTALLED)) < locked_distributions()
