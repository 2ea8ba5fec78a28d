# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many tokens a cache of a given size holds. Pure arithmetic, per GPU.

Read from vLLM's source (0.9.2 to 0.33.0: kv_cache_utils.py, kv_cache_interface.py) and checked against published start-up logs (`make score-plan`).
"""

from __future__ import annotations

import math
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._cache_layers import CacheLayers, State

DTYPE_BYTES = {"bfloat16": 2, "float16": 2, "float32": 4}

# Kernels of hybrid models want the attention block in steps of this many tokens.
HYBRID_STEP = 16


class KvRules(t.NamedTuple):
    """What differs between engine versions and settings."""

    # Blocks that a sequence holds in each recurrent group.
    state_blocks: int
    # How many times the smaller layer count the larger may be for both to share one group size.
    group_growth: float
    # Tokens of a step, which a window keeps besides itself.
    batched: int
    # Whether windows are freed as they pass; without it every layer keeps all tokens.
    hybrid: bool = True
    # Tokens that are drafted at a time, each with a recurrent state of its own.
    drafted: int = 0


class Group(t.NamedTuple):
    """Layers whose blocks are held and freed together."""

    kind: str
    block_tokens: int
    window: int = 0

    def blocks_for(self, tokens: int, rules: KvRules) -> int:
        """Blocks that one sequence of this length holds."""
        if self.kind == "state":
            return rules.state_blocks + rules.drafted
        if self.kind == "sliding":
            # One more, because a window rarely begins where a block does.
            return math.ceil(min(self.window - 1 + rules.batched, tokens) / self.block_tokens) + 1
        if self.kind == "chunked":
            return math.ceil(min(self.window + rules.batched, tokens) / self.block_tokens)
        return math.ceil(tokens / self.block_tokens)


class KvLayout(t.NamedTuple):
    """How the engine cuts the cache: one block serves a group's layers for its tokens, and blocks of all groups are equally large."""

    block_bytes: int
    groups: t.Tuple[Group, ...]
    rules: KvRules
    bytes_per_token: int

    @property
    def block_tokens(self) -> int:
        """Tokens of a block, of the group where they are fewest."""
        return min(group.block_tokens for group in self.groups)

    @property
    def state_bytes_per_sequence(self) -> int:
        """Of the recurrent layers, whatever the length."""
        return sum(group.blocks_for(1, self.rules) for group in self.groups if group.kind == "state") * self.block_bytes

    def blocks(self, available_bytes: int) -> int:
        """Blocks that fit."""
        return max(0, available_bytes // self.block_bytes)

    def blocks_for(self, tokens: int) -> int:
        """Blocks that one sequence of this length holds."""
        return sum(group.blocks_for(tokens, self.rules) for group in self.groups)

    def longest(self, available_bytes: int, most: int, sequences: int = 1) -> int:
        """Longest length, up to `most`, at which so many sequences fit at once."""
        blocks = self.blocks(available_bytes) // max(1, sequences)
        least = 0
        while least < most:
            middle = (least + most + 1) // 2
            least, most = (middle, most) if self.blocks_for(middle) <= blocks else (least, middle - 1)
        return least

    def concurrency(self, available_bytes: int, tokens: int) -> float:
        """Sequences of this length that fit at once."""
        return self.blocks(available_bytes) / self.blocks_for(tokens)

    def tokens(self, available_bytes: int, length: int) -> int:
        """Tokens held when every sequence has this length; for a uniform model simply blocks times their size. What logs say since 0.20.2."""
        if [group.kind for group in self.groups] in (["full"], ["latent"]):
            return self.blocks(available_bytes) * self.block_tokens
        return int(self.concurrency(available_bytes, length) * length)

    def tokens_of_a_group(self, available_bytes: int) -> int:
        """Tokens when each group gets the same share of the blocks. What logs said up to 0.20.1, and no capacity where groups differ."""
        return self.blocks(available_bytes) // len(self.groups) * self.block_tokens

    def bytes_for(self, tokens: int, sequences: int = 1) -> int:
        """Bytes that so many sequences of this length need."""
        return sequences * self.blocks_for(tokens) * self.block_bytes


def layout(layers: t.Sequence[CacheLayers], number_bytes: int, model_bytes: int, block_tokens: int, tensor_parallel: int, rules: KvRules) -> KvLayout:
    """The cache of a model. `number_bytes`: of a cached number; `model_bytes`: of the model's own, and so of a state that does not say otherwise."""
    if not rules.hybrid:
        layers = [one if one.kind in ("latent", "state") else one._replace(kind="full", window=0) for one in layers]
    growing = [one for one in layers if one.state is None]
    states = [one for one in layers if one.state is not None]
    per_token = {one: max(1, one.heads // tensor_parallel) * one.numbers * number_bytes for one in growing}
    total = sum(one.layers * per_token[one] for one in growing)
    if len({(one.kind, one.window) for one in growing}) == 1 and not states:
        group = Group(growing[0].kind, block_tokens, growing[0].window)
        return KvLayout(block_tokens * total, (group,), rules, total)
    largest = max(per_token.values())
    if states:
        # The attention block grows until its page is as large as a layer's state, so that one pool serves both.
        state = max(state_bytes(one.state, model_bytes, tensor_parallel, rules.drafted) for one in states if one.state is not None)
        block_tokens = HYBRID_STEP * math.ceil(state / (HYBRID_STEP * largest))
    group_layers = group_size([one.layers for one in layers], rules.group_growth)
    groups: t.List[Group] = []
    for one in layers:
        # Where a token takes less, a page of the same size holds more of them.
        tokens = block_tokens * largest // per_token[one] if one.state is None else block_tokens
        groups += [Group(one.kind, tokens, one.window)] * math.ceil(one.layers / group_layers)
    return KvLayout(block_tokens * largest * group_layers, tuple(groups), rules, total)


def group_size(counts: t.Sequence[int], growth: float) -> int:
    """Layers a group: the smallest count, or the largest where padding to it is cheap."""
    return max(counts) if max(counts) < growth * min(counts) else min(counts)


def state_bytes(state: State, model_bytes: int, tensor_parallel: int, drafted: int = 0) -> int:
    """State of one recurrent layer for one sequence: the last inputs of the convolution and the matrices."""
    groups = math.ceil(state.groups / tensor_parallel) * tensor_parallel
    channels = (state.channels + groups * state.group_channels) // tensor_parallel
    matrices = state.heads // tensor_parallel * state.head_numbers
    return channels * (state.kernel - 1 + drafted) * model_bytes + matrices * (state.number_bytes or model_bytes)


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
