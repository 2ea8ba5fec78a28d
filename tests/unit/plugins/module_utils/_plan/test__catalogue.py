# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The catalogue against what makers publish, and against the plan."""

from __future__ import annotations

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._plan._catalogue import (
    FORMATS,
    MODELS,
    SAMPLING,
    Published,
    config_of,
    find,
    published,
    sampling_of,
    siblings,
)
from ansible_collections.inferhost.llm.plugins.module_utils._plan._catalogue_shapes import SHAPES
from ansible_collections.inferhost.llm.plugins.module_utils._plan._fields import ModelError
from ansible_collections.inferhost.llm.plugins.module_utils._plan._geometry import parameters
from ansible_collections.inferhost.llm.plugins.module_utils._plan._model_config import read_config
from ansible_collections.inferhost.llm.plugins.module_utils._plan._plan import from_catalogue, make_plan
from ansible_collections.inferhost.llm.plugins.module_utils._plan._types import Wishes

IDS = [one.id for one in MODELS]
# Models that people name in their reports of what went wrong.
NAMED = (
    "Qwen/Qwen2.5-14B-Instruct-AWQ",
    "Qwen/Qwen2.5-Coder-1.5B-Instruct",
    "Qwen/Qwen2.5-Coder-3B-Instruct",
    "Qwen/Qwen2.5-Coder-7B-Instruct",
    "Qwen/Qwen2.5-Coder-14B-Instruct",
    "Qwen/Qwen2.5-Coder-14B-Instruct-AWQ",
    "Qwen/Qwen2.5-Coder-32B-Instruct",
    "Qwen/Qwen3-8B",
    "Qwen/Qwen3-Coder-Next-FP8",
    "Qwen/Qwen3.6-27B",
    "Qwen/Qwen3.6-35B-A3B",
    "deepseek-ai/DeepSeek-Coder-V2-Lite-Instruct",
    "mistralai/Codestral-22B-v0.1",
)


@pytest.mark.parametrize("model", MODELS, ids=IDS)
def test_parameters_are_those_that_the_makers_publish(model: Published) -> None:
    count = parameters(read_config(config_of(model), None, model.id))
    assert count.total / 1e9 == pytest.approx(model.billions, rel=0.006)


@pytest.mark.parametrize("model", MODELS, ids=IDS)
def test_each_has_a_plan_with_a_parser(model: Published) -> None:
    plan = make_plan(from_catalogue(model), [{"name": "B200"}] * 8, {}, Wishes("0.32.0"))
    assert plan["refusal"] is None, plan["refusal"]
    # Codestral and the light coder were trained before tools.
    assert plan["capabilities"]["tool_parser"] or model.shape in ("codestral-22b", "deepseek-coder-v2-lite", "gemma-3-27b")
    assert plan["limits"]["max_model_len"] == plan["model"]["native_context"]
    assert (plan["sampling"] or {}).get("ways", {}) == sampling_of(model)


def test_every_model_that_reports_name_is_in_it() -> None:
    assert [name for name in NAMED if find(name) is None] == []


def test_the_tables_agree() -> None:
    assert len(set(IDS)) == len(IDS)
    assert {one.shape for one in MODELS} == set(SHAPES)
    assert {one.format for one in MODELS if one.format} == set(FORMATS)
    assert {one.sampling for one in MODELS if one.sampling} == set(SAMPLING)
    assert all(0 < values.get("temperature", 1) <= 1 and 0 < values.get("top_p", 1) <= 1 for ways in SAMPLING.values() for values in ways.values())


def test_names() -> None:
    assert published("qwen/qwen3-8b") == published("Qwen3-8B") == find("Qwen/Qwen3-8B")
    with pytest.raises(ModelError) as caught:
        published("Qwen/Qwen2.5-Coder-14B-Instruct-GGUF")
    assert "Qwen/Qwen2.5-Coder-14B-Instruct-AWQ" in str(caught.value) and "model_path" in str(caught.value)
    with pytest.raises(ModelError) as caught:
        published("zzz/zzzz")
    assert "nearest" not in str(caught.value)


def test_siblings() -> None:
    assert [one.id for one in siblings(published("Qwen3-8B-AWQ"))] == ["Qwen/Qwen3-8B", "Qwen/Qwen3-8B-FP8"]
    assert siblings(published("Qwen3.5-9B")) == []
