# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import junit
import ledger
import pytest

CHECKS = frozenset({"L11"})
PASSED = junit.Case("a.test_x", "test_one[L11-b]", junit.PASSED)


def row(**entry: object) -> ledger.Row:
    return ledger.parse({"L11": {"title": "t", "prevented": "p", "doctor": "L11", "tests": ["*test_x::test_one[L11-*"], **entry}})[0]


def lacks(entry: ledger.Row, *cases: junit.Case) -> list[str]:
    return ledger.missing(entry, list(cases), CHECKS)


def test_a_row_with_everything_is_proven() -> None:
    assert lacks(row(), PASSED) == []


def test_a_wish_needs_no_doctor() -> None:
    assert lacks(row(doctor=None, wish=True), PASSED) == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"prevented": ""}, "not prevented"),
        ({"doctor": ""}, "no doctor check"),
        ({"doctor": "L99"}, "doctor has no check L99"),
        ({"tests": []}, "no test"),
        ({"tests": ["*::test_two"]}, "did not run: *::test_two"),
        ({"tests": ["*test_x::test_one[L12-*"]}, "did not run: *test_x::test_one[L12-*"),
    ],
)
def test_what_a_row_lacks(changes: dict[str, object], why: str) -> None:
    assert lacks(row(**changes), PASSED) == [why]


@pytest.mark.parametrize("outcome", [junit.FAILED, junit.SKIPPED])
def test_one_bad_run_of_several_is_enough(outcome: str) -> None:
    bad = junit.Case(PASSED.classname, PASSED.name, outcome)
    assert lacks(row(), PASSED, bad) == [f"1 {outcome}: *test_x::test_one[L11-*"]


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ({"title": "t", "test": []}, "unknown key test"),
        ({"prevented": "p"}, "has no title"),
        ({"title": "t", "tests": ["test_one"]}, "'test_one' is not of the form classname::name"),
    ],
)
def test_a_mistake_in_the_file_is_named(entry: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=f"L11: {says}"):
        ledger.parse({"L11": entry})


def test_the_last_line_counts() -> None:
    lines = ledger.table([row(), row(tests=[])], [PASSED], CHECKS).splitlines()
    assert [lines[0].endswith("proven"), lines[1].endswith("no test"), lines[-1]] == [True, True, "proven 1/2"]


@pytest.mark.parametrize(
    ("changed", "record", "says"),
    [
        (" M x", {"commit": "a", "dirty": False}, "differs"),
        ("", None, "no reports"),
        ("", {"commit": "b", "dirty": False}, "the reports are of b"),
        ("", {"commit": "a", "dirty": True}, "with changes"),
    ],
)
def test_reports_of_something_else_are_refused(changed: str, record: dict[str, object] | None, says: str) -> None:
    assert says in ledger.refusal("a", changed, record)


def test_reports_of_this_commit_are_taken() -> None:
    assert ledger.refusal("a", "", {"commit": "a", "dirty": False}) == ""


def test_the_ledger_in_the_tree_names_every_row_and_only_checks_that_exist() -> None:
    rows = ledger.parse(ledger.yaml.safe_load((ledger.ROOT / "tests" / "ledger.yml").read_text(encoding="utf-8")))
    wanted = [*range(1, 15), *range(20, 43), *range(50, 67), *range(70, 80)]
    assert [one.id for one in rows] == [f"L{number:02d}" for number in wanted]
    checks = ledger.doctor_checks(ledger.ROOT / "plugins" / "module_utils" / "_doctor")
    assert {one.doctor for one in rows if one.doctor} - checks == set()


def test_the_registry_is_read_from_the_source(tmp_path: Path) -> None:
    (tmp_path / "_a.py").write_text('@check("L01", "T")\ndef a(): ...\n@check(\n    "L02",\n)\ndef b(): ...\n# @check("L03")\n')
    assert ledger.doctor_checks(tmp_path) == {"L01", "L02"}
