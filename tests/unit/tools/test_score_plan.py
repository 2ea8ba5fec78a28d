# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan's arithmetic against published logs of vLLM."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import plan_truth
import pytest
import score_plan


@pytest.fixture(scope="module")
def score() -> dict[str, Any]:
    return score_plan.Family([score_plan.verdict(case) for case in plan_truth.cases()]).document()


def test_tokens_of_a_cache_are_exact(score: dict[str, Any]) -> None:
    given = score["kv_tokens_given_available"]
    assert given["n"] > 80 and given["exact"] >= 0.97 * given["n"]


def test_tokens_from_configuration_card_and_flags(score: dict[str, Any]) -> None:
    end = score["end_to_end"]
    assert end["n"] > 45 and end["median_abs_pct"] <= 1.5
    assert end["over_by_more_than_5pct"] == 0


def test_weights(score: dict[str, Any]) -> None:
    weights = score["weights"]
    assert weights["n"] > 100 and weights["median_abs_pct"] <= 1 and weights["p95_abs_pct"] <= 4


def test_few_are_refused_and_each_says_why() -> None:
    verdicts = [score_plan.verdict(case) for case in plan_truth.cases() if score_plan.asks(case)]
    refused = [one.refused for one in verdicts if one.refused]
    assert 0 < len(refused) <= 0.08 * len(verdicts), refused
    assert all(len(reason.split()) > 3 for reason in refused)


def test_the_last_line_is_one_object(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["score_plan.py", "--all"])
    assert score_plan.main() == 0
    *shown, last = capsys.readouterr().out.splitlines()
    found = json.loads(last)
    assert sum(one["n"] for one in found["families"].values()) == found["n"] and set(found["end_to_end"]) >= {"n", "median_abs_pct", "p95_abs_pct"}
    assert any(line.startswith("refused") for line in shown) and shown[0].startswith("family")


def test_logs_of_one_s_own(tmp_path: Path) -> None:
    """A log and a configuration in the same form, of a model that no table knows."""
    config = {"num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "hidden_size": 128, "vocab_size": 320, "intermediate_size": 384}
    row = {"model": "me/mine", "vllm_version": "0.19.0", "tensor_parallel": 1, "gpu": {"name": "H100", "total_gib": 79.18}, "gpu_memory_utilization": 0.9}
    reported = {"kv_tokens": 16_000, "available_kv_gib": 0.03, "model_load_gib": None}
    (tmp_path / "truth").write_text(json.dumps({**row, "reported": reported}) + "\n\n", encoding="utf-8")
    (tmp_path / "configs").write_text(json.dumps({"me/mine": config}), encoding="utf-8")
    [case] = plan_truth.cases(tmp_path / "truth", tmp_path / "configs")
    found = score_plan.verdict(case)
    # 4 layers x 2 heads x 2 x 32 x 2 bytes = 1,024 a token: 0.03 GiB hold 31,456, and the whole card far more.
    assert found.exact is False and round(found.capacity or 0) == 97 and (found.end_to_end or 0) > 1000 and found.weights is None


def test_another_formula_would_be_seen() -> None:
    """A cache in which every layer kept every token would miss the models with windows."""
    case = next(one for one in plan_truth.cases() if one.model == "google/gemma-3-27b-it")
    assert case.version is not None and case.available_gib is not None and case.tokens is not None
    wrong = score_plan.cache_of(case, (0, 8, 0)).tokens_of_a_group(int(case.available_gib * score_plan.GIB))
    assert score_plan.verdict(case).exact and abs(wrong / case.tokens - 1) > 0.1
