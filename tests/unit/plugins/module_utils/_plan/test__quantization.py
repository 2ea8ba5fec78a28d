# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Number formats and cards."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._lookup import named
from ansible_collections.inferhost.llm.plugins.module_utils._plan._devices import select
from ansible_collections.inferhost.llm.plugins.module_utils._plan._model_config import read_config
from ansible_collections.inferhost.llm.plugins.module_utils._plan._quantization import quantization_flags
from ansible_collections.inferhost.llm.plugins.module_utils._plan._types import Refusal
from ansible_collections.inferhost.llm.tests.unit.plugins.model_configs import TINY

AWQ = {"quant_method": "awq", "bits": 4, "group_size": 128}
GROUPS = {"quant_method": "compressed-tensors", "config_groups": {"g": {"targets": ["Linear"], "weights": {"num_bits": 4, "type": "int", "group_size": 128}}}}
FLOATS = {"quant_method": "compressed-tensors", "config_groups": {"g": {"targets": ["Linear"], "weights": {"num_bits": 8, "type": "float"}}}}
NVFP4 = {"quant_method": "modelopt", "quant_algo": "NVFP4"}

# format, card, value of --quantization, code of the warning
CARDS: t.List[t.Tuple[t.Dict[str, t.Any], str, t.Optional[str], t.Optional[str]]] = [
    (AWQ, "RTX 3090", "awq_marlin", None),
    (AWQ, "T4", None, "no_marlin"),
    (GROUPS, "RTX 3090", None, None),
    (GROUPS, "T4", None, "no_marlin"),
    ({"quant_method": "fp8"}, "H100", None, None),
    (FLOATS, "RTX 3090", None, "fp8_weight_only"),
    ({"quant_method": "modelopt", "quant_algo": "FP8"}, "L4", None, None),
    (NVFP4, "RTX PRO 6000 Blackwell", None, None),
    (NVFP4, "H100", None, "fp4_weight_only"),
    ({"quant_method": "mxfp4"}, "RTX 4090", None, "fp4_weight_only"),
    ({"quant_method": "aqlm"}, "H100", None, "kernels_not_checked"),
]


def verdict(config: t.Dict[str, t.Any], card: str) -> t.Any:
    described = named(card)
    assert described is not None
    return quantization_flags(read_config(dict(TINY, quantization_config=config)), select([described]))


@pytest.mark.parametrize(("config", "card", "value", "code"), CARDS)
def test_flags_and_warnings(config: t.Dict[str, t.Any], card: str, value: t.Optional[str], code: t.Optional[str]) -> None:
    flags, warnings = verdict(config, card)
    assert [one["value"] for one in flags] == ([value] if value else [])
    assert [one["code"] for one in warnings] == ([code] if code else [])


@pytest.mark.parametrize(
    ("config", "card", "word"),
    [(NVFP4, "T4", "NVFP4"), ({"quant_method": "fp8"}, "V100-SXM2-16GB", "FP8"), ({"quant_method": "mxfp4"}, "T4", "MXFP4")],
)
def test_cards_without_any_kernels(config: t.Dict[str, t.Any], card: str, word: str) -> None:
    with pytest.raises(Refusal) as caught:
        verdict(config, card)
    assert caught.value.code == "quantization_unsupported" and word in caught.value.message
