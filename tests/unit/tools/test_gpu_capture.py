# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What molecule/gpu/capture.py takes out of a machine's outputs. The texts are constructed in the shape of the tools'."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "molecule" / "gpu" / "capture.py"
FIRST, SECOND = "GPU-1a2b3c4d-1111-2222-3333-444455556666", "GPU-9a2b3c4d-1111-2222-3333-444455556666"
XML = f"""<nvidia_smi_log><timestamp>Sat Nov 21 12:00:00 2026</timestamp><gpu id="00000000:01:00.0"><serial>1324023012345</serial>
<board_id>0x100</board_id><serial>N/A</serial><uuid>{FIRST}</uuid><processes><process_info><pid>42</pid><process_name>/home/ann/train.py</process_name></process_info>
</processes></gpu></nvidia_smi_log>"""
PROC = f"""./version:NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.159.03
./version:GCC version:  gcc 14.2.0
./gpus/0000:01:00.0/information:Model: \t\t NVIDIA H200
./gpus/0000:01:00.0/information:GPU UUID: \t {SECOND}
./params:EnableMSI: 1"""
FACTS: dict[str, Any] = {
    "summary": "1 x NVIDIA H200 (140.4 GiB); kernel driver: nvidia",
    "gpus": [{"name": "NVIDIA H200", "uuid": FIRST}],
    "driver": {"loaded_version": "580.159.03", "proc_version": "Open Kernel Module 580.159.03"},
    "kernel": {"running": "6.8.0-31-generic"},
    "changed": False,
    "failed": False,
}


@pytest.fixture(scope="module")
def capture() -> ModuleType:
    if not SCRIPT.exists():
        pytest.skip("molecule/ is not part of this copy of the tree")
    spec = importlib.util.spec_from_file_location("gpu_capture", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_nothing_that_names_the_machine_is_kept(capture: ModuleType) -> None:
    written = capture.files({"gpu_info": FACTS, "gpu_verify": "ok", "driver_plan": "plan", "nvidia_smi": XML, "proc": PROC}, "2026-11-21")
    everything = "\n".join(written.values())
    for secret in ("1324023012345", "1a2b3c4d", "9a2b3c4d", "ann", "12:00:00", "0x100"):
        assert secret not in everything
    # What belongs together still does, and what is not there stays so.
    assert json.loads(written["gpu_info.json"])["gpus"][0]["uuid"] == "GPU-00000000-0000-0000-0000-000000000001"
    assert "<uuid>GPU-00000000-0000-0000-0000-000000000001</uuid>" in written["nvidia-smi.xml"] and "<serial>N/A</serial>" in written["nvidia-smi.xml"]
    assert "changed" not in json.loads(written["gpu_info.json"])


def test_files_of_proc_are_files_again(capture: ModuleType) -> None:
    written = capture.files({"gpu_info": FACTS, "proc": PROC}, "2026-11-21")
    assert sorted(written) == ["ORIGIN.md", "gpu_info.json", "proc/gpus/0000_01_00.0/information", "proc/params", "proc/version"]
    assert written["proc/gpus/0000_01_00.0/information"] == "Model: \t\t NVIDIA H200\nGPU UUID: \t GPU-00000000-0000-0000-0000-000000000002\n"
    assert written["proc/version"].count("\n") == 2


def test_the_origin_is_told(capture: ModuleType) -> None:
    note = capture.files({"gpu_info": FACTS}, "2026-11-21")["ORIGIN.md"]
    assert "Captured on 2026-11-21 from a real machine" in note and "Open Kernel Module 580.159.03, kernel 6.8.0-31-generic" in note
    assert capture.name_of(FACTS) == "1-x-nvidia-h200-580.159.03"
