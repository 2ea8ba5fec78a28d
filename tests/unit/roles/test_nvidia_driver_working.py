# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A driver that works and that the role did not bring: the role's own tasks, with a stand-in for libcuda and a card laid over sysfs."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from other_bus import ROOT, Machine, why_not

PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.include_role:
        name: inferhost.llm.nvidia_driver
        tasks_from: working
      vars:
        __nvidia_driver_plan: {state: change, branch: "580", flavour: open, source: cuda_repo, refusal: "{{ refusal | default(none) }}"}
    - ansible.builtin.debug:
        msg: "left {{ __nvidia_driver_left }}"
"""
COMPILER = shutil.which("cc") or shutil.which("gcc")
WHY_NOT = why_not() or ("" if COMPILER else "no C compiler for the stand-in of libcuda")
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)

Say = Callable[..., str]


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Say:
    """What the role says on a machine whose CUDA answers `code`, and supports `cuda`."""
    library = tmp_path / "lib"
    library.mkdir()
    source = ROOT / "molecule" / "standins" / "programs" / "libcuda.c"
    subprocess.run([str(COMPILER), "-shared", "-fPIC", "-o", str(library / "libcuda.so.1"), str(source), "-ldl"], check=True)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(library))
    monkeypatch.setenv("STANDIN_GPU_STATE", str(tmp_path / "state.json"))
    machine = Machine(tmp_path)
    machine.put_card()

    def play(cuda: str = "13.0", code: int = 0, **variables: Any) -> str:
        cards = [{"address": "0000:01:00.0", "name": "NVIDIA RTX PRO 6000", "memory_mib": 97887, "compute_cap": "12.0"}]
        (tmp_path / "state.json").write_text(json.dumps({"driver_version": "595.71.05", "cuda_version": cuda, "cuda": code, "cards": cards}))
        return machine.play(PLAY, **variables)

    return play


def test_it_stays_and_how_to_change_it_is_said(say: Say) -> None:
    said = say(nvidia_driver_cuda_major=13)
    assert "left True" in said
    assert "CUDA 13.0 works with a driver that this role did not bring" in said
    assert "nvidia_driver_replace_working=true it becomes branch 580, open, from cuda_repo" in said


def test_it_stays_where_the_plan_has_no_driver_for_the_host(say: Say) -> None:
    said = say(refusal={"code": "unsupported_release", "message": "Debian 11 is not in the tables.", "remedies": []})
    assert "left True" in said and "Without it there would be none here: Debian 11 is not in the tables." in said


@pytest.mark.parametrize(
    "case",
    [
        {"code": 803},
        {"cuda": "12.4", "nvidia_driver_cuda_major": 13},
        {"cuda": "12.4", "inferhost_plan": {"expect": {"cuda_major": 13}}},
        {"nvidia_driver_replace_working": True},
        {"nvidia_driver_upgrade": True},
    ],
    ids=["it does not work", "too old for what was asked", "too old for the plan", "somebody asks", "an upgrade"],
)
def test_it_is_changed_when(say: Say, case: dict[str, Any]) -> None:
    assert "left False" in say(**case)


def test_one_that_this_role_brought_is_its_own(say: Say, tmp_path: Path) -> None:
    record = tmp_path / "root" / "etc" / "nvidia_driver.json"
    record.parent.mkdir(parents=True)
    record.write_text("{}")
    assert "left False" in say()
