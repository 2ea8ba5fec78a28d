# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of the test machines that need no machine: whose process is stopped, when an image is made anew, when a scenario is skipped."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

RESOURCES = Path(__file__).resolve().parents[3] / "molecule" / "resources"


@pytest.fixture
def resources(monkeypatch: pytest.MonkeyPatch) -> None:
    if not RESOURCES.is_dir():
        pytest.skip("molecule/ is not part of this copy of the tree")
    monkeypatch.syspath_prepend(str(RESOURCES))


@pytest.fixture
def processes(resources: None) -> ModuleType:
    return importlib.import_module("processes")


@pytest.fixture
def vm(resources: None) -> ModuleType:
    return importlib.import_module("vm")


def test_a_process_that_was_started_is_stopped(processes: ModuleType, tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as child:
        processes.remember(child.pid, tmp_path / "pid")
        assert processes.running(tmp_path / "pid") == child.pid
        assert processes.stop(tmp_path / "pid", 10)
        assert child.wait(10) == -15
    assert not (tmp_path / "pid").exists()


def test_a_later_process_with_the_same_number_is_left_alone(processes: ModuleType, tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as child:
        (tmp_path / "pid").write_text(f"{child.pid} 1\n", encoding="ascii")
        assert not processes.stop(tmp_path / "pid", 1)
        assert child.poll() is None
        child.kill()


def test_an_image_is_made_anew_when_its_contents_change(vm: ModuleType) -> None:
    plain = vm.Machine().image_spec()
    assert plain.key() == vm.Machine(disk="99G", disks=["1G"]).image_spec().key()
    assert plain.key() != vm.Machine(image={"packages": ["xfsprogs"]}).image_spec().key()


@pytest.mark.parametrize(("architecture", "user", "why"), [("aarch64", 0, "x86_64"), ("x86_64", 1000, "only root")])
def test_no_machine_is_a_reason(vm: ModuleType, monkeypatch: pytest.MonkeyPatch, architecture: str, user: int, why: str) -> None:
    class Name:
        machine = architecture

    monkeypatch.setattr(vm.os, "uname", Name)
    monkeypatch.setattr(vm.os, "geteuid", lambda: user)
    monkeypatch.setattr(vm.shutil, "which", lambda tool: "/usr/bin/" + tool)
    with pytest.raises(vm.engine.NoEngine, match=why):
        vm.require()
