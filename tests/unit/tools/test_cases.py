# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which known failures and features the reports speak of."""

from __future__ import annotations

import cases
import junit
import pytest
import yaml


def ran(name: str, outcome: str = junit.PASSED) -> junit.Case:
    return junit.Case("tests.conformance.test_some", name, outcome)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("test_A07_one_start", ["A07"]),
        ("test_A26c_A14_fragments[3]", ["A26c", "A14"]),
        ("test_L54_is_a_row_of_the_ledger", []),
        ("test_L57_D03_D05_search_is_shown", ["D03", "D05"]),
        ("test_B08_L58_call_in_the_text", ["B08"]),
        ("test_B2B_is_a_word", []),
        ("test_nothing", []),
    ],
)
def test_ids(name: str, expected: list[str]) -> None:
    assert cases.ids(name) == expected


def test_a_row_is_as_bad_as_its_worst_test() -> None:
    known = {"A01": "lost", "A02": "differs", "A03": "empty"}
    found = cases.rows(known, [ran("test_A01_x"), ran("test_A01_A02_y", junit.FAILED)])
    assert [state for _id, state, _text in found] == [junit.FAILED, junit.FAILED, "no test"]


def test_an_id_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(ValueError, match="A99"):
        cases.rows({"A01": "lost"}, [ran("test_A99_x")])


def test_a_feature_needs_every_one_of_its_tests() -> None:
    known = {"both": ["*::test_one*", "*::test_two*"], "one": ["*::test_one*"], "none": []}
    found = cases.features(known, [ran("test_one[a]"), ran("test_one[b]", junit.SKIPPED)])
    assert [(name, state) for name, state, _tests in found] == [("both", "no test"), ("one", junit.SKIPPED), ("none", "no test")]


def test_the_tables_are_well_formed() -> None:
    known = yaml.safe_load((cases.CONFORMANCE / "cases.yml").read_text(encoding="utf-8"))
    assert len(known) == 120
    assert list(known) == sorted(known)
    features = yaml.safe_load((cases.CONFORMANCE / "features.yml").read_text(encoding="utf-8"))
    assert [pattern for patterns in features.values() for pattern in patterns if "::" not in pattern] == []
