# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host without an engine: what a dry run says, and what is refused, with nothing changed."""

from __future__ import annotations

import json
from typing import Any

from conftest import said


def test_a_dry_run_lists_what_would_change_and_changes_nothing(there: Any, playbooks: Any) -> None:
    before = there.files()
    outcome = playbooks.run("converge", "--check", "--diff")
    assert outcome.status == 0, outcome.output[-3000:]
    assert {"Packages of the engine", "Install the container toolkit 1.19.0", "NVIDIA's part of daemon.json", "Call CUDA in a container"} <= {
        name.rpartition(" : ")[2] for name in outcome.changed_tasks
    }
    assert '+runtimes.nvidia.path: "nvidia-container-runtime"' in outcome.output
    # Somebody else's settings are in no output.
    assert "max-size" not in outcome.output
    assert there.files() == before
    assert not there.exists("/usr/sbin/dockerd")


def test_a_damaged_daemon_json_is_refused_with_its_line(there: Any, playbooks: Any) -> None:
    theirs = there.output("cat", "/etc/docker/daemon.json")
    try:
        there.write("/etc/docker/daemon.json", '{\n  "log-driver" "json-file"\n}\n')
        before = there.files()
        outcome = playbooks.run("converge")
        assert outcome.failed == 1
        assert "/etc/docker/daemon.json is not plain JSON" in said(outcome) and "line 2 column 16" in said(outcome)
        assert outcome.changed == 0 and there.files() == before
    finally:
        there.write("/etc/docker/daemon.json", theirs + "\n")
    assert json.loads(there.output("cat", "/etc/docker/daemon.json"))["log-opts"] == {"max-size": "10m"}


def test_where_no_containers_are_wanted_it_is_skipped_and_says_why(playbooks: Any) -> None:
    outcome = playbooks.run("converge", variables={"container_toolkit_enabled": "auto"})
    assert outcome.status == 0 and outcome.changed == 0
    assert "The container toolkit is skipped: no containers are wanted: there is no Docker Engine" in said(outcome)


def test_a_plan_for_a_cpu_is_skipped(playbooks: Any) -> None:
    variables = {"container_toolkit_enabled": "auto", "inferhost_plan": {"device": {"kind": "cpu"}}}
    outcome = playbooks.run("converge", variables=variables)
    assert outcome.status == 0 and outcome.changed == 0
    assert "The container toolkit is skipped: the plan is for a CPU" in said(outcome)


def test_an_engine_that_has_to_be_there_and_is_not_is_refused(there: Any, playbooks: Any) -> None:
    before = there.files()
    outcome = playbooks.run("converge", variables={"container_toolkit_docker": "present"})
    assert outcome.failed == 1 and outcome.changed == 0
    assert "there is no Docker Engine; install one" in said(outcome)
    assert there.files() == before
