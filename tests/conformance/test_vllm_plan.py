# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the plan says of models, asked of the engine that is installed: architectures, parsers and stretched positions. No model is loaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from real_vllm import MODEL, PYTHON

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / ".collections"))

from ansible_collections.inferhost.llm.plugins.module_utils._plan._catalogue import MODELS, config_of
from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_parsers import PLUGIN_TOOL_PARSERS
from ansible_collections.inferhost.llm.plugins.module_utils._plan._model_config import read_config
from ansible_collections.inferhost.llm.plugins.module_utils._plan._plan import from_catalogue, make_plan
from ansible_collections.inferhost.llm.plugins.module_utils._plan._types import Wishes
from ansible_collections.inferhost.llm.plugins.module_utils._plan._yarn import stretched

pytestmark = [pytest.mark.skipif(not PYTHON, reason="INFERHOST_VLLM_PYTHON is not set"), pytest.mark.timeout(600)]

ASK = """
import json, sys
from vllm.config import ModelConfig
from vllm.model_executor.models import ModelRegistry
from vllm.reasoning import ReasoningParserManager
from vllm.tool_parsers import ToolParserManager
asked = json.load(sys.stdin)
stretched = ModelConfig(model=asked["model"], hf_overrides=asked["overrides"])
print(json.dumps({
    "architectures": list(ModelRegistry.get_supported_archs()),
    "tool_parsers": list(ToolParserManager.list_registered()),
    "reasoning_parsers": list(ReasoningParserManager.list_registered()),
    "length": stretched.max_model_len,
    "rope": stretched.hf_config.rope_parameters,
}))
"""
VERSION = "0.32.0"


@pytest.fixture(scope="module")
def engine() -> dict[str, Any]:
    model = read_config(json.loads((MODEL / "config.json").read_text(encoding="utf-8")))
    wishes = Wishes(VERSION, context=2 * model.native_context, yarn=True)
    [flag] = stretched(model, "m", wishes, (0, 32, 0)).flags
    asked = {"model": str(MODEL), "overrides": json.loads(flag["value"]), "native": model.native_context}
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_LEVEL": "ERROR"}
    done = subprocess.run([PYTHON, "-c", ASK], input=json.dumps(asked), env=environment, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-3000:]
    return {**json.loads(done.stdout.splitlines()[-1]), "asked": asked}


def test_l42_the_engine_knows_every_architecture_of_the_catalogue(engine: dict[str, Any]) -> None:
    wanted = {config_of(one)["architectures"][0] for one in MODELS}
    assert wanted - set(engine["architectures"]) == set()


def test_l51_every_parser_that_plans_name_is_the_engine_s_or_comes_with_its_plugin(engine: dict[str, Any]) -> None:
    tool_parsers = {*engine["tool_parsers"], *PLUGIN_TOOL_PARSERS}
    for model in MODELS:
        said = make_plan(from_catalogue(model), [{"name": "B200"}] * 8, {}, Wishes(VERSION))["capabilities"]
        assert said["tool_parser"] is None or said["tool_parser"] in tool_parsers, model.id
        assert said["reasoning_parser"] is None or said["reasoning_parser"] in engine["reasoning_parsers"], model.id


def test_l35_stretched_positions_are_understood(engine: dict[str, Any]) -> None:
    assert engine["length"] == 2 * engine["asked"]["native"]
    # An override replaces the field; the base of the rotation must not get lost with it.
    assert engine["rope"]["rope_theta"] == 1000000.0
    assert (engine["rope"]["rope_type"], engine["rope"]["factor"]) == ("yarn", 2.0)
