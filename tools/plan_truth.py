# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Published start-ups of vLLM (tests/plan/kv_truth.jsonl) and the configurations of their models, as the plan's own functions take them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plan_truth_models import complete

DATA = Path(__file__).resolve().parent.parent / "tests" / "plan"
TRUTH = DATA / "kv_truth.jsonl"
CONFIGS = DATA / "model_configs.json"

# What a log line says that its fields do not.
CHECKPOINT_CACHE = "fp8 KV cache taken from the checkpoint"
FOREIGN_BLOCKS = {"Intel": 64}
CUDA_BLOCK = 16
BEFORE_TAGS = (0, 19, 0)
"""Builds from a branch are numbered 0.1.devN; those in the data are of the spring of 2026."""


@dataclass(frozen=True)
class Case:
    """One start-up: what was run, and what the engine said of it."""

    number: int
    family: str
    model: str
    model_type: str
    config: dict[str, Any]
    version: tuple[int, int, int] | None
    first_engine: bool
    """Whether it ran on the engine's first design, which plans do not cover."""
    gpu: str
    total_gib: float | None
    utilization: float | None
    eager: bool
    tensor_parallel: int
    pipeline_parallel: int
    kv_cache_dtype: str
    block_tokens: int
    length: int | None
    sequences: int | None
    batched: int | None
    drafted: int
    vectors: bool
    """Whether the model is asked for embeddings."""
    unknown: str
    """Why the arithmetic cannot know this case; empty where it can."""
    available_gib: float | None
    tokens: int | None
    loaded_gib: float | None


def cases(truth: Path = TRUTH, configs: Path = CONFIGS) -> list[Case]:
    """Every start-up of a file; raises KeyError for a model without a configuration."""
    known = json.loads(configs.read_text(encoding="utf-8"))
    lines = [line for line in truth.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [_case(number, json.loads(line), known) for number, line in enumerate(lines)]


def _case(number: int, row: Mapping[str, Any], configs: Mapping[str, Any]) -> Case:
    note, reported, gpu = row.get("note") or "", row["reported"], row.get("gpu") or {}
    config = complete(row["model"], configs[row["model"]], row.get("quantization"), row.get("max_model_len"))
    return Case(
        number=number,
        family=row.get("family") or str(config["model_type"]),
        model=row["model"],
        model_type=str(config["model_type"]),
        config=config,
        version=_version(row.get("vllm_version")),
        first_engine=row.get("engine") == "V0",
        gpu=gpu.get("name") or "",
        total_gib=gpu.get("total_gib"),
        utilization=row.get("gpu_memory_utilization"),
        eager=bool(row.get("enforce_eager")),
        tensor_parallel=row.get("tensor_parallel") or 1,
        pipeline_parallel=row.get("pipeline_parallel") or 1,
        kv_cache_dtype="fp8" if CHECKPOINT_CACHE in note else row.get("kv_cache_dtype") or "auto",
        block_tokens=row.get("block_size") or next((tokens for name, tokens in FOREIGN_BLOCKS.items() if name in (gpu.get("name") or "")), CUDA_BLOCK),
        length=row.get("max_model_len"),
        sequences=row.get("max_num_seqs"),
        batched=row.get("max_num_batched_tokens"),
        drafted=_drafted(note, reported.get("attention_block_size_tokens")),
        vectors="Embedding" in row["model"],
        unknown="a drafter of unknown shape" if "DFlash" in note else "",
        available_gib=reported.get("available_kv_gib"),
        tokens=reported.get("kv_tokens"),
        loaded_gib=reported.get("model_load_gib"),
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
