# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which parser reads which model's tool calls and reasoning. A table, and the function that asks it."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_parsers import (
    PLUGIN_TOOL_PARSERS,
    REASONING_PARSERS,
    TOOL_PARSERS,
    Version,
    available,
)


class Family(t.NamedTuple):
    """Models that speak alike; parsers in order of preference, the first that the engine knows is taken."""

    name: str
    name_pattern: str
    model_types: t.Tuple[str, ...]
    tool: t.Tuple[str, ...]
    reasoning: t.Tuple[str, ...]


class Choice(t.NamedTuple):
    """What the plan sets."""

    family: str
    tool_parser: t.Optional[str]
    reasoning_parser: t.Optional[str]
    reason: str


# From the recipes of vLLM 0.33. The first match by name counts; only when no name matches does the model type decide.
FAMILIES: t.Tuple[Family, ...] = (
    Family("DeepSeek-R1 distillate", r"r1-distill", (), (), ("deepseek_r1",)),
    Family("Qwen3-Coder", r"qwen3-?coder", (), ("qwen3_coder", "qwen3_xml"), ()),
    Family("Qwen3.5 and later", r"qwen3\.[5-9]", ("qwen3_5", "qwen3_5_text", "qwen3_5_moe", "qwen3_5_moe_text"), ("qwen3_coder",), ("qwen3",)),
    Family("Qwen3 instruct", r"qwen3.*-instruct", (), ("hermes",), ()),
    Family("QwQ", r"\bqwq", (), ("hermes",), ("deepseek_r1",)),
    Family("Qwen3", r"qwen3", ("qwen3", "qwen3_moe", "qwen3_next"), ("hermes",), ("qwen3", "deepseek_r1")),
    # Taught <tool_call>, and seen to write <tools>; qwen_tools reads both.
    Family("Qwen2.5-Coder", r"qwen2\.5-?coder", (), ("qwen_tools", "hermes"), ()),
    Family("Qwen2.5", r"qwen2", ("qwen2",), ("hermes",), ()),
    Family("Hermes", r"hermes", (), ("hermes",), ()),
    Family("gpt-oss", r"gpt-oss", ("gpt_oss",), ("openai",), ("openai_gptoss",)),
    Family("GLM-4.7 and later", r"glm-?(4\.7|5)", (), ("glm47",), ("glm47", "glm45")),
    Family("GLM-4.5", r"glm-?4\.[56]", ("glm4_moe",), ("glm45",), ("glm45",)),
    Family("Kimi K2", r"kimi-k2", ("kimi_k2",), ("kimi_k2",), ("kimi_k2",)),
    Family("DeepSeek-V3.2", r"deepseek-v3\.2", ("deepseek_v32",), ("deepseek_v32",), ("deepseek_v3",)),
    Family("DeepSeek-V3.1", r"deepseek-v3\.1", (), ("deepseek_v31",), ("deepseek_v3",)),
    Family("DeepSeek-R1", r"deepseek-r1", (), ("deepseek_v3",), ("deepseek_r1",)),
    Family("DeepSeek-V3", r"deepseek-v3", ("deepseek_v3",), ("deepseek_v3",), ()),
    Family("MiniMax M2", r"minimax-m2", ("minimax_m2",), ("minimax_m2",), ("minimax_m2",)),
    Family("Gemma 4", r"gemma-4", ("gemma4", "gemma4_text"), ("gemma4",), ("gemma4",)),
    Family("Nemotron 3", r"nemotron-3", ("nemotron_h",), ("qwen3_coder",), ("nemotron_v3",)),
    Family("Mistral", r"(mi[sx]tral|devstral|codestral|ministral)", ("mistral", "mixtral"), ("mistral",), ()),
    Family("Llama 4", r"llama-?4", ("llama4",), ("llama4_pythonic",), ()),
    Family("Llama 3", r"llama-?3", ("llama",), ("llama3_json",), ()),
    Family("Granite 4", r"granite-4", ("granitemoehybrid",), ("granite4", "granite"), ()),
    Family("Granite", r"granite", ("granite",), ("granite",), ()),
    Family("Seed-OSS", r"seed-oss", ("seed_oss",), ("seed_oss",), ("seed_oss",)),
    Family("Phi-4-mini", r"phi-4-mini", (), ("phi4_mini_json",), ()),
)

# A template that writes calls in this form was trained with it, whatever the model's name suggests.
XML_CALL = "<function="
XML_PARSERS = ("qwen3_coder", "qwen3_xml")


def choose(name: str, model_type: str, template: str, version: Version, plugin: t.AbstractSet[str] = PLUGIN_TOOL_PARSERS) -> Choice:
    """Parsers for a model; None where the family has none, or neither the engine's version nor the plugin brings it."""
    family, by = _family(name, model_type)
    if family is None:
        return Choice("", None, None, "no parser is known for %s (model_type %s)" % (name, model_type))
    tool_names, reason = family.tool, "%s, by its %s" % (family.name, by)
    if XML_CALL in template and not set(tool_names) & set(XML_PARSERS):
        tool_names, reason = XML_PARSERS, "the chat template writes calls as %s…>" % XML_CALL
    # Without a mention of tools the model never sees them, and without <think> it was not taught to reason.
    if template and "tools" not in template:
        tool_names, reason = (), "the chat template has no place for tools"
    reasoning_names = family.reasoning if not template or "think" in template else ()
    return Choice(
        family.name,
        _first(tool_names, available(TOOL_PARSERS, version) | plugin),
        _first(reasoning_names, available(REASONING_PARSERS, version)),
        reason,
    )


def _family(name: str, model_type: str) -> t.Tuple[t.Optional[Family], str]:
    lowered = name.lower().replace("_", "-")
    for family in FAMILIES:
        if re.search(family.name_pattern, lowered):
            return family, "name"
    for family in FAMILIES:
        if model_type in family.model_types:
            return family, "model_type %s" % model_type
    return None, ""


def _first(names: t.Iterable[str], known: t.AbstractSet[str]) -> t.Optional[str]:
    return next((name for name in names if name in known), None)
