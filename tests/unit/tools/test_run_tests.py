# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import junit
import pytest
import run_tests

T = TypeVar("T")
TOOLS = Path(run_tests.__file__).parent
PASSED = junit.Case("c", "good", junit.PASSED)
FAILED = junit.Case("c", "bad", junit.FAILED, detail="first line\nsecond")
SKIPPED = junit.Case("c", "no", junit.SKIPPED, detail="no GPU here")


def test_reports_survive_being_written_and_read(tmp_path: Path) -> None:
    junit.write(tmp_path / "a" / "x.xml", "x", [PASSED, junit.Case("c", "bad", junit.FAILED, 1.5, "\x1b[31mred & <angry>\x00"), SKIPPED])
    read = junit.read_folder(tmp_path)
    assert [(case.id, case.outcome) for case in read] == [("c::good", "passed"), ("c::bad", "failed"), ("c::no", "skipped")]
    assert (read[1].seconds, read[1].detail, read[2].detail) == (1.5, "[31mred & <angry>", "no GPU here")


def test_a_broken_report_is_an_error_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "x.xml").write_text("<testsuite>")
    with pytest.raises(ValueError, match=r"x\.xml: not readable as JUnit XML"):
        junit.read_folder(tmp_path)


def test_an_error_while_setting_up_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "x.xml").write_text('<testsuite><testcase classname="c" name="n"><error message="boom"/></testcase></testsuite>')
    assert [case.outcome for case in junit.read_folder(tmp_path)] == [junit.FAILED]


@pytest.mark.parametrize(
    ("status", "cases", "says"),
    [
        (0, [PASSED], None),
        (1, [PASSED, FAILED], None),
        (1, [PASSED], "make ended with 1"),
        (2, [], "make ended with 2"),
        (0, [], "no test at all"),
    ],
)
def test_no_stage_passes_by_saying_nothing(status: int, cases: list[junit.Case], says: str | None) -> None:
    extra = run_tests.complete("s", status, 1.0, cases)
    assert (extra is None) if says is None else (extra is not None and extra.outcome == junit.FAILED and says in extra.detail)


def test_the_summary_names_failures_and_reasons_and_ends_with_the_count() -> None:
    results = [run_tests.Result("units", 1, 61.4, 1, 1, 1), run_tests.Result("lint", 0, 2.0, 3, 0, 0)]
    lines = run_tests.summary(results, {"units": [PASSED, FAILED, SKIPPED], "lint": []}).splitlines()
    assert "  units: c::bad: first line" in lines
    assert "  units: c::no: no GPU here" in lines
    assert lines[-1] == "4 passed, 1 failed, 1 skipped"


def test_the_record_keeps_earlier_stages_of_the_same_commit_only(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    for commit, name in (("a", "lint"), ("a", "units"), ("b", "demo")):
        run_tests.write_record(path, {"commit": commit, "dirty": False, "started": "t"}, [run_tests.Result(name, 0, 1.0, 1, 0, 0)])
        if name == "units":
            assert sorted(json.loads(path.read_text())["stages"]) == ["lint", "units"]
    assert sorted(json.loads(path.read_text())["stages"]) == ["demo"]


def test_a_stage_beyond_its_deadline_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Makefile").write_text("slow:\n\t@sleep 60\n")
    monkeypatch.setattr(run_tests, "ROOT", tmp_path)
    status, why = run_tests.execute(run_tests.Groups(), run_tests.Stage("slow", "slow", 0), {"PATH": "/usr/bin:/bin"})
    assert (status, why) == (124, "not done after 0 minutes")


def test_a_stage_shows_what_it_says_with_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "Makefile").write_text("talk:\n\t@echo one; echo two >&2; exit 3\n")
    monkeypatch.setattr(run_tests, "ROOT", tmp_path)
    status, why = run_tests.execute(run_tests.Groups(), run_tests.Stage("t", "talk", 1), {"PATH": "/usr/bin:/bin"})
    assert (status != 0, why) == (True, "")
    assert capfd.readouterr().out.splitlines()[:2] == ["t: one", "t: two"]


def stages(*names: str, **uses: tuple[str, ...]) -> list[run_tests.Stage]:
    return [run_tests.Stage(name, name, 1, uses.get(name, ())) for name in names]


def test_the_first_that_may_start_is_taken() -> None:
    a, b, c, d = stages("a", "b", "c", "d", a=("x",), b=("x", "y"), c=("y", "z"))
    assert run_tests.startable([a, b, c, d], []) == a
    assert run_tests.startable([b, c, d], [a]) == c
    assert run_tests.startable([b, d], [a, c]) == d
    assert run_tests.startable([b], [a]) is None
    assert run_tests.startable([], [a]) is None


