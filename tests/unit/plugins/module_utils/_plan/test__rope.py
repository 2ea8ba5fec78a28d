# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rotary tables by hand, in the shapes in which configurations write them."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._plan._rope import rope_elements

MROPE = {"rope_type": "default", "mrope_section": [11, 11, 10]}
GEMMA4 = {"sliding_attention": {"rope_type": "default"}, "full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.25}}

# configuration, family, and the rows and columns of each table, for a length of 1,000 and heads of 128
TABLES: t.List[t.Tuple[t.Dict[str, t.Any], str, int]] = [
    ({}, "llama", 1000 * 128),
    ({"rope_scaling": {"rope_type": "llama3", "factor": 8.0}}, "llama", 1000 * 128),
    ({"partial_rotary_factor": 0.5}, "glm4_moe", 1000 * 64),
    ({}, "phi", 1000 * 51),
    ({"rope_parameters": MROPE}, "qwen3_5_text", 4 * 1000 * 32),
    ({"rope_scaling": {"rope_type": "linear", "factor": 8.0}}, "gemma3_text", 8 * 1000 * 128),
    ({"rope_scaling": {"rope_type": "linear", "factor": 8.0}, "rope_local_base_freq": 10000.0}, "gemma3_text", 8 * 1000 * 128 + 1000 * 128),
    ({"rope_scaling": {"type": "yarn", "factor": 40, "original_max_position_embeddings": 250}, "kv_lora_rank": 512, "qk_rope_head_dim": 64}, "x", 10000 * 64),
    ({"rope_parameters": GEMMA4, "global_head_dim": 512}, "gemma4_text", 1000 * 128 + 1000 * 512),
    ({}, "nemotron_h", 0),
]


@pytest.mark.parametrize(("text", "model_type", "elements"), TABLES)
def test_tables(text: t.Dict[str, t.Any], model_type: str, elements: int) -> None:
    assert rope_elements(text, model_type, 1000, 128, ["full", "sliding"]) == elements


def test_without_windows_nothing_turns_apart() -> None:
    assert rope_elements({"rope_local_base_freq": 10000.0}, "gemma3_text", 1000, 128, ["full"]) == 1000 * 128
