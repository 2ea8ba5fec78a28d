# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables of sines and cosines that the engine makes while it loads a model: up to gigabytes for long contexts, on every GPU.

Read from vLLM's rotary_embedding (0.9.2 to 0.33.0): one row a position of the model's native length, as many numbers as are rotated, in the model's type.
"""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._fields import Config

# With positions in time, height and width (videos) the engine makes four times the rows.
MULTIMODAL_ROWS = 4
# These stretch the table itself; others (llama3, longrope's short factors) only bend its numbers.
STRETCHING = ("linear", "yarn", "dynamic")
# These rotate a part of the numbers and have a column for each all the same.
FULL_WIDTH = ("proportional",)
# Configurations that name no share of the head's numbers rotate all of them, but for these families.
PARTIAL: t.Dict[str, float] = {"phi": 0.4, "qwen3_5": 0.25, "qwen3_5_moe": 0.25, "qwen3_5_moe_text": 0.25, "qwen3_5_text": 0.25, "qwen3_next": 0.25}
DEFAULT_THETA = 10000.0

# Without positional encoding.
NONE = frozenset(("nemotron_h",))


def rope_elements(text: Config, model_type: str, positions: int, head_dim: int, kinds: t.Iterable[str]) -> int:
    """Numbers in the tables. Each kind of attention that turns differently has one of its own."""
    if model_type in NONE:
        return 0
    if text.get("kv_lora_rank"):
        head_dim = int(text.get("qk_rope_head_dim") or head_dim)
    tables = _tables(text, kinds)
    # Full attention may have wider heads than windows.
    widths = {"full_attention": int(text.get("global_head_dim") or head_dim)}
    return sum(_table(text, model_type, positions, widths.get(kind, head_dim), settings) for kind, settings in tables)


def plain_rope(text: Config) -> bool:
    """Whether the model has one table that nothing stretches or bends."""
    tables = _tables(text, ())
    kinds = [str(settings.get("rope_type") or settings.get("type") or "default") for _kind, settings in tables]
    return kinds == ["default"] and not any(settings.get("mrope_section") for _kind, settings in tables) and not text.get("kv_lora_rank")


def rope_theta(text: Config) -> float:
    """The base of the rotation."""
    parameters = text.get("rope_parameters")
    given = parameters.get("rope_theta") if isinstance(parameters, dict) else None
    return float(given or text.get("rope_theta") or DEFAULT_THETA)


def _tables(text: Config, kinds: t.Iterable[str]) -> t.List[t.Tuple[str, Config]]:
    """The settings of each table; a model with windows may turn there without stretching."""
    parameters = text.get("rope_parameters")
    if isinstance(parameters, dict):
        nested: t.List[t.Tuple[str, Config]] = [(str(kind), one) for kind, one in parameters.items() if isinstance(one, dict)]
        return nested or [("", parameters)]
    scaling = text.get("rope_scaling")
    base: t.Tuple[str, Config] = ("", scaling if isinstance(scaling, dict) else {})
    return [base, ("sliding_attention", {})] if text.get("rope_local_base_freq") and "sliding" in kinds else [base]


def _table(text: Config, model_type: str, positions: int, head_dim: int, settings: Config) -> int:
    kind = str(settings.get("rope_type") or settings.get("type") or "default")
    rows = positions * (MULTIMODAL_ROWS if settings.get("mrope_section") else 1)
    if kind in STRETCHING:
        original = settings.get("original_max_position_embeddings")
        factor = settings.get("factor")
        if isinstance(factor, (int, float)):
            rows = int((original if isinstance(original, int) else positions) * factor)
    if kind in FULL_WIDTH:
        return rows * head_dim
    share = settings.get("partial_rotary_factor") or text.get("partial_rotary_factor") or text.get("rope_pct") or PARTIAL.get(model_type, 1.0)
    return rows * int(head_dim * float(share))
