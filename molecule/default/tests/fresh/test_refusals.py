# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What cannot work is refused in one sentence that says what to do, and the host stays as it was."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from inside import Inside
from playbook_runs import Outcome, Playbooks
from testinfra.host import Host

# Not below /tmp, where nothing may be executed.
OLD_PYTHON = "/var/tmp/old-python"
AMOUNT_MISSING = r"[\d.]+ (GiB|TiB) are missing"


@pytest.fixture(scope="module")
def untouched(inside: Inside) -> dict[str, str]:
    return inside("files")


def refused(outcome: Outcome) -> str:
    """The message of a run that was refused before it changed anything."""
    assert outcome.status != 0, outcome.output[-3000:]
    assert outcome.changed == 0
    assert "Traceback" not in outcome.output
    return outcome.output.replace("\n", " ")


# Of the wrong kinds and values, and without a systemd host: tests/demo/test_0_refusals.py.
@pytest.mark.parametrize(
    ("variables", "words"),
    [
        pytest.param({"vllm_concurency": 2}, ["vllm_concurency", "vllm_concurrency"], id="misspelt-variable"),
        pytest.param({"monitoring_retentoin": "1d"}, ["monitoring_retentoin", "monitoring_"], id="misspelt-variable-of-a-later-role"),
    ],
)
def test_a_wrong_variable_is_refused(playbooks: Playbooks, inside: Inside, untouched: dict[str, str], variables: dict[str, Any], words: list[str]) -> None:
    message = refused(playbooks.run("site", variables=variables))
    for word in words:
        assert word in message
    assert inside("files") == untouched


@pytest.fixture(scope="module")
def hopeless(playbooks: Playbooks, untouched: dict[str, str], inside: Inside, host: Host) -> Iterator[str]:
    """The message for a host on which everything is wrong at once; preflight names all of it in one go."""
    name = host.backend.name
    squatter = subprocess.Popen(["docker", "exec", name, "python3", "-m", "http.server", "--bind", "127.0.0.1", "8000"])
    try:
        host.run_expect([0], "timeout 20 sh -c 'until ss -ltnH | grep -q 127.0.0.1:8000; do sleep 0.1; done'")
        variables = {
            "preflight_disk_reserve": 10**15,
            "preflight_memory_reserve": 10**15,
            "inferhost_index_url": "http://127.0.0.1:9/simple",
            "inferhost_find_links": [],
        }
        yield refused(playbooks.run("site", variables=variables))
        assert inside("files") == untouched
    finally:
        host.run("kill $(ss -ltnpH | sed -n 's/.*127.0.0.1:8000 .*pid=\\([0-9]*\\).*/\\1/p')")
        squatter.wait(timeout=20)


def test_a_taken_port_is_refused_with_the_process_that_has_it(hopeless: str) -> None:
    assert re.search(r"Port 8000 for vLLM is taken", hopeless)
    assert "http.server" in hopeless
    assert "inferhost_vllm_port" in hopeless


@pytest.mark.parametrize("what", ["disk space", "memory"])
def test_too_little_is_refused_with_the_amount_that_is_missing(hopeless: str, what: str) -> None:
    sentence = next(part for part in hopeless.split(" || ") if f"Too little {what}" in part)
    assert re.search(AMOUNT_MISSING, sentence)


def test_an_unreachable_package_index_is_refused(hopeless: str) -> None:
    assert "http://127.0.0.1:9/simple" in hopeless
    assert "inferhost_index_url" in hopeless


def test_a_python_too_old_is_refused(playbooks: Playbooks, inside: Inside, host: Host) -> None:
    interpreter = inside("old_python", OLD_PYTHON)
    try:
        message = refused(playbooks.run("site", variables={"ansible_python_interpreter": interpreter}))
    finally:
        host.run_expect([0], f"rm -r {OLD_PYTHON}")
    assert "has Python 3.8.20" in message
    assert "3.9 or later is needed" in message
    assert "ansible_python_interpreter" in message
