# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module against a Docker that is a script: it remembers its images, and runs the probe on this machine."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._container._image import LOADERS
from ansible_collections.inferhost.llm.tests.unit.plugins.run_module import run_module

pytestmark = pytest.mark.skipif(not os.path.exists(LOADERS.get(os.uname().machine, "")), reason="this machine's loader of programs is not known")

DOCKER = """#!/bin/sh
echo "$1" >>"{folder}/log"
case "$1" in
  image) if [ "$2" = ls ]; then cat "{folder}/images" 2>/dev/null; else : >"{folder}/images"; fi; exit 0 ;;
  import) tar tf "$2" >"{folder}/content"; echo "$3" >"{folder}/images" ;;
  exec) echo '{{"call": "cuInit", "code": '"$CODE"', "devices": [], "device_count": 1, "ended": true}}' ;;
esac
"""


class Host:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        program = folder / "docker"
        program.write_text(DOCKER.format(folder=folder), encoding="utf-8")
        program.chmod(0o755)

    def __call__(self, check: bool = False, code: int = 0, **options: t.Any) -> t.Dict[str, t.Any]:
        path = os.pathsep.join([str(self.folder), os.environ["PATH"]])
        return run_module("container_cuda", options, check=check, environment={"PATH": path, "CODE": str(code)})

    @property
    def commands(self) -> t.List[str]:
        log = self.folder / "log"
        return [line.split()[0] for line in log.read_text(encoding="utf-8").splitlines()] if log.exists() else []


@pytest.fixture
def docker(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_the_image_is_made_once(docker: Host) -> None:
    first, second = docker(), docker()
    assert (first["changed"], second["changed"]) == (True, False)
    assert first["image"] == second["image"] and first["image"].startswith("inferhost/cuda-probe:")
    assert docker.commands.count("import") == 1
    assert "./etc/ld.so.cache" in (docker.folder / "content").read_text(encoding="utf-8").splitlines()
    assert (second["cuda"]["outcome"], second["cuda"]["asked"], second["cuda"]["device_count"]) == ("ok", "start", 1)


def test_a_code_is_a_result_and_no_failure(docker: Host) -> None:
    result = docker(code=803)
    assert "failed" not in result
    assert (result["cuda"]["outcome"], result["cuda"]["name"]) == ("error", "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH")
    assert docker.commands[-1] == "rm"


def test_a_given_image_is_used_as_it_is(docker: Host) -> None:
    result = docker(image="vllm/vllm-openai:v0.32.0")
    assert (result["changed"], result["image"]) == (False, "vllm/vllm-openai:v0.32.0")
    assert docker.commands == ["run", "exec", "rm"]


def test_check_mode_runs_no_container(docker: Host) -> None:
    result = docker(check=True)
    assert (result["changed"], result["cuda"]) == (True, None)
    assert docker.commands == ["image"]


def test_the_image_is_removed_again(docker: Host) -> None:
    made = docker()["image"]
    assert docker(check=True, state="absent")["removed"] == [made]
    assert docker(state="absent")["changed"] is True
    assert docker(state="absent")["changed"] is False
