# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters and weight bytes by the shape of the layers, for when the tensors themselves cannot be counted."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._kv import DTYPE_BYTES
from ansible_collections.inferhost.llm.plugins.module_utils._plan._model_config import LinearAttention, Model

# Bits of the scale (float16) that each group of quantised weights carries.
SCALE_BITS = 16


class Parameters(t.NamedTuple):
    """Counts; `linear` is the part that quantisation shrinks, `embedding` the input table, of which a token reads one row."""

    total: int
    active: int
    linear: int
    embedding: int


def parameters(model: Model) -> Parameters:
    """Parameters of the text model; a vision tower and drafter layers are not in it."""
    hidden = model.hidden_size
    attention = model.full_layers * _attention(model)
    if model.linear is not None:
        attention += model.linear.layers * _linear_attention(model.linear, hidden)
    if model.experts is None:
        feed_forward = active_feed_forward = model.layers * 3 * hidden * model.intermediate_size
        routers = 0
    else:
        expert = 3 * hidden * model.experts.intermediate_size
        shared = 3 * hidden * model.experts.shared_intermediate_size
        feed_forward = model.layers * (model.experts.total * expert + shared)
        active_feed_forward = model.layers * (model.experts.used * expert + shared)
        routers = model.layers * hidden * model.experts.total
    table = model.vocab_size * hidden
    rest = routers + table * (1 if model.tied_embeddings else 2) + (2 * model.layers + 1) * hidden
    linear = attention + feed_forward
    return Parameters(linear + rest, attention + active_feed_forward + rest, linear, table)


def weight_bytes(model: Model) -> t.Optional[int]:
    """Bytes of the weights as the checkpoint stores them; None for a quantisation whose layout is not known here."""
    count = parameters(model)
    bits = linear_bits(model)
    if bits is None:
        return None
    return int(count.linear * bits / 8) + (count.total - count.linear) * DTYPE_BYTES[model.dtype]


def linear_bits(model: Model) -> t.Optional[float]:
    """Bits a weight of the linear layers, scales and zero points included."""
    quantization = model.quantization
    if quantization is None:
        return 8.0 * DTYPE_BYTES[model.dtype]
    if quantization.method in ("awq", "gptq") and quantization.bits and quantization.group_size and quantization.group_size > 0:
        return quantization.bits + (SCALE_BITS + quantization.bits) / quantization.group_size
    if quantization.method == "fp8":
        # A float32 scale a block, or one a tensor, which does not count.
        return 8.0 + (32.0 / (quantization.block[0] * quantization.block[1]) if quantization.block else 0.0)
    return None


def _attention(model: Model) -> int:
    query = model.heads * model.head_dim
    key_value = model.kv_heads * model.head_dim
    # A gated attention projects its gate together with the query.
    return model.hidden_size * (query * (2 if model.gated_attention else 1) + 2 * key_value + query)


def _linear_attention(linear: LinearAttention, hidden: int) -> int:
    keys = linear.key_heads * linear.key_head_dim
    values = linear.value_heads * linear.value_head_dim
    projections = hidden * (2 * keys + 2 * values + 2 * linear.value_heads) + values * hidden
    return projections + (2 * keys + values) * linear.conv_kernel
