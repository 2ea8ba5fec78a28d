# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan's arithmetic against published logs of vLLM."""

from __future__ import annotations

import plan_truth
import pytest
import score_plan


@pytest.fixture(scope="module")
def verdicts() -> list[score_plan.Verdict]:
    return score_plan.capacity()


def test_tokens_of_a_cache_are_exact(verdicts: list[score_plan.Verdict]) -> None:
    planned = [one for one in verdicts if not one.refused]
    missed = [(one.case.model, one.predicted, one.case.tokens) for one in planned if not one.exact]
    assert len(missed) <= 0.03 * len(planned), missed


def test_few_are_refused_and_each_says_why(verdicts: list[score_plan.Verdict]) -> None:
    refused = [one.refused for one in verdicts if one.refused]
    assert 0 < len(refused) <= 0.08 * len(verdicts), refused
    assert all(len(reason.split()) > 3 for reason in refused)


def test_the_table_counts_each_log_once(verdicts: list[score_plan.Verdict]) -> None:
    rows = [line.rsplit(None, 3) for line in score_plan.table(verdicts).splitlines()[1:]]
    assert sum(int(row[1]) for row in rows[:-1]) == int(rows[-1][1]) == len(verdicts)
    assert rows[-1][0].strip() == "all"


def test_another_formula_would_be_seen() -> None:
    """A cache in which every layer kept every token would miss the models with windows."""
    case = next(one for one in plan_truth.cases() if one.model == "google/gemma-3-27b-it")
    assert case.version is not None and case.available_gib is not None
    right = score_plan.verdict(case)
    wrong = score_plan.cache_of(case, (0, 8, 0)).tokens_of_a_group(int(case.available_gib * score_plan.GIB))
    assert right.exact and abs(wrong / right.predicted - 1) > 0.1
