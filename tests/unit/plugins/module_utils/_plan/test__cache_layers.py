# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the layers of a model keep, family by family. Published logs hold all of it together in tests/unit/tools/test_score_plan.py."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._plan._cache_layers import CacheLayers, State, cache_layers
from ansible_collections.inferhost.llm.plugins.module_utils._plan._fields import ModelError
from ansible_collections.inferhost.llm.plugins.module_utils._plan._kv import state_bytes

PLAIN = {"num_hidden_layers": 12, "hidden_size": 512, "num_attention_heads": 8, "num_key_value_heads": 2}
FULL = CacheLayers("full", 12, 2, 128)
MAMBA2 = {"mamba_num_heads": 64, "mamba_head_dim": 64, "ssm_state_size": 128, "n_groups": 8, "conv_kernel": 4}
MAMBA2_STATE = State(64, 64 * 128, 64 * 64, 8, 256, 4, None)


@pytest.mark.parametrize(
    ("model_type", "change", "expected"),
    [
        ("llama", {}, [FULL]),
        ("llama", {"head_dim": 128}, [CacheLayers("full", 12, 2, 256)]),
        ("mistral", {"sliding_window": 4096}, [CacheLayers("sliding", 12, 2, 128, 4096)]),
        ("qwen2", {"sliding_window": 4096, "use_sliding_window": False}, [FULL]),
        ("gemma2", {"sliding_window": 4096}, [CacheLayers("full", 6, 2, 128), CacheLayers("sliding", 6, 2, 128, 4096)]),
        ("gemma3_text", {"sliding_window": 1024}, [CacheLayers("full", 2, 2, 128), CacheLayers("sliding", 10, 2, 128, 1024)]),
        ("cohere2", {"sliding_window": 64, "sliding_window_pattern": 3}, [CacheLayers("full", 4, 2, 128), CacheLayers("sliding", 8, 2, 128, 64)]),
        ("llama4_text", {}, [CacheLayers("full", 3, 2, 128), CacheLayers("chunked", 9, 2, 128, 8192)]),
        (
            "gemma4_text",
            {
                "layer_types": ["sliding_attention", "full_attention"] * 6,
                "sliding_window": 512,
                "global_head_dim": 256,
                "num_global_key_value_heads": 1,
                "num_kv_shared_layers": 4,
            },
            [CacheLayers("full", 4, 1, 512), CacheLayers("sliding", 4, 2, 128, 512)],
        ),
        ("deepseek_v3", {"kv_lora_rank": 512, "qk_rope_head_dim": 64}, [CacheLayers("latent", 12, 0, 576)]),
        ("nemotron_h", {"hybrid_override_pattern": "M-M*-E", **MAMBA2}, [CacheLayers("full", 1, 2, 128), CacheLayers("state", 2, state=MAMBA2_STATE)]),
    ],
)
def test_families(model_type: str, change: t.Dict[str, t.Any], expected: t.List[CacheLayers]) -> None:
    assert list(cache_layers({**PLAIN, **change}, model_type, "config.json")) == expected


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"layer_types": ["full_attention", "quantum_attention"]}, "config.json: layers of type 'quantum_attention' are not known"),
        ({"layer_types": "full_attention"}, "field layer_types must be a list of names"),
        ({"layer_types": ["sliding_attention"]}, "field sliding_window is missing"),
        ({"num_kv_shared_layers": "all"}, "num_kv_shared_layers must be a whole number"),
        ({"num_kv_shared_layers": 12}, "no layer has attention"),
        ({"layer_types": ["mamba"] * 3, **MAMBA2}, "no layer has attention"),
        ({"num_hidden_layers": None}, "field num_hidden_layers is missing"),
    ],
)
def test_what_cannot_be_read_is_named(change: t.Dict[str, t.Any], said: str) -> None:
    with pytest.raises(ModelError) as caught:
        cache_layers({**PLAIN, **change}, "llama", "config.json")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    # A convolution over 64 x 64 channels and 8 groups of 2 x 128, its last 3 inputs, and 64 matrices of 64 x 128; groups are repeated where GPUs are more.
    ("parallel", "expected"),
    [(1, (4096 + 2048) * 3 * 2 + 64 * 8192 * 2), (16, ((4096 + 4096) * 3 * 2 + 64 * 8192 * 2) // 16)],
)
def test_the_state_of_a_mamba2_layer(parallel: int, expected: int) -> None:
    assert state_bytes(MAMBA2_STATE, 2, parallel) == expected
