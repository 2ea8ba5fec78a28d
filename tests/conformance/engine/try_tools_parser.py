# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Load a tool-parser plugin with a vLLM's own classes and read one answer with it, whole and streamed.  Usage: try_tools_parser.py PLUGIN

For releases that do not run here: with the sources of one in PYTHONPATH, the Python of another's environment is enough. docs/tool_parser.md has how.
"""

from __future__ import annotations

import importlib
import inspect
import json
import sys
from typing import Any

from transformers.models.auto import configuration_auto

# 0.9 registers model types that newer transformers have themselves, and refuse.
_register = configuration_auto._LazyConfigMapping.register
configuration_auto._LazyConfigMapping.register = lambda self, key, value, exist_ok=False: _register(self, key, value, True)

CALL = '{"name": "read", "arguments": {"path": "/a</tools>"}}'
ANSWER = f'I look. <tools>[{CALL}, {{"name": "write", "arguments": "{{}}"}}]</tools>\n<tool_call>{CALL}</tool_call> Wait. <tools>{{"name": "no"}}</tools>'
CALLS = [("read", '{"path": "/a</tools>"}'), ("write", "{}"), ("read", '{"path": "/a</tools>"}')]
CONTENT = 'I look. \n Wait. <tools>{"name": "no"}</tools>'


def first(*names: str) -> Any:
    """The first of these modules that there is."""
    for name in names:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if not f"{name}.".startswith(f"{error.name}."):
                raise
    raise SystemExit(f"none of {names} is there")


class Tokenizer:
    eos_token_id = 2
    all_special_ids = (2,)


def main() -> None:
    parsers = first("vllm.tool_parsers", "vllm.entrypoints.openai.tool_parsers")
    requests = first("vllm.entrypoints.openai.chat_completion.protocol", "vllm.entrypoints.openai.protocol")
    parsers.ToolParserManager.import_tool_parser(sys.argv[1])
    parser = parsers.ToolParserManager.get_tool_parser("qwen_tools")
    tools = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in ("read", "write")]
    request = requests.ChatCompletionRequest(model="m", messages=[{"role": "user", "content": "x"}], tools=tools)
    given = (Tokenizer(), request.tools) if "tools" in inspect.signature(parsers.ToolParser).parameters else (Tokenizer(),)

    whole = parser(*given).extract_tool_calls(ANSWER, request)
    assert ([(call.function.name, call.function.arguments) for call in whole.tool_calls], whole.content) == (CALLS, CONTENT), whole
    for size in (1, 3, 7, len(ANSWER)):
        one = parser(*given)
        text, ids, content = "", list[int](), ""
        calls: list[list[str]] = []
        for piece in [*(ANSWER[at : at + size] for at in range(0, len(ANSWER), size)), ""]:
            more = [7] if piece else [Tokenizer.eos_token_id]
            delta = one.extract_tool_calls_streaming(text, text + piece, piece, ids, ids + more, more, request)
            text, ids = text + piece, ids + more
            sent = json.loads(delta.model_dump_json(exclude_unset=True))
            content += sent.get("content", "")
            for call in sent.get("tool_calls", []):
                if call["index"] == len(calls):
                    calls.append([call["function"]["name"], ""])
                calls[call["index"]][1] += call["function"].get("arguments", "")
        assert ([tuple(call) for call in calls], content) == (CALLS, CONTENT), (size, calls, content)
    print(f"ok: {whole.__class__.__module__}")


main()
