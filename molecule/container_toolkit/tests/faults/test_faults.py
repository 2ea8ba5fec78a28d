# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes wrong on such hosts, made here: CUDA's codes in a container, settings that somebody took out, specifications that are stale."""

from __future__ import annotations

import json
from typing import Any

PROOF = ("--tags", "container_toolkit_configure,container_toolkit_prove")


def test_a_container_in_which_cuda_fails_fails_the_run_and_names_why(cuda: Any, playbooks: Any) -> None:
    cuda(803)
    outcome = playbooks.run("converge", *PROOF)
    assert outcome.failed == 1
    said = " ".join(outcome.output.split())
    assert "The container has no CUDA library, or one that does not fit" in said
    assert "803 (CUDA_ERROR_SYSTEM_DRIVER_MISMATCH)" in said and "Fix: docker exec" in said


def test_every_code_is_named_with_its_fix(cuda: Any, playbooks: Any, there: Any) -> None:
    """One playbook calls CUDA once for each answer; gpu_verify only reports."""
    outcome = playbooks.run("codes")
    assert outcome.status == 0, outcome.output[-3000:]
    verdicts = there.json("/tmp/verdicts.json")
    found = {answer: verdict["id"] for answer, verdict in verdicts.items()}
    assert found == {"0": "", "802": "container_cuda_init", "804": "L04", "999": "L09", "hang": "container_cuda_init"}
    assert "CUDA_ERROR_SYSTEM_NOT_READY" in verdicts["802"]["seen"] and "no answer within" in verdicts["hang"]["seen"]
    assert all(verdict["fix"] for answer, verdict in verdicts.items() if answer != "0")
    assert there.output("docker", "ps", "--all", "--quiet") == ""


def test_what_somebody_took_out_or_left_behind_is_mended_in_one_run(there: Any, playbooks: Any) -> None:
    """The runtime is gone from daemon.json, the specification is lost, and one of an old driver lies in the other folder."""
    settings = there.json("/etc/docker/daemon.json")
    del settings["runtimes"]
    there.write("/etc/docker/daemon.json", json.dumps(settings))
    old = there.output("cat", "/run/cdi/nvidia.yaml").replace("580.159.03", "535.261.03")
    there.output("mkdir", "-p", "/etc/cdi")
    there.write("/etc/cdi/nvidia.yaml", old)
    there.output("rm", "/run/cdi/nvidia.yaml")
    started = there.engine_started()
    outcome = playbooks.run("converge", *PROOF)
    assert outcome.status == 0, outcome.output[-3000:]
    assert there.json("/etc/docker/daemon.json")["runtimes"] == {"nvidia": {"path": "nvidia-container-runtime", "args": []}}
    assert there.engine_started() != started
    assert not there.exists("/etc/cdi/nvidia.yaml")
    assert "580.159.03" in there.output("cat", "/run/cdi/nvidia.yaml")
    # The engine came back with other settings, so the proof included a reload.
    assert "and does after systemctl daemon-reload" in " ".join(outcome.output.split())
