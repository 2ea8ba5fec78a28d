# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Published start-ups of vLLM (tests/plan/kv_truth.jsonl) and the configurations of their models, as the plan's own functions take them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parent.parent / "tests" / "plan"

# The digest of older models does not name their family; all others without a name are plain full attention.
FAMILIES = {"gemma-2-": "gemma2", "gemma-3-": "gemma3_text", "Olmo-3": "olmo3"}
# What a log line says that its fields do not.
CHECKPOINT_CACHE = "fp8 KV cache taken from the checkpoint"
FOREIGN_BLOCKS = {"Intel": 64}
CUDA_BLOCK = 16
BEFORE_TAGS = (0, 11, 0)
"""Builds from a branch are numbered 0.1.devN; those in the data are of the summer of 2025."""


@dataclass(frozen=True)
class Case:
    """One start-up: what was run, and what the engine said of it."""

    number: int
    family: str
    model: str
    model_type: str
    config: dict[str, Any]
    version: tuple[int, int, int] | None
    tensor_parallel: int
    pipeline_parallel: int
    kv_cache_dtype: str
    block_tokens: int
    length: int | None
    batched: int
    drafted: int
    unknown: str
    """Why the arithmetic cannot know this case; empty where it can."""
    available_gib: float | None
    tokens: int | None


def cases() -> list[Case]:
    configs = json.loads((DATA / "model_configs.json").read_text(encoding="utf-8"))
    lines = (DATA / "kv_truth.jsonl").read_text(encoding="utf-8").splitlines()
    return [_case(number, json.loads(line), configs) for number, line in enumerate(lines)]


def _case(number: int, row: dict[str, Any], configs: dict[str, Any]) -> Case:
    config = dict(configs[row["model"]])
    if isinstance(config.get("layer_types"), dict):
        config["layer_types"] = [kind for kind, count in config["layer_types"]["counts"].items() for _ in range(count)]
    note = row["note"] or ""
    kv_cache_dtype = "fp8" if CHECKPOINT_CACHE in note else row["kv_cache_dtype"] or "auto"
    block = next((tokens for name, tokens in FOREIGN_BLOCKS.items() if name in (row["gpu"]["name"] or "")), CUDA_BLOCK)
    return Case(
        number=number,
        family=row["family"],
        model=row["model"],
        model_type=config.get("model_type") or next((kind for part, kind in FAMILIES.items() if part in row["model"]), "llama"),
        config=config,
        version=_version(row["vllm_version"]),
        tensor_parallel=row["tensor_parallel"] or 1,
        pipeline_parallel=row["pipeline_parallel"] or 1,
        kv_cache_dtype=kv_cache_dtype,
        block_tokens=row["block_size"] or block,
        length=row["max_model_len"],
        batched=row["max_num_batched_tokens"] or 2048,
        drafted=_drafted(note, row["reported"]["attention_block_size_tokens"]),
        unknown="a drafter of unknown shape" if "DFlash" in note else "",
        available_gib=row["reported"]["available_kv_gib"],
        tokens=row["reported"]["kv_tokens"],
    )


def _drafted(note: str, block: int | None) -> int:
    """The logs name the method and not the number; it shows in the block, which is 1,568 tokens without it."""
    said = re.search(r"MTP (\d) speculative", note)
    if said:
        return int(said[1])
    return 2 if "method='mtp'" in note and block == 1600 else 0


def _version(text: str | None) -> tuple[int, int, int] | None:
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text or "")
    if not found:
        return None
    version = (int(found[1]), int(found[2]), int(found[3] or 0))
    return BEFORE_TAGS if version[:2] == (0, 1) else version
