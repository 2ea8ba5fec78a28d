# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tool-call and reasoning parsers that vLLM brings along, by the first of eight compared releases that has them. Data only."""

from __future__ import annotations

import typing as t

Version = t.Tuple[int, int, int]

TOOL_PARSERS: t.Tuple[t.Tuple[Version, str], ...] = (
    (
        (0, 9, 2),
        "deepseek_v3 granite granite-20b-fc hermes internlm jamba llama3_json llama4_json llama4_pythonic minimax mistral phi4_mini_json pythonic xlam",
    ),
    ((0, 10, 2), "deepseek_v31 glm45 hunyuan_a13b kimi_k2 openai qwen3_coder seed_oss step3"),
    ((0, 11, 2), "ernie45 longcat minimax_m2 olmo3 qwen3_xml"),
    ((0, 13, 0), "deepseek_v32 gigachat3"),
    ((0, 17, 1), "functiongemma glm47 step3p5"),
    ((0, 20, 2), "deepseek_v4 gemma4 granite4 hy_v3 mimo"),
    ((0, 25, 1), "apertus cohere_command3 cohere_command4 lfm2 minicpm5 minimax_m3 poolside_v1"),
    ((0, 33, 0), "beam deepseek_v41 dots hf hy_v4 inkling k2_horizon kimi_k3 ling3 muse muse_glimmer musespark1x plamo3 qwen3_json step5"),
)

REASONING_PARSERS: t.Tuple[t.Tuple[Version, str], ...] = (
    ((0, 9, 2), "deepseek_r1 granite qwen3"),
    ((0, 10, 2), "glm45 hunyuan_a13b mistral openai_gptoss step3"),
    ((0, 11, 2), "deepseek_v3 ernie45 kimi_k2 minimax_m2 minimax_m2_append_think olmo3 seed_oss"),
    ((0, 13, 0), "holo2"),
    ((0, 17, 1), "nemotron_v3 step3p5"),
    ((0, 20, 2), "deepseek_v4 gemma4 hy_v3 mimo"),
    ((0, 25, 1), "cohere_command3 cohere_command4 glm47 minimax_m3 poolside_v1"),
    ((0, 33, 0), "beam deepseek_v41 granite_thinking_parser hf hy_v4 inkling k2_horizon kimi_k3 ling3 minicpmv muse muse_glimmer musespark1x plamo3 step5"),
)

# Not vLLM's: what the plugin reads that the role vllm delivers, roles/vllm/files/qwen_tools_parser.py. It runs in every release that is planned for.
PLUGIN_TOOL_PARSERS = frozenset(("qwen_tools",))

# Gone again, and the first compared release without them.
REMOVED: t.Dict[str, Version] = {"minimax": (0, 25, 1)}


def available(table: t.Tuple[t.Tuple[Version, str], ...], version: Version) -> t.FrozenSet[str]:
    """Names that a release knows. Between two compared releases the older one's names are assumed."""
    names = (name for since, listed in table if version >= since for name in listed.split())
    return frozenset(name for name in names if version < REMOVED.get(name, (9999, 0, 0)))
