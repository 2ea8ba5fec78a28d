# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Weights by shape and by files."""

from __future__ import annotations

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._plan._loaded import loaded_bytes
from ansible_collections.inferhost.llm.plugins.module_utils._plan._model_config import read_config
from ansible_collections.inferhost.llm.plugins.module_utils._plan._types import Refusal
from ansible_collections.inferhost.llm.plugins.module_utils._plan._weights import weights_on_a_gpu
from ansible_collections.inferhost.llm.tests.unit.plugins.model_configs import TINY, without

BF16 = dict(TINY, dtype="bfloat16")
STORED = 894_080 * 2


def test_by_shape_alone() -> None:
    found = weights_on_a_gpu(read_config(BF16), None, "", 1, 2)
    assert (found.stored, found.on_a_gpu) == (STORED, loaded_bytes(read_config(BF16)))


def test_files_that_agree_change_nothing() -> None:
    model = read_config(BF16)
    assert weights_on_a_gpu(model, STORED + 5000, "the list", 1, 2).on_a_gpu == weights_on_a_gpu(model, None, "", 1, 2).on_a_gpu


def test_files_that_hold_more_than_the_shape_count() -> None:
    model = read_config(BF16)
    shape = weights_on_a_gpu(model, None, "", 2, 2).on_a_gpu
    more = weights_on_a_gpu(model, 2 * STORED, "the list", 2, 2)
    assert more.on_a_gpu == shape + (2 * STORED - int(STORED * 1.005)) // 2
    assert "the list" in more.source


def test_a_drafter_in_the_files_is_not_loaded() -> None:
    model = read_config(dict(BF16, mtp_num_hidden_layers=1))
    # A layer of 212,992 and the way into it, 2 x 128 x 128.
    assert model.drafter_elements == 212_992 + 32_768
    with_drafter = STORED + 2 * model.drafter_elements
    assert weights_on_a_gpu(model, with_drafter, "the list", 1, 2).on_a_gpu == weights_on_a_gpu(model, None, "", 1, 2).on_a_gpu


def test_a_float32_checkpoint() -> None:
    model = read_config(without(TINY, "dtype"))
    assert weights_on_a_gpu(model, 894_080 * 4, "the list", 1, 2).on_a_gpu == loaded_bytes(model, 1, 2)


def test_a_format_that_only_the_files_can_tell() -> None:
    model = read_config(dict(BF16, quantization_config={"quant_method": "aqlm"}))
    assert weights_on_a_gpu(model, 1_000_000, "the list", 2, 2).on_a_gpu == pytest.approx(512_500, abs=1)
    with pytest.raises(Refusal) as caught:
        weights_on_a_gpu(model, None, "", 1, 2)
    assert caught.value.code == "files_unknown" and "aqlm" in caught.value.message


def test_a_tower_that_only_the_files_can_tell() -> None:
    model = read_config(dict(BF16, vision_config={"strange": 1}))
    with pytest.raises(Refusal) as caught:
        weights_on_a_gpu(model, None, "", 1, 2)
    assert "vision tower" in caught.value.message
    assert weights_on_a_gpu(model, STORED + 1_000_000, "the list", 1, 2).on_a_gpu > (loaded_bytes(model) or 0) + 900_000
