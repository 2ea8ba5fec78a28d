# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""quantization_config in the shapes that checkpoints publish, and the matrices that they leave alone."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._plan._fields import ModelError
from ansible_collections.inferhost.llm.plugins.module_utils._plan._formats import FP8, MXFP4, NVFP4, Bits, read_quantization, tensor_bits
from ansible_collections.inferhost.llm.plugins.module_utils._plan._tensors import Tensor


def group(**weights: t.Any) -> t.Dict[str, t.Any]:
    """What compressed-tensors writes for one kind of layers."""
    return {"quant_method": "compressed-tensors", "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}}}


FORMATS: t.List[t.Tuple[t.Dict[str, t.Any], t.Optional[Bits]]] = [
    ({"quant_method": "awq", "bits": 4, "group_size": 128}, Bits(4, 20 / 128)),
    ({"quant_method": "gptq", "bits": 8, "group_size": -1}, Bits(8)),
    ({"quant_method": "auto-round", "bits": 4, "group_size": 64}, Bits(4, 20 / 64)),
    ({"quant_method": "fp8", "weight_block_size": [128, 128]}, Bits(8, 32 / 16384)),
    ({"quant_method": "fp8", "activation_scheme": "static"}, FP8),
    ({"quant_method": "mxfp4"}, MXFP4),
    ({"quant_method": "bitsandbytes", "load_in_4bit": True}, Bits(4, 0.125)),
    ({"quant_method": "bitsandbytes", "load_in_8bit": True}, FP8),
    ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, NVFP4),
    ({"quant_algo": "FP8"}, FP8),
    (group(num_bits=4, type="int", group_size=128), Bits(4, 0.125)),
    (group(num_bits=8, type="int", strategy="channel"), Bits(8)),
    (group(num_bits=8, type="float"), Bits(8)),
    (group(num_bits=4, type="float", group_size=16), NVFP4),
    ({"quant_method": "aqlm"}, None),
]


@pytest.mark.parametrize(("config", "bits"), FORMATS)
def test_bits_of_a_weight(config: t.Dict[str, t.Any], bits: t.Optional[Bits]) -> None:
    read = read_quantization(config, "config.json")
    assert read is not None
    assert tensor_bits(read, Tensor("layers.0.mlp.experts.0.gate_proj", 1, 1, "experts"), 16) == bits


def test_what_is_no_format() -> None:
    assert read_quantization(None, "config.json") is None
    for bad in ("awq", {"bits": 4}, {"quant_method": 7}):
        with pytest.raises(ModelError) as caught:
            read_quantization(bad, "/m/config.json")
        assert "/m/config.json" in str(caught.value) and "quant_method" in str(caught.value)


@pytest.mark.parametrize(
    "pattern",
    [
        "re:.*linear_attn.*",
        "linear_attn",
        "model.language_model.layers.3.linear_attn.in_proj_qkv",
        "model.layers.3.linear_attn",
        "model.layers.3.*",
        "model.layers.3.linear_attn*",
    ],
)
def test_matrices_that_a_list_leaves_alone(pattern: str) -> None:
    read = read_quantization({"quant_method": "modelopt", "quant_algo": "NVFP4", "exclude_modules": [pattern]}, "config.json")
    left = Tensor("layers.3.linear_attn.in_proj_qkv", 1, 1, "linear")
    assert tensor_bits(read, left, 16) == Bits(16)
    assert tensor_bits(read, left._replace(name="layers.30.mlp.gate_proj"), 16) == NVFP4


@pytest.mark.parametrize("pattern", ["re:.*lm_head", "re:[", "lm_head", "model.layers.3.mlp.gate", "gate", "visual.*"])
def test_lists_that_mean_other_matrices(pattern: str) -> None:
    read = read_quantization({"quant_method": "compressed-tensors", "bits": 8, "ignore": [pattern]}, "config.json")
    assert tensor_bits(read, Tensor("layers.3.mlp.gate_proj", 1, 1, "linear"), 16) == Bits(8)


def test_tables_routers_and_towers_are_never_quantised() -> None:
    read = read_quantization({"quant_method": "awq", "bits": 4, "group_size": 128}, "config.json")
    assert all(tensor_bits(read, Tensor("any", 1, 1, part), 16) == Bits(16) for part in ("table", "router", "tower", "norms", "recurrence", "absorbed"))


def test_only_experts_are_microscaled() -> None:
    read = read_quantization({"quant_method": "mxfp4"}, "config.json")
    assert [tensor_bits(read, Tensor("any", 1, 1, part), 16) for part in ("experts", "linear")] == [MXFP4, Bits(16)]


def test_mixtures() -> None:
    named = {"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION"}
    layers = {"model.layers.0.mlp.gate_proj": {"quant_algo": "NVFP4"}, "model.layers.0.self_attn.q_proj": {"quant_algo": "FP8"}}
    groups = {
        "quant_method": "compressed-tensors",
        "config_groups": {
            "a": {"targets": ["re:.*mlp.*"], "format": "nvfp4-pack-quantized", "weights": {"num_bits": 4, "type": "float"}},
            "b": {"targets": ["re:.*self_attn.*"], "weights": {"num_bits": 8, "type": "float"}},
        },
    }
    for config in ({**named, "quantized_layers": layers}, groups):
        read = read_quantization(config, "config.json")
        names = ("layers.0.mlp.gate_proj", "layers.0.self_attn.q_proj", "layers.0.linear_attn.out_proj")
        assert [tensor_bits(read, Tensor(name, 1, 1, "linear"), 16) for name in names] == [NVFP4, FP8, Bits(16)]
    # Which layers, such a configuration does not say.
    assert tensor_bits(read_quantization(named, "config.json"), Tensor("layers.0.mlp.gate_proj", 1, 1, "linear"), 16) is None
