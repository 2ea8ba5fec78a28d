# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What molecule/run.py reads from molecule's output, and the report it leaves."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "molecule" / "run.py"
# Lines as molecule 26.10 writes them with NO_COLOR.
OUTPUT = """\
INFO     [default > discovery] scenario test matrix: create, converge, verify
INFO     [default > create] Executing
INFO     [default > create] Executed: Successful
INFO     [default > converge] Executing
TASK [inferhost.llm.vllm : Install] ****
INFO     [default > converge] Executed: Successful
INFO     [default > verify] Executing
INFO     [default > verify] Executing Testinfra tests found in molecule/default/tests/...
ERROR    [default > verify] Executed: Failed
"""


@pytest.fixture(scope="module")
def runner() -> ModuleType:
    if not SCRIPT.exists():
        pytest.skip("molecule/ is not part of this copy of the tree")
    spec = importlib.util.spec_from_file_location("molecule_run", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["molecule_run"] = module
    spec.loader.exec_module(module)
    return module


def phases_of(runner: ModuleType, output: str) -> list:
    phases: list = []
    for second, line in enumerate(output.splitlines()):
        runner.follow(phases, line, float(second))
    return phases


def test_phases_are_read_with_state_and_time(runner: ModuleType) -> None:
    phases = phases_of(runner, OUTPUT)
    assert [(phase.name, phase.state, phase.seconds) for phase in phases] == [
        ("create", "successful", 1.0),
        ("converge", "successful", 2.0),
        ("verify", "failed", 2.0),
    ]


def test_the_report_counts_a_phase_without_an_end_as_failed(runner: ModuleType) -> None:
    suite = runner.junit("default", phases_of(runner, OUTPUT.rsplit("ERROR", 1)[0]))
    assert (suite.get("tests"), suite.get("failures")) == ("3", "1")
    assert [case.get("name") for case in suite.findall("testcase") if case.find("failure") is not None] == ["03-verify"]


def test_a_run_without_a_phase_is_a_failure(runner: ModuleType) -> None:
    assert runner.junit("default", []).get("failures") == "1"


def test_a_skip_carries_its_reason(runner: ModuleType) -> None:
    skipped = runner.junit("default", [], "no Docker Engine here").find("testcase/skipped")
    assert skipped is not None
    assert skipped.get("message") == "no Docker Engine here"
