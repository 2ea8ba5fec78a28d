# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decoding speed against what the memory can deliver. Pure arithmetic and a verdict; no I/O.

While it decodes for one client, an engine reads all active weights and the KV cache once a token. So bytes per token over
memory bandwidth is the least time a token can take; a kernel that is wrong for the card is many times above it.
"""

from __future__ import annotations

import math
import typing as t
from dataclasses import asdict, dataclass

# Time a step costs besides reading memory (scheduling, launching kernels, sampling). It decides for small models, where reading takes microseconds.
STEP_OVERHEAD_S: t.Mapping[str, float] = {"cuda": 0.004, "cpu": 0.004}
OK_FROM = 0.45
SLOW_FROM = 0.20
# Above this share of the bandwidth a figure contradicts itself: bytes per token or bandwidth of the plan must be wrong.
IMPOSSIBLE_FROM = 1.15
# Fewer tokens than this share of the ones asked for: the server ended early and the figure says little.
ENOUGH_TOKENS = 0.5


@dataclass(frozen=True)
class Sample:
    """What one streamed completion showed. ``times_s`` are the arrivals of its pieces since the request was sent."""

    times_s: tuple[float, ...]
    tokens: int
    tokens_source: str
    tokens_wanted: int


@dataclass(frozen=True)
class Speed:
    tokens: int
    tokens_source: str
    first_token_s: float
    tokens_per_s: float | None
    inter_token_p50_s: float | None
    inter_token_p95_s: float | None
    total_s: float


@dataclass(frozen=True)
class Roofline:
    """Of the plan. ``bytes_per_token`` may be 0 and the bandwidth unknown."""

    kind: str = ""
    device: str = ""
    bytes_per_token: float = 0.0
    bandwidth_bytes_per_s: float | None = None
    quantization: str | None = None


@dataclass(frozen=True)
class Verdict:
    """``ratio`` is the measured speed over the expected one, ``bandwidth_share`` what of the memory bandwidth is used."""

    verdict: str
    reason: str
    tokens_per_s: float | None
    bytes_per_token: float
    implied_bandwidth_bytes_per_s: float | None
    bandwidth_bytes_per_s: float | None
    bandwidth_share: float | None
    roofline_tokens_per_s: float | None
    expected_tokens_per_s: float | None
    ratio: float | None


class Cause(t.NamedTuple):
    fits: t.Callable[[Roofline], bool]
    cause: str
    fix: str


# The first row that fits counts.
CAUSES: tuple[Cause, ...] = (
    Cause(
        lambda r: (r.quantization or "") in ("awq", "gptq"),
        "the plain {quantization} kernel runs in place of the Marlin kernel",
        "restart vLLM with: --quantization {quantization}_marlin",
    ),
    Cause(
        lambda r: r.kind == "cuda" and bool(r.quantization),
        "the card has no fast kernel for {quantization} in this build, so a fallback runs",
        "journalctl -u inferhost-vllm --no-pager | grep -iE 'kernel|marlin|fallback|not support'",
    ),
    Cause(
        lambda r: r.kind == "cuda",
        "a fallback kernel, weights offloaded to the host (--cpu-offload-gb), a card that is clocked down, or another process on it",
        "nvidia-smi -q -d CLOCK,PERFORMANCE,PIDS",
    ),
    Cause(
        lambda r: r.kind == "cpu",
        "too few cores for the engine, or others use them",
        "nproc; uptime; ps -eo pcpu,comm --sort=-pcpu | head",
    ),
)


def speed_of(sample: Sample) -> Speed:
    """Figures of a sample with at least one piece. Decoding starts at the first token, which the prompt paid for."""
    times = sample.times_s
    span = times[-1] - times[0]
    gaps = sorted(b - a for a, b in zip(times, times[1:]))
    rate = (sample.tokens - 1) / span if span > 0 and sample.tokens > 1 else None
    return Speed(sample.tokens, sample.tokens_source, times[0], rate, _percentile(gaps, 50), _percentile(gaps, 95), times[-1])


def judge(speed: Speed, roofline: Roofline, tokens_wanted: int) -> Verdict:
    rate = speed.tokens_per_s
    per_token = roofline.bytes_per_token
    bandwidth = roofline.bandwidth_bytes_per_s
    implied = rate * per_token if rate and per_token > 0 else None
    known = bool(bandwidth and per_token > 0)
    limit = bandwidth / per_token if bandwidth and per_token > 0 else None
    expected = 1 / (1 / limit + STEP_OVERHEAD_S.get(roofline.kind, 0.0)) if limit else None
    share = implied / bandwidth if implied and bandwidth else None
    ratio = rate / expected if rate and expected else None
    verdict, reason = _decide(speed, tokens_wanted, roofline, known, share, ratio)
    return Verdict(verdict, reason, rate, per_token, implied, bandwidth, share, limit, expected, ratio)


def _decide(speed: Speed, tokens_wanted: int, roofline: Roofline, known: bool, share: float | None, ratio: float | None) -> tuple[str, str]:
    if speed.tokens_per_s is None:
        return "unknown", f"{speed.tokens} token(s) came in one piece, so there is no time between tokens"
    if speed.tokens < tokens_wanted * ENOUGH_TOKENS:
        return "unknown", f"only {speed.tokens} of {tokens_wanted} tokens came: the server does not honour ignore_eos and min_tokens"
    if not known or share is None or ratio is None:
        what = "bytes per token" if roofline.bytes_per_token <= 0 else "memory bandwidth"
        return "unknown", f"the {what} of {roofline.device or 'the device'} is not known, so there is nothing to compare with"
    if share > IMPOSSIBLE_FROM:
        return (
            "unknown",
            f"{share:.0%} of the memory bandwidth is not possible: the plan's figures are wrong, or tokens are guessed ahead (speculative decoding)",
        )
    if ratio >= OK_FROM:
        return "ok", f"{ratio:.0%} of the speed expected of {roofline.device}"
    if ratio >= SLOW_FROM:
        return "slow", f"{ratio:.0%} of the speed expected of {roofline.device}"
    return "fallback", f"{1 / ratio:.1f} times slower than expected of {roofline.device}"


def finding_of(verdict: Verdict, roofline: Roofline) -> dict[str, str] | None:
    if verdict.verdict not in ("slow", "fallback"):
        return None
    row = next((row for row in CAUSES if row.fits(roofline)), CAUSES[-1])
    words = {"quantization": roofline.quantization or ""}
    seen = (
        f"{verdict.tokens_per_s:.1f} tokens/s; {verdict.expected_tokens_per_s:.0f} expected, {verdict.roofline_tokens_per_s:.0f} at most "
        f"({amount(verdict.bytes_per_token)} a token at {amount(verdict.bandwidth_bytes_per_s or 0)}/s)"
    )
    return {
        "id": "L34",
        "severity": "error" if verdict.verdict == "fallback" else "warning",
        "title": "Decoding is far slower than the memory allows" if verdict.verdict == "fallback" else "Decoding is slow",
        "seen": seen,
        "cause": row.cause.format(**words),
        "fix": row.fix.format(**words),
    }


def rounded(record: Speed | Verdict) -> dict[str, t.Any]:
    """As a mapping, with figures rounded to what was measured."""
    return {name: round(value, 6) if isinstance(value, float) else value for name, value in asdict(record).items()}


def amount(size: float) -> str:
    """A number of bytes as people read it, decimal units as bandwidths are given in."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if abs(size) < 1000 or unit == "TB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"


def _percentile(ordered: t.Sequence[float], percent: int) -> float | None:
    """Nearest rank: a value that was really measured."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
