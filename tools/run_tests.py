# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the gates, go on after a failing one, and add up what they report.  Usage: run_tests.py [STAGE...]

Two stages run side by side, taken from one queue, for much of a deployment is waiting for one process; those that use the same thing wait for each other.
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
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import junit

ROOT = Path(__file__).resolve().parent.parent
REPORTS = ROOT / ".reports"


@dataclass(frozen=True)
class Stage:
    """One gate: a make target, with its variables, that leaves JUnit XML in INFERHOST_REPORTS."""

    name: str
    target: str
    minutes: int
    uses: tuple[str, ...] = ()


WORKERS = 2
# What only one stage at a time can use.
COPY = "the copy of the tree that ansible-test works on"
VLLM = "memory and processors, of which two starting engines leave each other too little"
BOOKWORM = "the folder of downloads that apt locks, of the hosts with Debian 12"
TRIXIE = "the same of Debian 13"
# In the order in which they are started: the longest first, so that what is left at the end is short.
# The deadlines are for a machine that does other things as well; they are there to end what hangs.
STAGES = (
    Stage("demo", "test-demo", 60, (VLLM,)),
    Stage("molecule", "molecule", 45, (VLLM, BOOKWORM)),
    Stage("storage", "molecule SCENARIO=storage", 40),
    Stage("driver", "molecule SCENARIO=driver", 25, (BOOKWORM, TRIXIE)),
    Stage("container_toolkit", "molecule SCENARIO=container_toolkit", 25, (TRIXIE,)),
    Stage("units", "units", 30, (COPY,)),
    Stage("conformance", "conformance", 35),
    Stage("sanity", "sanity", 20, (COPY,)),
    Stage("lint", "lint", 20),
    Stage("gpu", "molecule SCENARIO=gpu", 15),
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


def startable(waiting: Sequence[Stage], running: Collection[Stage]) -> Stage | None:
    """The first that uses nothing of what the running ones use."""
    taken = {use for stage in running for use in stage.uses}
    return next((stage for stage in waiting if taken.isdisjoint(stage.uses)), None)


class Queue:
    """The stages that are still to run; each is given out once, when it may start."""

    def __init__(self, stages: Iterable[Stage]) -> None:
        self._waiting = list(stages)
        self._running: list[Stage] = []
        self._changed = threading.Condition()

    def take(self) -> Stage | None:
        """The next stage, as soon as one may start; None when there is none left."""
        with self._changed:
            while self._waiting:
                if stage := startable(self._waiting, self._running):
                    self._waiting.remove(stage)
                    self._running.append(stage)
                    return stage
                self._changed.wait()
            return None

    def done(self, stage: Stage) -> None:
        """What the stage used is free again."""
        with self._changed:
            self._running.remove(stage)
            self._changed.notify_all()

    def close(self) -> None:
        """Give out no more."""
        with self._changed:
            self._waiting.clear()
            self._changed.notify_all()


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


class Groups:
    """The process groups of the stages that run now; closing stops them all, and none can be started any more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[int] = set()
        self._closed = False

    def start(self, target: str, environment: dict[str, str]) -> subprocess.Popen[str]:
        """Start a make target as the leader of a group of its own."""
        with self._lock:
            if self._closed:
                raise RuntimeError("the run was stopped")
            process = subprocess.Popen(
                ["make", *target.split()],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            self._running.add(process.pid)
            return process

    def ended(self, process: subprocess.Popen[str]) -> None:
        """Forget a group whose leader was waited for."""
        with self._lock:
            self._running.discard(process.pid)

    def close(self) -> None:
        """Stop what runs, politely."""
        with self._lock:
            self._closed = True
            for group in self._running:
                os.killpg(group, signal.SIGTERM)


def show(name: str, lines: Iterable[str]) -> None:
    """Print each line with the stage it comes from."""
    for line in lines:
        print(f"{name}: {line}", end="", flush=True)


def execute(groups: Groups, stage: Stage, environment: dict[str, str]) -> tuple[int, str]:
    """Run a stage and show what it says; at the deadline its group is stopped, politely first."""
    process = groups.start(stage.target, environment)
    # Not waited for to the end: a daemon that a test left behind may hold the pipe open.
    reader = threading.Thread(target=show, args=(stage.name, process.stdout), daemon=True)
    reader.start()
    why = ""
    try:
        process.wait(timeout=stage.minutes * 60)
    except subprocess.TimeoutExpired:
        why = f"not done after {stage.minutes} minutes"
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=120)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    finally:
        groups.ended(process)
    reader.join(timeout=10)
    return (124 if why else process.returncode), why


def run(groups: Groups, stage: Stage, folder: Path) -> tuple[Result, list[junit.Case]]:
    """Run one stage and read what it left."""
    print(f"\n=== {stage.name} (make {stage.target}) ===", flush=True)
    folder.mkdir(parents=True)
    # What make exported to us belongs to the outer call.
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES")}
    environment["INFERHOST_REPORTS"] = str(folder)
    start = time.monotonic()
    status, why = execute(groups, stage, environment)
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


def side_by_side(groups: Groups, stages: Iterable[Stage], workers: int, work: Callable[[Stage], None]) -> None:
    """Work off the stages, some at a time; whatever ends this early, SIGTERM too, takes the stages that run with it."""
    queue = Queue(stages)

    def worker() -> None:
        while stage := queue.take():
            try:
                work(stage)
            except BaseException:
                # Before what it used is free for another one.
                queue.close()
                raise
            finally:
                queue.done(stage)

    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    with ThreadPoolExecutor(max_workers=workers) as pool:
        try:
            for future in [pool.submit(worker) for _ in range(workers)]:
                future.result()
        except BaseException:
            queue.close()
            groups.close()
            raise


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
    groups, write = Groups(), threading.Lock()

    def work(stage: Stage) -> None:
        shutil.rmtree(base / stage.name, ignore_errors=True)
        result, found = run(groups, stage, base / stage.name)
        with write:
            results.append(result)
            cases[stage.name] = found
            # Stages of this commit that an earlier call ran stay on record.
            write_record(base / "run.json", record, results)
        print(f"=== {stage.name}: {'ok' if result.status == 0 and not result.failed else 'FAILED'} after {result.seconds:.0f} s ===", flush=True)

    side_by_side(groups, chosen, min(WORKERS, os.cpu_count() or 1), work)
    results.sort(key=lambda result: [stage.name for stage in STAGES].index(result.name))
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
