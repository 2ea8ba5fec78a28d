# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a model's config.json to the facts that the arithmetic needs. Pure: dictionaries in, a tuple out."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._cache_layers import CacheLayers, cache_layers
from ansible_collections.inferhost.llm.plugins.module_utils._plan._fields import Config, Fields, ModelError
from ansible_collections.inferhost.llm.plugins.module_utils._plan._kv import DTYPE_BYTES


class LinearAttention(t.NamedTuple):
    """Gated DeltaNet layers: a state of fixed size a sequence instead of a cache that grows."""

    layers: int
    key_heads: int
    value_heads: int
    key_head_dim: int
    value_head_dim: int
    conv_kernel: int


class Experts(t.NamedTuple):
    """Mixture of experts: all are loaded, a few are used for a token."""

    total: int
    used: int
    intermediate_size: int
    shared_intermediate_size: int


class Quantization(t.NamedTuple):
    """How the checkpoint's linear layers are stored."""

    method: str
    bits: t.Optional[int]
    group_size: t.Optional[int]
    block: t.Optional[t.Tuple[int, int]]


class Model(t.NamedTuple):
    """What a plan needs to know about a model."""

    architecture: str
    model_type: str
    dtype: str
    native_context: int
    layers: int
    hidden_size: int
    intermediate_size: int
    vocab_size: int
    heads: int
    kv_heads: int
    head_dim: int
    tied_embeddings: bool
    gated_attention: bool
    full_layers: int
    cache: t.Tuple[CacheLayers, ...]
    linear: t.Optional[LinearAttention]
    experts: t.Optional[Experts]
    quantization: t.Optional[Quantization]
    vision: bool
    # Why the arithmetic does not cover this model yet; None when it does.
    not_planned: t.Optional[str]


# Models whose every layer is full attention, or full attention and Gated DeltaNet mixed.
PLANNED_TYPES = frozenset(
    (
        "granite",
        "llama",
        "mistral",
        "mixtral",
        "phi3",
        "qwen2",
        "qwen3",
        "qwen3_5",
        "qwen3_5_moe",
        "qwen3_5_moe_text",
        "qwen3_5_text",
        "qwen3_moe",
        "qwen3_next",
    )
)

# Known, and why the formula for the ones above would be wrong for them.
NOT_YET_TYPES: t.Dict[str, str] = {
    "deepseek_v2": "multi-head latent attention",
    "deepseek_v3": "multi-head latent attention",
    "deepseek_v32": "sparse multi-head latent attention",
    "deepseek_v4": "sparse multi-head latent attention",
    "gemma2": "sliding-window layers",
    "gemma3": "sliding-window layers",
    "gemma3_text": "sliding-window layers",
    "gemma4": "sliding-window layers",
    "gemma4_text": "sliding-window layers",
    "glm4_moe": "an attention geometry that was not checked",
    "gpt_oss": "sliding-window layers",
    "granitemoehybrid": "Mamba2 layers",
    "kimi_k2": "multi-head latent attention",
    "llama4": "chunked local attention",
    "minimax_m2": "an attention geometry that was not checked",
    "nemotron_h": "Mamba2 layers",
    "olmo3": "sliding-window layers",
    "qwen2_moe": "an expert geometry that was not checked",
    "qwen3_vl": "a vision tower that was not checked",
    "qwen3_vl_moe": "a vision tower that was not checked",
}


