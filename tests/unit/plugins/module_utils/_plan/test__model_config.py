# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._plan._fields import ModelError
from ansible_collections.inferhost.llm.plugins.module_utils._plan._loaded import loaded_bytes
from ansible_collections.inferhost.llm.plugins.module_utils._plan._model_config import read_config
from ansible_collections.inferhost.llm.tests.unit.plugins.model_configs import QWEN3_30B_FP8, QWEN25_14B_AWQ, QWEN36_27B, TINY, without


def test_a_dense_model() -> None:
    model = read_config(QWEN25_14B_AWQ)
    assert (model.layers, model.heads, model.kv_heads, model.head_dim) == (48, 40, 8, 128)
    assert (model.dtype, model.native_context, model.vision, model.not_planned) == ("float16", 32768, False, None)
    assert model.quantization is not None and model.quantization.method == "awq"
    assert (model.linear, model.experts, [(one.kind, one.layers) for one in model.cache]) == (None, None, [("full", 48)])


def test_a_mixture_of_experts() -> None:
    model = read_config(QWEN3_30B_FP8)
    assert model.experts is not None and model.quantization is not None
    assert (model.experts.total, model.experts.used, model.experts.intermediate_size) == (128, 8, 768)
    assert model.quantization.block == (128, 128)


def test_a_hybrid_with_its_text_model_nested() -> None:
    model = read_config(QWEN36_27B)
    assert model.linear is not None
    assert model.linear.layers == 48
    assert [(one.kind, one.layers, one.state and one.state.number_bytes) for one in model.cache] == [("full", 16, None), ("state", 48, 4)]
    assert (model.vision, model.architecture, model.model_type) == (True, "Qwen3_5ForConditionalGeneration", "qwen3_5_text")


def test_a_hybrid_that_gives_only_the_interval() -> None:
    text = dict(without(QWEN36_27B["text_config"], "layer_types"), full_attention_interval=4)
    assert [(one.kind, one.layers) for one in read_config(dict(QWEN36_27B, text_config=text)).cache] == [("full", 16), ("state", 48)]


def test_a_tower_of_an_unknown_kind_is_left_to_the_files() -> None:
    model = read_config(dict(TINY, vision_config={"width": 7}))
    assert (model.vision, model.tower_known) == (True, False)
    assert read_config(TINY).tower_known


def test_the_tokenizer_may_shorten_the_context() -> None:
    assert read_config(TINY, {"model_max_length": 2048}).native_context == 2048
    # What tokenizers without a limit write.
    assert read_config(TINY, {"model_max_length": 1e30}).native_context == 65536
    assert read_config(TINY, {"model_max_length": 131072}).native_context == 65536


def test_a_config_without_a_type_is_float32() -> None:
    assert read_config(without(TINY, "dtype")).dtype == "float32"


# change to the tiny model's config, and what the error must name
BAD: t.List[t.Tuple[t.Dict[str, t.Any], t.Tuple[str, ...]]] = [
    ({"architectures": None}, ("architectures",)),
    ({"architectures": []}, ("architectures",)),
    ({"model_type": None}, ("model_type", "missing")),
    ({"model_type": "rwkv9"}, ("rwkv9", "Qwen2ForCausalLM", "known:")),
    ({"num_hidden_layers": None}, ("num_hidden_layers", "missing")),
    ({"num_attention_heads": 0}, ("num_attention_heads", "above 0", "0")),
    ({"hidden_size": "128"}, ("hidden_size", "'128'")),
    ({"vocab_size": None}, ("vocab_size", "missing")),
    ({"intermediate_size": None}, ("intermediate_size", "missing")),
    ({"max_position_embeddings": None}, ("max_position_embeddings", "missing")),
    ({"num_key_value_heads": True}, ("num_key_value_heads", "True")),
    ({"dtype": "fp8"}, ("dtype", "'fp8'", "bfloat16")),
    ({"text_config": "qwen"}, ("text_config", "str")),
    ({"quantization_config": {"bits": 4}}, ("quantization_config.quant_method",)),
]


@pytest.mark.parametrize(("change", "words"), BAD)
def test_a_config_that_cannot_be_used_names_file_and_field(change: t.Dict[str, t.Any], words: t.Tuple[str, ...]) -> None:
    config = {name: value for name, value in {**TINY, **change}.items() if value is not None}
    with pytest.raises(ModelError) as caught:
        read_config(config, None, "/models/x/config.json")
    message = str(caught.value)
    assert "/models/x/config.json" in message and "\n" not in message
    for word in words:
        assert word in message


@pytest.mark.parametrize(
    ("model_type", "word"), [("deepseek_v4", "compressed"), ("deepseek_v32", "sparse"), ("glm_moe_dsa", "sparse"), ("granitemoehybrid", "Mamba2")]
)
def test_a_known_kind_that_is_not_planned_says_why(model_type: str, word: str) -> None:
    model = read_config({**TINY, "model_type": model_type})
    assert word in (model.not_planned or "") and model.tensors == model.cache == ()


def test_a_model_that_sees_leaves_the_defaults_of_its_class_out() -> None:
    # text_config and vision_config as Gemma 3 4B publishes them: heads, vocabulary and length are the class's.
    text = {"hidden_size": 2560, "intermediate_size": 10240, "model_type": "gemma3_text", "num_hidden_layers": 34, "sliding_window": 1024}
    text["rope_scaling"] = {"factor": 8.0, "rope_type": "linear"}
    vision = {"hidden_size": 1152, "image_size": 896, "intermediate_size": 4304, "model_type": "siglip_vision_model", "num_hidden_layers": 27, "patch_size": 14}
    config = {
        "architectures": ["Gemma3ForConditionalGeneration"],
        "model_type": "gemma3",
        "torch_dtype": "bfloat16",
        "text_config": text,
        "vision_config": vision,
    }
    model = read_config(config)
    assert (model.heads, model.kv_heads, model.head_dim, model.vocab_size, model.native_context) == (8, 4, 256, 262208, 131072)
    # A log of vLLM 0.19 has 8.58 GiB.
    assert (loaded_bytes(model) or 0) / 2**30 == pytest.approx(8.58, rel=0.002)
    with pytest.raises(ModelError):
        read_config({**text, "architectures": ["Gemma3ForCausalLM"]})


def test_a_window_in_every_layer() -> None:
    model = read_config({**TINY, "model_type": "mistral", "sliding_window": 4096, "use_sliding_window": True})
    assert model.not_planned is None and [(one.kind, one.window) for one in model.cache] == [("sliding", 4096)]
