# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_families import FAMILIES, choose
from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_parsers import (
    PLUGIN_TOOL_PARSERS,
    REASONING_PARSERS,
    TOOL_PARSERS,
    available,
)

NOW = (0, 32, 0)
OLD = (0, 9, 2)
HERMES_TEMPLATE = '{%- if tools %}<tool_call>\n{"name": …}{% endif %}'
XML_TEMPLATE = "{%- if tools %}<tool_call>\n<function=name>{% endif %}<think>"

# name, model_type, template, version, tool parser, reasoning parser
CASES: t.List[t.Tuple[str, str, str, t.Tuple[int, int, int], t.Optional[str], t.Optional[str]]] = [
    ("Qwen/Qwen2.5-14B-Instruct-AWQ", "qwen2", "", NOW, "hermes", None),
    ("Qwen/Qwen2.5-Coder-14B-Instruct-AWQ", "qwen2", HERMES_TEMPLATE, NOW, "qwen_tools", None),
    ("Qwen2.5_Coder_7B", "qwen2", "", OLD, "qwen_tools", None),
    ("inferhost-tiny", "qwen2", HERMES_TEMPLATE, NOW, "hermes", None),
    ("Qwen/Qwen3-32B", "qwen3", "", NOW, "hermes", "qwen3"),
    ("Qwen/Qwen3-30B-A3B-Instruct-2507-FP8", "qwen3_moe", "", NOW, "hermes", None),
    ("Qwen/Qwen3-Coder-30B-A3B-Instruct-FP8", "qwen3_moe", "", NOW, "qwen3_coder", None),
    # The release before the parser: none rather than one that cannot read the model.
    ("Qwen/Qwen3-Coder-30B-A3B-Instruct-FP8", "qwen3_moe", "", OLD, None, None),
    ("Qwen/Qwen3.6-27B", "qwen3_5_text", "", NOW, "qwen3_coder", "qwen3"),
    ("deepseek-ai/DeepSeek-R1-Distill-Qwen-14B", "qwen2", "", NOW, None, "deepseek_r1"),
    ("meta-llama/Llama-3.1-8B-Instruct", "llama", "", NOW, "llama3_json", None),
    ("mistralai/Devstral-Small-2507", "mistral", "", NOW, "mistral", None),
    ("my_fine_tune", "qwen3", "", NOW, "hermes", "qwen3"),
    # A renamed model whose template writes the other form: the template is right.
    ("my-agent", "qwen3", XML_TEMPLATE, NOW, "qwen3_coder", "qwen3"),
    ("my-agent", "qwen3", HERMES_TEMPLATE, NOW, "hermes", None),
    ("my-agent", "qwen3", "{{ messages }}", NOW, None, None),
    ("something", "phi3", "", NOW, None, None),
]


@pytest.mark.parametrize(("name", "model_type", "template", "version", "tool", "reasoning"), CASES)
def test_parsers(name: str, model_type: str, template: str, version: t.Tuple[int, int, int], tool: t.Optional[str], reasoning: t.Optional[str]) -> None:
    choice = choose(name, model_type, template, version)
    assert (choice.tool_parser, choice.reasoning_parser) == (tool, reasoning)
    assert choice.reason


def test_every_parser_of_the_table_exists_in_some_release() -> None:
    tools, reasoning = available(TOOL_PARSERS, (0, 33, 0)) | PLUGIN_TOOL_PARSERS, available(REASONING_PARSERS, (0, 33, 0))
    for family in FAMILIES:
        assert set(family.tool) <= tools, family.name
        assert set(family.reasoning) <= reasoning, family.name


def test_a_plugin_of_the_users_own_takes_the_place_of_the_collections() -> None:
    """The engine loads one file."""
    assert choose("Qwen/Qwen2.5-Coder-7B-Instruct", "qwen2", "", NOW, frozenset()).tool_parser == "hermes"


def test_a_parser_that_was_removed() -> None:
    assert "minimax" in available(TOOL_PARSERS, (0, 20, 2))
    assert "minimax" not in available(TOOL_PARSERS, (0, 25, 1))