def followed(listed: list[run_tests.Stage], workers: int, seconds: dict[str, int]) -> list[tuple[int, int, run_tests.Stage]]:
    """Begin and end of each stage, were the workers to take this long for them."""
    waiting, running, began, now = list(listed), [], {}, 0
    spans = []
    while waiting or running:
        while len(running) < workers and (stage := run_tests.startable(waiting, running)):
            waiting.remove(stage)
            running.append(stage)
            began[stage.name] = now
        assert running, f"nothing runs and {waiting} cannot start"
        ending = min(running, key=lambda stage: began[stage.name] + seconds[stage.name])
        running.remove(ending)
        now = began[ending.name] + seconds[ending.name]
        spans.append((began[ending.name], now, ending))
    return spans


def together(spans: list[tuple[int, int, run_tests.Stage]]) -> list[tuple[run_tests.Stage, run_tests.Stage]]:
    return [
        (one, other)
        for number, (begin, end, one) in enumerate(spans)
        for other_begin, other_end, other in spans[number + 1 :]
        if begin < other_end and other_begin < end
    ]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_whatever_stages_use_and_last_each_runs_once_and_none_beside_one_that_uses_the_same(workers: int) -> None:
    chance = random.Random(workers)
    for _ in range(300):
        names = "abcdefghij"[: chance.randint(1, 10)]
        listed = stages(*names, **{name: tuple(chance.sample("uvwxyz", chance.randint(0, 3))) for name in names})
        spans = followed(listed, workers, {name: chance.randint(1, 20) for name in names})
        assert sorted(stage.name for _begin, _end, stage in spans) == list(names)
        assert all(set(one.uses).isdisjoint(other.uses) for one, other in together(spans))


def test_one_worker_keeps_the_order() -> None:
    spans = followed(list(run_tests.STAGES), 1, {stage.name: 1 for stage in run_tests.STAGES})
    assert [stage for _begin, _end, stage in spans] == list(run_tests.STAGES)


def test_the_hosts_that_share_something_of_this_machine_are_never_there_at_once() -> None:
    named = {stage.name: stage for stage in run_tests.STAGES}
    for one, other in (("demo", "molecule"), ("driver", "molecule"), ("driver", "container_toolkit"), ("units", "sanity")):
        assert run_tests.startable([named[other]], [named[one]]) is None, (one, other)
    assert run_tests.startable(run_tests.STAGES, [named["demo"]]) == named["storage"]


def test_workers_run_side_by_side_and_a_broken_one_breaks_the_run() -> None:
    met = threading.Barrier(2, timeout=20)
    run_tests.side_by_side(run_tests.Groups(), stages("a", "b"), 2, lambda stage: met.wait() and None)
    begun = []

    def work(stage: run_tests.Stage) -> None:
        begun.append(stage.name)
        raise OSError("no disk")

    with pytest.raises(OSError, match="no disk"):
        run_tests.side_by_side(run_tests.Groups(), stages("a", "b", a=("x",), b=("x",)), 2, work)
    assert begun == ["a"]


def test_a_worker_waits_for_what_another_one_uses() -> None:
    log: list[str] = []

    def work(stage: run_tests.Stage) -> None:
        log.append(f"{stage.name} begins")
        time.sleep(0.2 if stage.name == "a" else 0)
        log.append(f"{stage.name} ends")

    run_tests.side_by_side(run_tests.Groups(), stages("a", "b", a=("x",), b=("x",)), 2, work)
    assert log == ["a begins", "a ends", "b begins", "b ends"]


def test_after_closing_no_stage_starts(tmp_path: Path) -> None:
    groups = run_tests.Groups()
    groups.close()
    with pytest.raises(RuntimeError, match="stopped"):
        groups.start("anything", {})


def test_stopping_it_stops_what_it_started(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("slow:\n\t@echo $$$$ >pid; exec sleep 60\n")
    program = f"import sys, pathlib; sys.path.insert(0, {str(TOOLS)!r}); import run_tests; run_tests.ROOT = pathlib.Path({str(tmp_path)!r}); "
    program += "groups = run_tests.Groups(); stages = [run_tests.Stage(name, 'slow', 1, ('it',)) for name in 'ab']; "
    program += "run_tests.side_by_side(groups, stages, 2, lambda stage: run_tests.execute(groups, stage, {'PATH': '/usr/bin:/bin'}))"
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        pid = int(eventually(lambda: (tmp_path / "pid").read_text() if (tmp_path / "pid").exists() else ""))
        process.terminate()
        assert process.wait(timeout=20) == 128 + signal.SIGTERM
    assert eventually(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2])


def eventually(look: Callable[[], T]) -> T:
    deadline = time.monotonic() + 20
    while not (seen := look()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return seen
