# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Calls as models of the various families write them, with what they mean."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

PATH = "/srv/äöü/🙂 notes.txt"
READ_TOOL = {
    "type": "function",
    "function": {
        "name": "read",
        "description": "Read a file",
        "parameters": {"type": "object", "properties": {"path": {"type": "string"}, "lines": {"type": "integer"}}, "required": ["path"]},
    },
}
LIST_TOOL = {"type": "function", "function": {"name": "list", "parameters": {"type": "object", "properties": {}}}}
TOOLS = [READ_TOOL, LIST_TOOL]
BAR, LOW = "\uff5c", "\u2581"


class Sample(NamedTuple):
    name: str
    notation: str
    text: str
    calls: list[tuple[str, dict[str, Any]]]
    rest: str = ""
    """The text that stays."""


READ = ("read", {"path": PATH})
READ_LINES = ("read", {"path": PATH, "lines": 5})
LIST: tuple[str, dict[str, Any]] = ("list", {})


def _json(name: str, arguments: dict[str, Any], key: str = "arguments") -> str:
    return json.dumps({"name": name, key: arguments}, ensure_ascii=False)


_READ = _json(*READ)
_LIST = _json(*LIST)
_XML = f"<function=read>\n<parameter=path>\n{PATH}\n</parameter>\n<parameter=lines>\n5\n</parameter>\n</function>"
_MARK = {
    name: f"<{BAR}tool{LOW}{name.replace(' ', LOW)}{BAR}>"
    for name in (
        "calls begin",
        "calls end",
        "call begin",
        "call end",
        "sep",
    )
}


def _deepseek(*calls: str) -> str:
    return _MARK["calls begin"] + "".join(_MARK["call begin"] + call + _MARK["call end"] for call in calls) + _MARK["calls end"]


def _dsml(tag: str, content: str) -> str:
    return f"<{BAR}DSML{BAR}{tag}>{content}</{BAR}DSML{BAR}{tag.split()[0]}>"


_DSML_ARGUMENTS = _dsml('parameter name="path" string="true"', PATH) + "\n" + _dsml('parameter name="lines" string="false"', "5")
_KIMI_READ = f"<|tool_call_begin|>functions.read:0<|tool_call_argument_begin|>{json.dumps({'path': PATH})}<|tool_call_end|>"
_KIMI_LIST = "<|tool_call_begin|>functions.list:1<|tool_call_argument_begin|>{}<|tool_call_end|>"
_INVOKE = f'<invoke name="read">\n<parameter name="path">{PATH}</parameter>\n</invoke>'

