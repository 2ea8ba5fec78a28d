# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loaded weights against what published start-up logs of vLLM say ("Model loading took"), and the allocator by hand."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._plan._loaded import block_bytes, loaded_bytes, stored_bytes
from ansible_collections.inferhost.llm.plugins.module_utils._plan._model_config import read_config
from ansible_collections.inferhost.llm.tests.unit.plugins.model_configs import QWEN3_30B_FP8, QWEN25_1B5, QWEN25_14B_AWQ, TINY, without

GIB = 1 << 30
MIB = 1 << 20

QWEN3_4B_2507: t.Dict[str, t.Any] = {
    "architectures": ["Qwen3ForCausalLM"],
    "model_type": "qwen3",
    "dtype": "bfloat16",
    "hidden_size": 2560,
    "num_hidden_layers": 36,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "intermediate_size": 9728,
    "vocab_size": 151936,
    "tie_word_embeddings": True,
    "max_position_embeddings": 262144,
}
SCOUT: t.Dict[str, t.Any] = {
    "architectures": ["Llama4ForCausalLM"],
    "model_type": "llama4_text",
    "dtype": "bfloat16",
    "hidden_size": 5120,
    "num_hidden_layers": 48,
    "num_attention_heads": 40,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "intermediate_size": 8192,
    "vocab_size": 202048,
    "num_local_experts": 16,
    "num_experts_per_tok": 1,
    "max_position_embeddings": 10485760,
    "vision_config": {"num_hidden_layers": 34, "hidden_size": 1408, "intermediate_size": 5632, "patch_size": 14},
}

# configuration, GPUs, and the GiB of the log (vLLM 0.10 to 0.22)
LOADED = [
    (QWEN25_1B5, 1, 2.89),
    (QWEN25_14B_AWQ, 1, 9.3795),
    (QWEN3_30B_FP8, 1, 29.08),
    (without(QWEN3_30B_FP8, "quantization_config"), 1, 56.93),
    # 54 MiB of blocks that are not split, and 64 MiB of rotary tables.
    (QWEN3_4B_2507, 1, 7.6065),
    # 2.5 GiB of rotary tables for ten million positions, on each of four GPUs.
    (SCOUT, 4, 53.12),
]


@pytest.mark.parametrize(("config", "gpus", "loaded"), LOADED)
def test_against_published_logs(config: t.Dict[str, t.Any], gpus: int, loaded: float) -> None:
    assert (loaded_bytes(read_config(config), gpus) or 0) / GIB == pytest.approx(loaded, rel=0.003)


def test_the_allocator_keeps_a_rest_of_up_to_a_mebibyte() -> None:
    # Small ones by 512 bytes; from 10 MiB on in steps of 2 MiB, unless more than 1 MiB would be left over.
    assert [block_bytes(one) for one in (1, 513, 10 * MIB, 11 * MIB, 11 * MIB - 1, 12 * MIB - 7)] == [512, 1024, 10 * MIB, 12 * MIB, 11 * MIB - 1, 12 * MIB]


def test_a_float32_checkpoint_is_loaded_in_half_its_size() -> None:
    model = read_config(without(TINY, "dtype"))
    assert stored_bytes(model) == 894_080 * 4
    whole, half = loaded_bytes(model), loaded_bytes(model, 1, 2)
    assert whole is not None and half is not None and 0.49 < half / whole < 0.51


def test_a_format_whose_bits_are_not_known() -> None:
    model = read_config(dict(TINY, quantization_config={"quant_method": "aqlm"}))
    assert loaded_bytes(model) is None and stored_bytes(model) is None


def test_microscaled_experts_are_padded() -> None:
    # gpt-oss-20b: width 2880 to 2944 and 3072, so 9 % more than the files; a log of vLLM 0.13 has 13.72 GiB.
    config = {
        "architectures": ["GptOssForCausalLM"],
        "model_type": "gpt_oss",
        "dtype": "bfloat16",
        "hidden_size": 2880,
        "num_hidden_layers": 24,
        "num_attention_heads": 64,
        "num_key_value_heads": 8,
        "head_dim": 64,
        "intermediate_size": 2880,
        "vocab_size": 201088,
        "sliding_window": 128,
        "num_local_experts": 32,
        "num_experts_per_tok": 4,
        "max_position_embeddings": 131072,
        "quantization_config": {"quant_method": "mxfp4"},
    }
    assert (loaded_bytes(read_config(config)) or 0) / GIB == pytest.approx(13.7193, rel=0.005)
