# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Matrices by hand, and parameters of published models against the counts their makers give."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._plan._geometry import bytes_per_token, parameters
from ansible_collections.inferhost.llm.plugins.module_utils._plan._model_config import read_config
from ansible_collections.inferhost.llm.plugins.module_utils._plan._tensors import Tensor, has_experts
from ansible_collections.inferhost.llm.tests.unit.plugins.model_configs import QWEN3_30B_FP8, TINY, without

ANY: t.Dict[str, t.Any] = {"architectures": ["AnyForCausalLM"], "dtype": "bfloat16", "max_position_embeddings": 4096, "tie_word_embeddings": False}


def test_by_hand() -> None:
    # A layer: attention 128 x (128 + 2 x 128 + 128) = 65,536; feed-forward 3 x 128 x 384 = 147,456. Four of them: 851,968.
    # Table 320 x 128 = 40,960 (tied, so once); norms (2 x 4 + 1) x 128 = 1,152.
    count = parameters(read_config(TINY))
    assert count.total == count.active == 851_968 + 40_960 + 1_152 == 894_080


def test_experts_by_hand() -> None:
    # A layer: attention 2048 x (4096 + 2 x 512 + 4096) = 18,874,368; 128 experts of 3 x 2048 x 768 = 4,718,592; router 262,144.
    # Tables 2 x 151,936 x 2048 = 622,329,856; norms 97 x 2048 = 198,656.
    count = parameters(read_config(QWEN3_30B_FP8))
    assert count.total == 48 * (18_874_368 + 128 * 4_718_592 + 262_144) + 622_329_856 + 198_656
    assert count.active == 48 * (18_874_368 + 8 * 4_718_592 + 262_144) + 622_329_856 + 198_656


def latent(**more: t.Any) -> t.Dict[str, t.Any]:
    """The shape that DeepSeek V3 and Kimi K2 share."""
    shape = {"hidden_size": 7168, "num_hidden_layers": 61, "kv_lora_rank": 512, "q_lora_rank": 1536, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64}
    feed_forward = {"v_head_dim": 128, "intermediate_size": 18432, "moe_intermediate_size": 2048, "n_shared_experts": 1, "num_experts_per_tok": 8}
    return {**ANY, **shape, **feed_forward, **more}


# configuration, and billions of parameters that its makers publish: all, and those that a token uses
PUBLISHED: t.List[t.Tuple[str, t.Dict[str, t.Any], float, t.Optional[float]]] = [
    (
        "DeepSeek-V3",
        latent(model_type="deepseek_v3", vocab_size=129280, num_attention_heads=128, n_routed_experts=256, first_k_dense_replace=3),
        671.0,
        37.0,
    ),
    (
        "Kimi-K2",
        latent(model_type="kimi_k2", vocab_size=163840, num_attention_heads=64, n_routed_experts=384, first_k_dense_replace=1),
        1027.0,
        32.5,
    ),
    (
        "Llama-3.1-405B",
        {**ANY, "model_type": "llama", "hidden_size": 16384, "num_hidden_layers": 126, "num_attention_heads": 128, "num_key_value_heads": 8}
        | {"intermediate_size": 53248, "vocab_size": 128256},
        405.9,
        None,
    ),
    (
        "Mixtral-8x22B",
        {**ANY, "model_type": "mixtral", "hidden_size": 6144, "num_hidden_layers": 56, "num_attention_heads": 48, "num_key_value_heads": 8}
        | {"intermediate_size": 16384, "vocab_size": 32000, "num_local_experts": 8, "num_experts_per_tok": 2},
        140.6,
        39.1,
    ),
    (
        "gpt-oss-20b",
        {**ANY, "model_type": "gpt_oss", "hidden_size": 2880, "num_hidden_layers": 24, "num_attention_heads": 64, "num_key_value_heads": 8}
        | {"head_dim": 64, "intermediate_size": 2880, "vocab_size": 201088, "num_local_experts": 32, "num_experts_per_tok": 4, "sliding_window": 128},
        20.9,
        None,
    ),
    (
        "Nemotron-3-Nano",
        {**ANY, "model_type": "nemotron_h", "hidden_size": 2688, "num_hidden_layers": 52, "num_attention_heads": 32, "num_key_value_heads": 2}
        | {"head_dim": 128, "vocab_size": 131072, "intermediate_size": 1856, "moe_intermediate_size": 1856, "n_routed_experts": 128, "num_experts_per_tok": 6}
        | {"moe_shared_expert_intermediate_size": 3712, "n_shared_experts": 1, "mamba_num_heads": 64, "mamba_head_dim": 64, "ssm_state_size": 128}
        | {"n_groups": 8, "conv_kernel": 4, "hybrid_override_pattern": "MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME"},
        31.6,
        3.6,
    ),
]


@pytest.mark.parametrize(("name", "config", "total", "active"), PUBLISHED, ids=[one[0] for one in PUBLISHED])
def test_against_what_the_makers_say(name: str, config: t.Dict[str, t.Any], total: float, active: t.Optional[float]) -> None:
    count = parameters(read_config(config))
    assert count.total / 1e9 == pytest.approx(total, rel=0.002), name
    # Makers count the tables among the active ones, or do not.
    assert active is None or count.active / 1e9 == pytest.approx(active, rel=0.03), name


@pytest.mark.parametrize(
    ("text", "layers"),
    [
        ({"num_experts": 4}, [0, 1, 2, 3]),
        ({"num_experts": 4, "first_k_dense_replace": 2}, [2, 3]),
        ({"num_experts": 4, "mlp_only_layers": [1]}, [0, 2, 3]),
        ({"num_experts": 4, "decoder_sparse_step": 2}, [1, 3]),
        ({"num_local_experts": 4, "interleave_moe_layer_step": 2}, [1, 3]),
        ({"n_routed_experts": 4, "moe_layer_freq": [0, 1, 1, 0]}, [1, 2]),
        ({}, []),
    ],
)
def test_which_layers_have_experts(text: t.Dict[str, t.Any], layers: t.List[int]) -> None:
    assert [number for number in range(4) if has_experts(text, number)] == layers


def test_what_is_split_over_gpus() -> None:
    # 4 query heads and 2 of keys and values, 8 numbers each, width 32: over four GPUs each holds one query head and a whole head of keys and of values.
    fused = Tensor("q", 4 * 8 + 2 * 16, 32, "linear", kv_elements=2 * 16 * 32, kv_heads=2)
    assert [fused.share(gpus) for gpus in (1, 2, 4)] == [64 * 32, 32 * 32, (8 + 16) * 32]
    assert Tensor("router", 8, 32, "router", split=False).share(4) == 256


def test_bytes_that_a_token_reads() -> None:
    # All but the input table in bfloat16, and of 128 experts eight.
    model = read_config(without(QWEN3_30B_FP8, "quantization_config"))
    assert bytes_per_token(model, 0) == 2 * (parameters(model).active - 151_936 * 2048)
    # A format whose bits are not known: the files by the share of the parameters that a token uses.
    strange = read_config(dict(TINY, quantization_config={"quant_method": "aqlm"}))
    assert bytes_per_token(strange, 1_000_000) == 1_000_000
