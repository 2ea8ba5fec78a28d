# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The terms of the engine's budget against start-up logs that print each of them, and by hand."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._plan._budget import (
    Load,
    activation_bytes,
    budget,
    graph_bytes,
    non_torch_bytes,
    vision_bytes,
    workspace_bytes,
)
from ansible_collections.inferhost.llm.plugins.module_utils._plan._catalogue import config_of, published
from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_versions import Version
from ansible_collections.inferhost.llm.plugins.module_utils._plan._kv import KvRules, layout
from ansible_collections.inferhost.llm.plugins.module_utils._plan._loaded import loaded_bytes
from ansible_collections.inferhost.llm.plugins.module_utils._plan._model_config import Model, read_config
from ansible_collections.inferhost.llm.tests.unit.plugins.model_configs import QWEN3_30B_FP8, QWEN25_14B_AWQ, TINY

GIB = 1 << 30
HOPPER = (9, 0)


def dense(hidden: int, width: int, vocabulary: int, layers: int = 32) -> Model:
    return read_config(dict(TINY, hidden_size=hidden, intermediate_size=width, vocab_size=vocabulary, num_hidden_layers=layers))


# hidden, feed-forward and vocabulary size, version, GPUs, GiB of the log; all on H100 with 8,192 tokens a step and 1,024 sequences
ACTIVATION: t.List[t.Tuple[int, int, int, Version, int, float]] = [
    (4096, 11008, 32016, (0, 19, 0), 1, 0.77),
    (2304, 9216, 256000, (0, 19, 0), 1, 3.62),
    (2560, 10240, 51200, (0, 19, 0), 1, 0.79),
    (4096, 12288, 151936, (0, 19, 0), 1, 2.21),
    (4096, 14336, 128256, (0, 19, 0), 1, 1.89),
    (8192, 28672, 128256, (0, 19, 0), 2, 1.96),
    (1024, 3072, 151936, (0, 11, 0), 1, 5.56),
    (5120, 25600, 151936, (0, 11, 0), 2, 5.64),
    (5120, 17408, 151936, (0, 16, 0), 1, 5.64),
    (5120, 17408, 151936, (0, 17, 0), 1, 2.23),
]


@pytest.mark.parametrize(("hidden", "width", "vocabulary", "version", "gpus", "logged"), ACTIVATION)
def test_the_activation_peak_of_published_logs(hidden: int, width: int, vocabulary: int, version: Version, gpus: int, logged: float) -> None:
    load = Load(dense(hidden, width, vocabulary), version, gpus, 8192, 1024, HOPPER)
    assert activation_bytes(load) / GIB == pytest.approx(logged, abs=0.06)


def test_experts_keep_their_buffers() -> None:
    load = Load(read_config(QWEN3_30B_FP8), (0, 19, 0), 1, 8192, 1024, HOPPER)
    # 8 experts of 768 at a width of 2,048: 2 x 8,192 x 8 x (2,048 + 2,048) bytes.
    assert workspace_bytes(load) == 536_870_912
    assert activation_bytes(load) / GIB == pytest.approx(2.68, abs=0.03)
    # Before 0.13 they were freed before the sampler's trial.
    early, later = (activation_bytes(load._replace(version=version)) for version in ((0, 12, 0), (0, 13, 0)))
    assert later - early == 536_870_912


def test_images() -> None:
    fixed = read_config(dict(TINY, vision_config={"num_hidden_layers": 1, "hidden_size": 8, "intermediate_size": 16}))
    any_size = read_config(dict(TINY, vision_config={"depth": 1, "hidden_size": 8, "intermediate_size": 5120, "spatial_merge_size": 2}))
    assert vision_bytes(fixed) == int(0.14 * GIB)
    # 65,536 patches x 5,120 x 1.8 x 2 bytes
    assert vision_bytes(any_size) == 1_207_959_552
    unknown = read_config(dict(TINY, vision_config={"spatial_merge_size": 2}))
    assert vision_bytes(unknown) == int(2 * 65536 * 1.8 * 4304)


@pytest.mark.parametrize(
    ("version", "gpus", "capability", "gib"),
    [
        ((0, 11, 0), 1, HOPPER, 0.13),
        ((0, 19, 0), 1, HOPPER, 0.25),
        ((0, 11, 0), 2, HOPPER, 0.54),
        ((0, 19, 0), 2, HOPPER, 2.15),
        ((0, 22, 0), 2, (7, 5), 0.2),
        ((0, 22, 0), 2, None, 2.15),
        ((0, 25, 0), 1, (12, 1), 1.25),
    ],
)
def test_what_is_not_torch_s(version: Version, gpus: int, capability: t.Optional[t.Tuple[int, int]], gib: float) -> None:
    assert non_torch_bytes(Load(dense(128, 384, 320), version, gpus, 2048, 32, capability)) == pytest.approx(gib * GIB, abs=1)


def test_graphs_by_layers_and_sequences() -> None:
    load = Load(dense(128, 384, 320, layers=48), (0, 22, 0), 1, 2048, 64)
    assert [graph_bytes(load._replace(sequences=one)) >> 20 for one in (2, 64, 65, 1024)] == [48, 48 * 4, 48 * 12, 48 * 26]
    assert graph_bytes(load._replace(eager=True)) == 0


def test_graphs_are_taken_off_since_0_20() -> None:
    load = Load(read_config(QWEN25_14B_AWQ), (0, 19, 1), 1, 2048, 32)
    before, since = budget(load, 20 * GIB, 0.9, 0), budget(load._replace(version=(0, 20, 0)), 20 * GIB, 0.9, 0)
    assert (before.graphs, since.graphs) == (0, graph_bytes(load))
    assert before.cache - since.cache == graph_bytes(load)
    assert before.cache == before.requested - before.activation - before.non_torch and before.requested == 18 * GIB


@pytest.mark.parametrize(("utilization", "least", "most"), [(0.92, 687, 721), (0.95, 900, 950)])
def test_the_state_blocks_of_a_report(utilization: float, least: int, most: int) -> None:
    # Qwen3-Coder-Next-FP8 on 95.59 GiB with 1,024 sequences: "exceeds available Mamba cache blocks (687)". The report gives a share of 0.95, at which
    # the arithmetic finds room for a third more; with the engine's own share since 0.20.2, which is 0.92, it finds 706.
    model = read_config(config_of(published("Qwen3-Coder-Next-FP8")))
    load = Load(model, (0, 22, 0), 1, 8192, 1024, (12, 0))
    left = budget(load, int(95.59 * GIB), utilization, loaded_bytes(model) or 0).cache
    cache = layout(model.cache, 2, 2, 16, 1, KvRules(2, 1.5, 8192))
    assert least <= cache.blocks(left) <= most
