# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vision towers by hand and against the counts that their makers give."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._plan._fields import ModelError
from ansible_collections.inferhost.llm.plugins.module_utils._plan._tower import tower_tensors

SIGLIP: t.Dict[str, t.Any] = {"model_type": "siglip_vision_model", "num_hidden_layers": 27, "hidden_size": 1152, "intermediate_size": 4304}
TOWERS: t.List[t.Tuple[t.Dict[str, t.Any], int, float]] = [
    # SigLIP of 417 million parameters at 896 pixels, and 6 million of Gemma 3 27B's projector.
    ({**SIGLIP, "patch_size": 14, "image_size": 896}, 5376, 0.423),
    # The tower of 550 million of Gemma 4.
    ({**SIGLIP, "model_type": "gemma4_vision", "patch_size": 16, "position_embedding_size": 10240}, 2816, 0.572),
    # That of 675 million of Qwen2-VL, with its merger.
    ({"depth": 32, "embed_dim": 1280, "mlp_ratio": 4, "patch_size": 14, "temporal_patch_size": 2, "spatial_merge_size": 2}, 1536, 0.665),
]


@pytest.mark.parametrize(("vision", "hidden", "billions"), TOWERS)
def test_parameters_of_towers(vision: t.Dict[str, t.Any], hidden: int, billions: float) -> None:
    assert sum(one.elements for one in tower_tensors(vision, hidden, "vision_config")) / 1e9 == pytest.approx(billions, rel=0.01)


def test_a_merger_for_each_depth_that_looks_too() -> None:
    vision = {"depth": 1, "hidden_size": 8, "intermediate_size": 16, "spatial_merge_size": 2, "patch_size": 2}
    plain = sum(one.elements for one in tower_tensors(vision, 4, "vision_config"))
    deep = sum(one.elements for one in tower_tensors({**vision, "deepstack_visual_indexes": [1, 2]}, 4, "vision_config"))
    # A merger: (8 x 4)^2 and 4 x 32.
    assert deep - plain == 2 * (32 * 32 + 4 * 32)


def test_a_tower_that_does_not_say_its_width() -> None:
    with pytest.raises(ModelError) as caught:
        tower_tensors({"depth": 3}, 64, "config.json, vision_config")
    assert "config.json, vision_config" in str(caught.value)
