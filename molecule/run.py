# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run one molecule scenario and leave its phases as JUnit.  Usage: run.py [SCENARIO]

The Docker Engine is installed and started where there is none, for some scenarios QEMU is installed instead; one runs on a machine that somebody brings.
What cannot be had is a skip with its reason.
Reports go to INFERHOST_REPORTS (default .reports/molecule): molecule-SCENARIO.xml here, one file for each test folder from pytest.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(Path(__file__).resolve().parent / "resources"))

import engine
import vm

GPU_HOST = "INFERHOST_GPU_HOST"


@contextlib.contextmanager
def brought() -> Iterator[None]:
    """A machine with a GPU, which only somebody else can bring."""
    if not os.environ.get(GPU_HOST):
        raise engine.NoEngine(f"no machine with a GPU is given; set {GPU_HOST}=user@host, or localhost")
    yield


# What a scenario's hosts run on; the others are containers.
REQUIREMENTS = {"storage": vm.shared, "driver_vm": vm.shared, "gpu": brought}

# How molecule, without colours, announces the begin and the end of a phase.
MARK = re.compile(r"\[(?P<scenario>\S+) > (?P<phase>\w+)\] (?P<event>Executing|Executed: (?P<state>\w+))\s*$")


@dataclass
class Phase:
    """One step of the scenario's sequence; without a state it did not come to its end."""

    name: str
    began: float
    seconds: float = 0.0
    state: str = ""


def follow(phases: list[Phase], line: str, now: float) -> None:
    """Take one line of molecule's output into the list of phases."""
    mark = MARK.search(line)
    if mark is None:
        return
    if mark["event"] == "Executing":
        phases.append(Phase(mark["phase"], now))
    elif phases and phases[-1].name == mark["phase"] and not phases[-1].state:
        phases[-1].seconds = now - phases[-1].began
        phases[-1].state = mark["state"].lower()


def junit(scenario: str, phases: list[Phase], skip_reason: str = "") -> ElementTree.Element:
    """The phases as a JUnit test suite."""
    suite = ElementTree.Element("testsuite", name=f"molecule.{scenario}", tests=str(max(len(phases), 1)))
    if skip_reason:
        case = ElementTree.SubElement(suite, "testcase", classname=f"molecule.{scenario}", name="scenario", time="0")
        ElementTree.SubElement(case, "skipped", message=skip_reason)
        return suite
    if not phases:
        case = ElementTree.SubElement(suite, "testcase", classname=f"molecule.{scenario}", name="scenario", time="0")
        ElementTree.SubElement(case, "failure", message=f"no phase was seen; see molecule-{scenario}.log")
    for number, phase in enumerate(phases, start=1):
        name = f"{number:02d}-{phase.name}"
        case = ElementTree.SubElement(suite, "testcase", classname=f"molecule.{scenario}", name=name, time=f"{phase.seconds:.1f}")
        if phase.state != "successful":
            ElementTree.SubElement(case, "failure", message=f"{phase.name}: {phase.state or 'did not end'}; see molecule-{scenario}.log")
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("time", f"{sum(phase.seconds for phase in phases):.1f}")
    return suite


def link_scenarios() -> None:
    """Molecule looks for a collection's scenarios in extensions/molecule; a link that is committed is refused by ansible-test."""
    link = ROOT / "extensions" / "molecule"
    link.parent.mkdir(exist_ok=True)
    if not link.is_symlink():
        link.symlink_to("../molecule")


def run(scenario: str, reports: Path, phases: list[Phase]) -> int:
    """Run the scenario and fill in its phases; the output goes to the terminal and to a log beside the reports."""
    environment = {**os.environ, "INFERHOST_REPORTS": str(reports), "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    command = ["molecule", "test", "--scenario-name", scenario, "--no-command-borders", "--destroy", "always"]
    with (
        (reports / f"molecule-{scenario}.log").open("w", encoding="utf-8", buffering=1) as log,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process,
    ):
        assert process.stdout is not None
        try:
            for line in process.stdout:
                print(line, end="", flush=True)
                log.write(line)
                follow(phases, line, time.monotonic())
        except BaseException:
            process.terminate()
            process.wait()
            subprocess.run(["molecule", "destroy", "--scenario-name", scenario], cwd=ROOT, env=environment, check=False)
            raise
    return process.returncode


def report(scenario: str, reports: Path, phases: list[Phase], reason: str) -> None:
    """Leave the JUnit file, and show the phases."""
    tree = ElementTree.ElementTree(junit(scenario, phases, reason))
    tree.write(reports / f"molecule-{scenario}.xml", encoding="utf-8", xml_declaration=True)
    for phase in phases:
        print(f"  {phase.name:<12} {phase.state or 'did not end':<11} {phase.seconds:7.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", nargs="?", default="default")
    scenario = parser.parse_args().scenario
    reports = Path(os.environ.get("INFERHOST_REPORTS") or ROOT / ".reports" / "molecule").resolve()
    reports.mkdir(parents=True, exist_ok=True)
    for stale in reports.glob(f"molecule-{scenario}*"):
        stale.unlink()

    # A run that is stopped at a deadline takes its host and its engine with it, and leaves its report.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    phases: list[Phase] = []
    reason, status = "", 1
    try:
        with REQUIREMENTS.get(scenario, engine.shared)():
            link_scenarios()
            status = run(scenario, reports, phases)
    except engine.NoEngine as error:
        reason, status = str(error), 0
        print(f"molecule {scenario}: skipped: {reason}")
    finally:
        report(scenario, reports, phases, reason)
    sys.exit(status)


if __name__ == "__main__":
    main()
