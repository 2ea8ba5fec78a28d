# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The matrices of a language model, as the engine holds them, by the model's config.json. Pure.

Read from vLLM's models (0.9.2 to 0.33.0): queries, keys and values are one matrix there, gate and up-projection another, and the experts of a layer two.
"""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._fields import Config, Fields

# Parts: what a format may quantise (`linear`, `experts`) and what stays as it is.
QUANTISED_PARTS = ("linear", "experts")

# Feed-forward layers of two matrices instead of three.
UNGATED = frozenset(("nemotron_h", "phi"))
# A mixture of experts beside a dense feed-forward layer, in every layer.
BOTH = frozenset(("gemma4", "gemma4_text"))
# What families call the number of experts that a token uses.
EXPERTS_USED = ("num_experts_per_tok", "top_k_experts", "moe_topk")
GATED_DELTA_NET = "linear_num_value_heads"


class Tensor(t.NamedTuple):
    """One matrix of `rows` x `columns`; `name` is that of its first piece in a checkpoint, below `model.`."""

    name: str
    rows: int
    columns: int
    part: str
    # Whether tensor parallelism divides it. A norm, a router and the way into a latent are held by every GPU.
    split: bool = True
    # Elements of keys and values, which can be divided by their number of heads at most.
    kv_elements: int = 0
    kv_heads: int = 1
    # Experts in it, and those that one token uses.
    experts: int = 1
    used: int = 1

    @property
    def elements(self) -> int:
        """In the checkpoint, on all GPUs together."""
        return self.rows * self.columns

    def share(self, tensor_parallel: int) -> int:
        """Elements on one of so many GPUs."""
        if not self.split:
            return self.elements
        return (self.elements - self.kv_elements) // tensor_parallel + self.kv_elements // min(tensor_parallel, self.kv_heads)


def text_tensors(text: Config, model_type: str, kinds: t.Sequence[str], tied: bool, where: str) -> t.Tuple[Tensor, ...]:
    """All matrices of the language model. `kinds`: what each layer is, as _cache_layers tells them apart. Raises ModelError for a missing field."""
    fields = Fields(text, where)
    hidden, vocabulary = fields.integer("hidden_size"), fields.integer("vocab_size")
    made = [Tensor("embed_tokens", vocabulary, hidden, "table")]
    if not tied:
        made.append(Tensor("lm_head", vocabulary, hidden, "table"))
    for number, kind in enumerate(kinds):
        prefix = "layers.%d." % number
        made += [one._replace(name=prefix + one.name) for one in _mixer(fields, text, kind, hidden)]
        made += [one._replace(name=prefix + one.name) for one in _feed_forward(fields, text, model_type, number, kind, hidden)]
        made.append(Tensor(prefix + "norms", 2, hidden, "norms", split=False))
    made.append(Tensor("norm", 1, hidden, "norms", split=False))
    return tuple(made)


def drafter_tensors(text: Config, model_type: str, where: str) -> t.Tuple[Tensor, ...]:
    """One layer that drafts tokens (MTP): a layer of the model's own kind, and the way into it from two vectors. Checkpoints leave it unquantised."""
    fields = Fields(text, where)
    hidden, number = fields.integer("hidden_size"), fields.integer("num_hidden_layers") - 1
    made = _mixer(fields, text, "full", hidden) + _feed_forward(fields, text, model_type, number, "full", hidden)
    return tuple(one._replace(name="mtp." + one.name, part="drafter") for one in [Tensor("fc", hidden, 2 * hidden, "drafter"), *made])


def _mixer(fields: Fields, text: Config, kind: str, hidden: int) -> t.List[Tensor]:
    """What mixes the tokens of a layer: attention, a latent, a recurrence, or nothing."""
    if kind in ("mlp", "moe"):
        return []
    if kind == "state":
        return _gated_delta_net(fields, hidden) if GATED_DELTA_NET in text else _mamba2(fields, hidden)
    if text.get("kv_lora_rank"):
        return _latent(fields, text, hidden)
    return _attention(fields, text, kind, hidden)


