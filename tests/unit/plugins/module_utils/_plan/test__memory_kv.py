# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cache capacity against published start-up logs: what the engine said was available, and the tokens it made of it."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._plan._cache_layers import cache_layers, with_drafter
from ansible_collections.inferhost.llm.plugins.module_utils._plan._kv import Group, KvLayout, KvRules, group_size, layout
from ansible_collections.inferhost.llm.plugins.module_utils._plan._model_config import read_config
from ansible_collections.inferhost.llm.tests.unit.plugins.model_configs import QWEN3_30B_FP8, QWEN25_14B_AWQ, QWEN36_27B, TINY

GIB = 1 << 30
RULES = KvRules(state_blocks=2, group_growth=1.5, batched=2048)


def cache_of(config: t.Dict[str, t.Any], number_bytes: int = 2, parallel: int = 1, block: int = 16, rules: KvRules = RULES) -> KvLayout:
    return layout(read_config(config).cache, number_bytes, 2, block, parallel, rules)


# model, available GiB a GPU, tokens. The log rounds GiB to two places, so to half of 0.01 GiB.
UNIFORM = [
    # vLLM 0.13, 0.22.1 and 0.10.2
    (QWEN25_14B_AWQ, 10.39, 56_736),
    (QWEN3_30B_FP8, 42.54, 464_656),
    (QWEN3_30B_FP8, 8.68, 94_784),
]


@pytest.mark.parametrize(("config", "gib", "tokens"), UNIFORM)
def test_uniform_models(config: t.Dict[str, t.Any], gib: float, tokens: int) -> None:
    cache = cache_of(config)
    least, most = (cache.tokens(int((gib + off) * GIB), 4096) for off in (-0.005, 0.005))
    assert least <= tokens <= most
    assert cache.tokens(int(gib * GIB), 4096) == cache.tokens_of_a_group(int(gib * GIB))


# tensor parallel, blocks of state a sequence, GiB, length, requests at once. Two of vLLM 0.19 (Qwen3.5-27B, the same shape) without
# prefix caching, one of 0.27.1 with it.
HYBRID = [
    (4, 1, 7.00, 32_768, 12.98),
    (4, 1, 7.56, 50_000, 9.42),
    (1, 2, 41.03, 4_096, 71.42),
]


@pytest.mark.parametrize(("parallel", "state_blocks", "gib", "length", "at_once"), HYBRID)
def test_hybrid_models(parallel: int, state_blocks: int, gib: float, length: int, at_once: float) -> None:
    cache = cache_of(QWEN36_27B, parallel=parallel, rules=RULES._replace(state_blocks=state_blocks))
    # The three logs agree: "Setting attention block size to 784 tokens".
    assert cache.block_tokens == 784
    least, most = (cache.concurrency(int((gib + off) * GIB), length) for off in (-0.005, 0.005))
    assert least - 0.005 <= at_once <= most + 0.005


def test_the_tokens_of_a_hybrid_as_the_log_counts_them() -> None:
    # 857 blocks, 6 for the length and 2 for each of three groups of states: 857 / 12 x 4,096.
    cache = cache_of(QWEN36_27B)
    assert cache.tokens(int(41.03 * GIB), 4096) == 292_522


def test_an_eight_bit_cache_doubles_the_block_of_a_hybrid() -> None:
    assert cache_of(QWEN36_27B, 1).block_tokens == 1568


def test_a_drafter_has_a_layer_of_its_own_and_its_tokens_widen_the_state() -> None:
    """vLLM 0.25.1, Qwen3.8-27B with an 8-bit cache and two tokens of MTP: blocks of 1,600 tokens, 76.4 GiB, 8.36 requests of 262,144."""
    cache = layout(with_drafter(read_config(QWEN36_27B).cache, 1), 1, 2, 16, 1, RULES._replace(drafted=2))
    assert cache.block_tokens == 1600
    assert cache.tokens(int(76.4 * GIB), 262_144) == 2_192_477


def test_by_hand() -> None:
    # 2 x 4 KV heads x 32 x 4 bytes x 4 layers = 4,096 bytes a token; a block of 128 is 524,288 bytes; 1 GiB has 2,048 of them.
    cache = cache_of(TINY, 4, block=128)
    assert (cache.bytes_per_token, cache.block_bytes, cache.blocks(GIB)) == (4096, 524_288, 2048)
    assert cache.tokens(GIB, 1) == 262_144
    assert cache.concurrency(GIB, 65_536) == 4.0
    assert cache.longest(GIB, 10**6, 4) == 65_536
    assert cache.longest(GIB, 1000, 4) == 1000
    assert cache.bytes_for(129) == 2 * 524_288


def test_more_gpus_than_kv_heads_replicate_them() -> None:
    assert cache_of(QWEN3_30B_FP8, parallel=8).bytes_per_token == 48 * 2 * 128 * 2


def test_nothing_fits_into_nothing() -> None:
    cache = cache_of(QWEN36_27B)
    assert (cache.blocks(-5), cache.longest(-5, 100), cache.longest(0, 100)) == (0, 0, 0)


@pytest.mark.parametrize(
    ("counts", "limit", "group"),
    [((48, 16), 1.5, 16), ((48, 17), 1.5, 17), ((24, 20), 1.25, 24), ((24, 20), 1.0, 20), ((12, 12), 1.0, 12), ((12, 12), 1.5, 12)],
)
def test_layers_a_group(counts: t.Tuple[int, int], limit: float, group: int) -> None:
    assert group_size(counts, limit) == group


def test_blocks_for_a_length() -> None:
    cache = KvLayout(1, (Group("full", 784), *[Group("state", 784)] * 3), RULES, 1)
    assert [cache.blocks_for(tokens) for tokens in (1, 784, 785)] == [7, 7, 8]
    # A window of 100 with a step of 50 tokens keeps up to 149, in 10 blocks, and one more because it rarely begins with one.
    rules = RULES._replace(batched=50)
    assert [Group("sliding", 16, 100).blocks_for(tokens, rules) for tokens in (16, 149, 10**6)] == [2, 11, 11]
    assert [Group("chunked", 16, 100).blocks_for(tokens, rules) for tokens in (16, 150, 10**6)] == [1, 10, 10]


def test_without_the_hybrid_manager_a_window_keeps_everything() -> None:
    layers = cache_layers(dict(TINY, sliding_window=512, num_hidden_layers=4), "gemma2", "config.json")
    mixed, plain = (layout(layers, 2, 2, 16, 1, RULES._replace(hybrid=hybrid)) for hybrid in (True, False))
    assert [group.kind for group in mixed.groups] == ["full", "sliding"]
    assert {group.kind for group in plain.groups} == {"full"}
    assert plain.block_bytes == 2 * mixed.block_bytes
    assert mixed.concurrency(GIB, 65_536) > plain.concurrency(GIB, 65_536)
