# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the gates in order, go on after a failing one, and add up what they report.  Usage: run_tests.py [STAGE...]

Reports go to .reports/<commit>, or .reports/worktree where something is not committed, one folder a stage, with run.json beside them.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import junit

ROOT = Path(__file__).resolve().parent.parent
REPORTS = ROOT / ".reports"


@dataclass(frozen=True)
class Stage:
    """One gate: a make target that leaves JUnit XML in INFERHOST_REPORTS."""

    name: str
    target: str
    minutes: int


STAGES = (
    Stage("lint", "lint", 15),
    Stage("sanity", "sanity", 15),
    Stage("units", "units", 20),
    Stage("conformance", "conformance", 10),
    Stage("molecule", "molecule", 40),
    Stage("demo", "test-demo", 40),
)


@dataclass
class Result:
    """How one stage went."""

    name: str
    status: int
    seconds: float
    passed: int
    failed: int
    skipped: int


def git(*arguments: str) -> str:
    """The output of a git command."""
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def complete(name: str, status: int, seconds: float, cases: list[junit.Case], why: str = "") -> junit.Case | None:
    """The case for a stage whose reports do not tell how it ended."""
    failed = any(case.outcome == junit.FAILED for case in cases)
    if status != 0 and not failed:
        return junit.Case("stage", name, junit.FAILED, seconds, why or f"make ended with {status} without a failed test in its reports; see its output above")
    if status == 0 and not cases:
        return junit.Case("stage", name, junit.FAILED, seconds, "the stage reported no test at all")
    return None


def stop_on_sigterm() -> None:
    """Let a stage's processes, which are a group of their own, go down with us."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))


def execute(target: str, minutes: int, environment: dict[str, str]) -> tuple[int, str]:
    """Run a make target in a process group of its own; at the deadline the group is stopped, politely first."""
    with subprocess.Popen(["make", target], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            return process.wait(timeout=minutes * 60), ""
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=120)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
            return 124, f"not done after {minutes} minutes"
        except BaseException:
            os.killpg(process.pid, signal.SIGTERM)
            raise


def run(stage: Stage, folder: Path) -> tuple[Result, list[junit.Case]]:
    """Run one stage and read what it left."""
    print(f"\n=== {stage.name} (make {stage.target}) ===", flush=True)
    folder.mkdir(parents=True)
    # What make exported to us belongs to the outer call.
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")}
    environment["INFERHOST_REPORTS"] = str(folder)
    start = time.monotonic()
    status, why = execute(stage.target, stage.minutes, environment)
    seconds = time.monotonic() - start
    try:
        cases = junit.read_folder(folder)
    except ValueError as error:
        cases, status, why = [], status or 1, str(error)
    extra = complete(stage.name, status, seconds, cases, why)
    if extra:
        junit.write(folder / "stage.xml", "stage", [extra])
        cases.append(extra)
    return Result(stage.name, status, seconds, **junit.counts(cases)), cases


def summary(results: list[Result], cases: dict[str, list[junit.Case]]) -> str:
    """The table, the failures, the skips with their reasons, and the one line that counts."""
    lines = ["", f"{'stage':<14}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}"]
    lines += [f"{one.name:<14}{one.passed:>8}{one.failed:>8}{one.skipped:>9}{one.seconds:>9.0f}" for one in results]
    for outcome in (junit.FAILED, junit.SKIPPED):
        found = [(stage, case) for stage, listed in cases.items() for case in listed if case.outcome == outcome]
        if found:
            lines += ["", f"{outcome}:"]
            lines += [f"  {stage}: {case.id}: {(case.detail.strip().splitlines() or ['no reason given'])[0][:200]}" for stage, case in found]
    lines += ["", f"{sum(one.passed for one in results)} passed, {sum(one.failed for one in results)} failed, {sum(one.skipped for one in results)} skipped"]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=" ".join(stage.name for stage in STAGES))
    names = parser.parse_args().stages
    stop_on_sigterm()
    unknown = sorted(set(names) - {stage.name for stage in STAGES})
    if unknown:
        parser.error(f"no stage {', '.join(unknown)}; there are: {', '.join(stage.name for stage in STAGES)}")
    chosen = [stage for stage in STAGES if not names or stage.name in names]

    commit, dirty = git("rev-parse", "HEAD"), bool(git("status", "--porcelain"))
    base = REPORTS / ("worktree" if dirty else commit)
    base.mkdir(parents=True, exist_ok=True)
    started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    results: list[Result] = []
    cases: dict[str, list[junit.Case]] = {}
    record = {"commit": commit, "dirty": dirty, "started": started}
    for stage in chosen:
        shutil.rmtree(base / stage.name, ignore_errors=True)
        result, cases[stage.name] = run(stage, base / stage.name)
        results.append(result)
        print(f"=== {stage.name}: {'ok' if result.status == 0 and not result.failed else 'FAILED'} after {result.seconds:.0f} s ===", flush=True)
        # Stages of this commit that an earlier call ran stay on record.
        write_record(base / "run.json", record, results)
    print(summary(results, cases))
    return 1 if any(result.status or result.failed for result in results) else 0


def write_record(path: Path, record: dict[str, object], results: list[Result]) -> None:
    """run.json: which commit, whether its tree was clean, and how each stage went."""
    known: dict[str, object] = {}
    if path.is_file():
        before = json.loads(path.read_text(encoding="utf-8"))
        known = before["stages"] if before["commit"] == record["commit"] else {}
    stages = {**known, **{result.name: asdict(result) for result in results}}
    path.write_text(json.dumps({**record, "stages": stages}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
