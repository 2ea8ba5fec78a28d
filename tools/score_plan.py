# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How well the plan foresees what vLLM says at its start, on published logs.  Usage: score_plan.py [--truth FILE] [--configs FILE] [--all]

Three questions, each where a log answers it. Capacity: from the memory that is left for the cache, the tokens that fit. A log rounds memory to 0.01 GiB,
so a prediction is exact when the logged tokens lie between those of the smallest and of the largest memory that is written so. End to end: those tokens
from configuration, card and flags alone. Weights: what loading them took. The last line is one JSON object.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import plan_truth
from plan_truth import Case, cases

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / ".collections"))

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._lookup import named  # noqa: E402
from ansible_collections.inferhost.llm.plugins.module_utils._plan import _engine_versions as versions  # noqa: E402
from ansible_collections.inferhost.llm.plugins.module_utils._plan._budget import Load, budget  # noqa: E402
from ansible_collections.inferhost.llm.plugins.module_utils._plan._cache_layers import CacheLayers, with_drafter  # noqa: E402
from ansible_collections.inferhost.llm.plugins.module_utils._plan._devices import cuda_bytes  # noqa: E402
from ansible_collections.inferhost.llm.plugins.module_utils._plan._kv import KvLayout, KvRules, kv_element_bytes, layout  # noqa: E402
from ansible_collections.inferhost.llm.plugins.module_utils._plan._loaded import loaded_bytes  # noqa: E402
from ansible_collections.inferhost.llm.plugins.module_utils._plan._model_config import Model, read_config  # noqa: E402
from ansible_collections.inferhost.llm.plugins.module_utils._plan._plan import KV_CACHE_DTYPES  # noqa: E402
from ansible_collections.inferhost.llm.plugins.module_utils._plan._tensors import drafter_tensors  # noqa: E402

GIB = 1 << 30
ROUNDING = 0.005
NUMBER_BYTES = 2
LENGTH = 4096
"""Where a log does not name the length; uniform models do not depend on it."""

# What the engine takes where a log names no batch: read in vLLM's arg_utils.py (0.9.2 to 0.33.0).
LARGE_GIB = 70
BATCHES = {"large": (8192, 1024), "small": (2048, 256)}
SMALL_BATCHES = ("A100", "GB10")
TOO_MUCH = 5.0


@dataclass
class Verdict:
    """What was foreseen of one start-up; errors in per cent of what the log says, above zero where too much was promised."""

    case: Case
    refused: str = ""
    exact: bool | None = None
    capacity: float | None = None
    end_to_end: float | None = None
    weights: float | None = None


@dataclass
class Family:
    """The verdicts of one family, or of all."""

    verdicts: list[Verdict] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """The figures."""
        exact = [one.exact for one in self.verdicts if one.exact is not None]
        end_to_end = [one.end_to_end for one in self.verdicts if one.end_to_end is not None]
        weights = [one.weights for one in self.verdicts if one.weights is not None]
        return {
            "n": len(self.verdicts),
            "kv_tokens_given_available": {
                "n": len(exact),
                "exact": sum(exact),
                **_errors([one.capacity for one in self.verdicts if one.capacity is not None]),
            },
            "end_to_end": {"n": len(end_to_end), **_errors(end_to_end), "over_by_more_than_5pct": sum(one > TOO_MUCH for one in end_to_end)},
            "weights": {"n": len(weights), **_errors(weights)},
            "refused": sum(bool(one.refused) for one in self.verdicts),
        }


def _errors(errors: list[float]) -> dict[str, float | None]:
    sizes = sorted(abs(one) for one in errors)
    if not sizes:
        return {"median_abs_pct": None, "p95_abs_pct": None}
    # The nearest rank: the smallest error that at least 95 % of the cases keep to.
    return {"median_abs_pct": round(statistics.median(sizes), 2), "p95_abs_pct": round(sizes[math.ceil(0.95 * len(sizes)) - 1], 2)}


def verdict(case: Case) -> Verdict:
    """Everything that the log can be asked."""
    found = Verdict(case)
    model = read_config(case.config)
    known_format = case.kv_cache_dtype in KV_CACHE_DTYPES
    found.refused = case.unknown or model.not_planned or ("" if known_format else "a cache of another format")
    if found.refused:
        return found
    weights = _weights(case, model)
    if weights is not None and case.loaded_gib is not None and case.pipeline_parallel == 1:
        found.weights = 100 * (weights / GIB / case.loaded_gib - 1)
    if case.tokens is None:
        return found
    # A log without a version may be of either kind.
    lines = [_line(case, one) for one in ([case.version] if case.version is not None else [(0, 19, 0), versions.NEWEST_READ])]
    if case.available_gib is not None:
        spans = [(line(case.available_gib - ROUNDING), line(case.available_gib + ROUNDING)) for line in lines]
        found.exact = any(least <= case.tokens <= most for least, most in spans)
        found.capacity = min((_error(line(case.available_gib), case.tokens) for line in lines), key=abs)
    left = _left(case, model, weights)
    if left is not None:
        found.end_to_end = _error(lines[0](left / GIB), case.tokens)
    return found


def asks(case: Case) -> bool:
    """Whether the log answers any of the questions."""
    capacity = case.available_gib is not None or (case.utilization is not None and _card(case)[0] is not None and not case.first_engine)
    return case.loaded_gib is not None or (case.tokens is not None and capacity)


def _error(foreseen: int, said: int) -> float:
    return 100 * (foreseen / said - 1)


