# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How well the plan foresees what vLLM says at its start, on published logs.  Usage: score_plan.py [--all]

Capacity: from the memory that the log says is left for the cache, the tokens that it says fit. A log rounds memory to 0.01 GiB, so a prediction is exact
when the logged tokens lie between those of the smallest and of the largest memory that is written so.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

from plan_truth import Case, cases

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / ".collections"))

from ansible_collections.inferhost.llm.plugins.module_utils._plan import _engine_versions as versions  # noqa: E402
from ansible_collections.inferhost.llm.plugins.module_utils._plan._cache_layers import UNCERTAIN, CacheLayers, cache_layers, with_drafter  # noqa: E402
from ansible_collections.inferhost.llm.plugins.module_utils._plan._kv import KvLayout, KvRules, kv_element_bytes, layout  # noqa: E402

GIB = 1 << 30
ROUNDING = 0.005
LENGTH = 4096
"""Where a log does not name the length; uniform models do not depend on it."""


class Verdict(NamedTuple):
    case: Case
    refused: str
    predicted: int
    exact: bool


def verdict(case: Case) -> Verdict:
    refused = case.unknown or UNCERTAIN.get(case.model_type, "")
    if refused or case.available_gib is None or case.tokens is None:
        return Verdict(case, refused, 0, False)
    # A log without a version may be of either kind.
    known = case.version is not None
    lines = [_line(case, case.version)] if case.version is not None else [_line(case, version) for version in ((0, 19, 0), versions.NEWEST_READ)]
    spans = [(line(case.available_gib - ROUNDING), line(case.available_gib + ROUNDING)) for line in lines]
    exact = any(least <= case.tokens <= most for least, most in spans)
    predicted = [line(case.available_gib) for line in lines]
    return Verdict(case, "", predicted[0] if known else min(predicted, key=lambda one: abs(one - (case.tokens or 0))), exact)


def _line(case: Case, version: tuple[int, int, int]) -> Any:
    """The tokens that this release writes for so many GiB."""
    cache = cache_of(case, version)
    if version >= versions.TOKENS_BY_CONCURRENCY:
        return lambda gib: cache.tokens(int(gib * GIB), case.length or LENGTH)
    return lambda gib: cache.tokens_of_a_group(int(gib * GIB))


def cache_of(case: Case, version: tuple[int, int, int]) -> KvLayout:
    """The cache as the plan lays it out."""
    layers = tuple(_on_a_stage(one, case.pipeline_parallel) for one in cache_layers(case.config, case.model_type, case.model))
    if case.drafted:
        layers = with_drafter(layers, case.config.get("mtp_num_hidden_layers") or 1)
    rules = KvRules(
        versions.value_for(versions.STATE_BLOCKS, version),
        versions.value_for(versions.GROUP_GROWTH, version),
        case.batched,
        hybrid=version >= versions.OLDEST,
        drafted=case.drafted,
    )
    return layout(layers, kv_element_bytes(case.kv_cache_dtype, "bfloat16"), 2, case.block_tokens, case.tensor_parallel, rules)


def _on_a_stage(layers: CacheLayers, stages: int) -> CacheLayers:
    return layers._replace(layers=-(-layers.layers // stages))


def table(verdicts: list[Verdict]) -> str:
    """By family: cases, refused, exact of the others."""
    families: dict[str, list[Verdict]] = defaultdict(list)
    for one in verdicts:
        families[one.case.family].append(one)
    rows = [f"{'family':<42} {'logs':>5} {'refused':>8} {'exact':>6}"]
    for family, some in sorted(families.items()):
        rows.append(_row(family, some))
    return "\n".join([*rows, _row("all", verdicts)])


def _row(name: str, verdicts: list[Verdict]) -> str:
    refused = sum(1 for one in verdicts if one.refused)
    return f"{name:<42} {len(verdicts):>5} {refused:>8} {sum(one.exact for one in verdicts):>3}/{len(verdicts) - refused}"


def capacity() -> list[Verdict]:
    """The logs that say both, memory and tokens."""
    return [verdict(case) for case in cases() if case.available_gib is not None and case.tokens is not None]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--all", action="store_true", help="also name each log that was refused or missed")
    every = parser.parse_args().all
    verdicts = capacity()
    print(table(verdicts))
    for one in verdicts if every else ():
        if one.refused:
            print(f"refused {one.case.number:>4} {one.case.model}: {one.refused}")
        elif not one.exact:
            print(f"missed  {one.case.number:>4} {one.case.model}: {one.predicted} instead of {one.case.tokens}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
