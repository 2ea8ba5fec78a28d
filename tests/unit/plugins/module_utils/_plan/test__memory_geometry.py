# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Weights by the shape of the layers against what published start-up logs say the load took."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._plan._cuda import WEIGHTS_MARGIN
from ansible_collections.inferhost.llm.plugins.module_utils._plan._geometry import parameters, weight_bytes
from ansible_collections.inferhost.llm.plugins.module_utils._plan._model_config import read_config
from ansible_collections.inferhost.llm.tests.unit.plugins.model_configs import QWEN3_30B_FP8, QWEN25_1B5, QWEN25_14B_AWQ, QWEN36_27B, TINY, without

GIB = 1 << 30


def test_by_hand() -> None:
    # A layer: attention 128 x (128 + 2 x 128 + 128) = 65,536; feed-forward 3 x 128 x 384 = 147,456. Four of them: 851,968.
    # Table 320 x 128 = 40,960 (tied, so once); norms (2 x 4 + 1) x 128 = 1,152.
    count = parameters(read_config(TINY))
    assert count.total == 851_968 + 40_960 + 1_152 == 894_080
    assert (count.active, count.linear, count.embedding) == (894_080, 851_968, 40_960)


def test_experts_by_hand() -> None:
    # A layer: attention 2048 x (4096 + 2 x 512 + 4096) = 18,874,368; 128 experts of 3 x 2048 x 768 = 4,718,592; router 262,144.
    # Tables 2 x 151,936 x 2048 = 622,329,856; norms 97 x 2048 = 198,656.
    count = parameters(read_config(QWEN3_30B_FP8))
    assert count.total == 48 * (18_874_368 + 128 * 4_718_592 + 262_144) + 622_329_856 + 198_656
    assert count.active == 48 * (18_874_368 + 8 * 4_718_592 + 262_144) + 622_329_856 + 198_656


# model, GiB that "Model loading took" in published logs of vLLM 0.10 to 0.27
LOADED = [
    (QWEN25_1B5, 2.89),
    (QWEN25_14B_AWQ, 9.3795),
    (QWEN3_30B_FP8, 29.08),
    (without(QWEN3_30B_FP8, "quantization_config"), 56.93),
]


@pytest.mark.parametrize(("config", "loaded"), LOADED)
def test_against_published_logs(config: t.Dict[str, t.Any], loaded: float) -> None:
    computed = (weight_bytes(read_config(config)) or 0) / GIB
    # Never below the log once the margin is added, and not far above it.
    assert loaded <= computed * (1 + WEIGHTS_MARGIN) <= loaded * 1.03


def test_a_hybrid_against_a_published_log() -> None:
    # Qwen3.5-27B, the same shape, over four GPUs: 13.01 GiB each. Its vision tower is not in the text model's shape.
    computed = (weight_bytes(read_config(QWEN36_27B)) or 0) / GIB
    assert 0.95 * 4 * 13.01 < computed < 4 * 13.01


def test_a_quantisation_whose_layout_is_not_known() -> None:
    assert weight_bytes(read_config(dict(TINY, quantization_config={"quant_method": "mxfp4"}))) is None
