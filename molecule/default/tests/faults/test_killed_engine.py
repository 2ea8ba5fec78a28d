# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""vLLM is killed as the kernel kills a process that took too much memory."""

from __future__ import annotations

import time

import endpoint
from inside import Inside
from playbook_runs import Playbooks
from testinfra.host import Host

# Generous: a start on two slow cores takes most of it.
DEADLINE_SECONDS = 600


def main_pid(host: Host) -> str:
    return host.check_output("systemctl show --property MainPID --value inferhost-vllm")


def test_killed_engine_comes_back_and_is_verified_again(host: Host, inside: Inside, playbooks: Playbooks) -> None:
    before = main_pid(host)
    host.run_expect([0], f"kill -KILL {before}")
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (host.service("inferhost-vllm").is_running and main_pid(host) not in ("0", before)):
        assert time.monotonic() < deadline, host.check_output("journalctl -u inferhost-vllm -n 40 --no-pager")
        time.sleep(1)
    endpoint.works(inside)
    outcome = playbooks.run("verify")
    assert outcome.status == 0, outcome.output[-4000:]