SAMPLES = [
    Sample("hermes", "tool_call", f"<tool_call>\n{_READ}\n</tool_call>", [READ]),
    Sample("hermes after prose", "tool_call", f"I will look.\n\n<tool_call>{_READ}</tool_call>", [READ], "I will look.\n\n"),
    Sample("hermes twice", "tool_call", f"<tool_call>{_READ}</tool_call>\n<tool_call>{_LIST}</tool_call>", [READ, LIST], "\n"),
    Sample("hermes then prose", "tool_call", f"<tool_call>{_READ}</tool_call>\nWaiting.", [READ], "\nWaiting."),
    Sample("hermes without end", "tool_call", f"<tool_call>\n{_READ}", [READ]),
    Sample(
        "hermes that writes about itself",
        "tool_call",
        f"<tool_call>{_json('read', {'path': 'a</tool_call>b'})}</tool_call>",
        [("read", {"path": "a</tool_call>b"})],
    ),
    Sample("granite", "tool_call", f"<tool_call>[{_READ}, {_LIST}]", [READ, LIST]),
    Sample("granite 3", "granite", f"<|tool_call|>[{_READ}]", [READ]),
    Sample("qwen3 coder", "tool_call", f"<tool_call>\n{_XML}\n</tool_call>", [READ_LINES]),
    Sample("qwen3 coder without opening", "function", f"{_XML}\n</tool_call>", [READ_LINES], "\n"),
    Sample("qwen3 coder, no argument", "function", "<function=list>\n</function>", [LIST]),
    Sample("llama 3.1 function", "function", f"<function=read>{json.dumps({'path': PATH})}</function>", [READ]),
    Sample(
        "glm",
        "tool_call",
        f"<tool_call>read\n<arg_key>path</arg_key>\n<arg_value>{PATH}</arg_value>\n<arg_key>lines</arg_key>\n<arg_value>5</arg_value>\n</tool_call>",
        [READ_LINES],
    ),
    Sample("glm, no argument", "tool_call", "<tool_call>list\n</tool_call>", [LIST]),
    Sample("qwen 2.5 tools, object", "tools", f"<tools>\n{_READ}\n</tools>", [READ]),
    Sample("qwen 2.5 tools, array", "tools", f"<tools>[{_READ}, {_LIST}]</tools>", [READ, LIST]),
    Sample("fence", "fence", f"```json\n{_READ}\n```", [READ]),
    Sample("fence, array", "fence", f"```\n[{_READ},\n{_LIST}]\n```\n", [READ, LIST]),
    Sample("fence around hermes", "fence", f"```xml\n<tool_call>{_READ}</tool_call>\n```", [READ]),
    Sample("two fences", "fence", f"```json\n{_READ}\n```\n\n```json\n{_LIST}\n```", [READ, LIST]),
    Sample("tool output", "tool_output", f"<TOOL_OUTPUT>{_READ}</TOOL_OUTPUT>", [READ]),
    Sample("llama 3 json", "json", _json(*READ, key="parameters"), [READ]),
    Sample("llama 3 json, two", "json", f"{_READ}; {_LIST}", [READ, LIST]),
    Sample("json, arguments first", "json", json.dumps({"arguments": READ[1], "name": "read"}), [READ]),
    Sample("json, openai's form", "json", json.dumps({"type": "function", "function": {"name": "list", "arguments": "{}"}}), [LIST]),
    Sample("json array", "json", f"[{_READ}]", [READ]),
    Sample("json after prose", "json", f"Reading it now.\n{_READ}\n", [READ], "Reading it now.\n"),
    Sample("json behind the end of thinking", "json", f"</think>{_READ}</tool_call>", [READ], "</think>"),
    Sample("python tag", "python_tag", f"<|python_tag|>{_json(*READ, key='parameters')}", [READ]),
    Sample("mistral, array", "mistral", f"[TOOL_CALLS] [{_READ}]", [READ]),
    Sample("mistral, names", "mistral", f"[TOOL_CALLS]read[ARGS]{json.dumps(READ[1])}[TOOL_CALLS]list{{}}", [READ, LIST]),
    Sample("mistral, call id", "mistral", f"[TOOL_CALLS]read[CALL_ID]abc123def[ARGS]{json.dumps(READ[1])}", [READ]),
    Sample("deepseek v3", "deepseek", _deepseek(f"function{_MARK['sep']}read\n```json\n{json.dumps(READ[1])}\n```"), [READ]),
    Sample("deepseek v3.1", "deepseek", _deepseek(f"read{_MARK['sep']}{json.dumps(READ[1])}", f"list{_MARK['sep']}{{}}"), [READ, LIST]),
    Sample("deepseek v3.2", "deepseek", _dsml("function_calls", "\n" + _dsml('invoke name="read"', f"\n{_DSML_ARGUMENTS}\n") + "\n"), [READ_LINES]),
    Sample("kimi", "kimi", f"<|tool_calls_section_begin|>{_KIMI_READ}{_KIMI_LIST}<|tool_calls_section_end|>", [READ, LIST]),
    Sample("pythonic", "json", f'[read(path="{PATH}", lines=5), list()]', [READ_LINES, LIST]),
    Sample("lfm2", "lfm2", f'<|tool_call_start|>[read(path="{PATH}")]<|tool_call_end|>', [READ]),
    Sample("minimax", "minimax", f"<minimax:tool_call>\n{_INVOKE}\n</minimax:tool_call>", [READ]),
    Sample("function calls", "invoke", f"<function_calls>\n{_INVOKE}\n</function_calls>", [READ]),
    Sample("seed", "seed_oss", f"<seed:tool_call>\n{_XML}\n</seed:tool_call>", [READ_LINES]),
    Sample("granite 20b", "function_call", f"<function_call> {_READ}</function_call>", [READ]),
    Sample("hunyuan", "tool_calls", f"<tool_calls>[{_READ}, {_LIST}]</tool_calls>", [READ, LIST]),
    Sample("longcat", "longcat", f"<longcat_tool_call>{_READ}</longcat_tool_call>", [READ]),
    Sample("internlm", "internlm", f"<|action_start|><|plugin|>\n{_READ}<|action_end|>", [READ]),
]

NO_CALLS = {
    "code span": f"Hermes models write `<tool_call>{_READ}</tool_call>` for it.",
    "quotation marks": f'It printed "<tool_call>{_READ}</tool_call>" and stopped.',
    "fence in prose": f"This is how:\n\n```\n<tool_call>{_READ}</tool_call>\n```\n\nThen wait.",
    "fence in prose, at the end": f"A call looks like this:\n\n```json\n{_READ}\n```\n",
    "fence, then prose": f"```json\n{_READ}\n```\nThis would read the file.",
    "fence of four": f"Look:\n````\n```\n<tool_call>{_READ}</tool_call>\n```\n<tool_call>{_LIST}</tool_call>\n````\n",
    "tildes": f"See\n~~~\n<tool_call>{_READ}</tool_call>\n~~~\n",
    "json, then prose": f"{_READ} is what I would send.",
    "json in a sentence": f"I would send {_READ}",
    "unknown tool": '<tool_call>{"name": "delete", "arguments": {}}</tool_call>',
    "unknown function": "<function=delete>\n<parameter=path>x</parameter>\n</function>",
    "broken json": '<tool_call>{"name": "read", "arguments": {"path": </tool_call>',
    "cut off": '<tool_call>{"name": "read", "arguments": {"path": "/a',
    "arguments that are no object": '<tool_call>{"name": "read", "arguments": [1]}</tool_call>',
    "definition of a tool": f"<tools>{json.dumps(READ_TOOL)}</tools>",
    "schema": json.dumps(READ_TOOL["function"]),
    "other json": '{"name": "read", "size": 5}',
    "name alone": '{"name": "read"}',
    "html": "Use <b>bold</b>, a < b, <tool> and <tool_call> as words; [1] and [link](x) too.",
    "python": "[x(y) for x in z]",
    "positional": "[read('/a')]",
    "the word": "[TOOL_CALLS] is Mistral's token",
}
