# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._throughput import Roofline, Sample, amount, finding_of, judge, rounded, speed_of

# The field report: 14 B parameters in 4 bits beside 280 GB/s, decoding at 3.2 tokens/s.
ADA = Roofline("cuda", "RTX 4000 SFF Ada", 9.4e9, 280e9, "awq")
BLACKWELL = Roofline("cuda", "RTX PRO 6000", 29e9, 1792e9, "fp8")
TINY_ON_GPU = Roofline("cuda", "H200", 1.2e6, 4800e9)
CPU = Roofline("cpu", "some CPU", 2.4e6, None)


def steady(rate: float, tokens: int = 101, first: float = 0.5, source: str = "usage") -> Sample:
    return Sample(tuple(first + n / rate for n in range(tokens)), tokens, source, tokens)


def test_figures_of_a_steady_stream() -> None:
    speed = speed_of(steady(50.0))
    assert speed.tokens_per_s == pytest.approx(50.0)
    assert speed.inter_token_p50_s == pytest.approx(0.02)
    assert speed.inter_token_p95_s == pytest.approx(0.02)
    assert speed.first_token_s == 0.5
    assert speed.total_s == pytest.approx(2.5)


def test_the_first_token_is_not_decoding() -> None:
    slow_start = speed_of(steady(50.0, first=30.0))
    assert slow_start.tokens_per_s == pytest.approx(50.0)


def test_percentiles_are_values_that_were_measured() -> None:
    gaps = [0.01] * 90 + [0.5] * 10
    times, now = [1.0], 1.0
    for gap in gaps:
        now += gap
        times.append(now)
    speed = speed_of(Sample(tuple(times), 101, "usage", 101))
    assert speed.inter_token_p50_s == pytest.approx(0.01)
    assert speed.inter_token_p95_s == pytest.approx(0.5)


def test_usage_counts_more_than_pieces() -> None:
    """With several tokens a piece, pieces alone would understate the speed."""
    speed = speed_of(Sample((1.0, 1.1, 1.2), 31, "usage", 31))
    assert speed.tokens_per_s == pytest.approx(150.0)


@pytest.mark.parametrize("times", [(1.0,), (1.0, 1.0, 1.0)])
def test_no_time_between_tokens_is_no_speed(times: tuple[float, ...]) -> None:
    speed = speed_of(Sample(times, 3, "usage", 3))
    assert speed.tokens_per_s is None
    assert judge(speed, ADA, 3).verdict == "unknown"


VERDICTS = [
    pytest.param(ADA, 22.0, "ok", id="awq-with-marlin"),
    pytest.param(ADA, 3.2, "fallback", id="awq-of-the-field-report"),
    pytest.param(ADA, 10.0, "slow", id="awq-slow"),
    pytest.param(ADA, 29.0 / 16, "fallback", id="16-times-below-the-roofline"),
    pytest.param(ADA, 40.0, "unknown", id="faster-than-memory"),
    pytest.param(BLACKWELL, 45.0, "ok", id="fp8-ok"),
    pytest.param(BLACKWELL, 61.8 / 16, "fallback", id="fp8-16-times-below"),
    pytest.param(TINY_ON_GPU, 300.0, "ok", id="tiny-model-is-bound-by-its-steps"),
    pytest.param(TINY_ON_GPU, 10.0, "fallback", id="tiny-model-far-below-its-steps"),
    pytest.param(CPU, 400.0, "unknown", id="cpu-without-bandwidth"),
    pytest.param(Roofline("cuda", "GPU", 0.0, 1e12), 50.0, "unknown", id="bytes-unknown"),
    pytest.param(Roofline(), 50.0, "unknown", id="no-plan"),
]


@pytest.mark.parametrize("roofline, rate, verdict", VERDICTS)
def test_verdicts(roofline: Roofline, rate: float, verdict: str) -> None:
    found = judge(speed_of(steady(rate)), roofline, 101)
    assert found.verdict == verdict
    assert found.reason


def test_the_arithmetic() -> None:
    verdict = judge(speed_of(steady(20.0)), Roofline("cuda", "GPU", 10e9, 400e9), 101)
    assert verdict.implied_bandwidth_bytes_per_s == pytest.approx(200e9)
    assert verdict.bandwidth_share == pytest.approx(0.5)
    assert verdict.roofline_tokens_per_s == pytest.approx(40.0)
    # 25 ms of reading and 4 ms of the step.
    assert verdict.expected_tokens_per_s == pytest.approx(1 / 0.029)
    assert verdict.ratio == pytest.approx(20 * 0.029)


def test_a_server_that_stops_early_is_no_proof() -> None:
    sample = Sample(tuple(n * 0.1 for n in range(10)), 10, "usage", 128)
    verdict = judge(speed_of(sample), ADA, 128)
    assert verdict.verdict == "unknown"
    assert "10 of 128" in verdict.reason


CAUSES = [
    (ADA, "Marlin", "awq_marlin"),
    (BLACKWELL, "no fast kernel for fp8", "grep"),
    (TINY_ON_GPU, "--cpu-offload-gb", "nvidia-smi"),
    (Roofline("cpu", "CPU", 1e9, 50e9), "too few cores", "nproc"),
]


@pytest.mark.parametrize("roofline, cause, fix", CAUSES)
def test_a_fallback_names_the_likely_cause(roofline: Roofline, cause: str, fix: str) -> None:
    finding = finding_of(judge(speed_of(steady(1.0)), roofline, 101), roofline)
    assert finding is not None
    assert (finding["id"], finding["severity"]) == ("L34", "error")
    assert cause in finding["cause"]
    assert fix in finding["fix"]
    assert finding["seen"].startswith("1.0 tokens/s")


def test_slow_is_a_warning_and_the_rest_no_finding() -> None:
    def found(rate: float) -> dict[str, str] | None:
        return finding_of(judge(speed_of(steady(rate)), ADA, 101), ADA)

    slow = found(10.0)
    assert slow is not None
    assert slow["severity"] == "warning"
    assert found(22.0) is None
    assert finding_of(judge(speed_of(steady(400.0)), CPU, 101), CPU) is None


def test_rounded_has_every_field() -> None:
    assert rounded(speed_of(Sample((1.0, 1.12345678), 2, "usage", 2)))["inter_token_p50_s"] == 0.123457


@pytest.mark.parametrize("size, text", [(12, "12 B"), (1500, "1.5 kB"), (9.4e9, "9.4 GB"), (1.792e12, "1.8 TB"), (5e15, "5000.0 TB")])
def test_amount(size: float, text: str) -> None:
    assert amount(size) == text
