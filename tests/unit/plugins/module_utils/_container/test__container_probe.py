# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CUDA's answer in a container, with a Docker that plays back how its commands end. Its words are those of the engine's releases."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._container._probe import Container, access, decisive, proof
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._process import Ended
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._expectations_cuda import container_refusal

CONTAINER = Container("probe", "inferhost/cuda-probe:1", "/usr/bin/python3", access("nvidia.com/gpu=all", ""))
RELOAD = ("systemctl", "daemon-reload")
WELL = Ended("exit", 0, "", "", "")


def said(code: int) -> Ended:
    lines = [
        {"call": "cuInit", "code": None, "devices": []},
        {"call": "cuInit", "code": code, "devices": [], "device_count": 1, "version": 13000, "ended": True},
    ]
    return Ended("exit", 0, "".join(json.dumps(line) + "\n" for line in lines), "", "")


class Docker:
    """Remembers what it was asked, and gives the answers in their order."""

    def __init__(self, *answers: Ended, started: Ended = WELL) -> None:
        self.answers, self.started = list(answers), started
        self.done: t.List[str] = []

    def __call__(self, command: t.Sequence[str]) -> Ended:
        self.done.append(command[1])
        return {"run": lambda: self.started, "exec": lambda: self.answers.pop(0)}.get(command[1], lambda: WELL)()


def test_the_answer_at_the_start_and_after_a_reload() -> None:
    docker = Docker(said(0), said(0))
    answers = proof(docker, "docker", CONTAINER, RELOAD)
    assert [(one["asked"], one["outcome"], one["cuda_version"]) for one in answers] == [("start", "ok", "13.0"), ("daemon_reload", "ok", "13.0")]
    assert docker.done == ["run", "exec", "daemon-reload", "exec", "rm"]


def test_a_container_that_loses_the_gpu_at_the_reload() -> None:
    answers = proof(Docker(said(0), said(999)), "docker", CONTAINER, RELOAD)
    assert (decisive(answers)["asked"], decisive(answers)["code"]) == ("daemon_reload", 999)


@pytest.mark.parametrize("code", [100, 802, 803, 804, 999])
def test_nothing_is_reloaded_where_cuda_fails_anyway(code: int) -> None:
    docker = Docker(said(code))
    assert decisive(proof(docker, "docker", CONTAINER, RELOAD))["code"] == code
    assert docker.done == ["run", "exec", "rm"]


# The first words of an engine up to 28, of one from 29 on, of one whose runtime is missing, and of one with a specification that is gone.
@pytest.mark.parametrize(
    "words",
    [
        'could not select device driver "" with capabilities: [[gpu]]',
        "failed to discover GPU vendor from CDI: no known GPU vendor found",
        "unknown or invalid runtime name: nvidia",
        "CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=all",
    ],
)
def test_docker_that_does_not_know_the_gpu(words: str) -> None:
    errors = "docker: Error response from daemon: %s\n\nRun 'docker run --help' for more information\n" % words
    docker = Docker(started=Ended("exit", 125, "", errors, ""))
    answer = decisive(proof(docker, "docker", CONTAINER, None))
    assert (answer["outcome"], answer["cause"]) == ("not_run", "docker: Error response from daemon: " + words)
    assert container_refusal(answer)
    assert docker.done == ["run", "rm"]


def test_a_hang_and_a_crash_are_results_and_the_container_goes() -> None:
    hang = Docker(Ended("hang", 0, '{"call": "cuInit", "code": null, "devices": []}\n', "", "no answer within 60 s"))
    assert decisive(proof(hang, "docker", CONTAINER, None))["outcome"] == "hang"
    crash = Docker(Ended("exit", 139, '{"call": "cuInit", "code": null, "devices": []}\n', "", ""))
    answer = decisive(proof(crash, "docker", CONTAINER, None))
    assert (answer["outcome"], answer["cause"]) == ("crash", "cuInit: ended by signal 11")
    assert hang.done[-1] == crash.done[-1] == "rm"


def test_a_library_that_was_not_mounted() -> None:
    line = json.dumps({"call": "dlopen", "code": None, "devices": [], "error": "libcuda.so.1: cannot open shared object file: No such file or directory"})
    answer = decisive(proof(Docker(Ended("exit", 0, line + "\n", "", "")), "docker", CONTAINER, None))
    assert answer["outcome"] == "absent" and "container has no libcuda" in answer["cause"]


def test_an_engine_without_cdi_gets_the_runtime() -> None:
    assert access("nvidia.com/gpu=all", "nvidia")[0] == "--runtime=nvidia"
    assert access("nvidia.com/gpu=all", "") == ("--device=nvidia.com/gpu=all",)
