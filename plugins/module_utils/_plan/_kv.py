# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many tokens a cache of a given size holds. Pure arithmetic, per GPU.

Read from vLLM's source (0.9.2 to 0.33.0: kv_cache_utils.py, kv_cache_interface.py) and checked against published start-up logs,
some of which are the cases of the unit tests.
"""

from __future__ import annotations

import math
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._model_config import DTYPE_BYTES, LinearAttention, Model

# Kernels of hybrid models want the attention block in steps of this many tokens.
HYBRID_STEP = 16


class KvLayout(t.NamedTuple):
    """How the engine cuts the cache: one block serves `layers_a_block` layers for `block_tokens` tokens."""

    block_tokens: int
    block_bytes: int
    # Groups of layers whose blocks grow with the sequence, and blocks that a sequence holds whatever its length.
    growing_groups: int
    fixed_blocks: int
    bytes_per_token: int
    state_bytes_per_sequence: int

    def blocks(self, available_bytes: int) -> int:
        """Blocks that fit."""
        return max(0, available_bytes // self.block_bytes)

    def blocks_for(self, tokens: int) -> int:
        """Blocks that one sequence of this length holds."""
        return self.growing_groups * math.ceil(tokens / self.block_tokens) + self.fixed_blocks

    def longest(self, available_bytes: int, sequences: int = 1) -> int:
        """Longest length at which so many sequences fit at once."""
        blocks = self.blocks(available_bytes) // max(1, sequences) - self.fixed_blocks
        return max(0, blocks // self.growing_groups) * self.block_tokens

    def concurrency(self, available_bytes: int, tokens: int) -> float:
        """Sequences of this length that fit at once."""
        return self.blocks(available_bytes) / self.blocks_for(tokens)

    def tokens(self, available_bytes: int, length: int) -> int:
        """Tokens held when every sequence has this length; for a uniform model simply blocks times their size."""
        if self.fixed_blocks == 0 and self.growing_groups == 1:
            return self.blocks(available_bytes) * self.block_tokens
        return int(self.concurrency(available_bytes, length) * length)

    def bytes_for(self, tokens: int, sequences: int = 1) -> int:
        """Bytes that so many sequences of this length need."""
        return sequences * self.blocks_for(tokens) * self.block_bytes


def layout(model: Model, element_bytes: int, block_tokens: int, tensor_parallel: int, state_blocks: int, grow_limit: float) -> KvLayout:
    """The cache of a model; `state_blocks` and `grow_limit` differ between engine versions and count for hybrid models only."""
    kv_heads = max(1, model.kv_heads // tensor_parallel)
    token_bytes = 2 * kv_heads * model.head_dim * element_bytes
    if model.linear is None:
        return KvLayout(block_tokens, block_tokens * token_bytes * model.layers, 1, 0, token_bytes * model.layers, 0)
    state = linear_state_bytes(model.linear, DTYPE_BYTES[model.dtype], tensor_parallel)
    # The attention block grows until its page is as large as a layer's state, so that one pool serves both.
    block = HYBRID_STEP * math.ceil(state / (HYBRID_STEP * token_bytes))
    group = group_size(model.full_layers, model.linear.layers, grow_limit)
    state_groups = math.ceil(model.linear.layers / group)
    page = block * token_bytes
    return KvLayout(
        block_tokens=block,
        block_bytes=page * group,
        growing_groups=math.ceil(model.full_layers / group),
        fixed_blocks=state_groups * state_blocks,
        bytes_per_token=token_bytes * model.full_layers,
        state_bytes_per_sequence=state_groups * state_blocks * page * group,
    )


def group_size(one: int, other: int, grow_limit: float) -> int:
    """Layers a group: the smaller count, or the larger where padding to it is cheap."""
    small, large = sorted((one, other))
    return large if large < grow_limit * small else small


def linear_state_bytes(linear: LinearAttention, model_bytes: int, tensor_parallel: int) -> int:
    """State of one Gated DeltaNet layer for one sequence: the last inputs of the convolution and the recurrent matrix."""
    channels = (2 * linear.key_heads * linear.key_head_dim + linear.value_heads * linear.value_head_dim) // tensor_parallel
    convolution = channels * (linear.conv_kernel - 1) * model_bytes
    recurrent = linear.value_heads // tensor_parallel * linear.value_head_dim * linear.key_head_dim * (linear.state_bytes or model_bytes)
    return convolution + recurrent


def kv_element_bytes(kv_cache_dtype: str, compute_dtype: str) -> int:
    """Bytes of one cached number."""
    if kv_cache_dtype == "auto":
        return DTYPE_BYTES[compute_dtype]
    return 1 if kv_cache_dtype.startswith("fp8") else DTYPE_BYTES[kv_cache_dtype]


def gib(count: float) -> int:
    """GiB to bytes."""
    return int(count * (1 << 30))


def in_gib(count: t.Union[int, float]) -> str:
    """Bytes for people."""
    return "%.2f GiB" % (count / (1 << 30))