def _attention(fields: Fields, text: Config, kind: str, hidden: int) -> t.List[Tensor]:
    heads = fields.integer("num_attention_heads")
    kv_heads = fields.integer("num_key_value_heads", heads)
    head_dim = fields.integer("head_dim", hidden // heads)
    if kind == "full" and text.get("global_head_dim"):
        head_dim, kv_heads = fields.integer("global_head_dim"), fields.integer("num_global_key_value_heads", kv_heads)
    query = heads * head_dim
    # Keys that serve as values too are held twice all the same.
    keys_and_values = kv_heads * (head_dim + fields.integer("v_head_dim", head_dim))
    # A gated attention projects its gate together with the query. All models that mix in Gated DeltaNet have one.
    gated = bool(text.get("attn_output_gate", GATED_DELTA_NET in text))
    into = query * (2 if gated else 1) + keys_and_values
    return [
        Tensor("self_attn.q_proj", into, hidden, "linear", kv_elements=keys_and_values * hidden, kv_heads=kv_heads),
        Tensor("self_attn.o_proj", hidden, heads * fields.integer("v_head_dim", head_dim), "linear"),
    ]


def _latent(fields: Fields, text: Config, hidden: int) -> t.List[Tensor]:
    heads, latent = fields.integer("num_attention_heads"), fields.integer("kv_lora_rank")
    rope, plain, value = fields.integer("qk_rope_head_dim"), fields.integer("qk_nope_head_dim"), fields.integer("v_head_dim")
    made = [
        # After loading the engine keeps the way out of the latent a second time, by keys and by values, in the model's own type.
        Tensor("self_attn.kv_b_proj", heads * (plain + value), latent, "linear"),
        Tensor("self_attn.kv_b_proj.absorbed", heads * (plain + value), latent, "absorbed"),
        Tensor("self_attn.o_proj", hidden, heads * value, "linear"),
    ]
    if not text.get("q_lora_rank"):
        into = [Tensor("self_attn.q_proj", heads * (plain + rope), hidden, "linear")]
        return [*into, Tensor("self_attn.kv_a_proj_with_mqa", latent + rope, hidden, "linear", split=False), *made]
    low = fields.integer("q_lora_rank")
    return [
        Tensor("self_attn.q_a_proj", low + latent + rope, hidden, "linear", split=False),
        Tensor("self_attn.q_b_proj", heads * (plain + rope), low, "linear"),
        *made,
    ]


def _gated_delta_net(fields: Fields, hidden: int) -> t.List[Tensor]:
    keys = fields.integer("linear_num_key_heads") * fields.integer("linear_key_head_dim")
    value_heads = fields.integer("linear_num_value_heads")
    values = value_heads * fields.integer("linear_value_head_dim")
    return [
        Tensor("linear_attn.in_proj_qkv", 2 * keys + 2 * values, hidden, "linear"),
        # The two numbers a head that steer the recurrence are too few to be quantised.
        Tensor("linear_attn.in_proj_a", 2 * value_heads, hidden, "recurrence"),
        Tensor("linear_attn.conv1d", 2 * keys + values, fields.integer("linear_conv_kernel_dim"), "recurrence"),
        Tensor("linear_attn.out_proj", hidden, values, "linear"),
    ]


def _mamba2(fields: Fields, hidden: int) -> t.List[Tensor]:
    heads = fields.either(("mamba_num_heads", "mamba_n_heads"))
    inner = heads * fields.either(("mamba_head_dim", "mamba_d_head"))
    shared = 2 * fields.either(("n_groups", "mamba_n_groups"), 1) * fields.either(("ssm_state_size", "mamba_d_state"))
    return [
        Tensor("mixer.in_proj", 2 * inner + shared + heads, hidden, "linear"),
        Tensor("mixer.conv1d", inner + shared, fields.either(("conv_kernel", "mamba_d_conv")), "recurrence"),
        Tensor("mixer.out_proj", hidden, inner, "linear"),
    ]


def _feed_forward(fields: Fields, text: Config, model_type: str, number: int, kind: str, hidden: int) -> t.List[Tensor]:
    """Dense, a mixture of experts, both, or none."""
    # Nemotron's layers are one thing each: a mixer, a feed-forward or a mixture of experts.
    one_thing = "hybrid_override_pattern" in text
    if one_thing and kind not in ("mlp", "moe"):
        return []
    up = 1 if model_type in UNGATED else 2
    expert_layer = kind == "moe" if one_thing else has_experts(text, number)
    made: t.List[Tensor] = []
    if not expert_layer or model_type in BOTH:
        made += _dense("mlp", _dense_width(fields, text), hidden, up)
    if expert_layer:
        made += _experts(fields, text, model_type, hidden, up)
    return made


def expert_count(text: Config) -> int:
    """Routed experts of a layer that has them; families call them differently. 0 for a dense model."""
    return next((int(text[name]) for name in ("num_experts", "num_local_experts", "n_routed_experts") if text.get(name)), 0)


def has_experts(text: Config, number: int) -> bool:
    """Whether this layer is a mixture of experts; the first ones, or every other one, may be dense."""
    if not expert_count(text) or number < int(text.get("first_k_dense_replace") or 0):
        return False
    if number in (text.get("mlp_only_layers") or ()):
        return False
    frequency = text.get("moe_layer_freq")
    if isinstance(frequency, list):
        return bool(frequency[number])
    step = int(text.get("interleave_moe_layer_step") or text.get("decoder_sparse_step") or 1)
    return (number + 1) % step == 0


def _dense_width(fields: Fields, text: Config) -> int:
    # Llama 4 names the width of its dense layers apart from that of its experts.
    return fields.either(("intermediate_size_mlp", "intermediate_size"))


def _dense(name: str, width: int, hidden: int, up: int) -> t.List[Tensor]:
    first = "%s.gate_proj" if up == 2 else "%s.up_proj"
    return [Tensor(first % name, up * width, hidden, "linear"), Tensor("%s.down_proj" % name, hidden, width, "linear")]


def _experts(fields: Fields, text: Config, model_type: str, hidden: int, up: int) -> t.List[Tensor]:
    total, used = expert_count(text), fields.either(EXPERTS_USED)
    width = fields.either(("moe_intermediate_size", "intermediate_size"))
    # Some models run their experts in a space smaller than the model's own.
    space = fields.integer("moe_latent_size", hidden)
    made = [
        Tensor("mlp.gate", total, hidden, "router", split=False),
        Tensor("mlp.experts.0.gate_proj", total * up * width, space, "experts", experts=total, used=used),
        Tensor("mlp.experts.0.down_proj", total * space, width, "experts", experts=total, used=used),
    ]
    if space != hidden:
        made.append(Tensor("mlp.fc1_latent_proj", 2 * space, hidden, "linear", split=False))
    shared = shared_width(text, model_type, width)
    return made + (_dense("mlp.shared_expert", shared, hidden, up) if shared else [])


def shared_width(text: Config, model_type: str, width: int) -> int:
    """Width of the experts that every token uses, all together."""
    if model_type.startswith("llama4"):
        return width
    named = text.get("shared_expert_intermediate_size") or text.get("moe_shared_expert_intermediate_size") or text.get("shared_intermediate_size")
    return int(named or int(text.get("n_shared_experts") or 0) * width)