def read_config(config: Config, tokenizer_config: t.Optional[Config] = None, where: str = "config.json") -> Model:
    """Facts of a model; raises ModelError for a file that is no model's, and notes kinds not covered yet in `not_planned`."""
    architecture = _architecture(config, where)
    text = config.get("text_config", config)
    if not isinstance(text, dict):
        raise ModelError("%s: field text_config must be an object, not %s" % (where, type(text).__name__))
    model_type = text.get("model_type", config.get("model_type"))
    if not isinstance(model_type, str):
        raise ModelError("%s: field model_type is missing; it names the architecture" % where)
    if model_type not in PLANNED_TYPES and model_type not in NOT_YET_TYPES:
        raise ModelError(
            "%s: model_type %r (%s) is not an architecture this collection knows; known: %s"
            % (where, model_type, architecture, ", ".join(sorted(PLANNED_TYPES)))
        )
    fields = Fields(text, where if text is config else "%s, text_config" % where)
    heads, hidden = fields.integer("num_attention_heads"), fields.integer("hidden_size")
    layers = fields.integer("num_hidden_layers")
    linear = _linear(fields, text, layers)
    experts = _experts(fields, text)
    not_planned = _not_planned(model_type, text)
    return Model(
        architecture=architecture,
        model_type=model_type,
        dtype=_dtype(text, config, where),
        native_context=_native_context(fields, tokenizer_config),
        layers=layers,
        hidden_size=hidden,
        intermediate_size=fields.integer("intermediate_size", 0 if experts is not None else None),
        vocab_size=fields.integer("vocab_size"),
        heads=heads,
        kv_heads=fields.integer("num_key_value_heads", heads),
        head_dim=fields.integer("head_dim", hidden // heads),
        tied_embeddings=bool(text.get("tie_word_embeddings", config.get("tie_word_embeddings", False))),
        gated_attention=bool(text.get("attn_output_gate", linear is not None)),
        full_layers=layers - (linear.layers if linear else 0),
        cache=() if not_planned else cache_layers(text, model_type, where if text is config else "%s, text_config" % where),
        linear=linear,
        experts=experts,
        quantization=_quantization(config.get("quantization_config", text.get("quantization_config")), where),
        vision="vision_config" in config,
        not_planned=not_planned,
    )


def _architecture(config: Config, where: str) -> str:
    names = config.get("architectures")
    if not isinstance(names, list) or not names or not isinstance(names[0], str):
        raise ModelError("%s: field architectures is missing; this is not the configuration of a model that vLLM can load" % where)
    return names[0]


def _dtype(text: Config, config: Config, where: str) -> str:
    for data in (text, config):
        for name in ("dtype", "torch_dtype"):
            value = data.get(name)
            if value is not None:
                if value not in DTYPE_BYTES:
                    raise ModelError("%s: field %s must be one of %s, not %r" % (where, name, ", ".join(DTYPE_BYTES), value))
                return str(value)
    # transformers writes float32 weights without naming them.
    return "float32"


def _native_context(fields: Fields, tokenizer_config: t.Optional[Config]) -> int:
    """The engine takes the smaller of the model's and the tokenizer's length; tokenizers without one write a number near 1e30."""
    context = fields.integer("max_position_embeddings")
    limit = (tokenizer_config or {}).get("model_max_length")
    if isinstance(limit, (int, float)) and 0 < limit < context:
        return int(limit)
    return context


def _linear(fields: Fields, text: Config, layers: int) -> t.Optional[LinearAttention]:
    if "linear_num_value_heads" not in text:
        return None
    types = text.get("layer_types")
    # Older configurations give only every how many layers one has full attention.
    by_interval = layers - layers // fields.integer("full_attention_interval", 4)
    count = types.count("linear_attention") if isinstance(types, list) else by_interval
    return LinearAttention(
        layers=count,
        key_heads=fields.integer("linear_num_key_heads"),
        value_heads=fields.integer("linear_num_value_heads"),
        key_head_dim=fields.integer("linear_key_head_dim"),
        value_head_dim=fields.integer("linear_value_head_dim"),
        conv_kernel=fields.integer("linear_conv_kernel_dim"),
    )


def _experts(fields: Fields, text: Config) -> t.Optional[Experts]:
    name = next((name for name in ("num_experts", "num_local_experts") if text.get(name)), None)
    if name is None:
        return None
    return Experts(
        total=fields.integer(name),
        used=fields.integer("num_experts_per_tok"),
        # Mixtral calls the size of an expert intermediate_size.
        intermediate_size=fields.integer("moe_intermediate_size" if "moe_intermediate_size" in text else "intermediate_size"),
        shared_intermediate_size=int(text.get("shared_expert_intermediate_size") or 0),
    )


def _quantization(data: t.Any, where: str) -> t.Optional[Quantization]:
    if not data:
        return None
    if not isinstance(data, dict) or not isinstance(data.get("quant_method"), str):
        raise ModelError("%s: field quantization_config.quant_method is missing" % where)
    block = data.get("weight_block_size")
    return Quantization(
        method=str(data["quant_method"]).lower(),
        bits=data.get("bits") if isinstance(data.get("bits"), int) else None,
        group_size=data.get("group_size") if isinstance(data.get("group_size"), int) else None,
        block=(int(block[0]), int(block[1])) if isinstance(block, list) and len(block) == 2 else None,
    )


def _not_planned(model_type: str, text: Config) -> t.Optional[str]:
    if model_type in NOT_YET_TYPES:
        return NOT_YET_TYPES[model_type]
    types = text.get("layer_types")
    if isinstance(types, list) and set(types) - {"full_attention", "linear_attention"}:
        return "layers of type %s" % ", ".join(sorted(set(types) - {"full_attention", "linear_attention"}))
    # Qwen writes a window and switches it off with use_sliding_window; Mistral has no such switch.
    if text.get("sliding_window") and text.get("use_sliding_window", True):
        return "sliding-window layers"
    return None
