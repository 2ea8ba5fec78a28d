# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook of the scenario for a real GPU machine, on one without: it says that there is no GPU, or what the card lacks, and leaves what it saw."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from other_bus import ROOT, Machine, why_not

SCENARIO = ROOT / "molecule" / "gpu"
WHY_NOT = "" if SCENARIO.is_dir() else "molecule/ is not part of this copy of the tree"
WHY_NOT = WHY_NOT or why_not()


def look(machine: Machine) -> tuple[int, str]:
    arguments = ["-i", str(SCENARIO / "inventory"), str(SCENARIO / "converge.yml")]
    return machine.run(arguments, INFERHOST_GPU_HOST="localhost", INFERHOST_REPORTS=str(machine.folder / "reports"))


@pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)
def test_a_machine_without_a_gpu_is_said_to_have_none() -> None:
    with tempfile.TemporaryDirectory(prefix="bus-") as name:
        machine = Machine(Path(name))
        status, said = look(machine)
        assert status != 0 and "failed=1" in said and "changed=0" in said
        assert "No GPU: no NVIDIA GPU found on the PCI bus of localhost. Nothing was looked at any further, and nothing was changed." in said
        assert not (machine.folder / "reports").exists()


@pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)
def test_a_card_without_a_driver_is_captured_and_judged() -> None:
    with tempfile.TemporaryDirectory(prefix="bus-") as name:
        machine = Machine(Path(name))
        machine.put_card()
        status, said = look(machine)
        assert status != 0 and "failed=1" in said and "changed=0" in said
        assert "The host has no NVIDIA driver" in said
        (folder,) = (machine.folder / "reports" / "gpu-captured").iterdir()
        assert folder.name == "1-x-nvidia-rtx-pro-6000-blackwell-workstation-edition-no-driver"
        facts = json.loads((folder / "gpu_info.json").read_text())
        assert facts["gpus"][0]["open_module"] == "required" and "invocation" not in facts
        assert "from a real machine by the `gpu` scenario" in (folder / "ORIGIN.md").read_text()
        assert "no_driver" in (folder / "gpu_verify.txt").read_text() and (folder / "driver_plan.txt").read_text()


@pytest.mark.skipif(not SCENARIO.is_dir(), reason="molecule/ is not part of this copy of the tree")
def test_without_a_machine_the_scenario_is_a_skip_and_touches_no_engine(tmp_path: Path) -> None:
    environment = {**os.environ, "INFERHOST_REPORTS": str(tmp_path), "PATH": str(tmp_path)}
    environment.pop("INFERHOST_GPU_HOST", None)
    done = subprocess.run([sys.executable, str(ROOT / "molecule" / "run.py"), "gpu"], env=environment, capture_output=True, text=True, check=False)
    reason = "no machine with a GPU is given; set INFERHOST_GPU_HOST=user@host, or localhost"
    assert (done.returncode, done.stdout.splitlines()) == (0, [f"molecule gpu: skipped: {reason}"])
    assert f'<skipped message="{reason}"' in (tmp_path / "molecule-gpu.xml").read_text()
