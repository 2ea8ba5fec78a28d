# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a model's config.json to the facts that the arithmetic needs. Pure: dictionaries in, a tuple out."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._cache_layers import UNCERTAIN, CacheLayers, cache_layers, layer_kinds
from ansible_collections.inferhost.llm.plugins.module_utils._plan._defaults import completed
from ansible_collections.inferhost.llm.plugins.module_utils._plan._fields import Config, Fields, ModelError
from ansible_collections.inferhost.llm.plugins.module_utils._plan._formats import Quantization, read_quantization
from ansible_collections.inferhost.llm.plugins.module_utils._plan._kv import DTYPE_BYTES
from ansible_collections.inferhost.llm.plugins.module_utils._plan._rope import plain_rope, rope_elements, rope_theta
from ansible_collections.inferhost.llm.plugins.module_utils._plan._tensors import EXPERTS_USED, Tensor, drafter_tensors, expert_count, text_tensors
from ansible_collections.inferhost.llm.plugins.module_utils._plan._tower import tower_tensors


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
    cache: t.Tuple[CacheLayers, ...]
    # The matrices of the language model and of its vision tower.
    tensors: t.Tuple[Tensor, ...]
    # Numbers in the tables of sines and cosines, and those of the drafter that the checkpoint may bring (MTP).
    rope_elements: int
    # Whether positions turn in the usual way, unstretched, and their base.
    plain_rope: bool
    rope_theta: float
    drafter_elements: int
    linear: t.Optional[LinearAttention]
    experts: t.Optional[Experts]
    quantization: t.Optional[Quantization]
    vision: bool
    # Whether the tower takes images of any size, and whether its configuration says what it is made of.
    vision_any_size: bool
    tower_known: bool
    # Why the arithmetic does not cover this model yet; None when it does.
    not_planned: t.Optional[str]


# Models whose matrices and caches were held against published sizes or start-up logs.
PLANNED_TYPES = frozenset(
    (
        "cohere2",
        "deepseek_v2",
        "deepseek_v3",
        "gemma2",
        "gemma3",
        "gemma3_text",
        "gemma4",
        "gemma4_text",
        "glm4_moe",
        "gpt_oss",
        "granite",
        "kimi_k2",
        "llama",
        "llama4",
        "llama4_text",
        "minimax_m2",
        "mistral",
        "mixtral",
        "nemotron_h",
        "olmo3",
        "phi",
        "phi3",
        "qwen2",
        "qwen2_5_vl",
        "qwen2_5_vl_text",
        "qwen2_moe",
        "qwen2_vl",
        "qwen2_vl_text",
        "qwen3",
        "qwen3_5",
        "qwen3_5_moe",
        "qwen3_5_moe_text",
        "qwen3_5_text",
        "qwen3_moe",
        "qwen3_next",
        "qwen3_vl",
        "qwen3_vl_moe",
        "qwen3_vl_moe_text",
        "qwen3_vl_text",
    )
)

# Gemma's configurations leave out that the two tables are one.
TIED = frozenset(("cohere2", "gemma2", "gemma3", "gemma3_text", "gemma4", "gemma4_text"))

# Known, and what about them does not follow from their configuration or was not checked.
NOT_YET_TYPES: t.Dict[str, str] = {
    **UNCERTAIN,
    "deepseek_v32": "sparse latent attention whose index was not checked",
    "granitemoehybrid": "Mamba2 layers whose sizes were not checked",
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
    nested = text is not config
    if nested:
        text = completed(text, model_type)
    fields = Fields(text, where if not nested else "%s, text_config" % where)
    heads, hidden = fields.integer("num_attention_heads"), fields.integer("hidden_size")
    layers = fields.integer("num_hidden_layers")
    linear = _linear(fields, text, layers)
    experts = _experts(fields, text)
    not_planned = NOT_YET_TYPES.get(model_type)
    place = "%s, text_config" % where if nested else where
    tied = bool(text.get("tie_word_embeddings", config.get("tie_word_embeddings", model_type in TIED)))
    head_dim = fields.integer("head_dim", hidden // heads)
    kinds = [] if not_planned else layer_kinds(text, model_type, place)
    vision = config.get("vision_config")
    tower = _tower(vision, hidden)
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
        head_dim=head_dim,
        tied_embeddings=tied,
        cache=() if not_planned else cache_layers(text, model_type, place),
        tensors=() if not_planned else text_tensors(text, model_type, kinds, tied, place) + tower,
        rope_elements=rope_elements(text, model_type, fields.integer("max_position_embeddings"), head_dim, kinds),
        plain_rope=not nested and plain_rope(text),
        rope_theta=rope_theta(text),
        drafter_elements=0 if not_planned else _drafter_elements(text, model_type, place),
        linear=linear,
        experts=experts,
        quantization=read_quantization(config.get("quantization_config", text.get("quantization_config")), where),
        vision=vision is not None,
        tower_known=vision is None or bool(tower),
        vision_any_size=isinstance(vision, dict) and "spatial_merge_size" in vision,
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
    total = expert_count(text)
    if not total:
        return None
    # Mixtral calls the size of an expert intermediate_size.
    return Experts(total, fields.either(EXPERTS_USED), fields.either(("moe_intermediate_size", "intermediate_size")))


def _drafter_elements(text: Config, model_type: str, where: str) -> int:
    drafters = int(text.get("mtp_num_hidden_layers") or text.get("num_nextn_predict_layers") or 0)
    return drafters * sum(one.elements for one in drafter_tensors(text, model_type, where)) if drafters else 0


def _tower(vision: t.Any, hidden: int) -> t.Tuple[Tensor, ...]:
    """The tower's matrices; none where its configuration is of a kind that is not known. The checkpoint's files then say what it weighs."""
    if not isinstance(vision, dict):
        return ()
    try:
        return tower_tensors(vision, hidden, "vision_config")
    except ModelError:
        return ()
