# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each layer of a model keeps of a sequence, by the model's config.json.

Kinds as vLLM tells them apart (v1/kv_cache_interface.py): `full` attention, `sliding` windows, `chunked` local attention, `latent` (multi-head latent
attention, one vector for keys and values), and a recurrent `state` of fixed size (Gated DeltaNet, Mamba2).
"""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._fields import Config, Fields, ModelError


class State(t.NamedTuple):
    """A recurrent layer's state: a matrix a head, and the last inputs of a convolution."""

    heads: int
    head_numbers: int
    channels: int
    # Mamba2 shares part of its channels in groups; a split over more GPUs than groups repeats them.
    groups: int
    group_channels: int
    kernel: int
    # Bytes of a number of the matrix; None is those of the model.
    number_bytes: t.Optional[int]


class CacheLayers(t.NamedTuple):
    """Layers of one kind, and what each keeps of a token: `numbers` for each of `heads`. A latent has no heads, and every GPU keeps all of it."""

    kind: str
    layers: int
    heads: int = 0
    numbers: int = 0
    window: int = 0
    state: t.Optional[State] = None


# Names in `layer_types`, `layers_block_type` and, by its letters, `hybrid_override_pattern`.
KINDS = {
    "full_attention": "full",
    "attention": "full",
    "*": "full",
    "sliding_attention": "sliding",
    "chunked_attention": "chunked",
    "linear_attention": "state",
    "mamba": "state",
    "M": "state",
    "mlp": "mlp",
    "moe": "moe",
    "-": "mlp",
    "E": "moe",
}

# Families whose older configurations say nothing of single layers: every how many one has full attention, and what the others have.
PATTERNS: t.Dict[str, t.Tuple[int, str]] = {
    "cohere2": (4, "sliding"),
    "gemma2": (2, "sliding"),
    "gemma3": (6, "sliding"),
    "gemma3_text": (6, "sliding"),
    "gpt_oss": (2, "sliding"),
    "llama4": (4, "chunked"),
    "llama4_text": (4, "chunked"),
    "olmo3": (4, "sliding"),
}
# Families whose cache has parts that their configuration does not give away, and why its size is not foreseen.
UNCERTAIN = {
    "deepseek_v4": "compressed caches of several rates, whose layout was not checked",
    "glm_moe_dsa": "sparse attention whose index is kept by some layers only",
}
INTERVALS = ("sliding_window_pattern", "no_rope_layer_interval", "full_attention_interval")
LLAMA4_CHUNK = 8192
GATED_DELTA_NET_INTERVAL = 4
STATE_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}


def cache_layers(text: Config, model_type: str, where: str) -> t.Tuple[CacheLayers, ...]:
    """The kinds that a model has, full attention first; raises ModelError for a configuration that does not say."""
    fields = Fields(text, where)
    kinds = layer_kinds(text, model_type, where)
    # The last layers of some models read the cache of earlier ones.
    shared = fields.integer("num_kv_shared_layers") if text.get("num_kv_shared_layers") else 0
    kinds = kinds[: max(0, len(kinds) - shared)]
    if not set(kinds) & {"full", "sliding", "chunked"}:
        raise ModelError("%s: no layer has attention with a cache of its own; such a model is not planned" % where)
    made = [_attention(fields, text, kind, count) for kind, count in _counted(kinds, ("full", "sliding", "chunked"))]
    made += [CacheLayers("state", count, state=_state(fields, text)) for _kind, count in _counted(kinds, ("state",))]
    return tuple(made)


def with_drafter(layers: t.Sequence[CacheLayers], drafters: int) -> t.Tuple[CacheLayers, ...]:
    """The same with the layers of a drafter of the model's own kind (MTP), which have full attention."""
    return (layers[0]._replace(layers=layers[0].layers + drafters), *layers[1:])


def _counted(kinds: t.Sequence[str], wanted: t.Sequence[str]) -> t.List[t.Tuple[str, int]]:
    return [(kind, kinds.count(kind)) for kind in wanted if kind in kinds]


def layer_kinds(text: Config, model_type: str, where: str) -> t.List[str]:
    """What each layer is: a kind of attention, a recurrent state, or one without a cache (`mlp`, `moe`)."""
    fields = Fields(text, where)
    layers = fields.integer("num_hidden_layers")
    pattern = text.get("hybrid_override_pattern")
    named = list(pattern) if isinstance(pattern, str) else fields.names("layer_types") or fields.names("layers_block_type")
    if named is not None:
        return [_known(name, where) for name in named]
    if "linear_num_value_heads" in text:
        return _every(layers, fields.integer("full_attention_interval", GATED_DELTA_NET_INTERVAL), "state")
    if model_type in PATTERNS:
        every, other = PATTERNS[model_type]
        return _every(layers, fields.either(INTERVALS, every), other)
    return ["sliding" if _all_slide(text) else "full"] * layers


def _known(name: str, where: str) -> str:
    """A kind that is left out would promise more tokens than there is room for."""
    if name not in KINDS:
        raise ModelError("%s: layers of type %r are not known; known: %s" % (where, name, ", ".join(sorted(KINDS))))
    return KINDS[name]


def _every(layers: int, interval: int, other: str) -> t.List[str]:
    return ["full" if (number + 1) % interval == 0 else other for number in range(layers)]


def _all_slide(text: Config) -> bool:
    # Qwen writes a window and switches it off with use_sliding_window; Mistral and Phi have no such switch.
    return bool(text.get("sliding_window") and text.get("use_sliding_window", True))


def _attention(fields: Fields, text: Config, kind: str, layers: int) -> CacheLayers:
    if text.get("kv_lora_rank"):
        return CacheLayers("latent", layers, 0, fields.integer("kv_lora_rank") + fields.integer("qk_rope_head_dim"))
    heads = fields.integer("num_attention_heads")
    kv_heads = fields.integer("num_key_value_heads", heads)
    head_dim = fields.integer("head_dim", fields.integer("hidden_size") // heads)
    if kind == "full" and text.get("global_head_dim"):
        head_dim, kv_heads = fields.integer("global_head_dim"), fields.integer("num_global_key_value_heads", kv_heads)
    window = 0
    if kind == "sliding":
        window = fields.integer("sliding_window")
    elif kind == "chunked":
        window = fields.integer("attention_chunk_size", LLAMA4_CHUNK)
    return CacheLayers(kind, layers, kv_heads, 2 * head_dim, window)


def _state(fields: Fields, text: Config) -> State:
    number_bytes = STATE_BYTES.get(str(text.get("mamba_ssm_dtype")))
    if "linear_num_value_heads" in text:
        keys = fields.integer("linear_num_key_heads") * fields.integer("linear_key_head_dim")
        heads, value_dim = fields.integer("linear_num_value_heads"), fields.integer("linear_value_head_dim")
        matrix = value_dim * fields.integer("linear_key_head_dim")
        return State(heads, matrix, 2 * keys + heads * value_dim, 0, 0, fields.integer("linear_conv_kernel_dim"), number_bytes)
    heads = fields.either(("mamba_num_heads", "mamba_n_heads"))
    head_dim = fields.either(("mamba_head_dim", "mamba_d_head"))
    state = fields.either(("ssm_state_size", "mamba_d_state"))
    groups = fields.either(("n_groups", "mamba_n_groups"), 1)
    return State(heads, head_dim * state, heads * head_dim, groups, 2 * state, fields.either(("conv_kernel", "mamba_d_conv")), number_bytes)