def _weights(case: Case, model: Model) -> int | None:
    loaded = loaded_bytes(model, case.tensor_parallel, NUMBER_BYTES)
    if loaded is None or not case.drafted:
        return loaded
    return loaded + NUMBER_BYTES * sum(one.share(case.tensor_parallel) for one in drafter_tensors(case.config, case.model_type, "config.json"))


def _left(case: Case, model: Model, weights: int | None) -> int | None:
    """Bytes left for the cache; None where the log does not say enough to ask, or its engine is of the first design."""
    total, capability = _card(case)
    if weights is None or total is None or case.utilization is None or case.version is None or case.version < versions.OLDEST:
        return None
    if case.first_engine or case.pipeline_parallel > 1:
        return None
    batched, sequences = _batch(case, total)
    load = Load(model, case.version, case.tensor_parallel, batched, sequences, capability, case.eager)
    return max(0, budget(load, total, case.utilization, weights).cache)


def _card(case: Case) -> tuple[int | None, tuple[int, int] | None]:
    card = named(case.gpu)
    total = int(case.total_gib * GIB) if case.total_gib else cuda_bytes(card["name"], card["memory_bytes"]) if card else None
    major, minor = card["compute_capability"].split(".") if card else ("", "")
    return total, (int(major), int(minor)) if card else None


def _batch(case: Case, total: int) -> tuple[int, int]:
    large = total >= LARGE_GIB * GIB and not any(name in case.gpu for name in SMALL_BATCHES)
    batched, sequences = BATCHES["large" if large else "small"]
    # Asked for vectors the engine makes no row of logits.
    return case.batched or batched, 0 if case.vectors else case.sequences or sequences


def _line(case: Case, version: tuple[int, int, int]) -> Any:
    """The tokens that this release writes for so many GiB."""
    cache = cache_of(case, version)
    if version >= versions.TOKENS_BY_CONCURRENCY:
        return lambda gib: cache.tokens(int(gib * GIB), case.length or LENGTH)
    return lambda gib: cache.tokens_of_a_group(int(gib * GIB))


def cache_of(case: Case, version: tuple[int, int, int]) -> KvLayout:
    """The cache as the plan lays it out."""
    layers = tuple(_on_a_stage(one, case.pipeline_parallel) for one in read_config(case.config).cache)
    if case.drafted:
        layers = with_drafter(layers, case.config.get("mtp_num_hidden_layers") or 1)
    rules = KvRules(
        versions.value_for(versions.STATE_BLOCKS, version),
        versions.value_for(versions.GROUP_GROWTH, version),
        case.batched or BATCHES["small"][0],
        hybrid=version >= versions.OLDEST,
        drafted=case.drafted,
    )
    return layout(layers, kv_element_bytes(case.kv_cache_dtype, "bfloat16"), NUMBER_BYTES, case.block_tokens, case.tensor_parallel, rules)


def _on_a_stage(layers: CacheLayers, stages: int) -> CacheLayers:
    return layers._replace(layers=-(-layers.layers // stages))


def by_family(verdicts: list[Verdict]) -> dict[str, Family]:
    """The families by name."""
    families: dict[str, Family] = defaultdict(Family)
    for one in verdicts:
        families[one.case.family].verdicts.append(one)
    return dict(sorted(families.items()))


def table(families: dict[str, Family], everything: Family) -> str:
    """A row a family: cases and refusals, exact capacities, and the errors of the other two questions (median, 95th percentile, worst over-promise)."""
    head = f"{'family':<38} {'logs':>4} {'refused':>7} {'capacity':>9} {'end to end':>22} {'weights':>18}"
    return "\n".join([head, *(_row(name, one) for name, one in families.items()), _row("all", everything)])


def _row(name: str, family: Family) -> str:
    figures = family.document()
    capacity, end, weights = (figures[one] for one in ("kv_tokens_given_available", "end_to_end", "weights"))
    over = max((one.end_to_end for one in family.verdicts if one.end_to_end is not None), default=0.0)
    return (
        f"{name[:38]:<38} {figures['n']:>4} {figures['refused']:>7} {capacity['exact']:>5}/{capacity['n']:<3}"
        f" {_pair(end):>15} {over:>+6.1f} {_pair(weights):>18}"
    )


def _pair(figures: dict[str, Any]) -> str:
    if not figures["n"]:
        return "-"
    return f"{figures['n']}: {figures['median_abs_pct']:.1f} {figures['p95_abs_pct']:.1f} %"


def missed(one: Verdict) -> list[str]:
    """What to say of a case that was refused or is far off."""
    name = f"{one.case.number:>4} {one.case.model}"
    if one.refused:
        return [f"refused    {name}: {one.refused}"]
    lines = [f"capacity   {name}: {one.capacity:+.2f} %"] if one.exact is False else []
    if one.end_to_end is not None and abs(one.end_to_end) > TOO_MUCH / 2:
        lines.append(f"end to end {name}: {one.end_to_end:+.1f} %")
    if one.weights is not None and abs(one.weights) > 1:
        lines.append(f"weights    {name}: {one.weights:+.1f} %")
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--truth", type=Path, default=plan_truth.TRUTH, help="JSON lines, one start-up each")
    parser.add_argument("--configs", type=Path, default=plan_truth.CONFIGS, help="configurations by model")
    parser.add_argument("--all", action="store_true", help="also name each log that was refused or missed")
    given = parser.parse_args()
    verdicts = [verdict(case) for case in cases(given.truth, given.configs) if asks(case)]
    families, everything = by_family(verdicts), Family(verdicts)
    print(table(families, everything))
    for line in [line for one in verdicts for line in missed(one)] if given.all else ():
        print(line)
    print(json.dumps({**everything.document(), "families": {name: one.document() for name, one in families.items()}}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
