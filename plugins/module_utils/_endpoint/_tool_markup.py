# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which notation a tool call that was left in the text is written in, and which vLLM parser reads it."""

from __future__ import annotations

import json
import re
import typing as t


class Markup(t.NamedTuple):
    name: str
    pattern: str
    parser: str | None
    note: str = ""
    code: str = "unparsed_markup"

    def broken_in(self, text: str) -> bool:
        """Whether the call should be JSON and is not. Even the right parser leaves such a call in the text."""
        found = re.search(self.pattern, text)
        if found is None or not self.name.endswith(("{json}", "[json]", "JSON")):
            return False
        begins = [at for at in (text.find("{", found.start()), text.find("[{", found.start())) if at >= 0]
        try:
            json.JSONDecoder().raw_decode(text, min(begins, default=0))
        except ValueError:
            return True
        return False


_BAR = "\uff5c"  # full-width bar of DeepSeek's tokens
_LOW = "\u2581"  # lower one eighth block, their "space"

_NOT_TAUGHT = "no parser of vLLM reads it: use the chat template that teaches the model its tool format, or a larger model"

_PLUGIN = "no parser of vLLM's own: --tool-parser-plugin FILE, where FILE is roles/vllm/files/qwen_tools_parser.py of this collection"

# The first row that matches counts, so a notation stands before those that share its opening.
# Parsers as vLLM 0.32 names them, and qwen_tools, which this collection brings.
MARKUPS: tuple[Markup, ...] = (
    Markup("<seed:tool_call>", r"<seed:tool_call>", "seed_oss"),
    Markup("<tool_call><function=name><parameter=key>", r"<tool_call>\s*<function=", "qwen3_coder"),
    Markup("<tool_call>name<arg_key>", r"<tool_call>[^<{]*<arg_key>", "glm45"),
    Markup("<tool_call>{json}", r"<tool_call>\s*\{", "hermes"),
    Markup("<tool_call>[json]", r"<tool_call>\s*\[", "granite"),
    Markup("<tools>{json}", r"<tools>\s*[\[{]", "qwen_tools", _PLUGIN, "tools_markup"),
    Markup("<TOOL_OUTPUT>{json}", r"<TOOL_OUTPUT>\s*[\[{]", None, _NOT_TAUGHT, "call_in_text"),
    Markup("<function=name><parameter=key>", r"<function=[^>]+>\s*<parameter=", "qwen3_coder"),
    Markup(
        "<function=name>{json}",
        r"<function=[^>]+>\s*\{",
        None,
        "none of vLLM's own parsers reads it: use the chat template that makes the model answer in plain JSON, with llama3_json",
    ),
    Markup("[TOOL_CALLS]", r"\[TOOL_CALLS\]", "mistral"),
    Markup("<|python_tag|>", r"<\|python_tag\|>", "llama3_json"),
    Markup("<|tool_calls_section_begin|>", r"<\|tool_calls_section_begin\|>", "kimi_k2"),
    Markup(f"<{_BAR}tool{_LOW}calls{_LOW}begin{_BAR}>function", f"<{_BAR}tool{_LOW}call{_LOW}begin{_BAR}>function<", "deepseek_v3"),
    Markup(f"<{_BAR}tool{_LOW}calls{_LOW}begin{_BAR}>", f"<{_BAR}tool{_LOW}calls{_LOW}begin{_BAR}>", "deepseek_v31"),
    Markup(f"<{_BAR}DSML{_BAR}function_calls>", f"<{_BAR}DSML{_BAR}function_calls>", "deepseek_v32"),
    Markup(f"<{_BAR}DSML{_BAR}tool_calls>", f"<{_BAR}DSML{_BAR}tool_calls>", "deepseek_v4"),
    Markup("<|tool_call_start|>", r"<\|tool_call_start\|>", "lfm2"),
    Markup("<|tool_call|>", r"<\|tool_call\|>", "granite"),
    Markup("<|tool_call>call:name", r"<\|tool_call>", "gemma4"),
    Markup("<start_function_call>", r"<start_function_call>", "functiongemma"),
    Markup("<minimax:tool_call>", r"<minimax:tool_call>", "minimax_m2"),
    Markup("<longcat_tool_call>", r"<longcat_tool_call>", "longcat"),
    Markup("<dots_function_call>", r"<dots_function_call>", "dots"),
    Markup("<|action_start|><|plugin|>", r"<\|action_start\|>\s*<\|plugin\|>", "internlm"),
    Markup("<|tools_prefix|>", r"<\|tools_prefix\|>", "apertus"),
    Markup("<|channel|>commentary to=functions", r"<\|channel\|>\s*commentary to=functions", "openai"),
    Markup("<tool_calls>[json]", r"<tool_calls>\s*\[", "hunyuan_a13b", "Jamba models write the same: jamba there"),
    Markup("<function_call>{json}", r"<function_call>\s*\{", "granite-20b-fc"),
    Markup("functools[json]", r"functools\s*\[", "phi4_mini_json"),
    Markup("[name(key=value)]", r"(?s)^\s*\[\s*[A-Za-z_]\w*\(.*\)\s*\]\s*$", "pythonic", "Llama 4: llama4_pythonic, Olmo 3: olmo3"),
    Markup(
        "fenced JSON",
        r"```(?:json|tool_call)?\s*\{[^`]*\"name\"",
        None,
        _NOT_TAUGHT,
        "call_in_text",
    ),
    Markup("plain JSON", r"^\s*\{\s*\"(?:name|type|function)\"\s*:", "llama3_json"),
    Markup("JSON in a sentence", r"\{\s*\"name\"\s*:\s*\"[\w.-]+\"\s*,\s*\"(?:arguments|parameters)\"\s*:\s*\{", None, _NOT_TAUGHT, "call_in_text"),
)


def find_markup(text: str) -> Markup | None:
    """The notation of the call in ``text``; ``None`` where there is none."""
    for markup in MARKUPS:
        if re.search(markup.pattern, text):
            return markup
    return None
