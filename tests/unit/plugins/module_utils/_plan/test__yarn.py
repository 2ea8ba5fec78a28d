# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Longer contexts, only where they are asked for."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._plan._model_config import read_config
from ansible_collections.inferhost.llm.plugins.module_utils._plan._types import Refusal, Wishes
from ansible_collections.inferhost.llm.plugins.module_utils._plan._yarn import stretched
from ansible_collections.inferhost.llm.tests.unit.plugins.model_configs import QWEN36_27B, TINY

SHORT = read_config(dict(TINY, max_position_embeddings=32768, rope_theta=1000000.0))


def overrides(context: int, version: t.Tuple[int, int, int] = (0, 32, 0)) -> t.Any:
    [flag] = stretched(SHORT, "m", Wishes("0.32.0", context=context, yarn=True), version).flags
    assert flag["flag"] == "--hf-overrides"
    return json.loads(flag["value"])


def test_nothing_is_stretched_where_the_context_is_enough() -> None:
    for context in (0, 32768):
        assert stretched(SHORT, "m", Wishes("0.32.0", context=context, yarn=True), (0, 32, 0)) == (SHORT, [], [])


@pytest.mark.parametrize(("context", "factor"), [(32769, 1.5), (49152, 1.5), (65536, 2.0), (131072, 4.0)])
def test_the_factor(context: int, factor: float) -> None:
    found = stretched(SHORT, "m", Wishes("0.32.0", context=context, yarn=True), (0, 32, 0))
    assert found.model.native_context == 32768 * factor and found.model.rope_elements == SHORT.rope_elements * factor
    assert [one["code"] for one in found.warnings] == ["yarn"]
    assert overrides(context)["rope_parameters"]["factor"] == factor


def test_the_field_by_release() -> None:
    new = overrides(65536)
    assert new == {
        "max_position_embeddings": 65536,
        "rope_parameters": {"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 32768, "rope_theta": 1000000.0},
    }
    old = overrides(65536, (0, 11, 2))
    assert old == {"max_position_embeddings": 65536, "rope_scaling": {"rope_type": "yarn", "factor": 2.0, "original_max_position_embeddings": 32768}}


def test_without_consent_it_is_refused_and_says_what_to_set() -> None:
    with pytest.raises(Refusal) as caught:
        stretched(SHORT, "m", Wishes("0.32.0", context=65536), (0, 32, 0))
    assert caught.value.code == "context_above_native"
    assert any("yarn" in remedy for remedy in caught.value.remedies) and "32768" in caught.value.remedies[0]


@pytest.mark.parametrize(
    ("config", "context", "word"),
    [
        (dict(TINY, max_position_embeddings=32768), 131073, "4.5 times"),
        (dict(TINY, max_position_embeddings=32768, rope_scaling={"rope_type": "llama3", "factor": 8.0}), 65536, "stretched already"),
        (QWEN36_27B, 524288, "another kind"),
    ],
)
def test_where_it_does_not_help(config: t.Dict[str, t.Any], context: int, word: str) -> None:
    with pytest.raises(Refusal) as caught:
        stretched(read_config(config), "m", Wishes("0.32.0", context=context, yarn=True), (0, 32, 0))
    assert caught.value.code == "yarn_not_possible" and word in caught.value.message
