# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for the parts of vLLM releases that a tool-parser plugin meets: where its classes are, and what serving does with a parser.

The fields, paths and rules are those of the source distributions of 0.9.2, 0.14.1, 0.20.2, 0.25.1 and 0.33.0. docs/tool_parser.md has how the
plugin was tried with the real ones; tests/conformance/test_vllm_calls.py has it in a real engine.
"""

from __future__ import annotations

import importlib.util
import json
import sys
import types
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

PLUGIN = Path(__file__).resolve().parents[2] / "roles/vllm/files/qwen_tools_parser.py"
EOS = 2


class Layout(NamedTuple):
    parsers: str
    protocol: str
    given_tools: bool
    """Whether a parser is made with the tools (0.19 and later)."""
    asks_for_rest: bool
    """Whether serving asks at the end (0.25 and later)."""


LAYOUTS = {
    "0.9": Layout("vllm.entrypoints.openai.tool_parsers", "vllm.entrypoints.openai.protocol", False, False),
    "0.13": Layout("vllm.tool_parsers", "vllm.entrypoints.openai.protocol", False, False),
    "0.16": Layout("vllm.tool_parsers", "vllm.entrypoints.openai.engine.protocol", False, False),
    "0.20": Layout("vllm.tool_parsers", "vllm.entrypoints.openai.engine.protocol", True, False),
    "0.25": Layout("vllm.tool_parsers", "vllm.entrypoints.openai.engine.protocol", True, True),
    "0.29": Layout("vllm.tool_parsers", "vllm.entrypoints.generate.base.protocol", True, True),
}


class Strict(BaseModel):
    # vLLM lets unknown fields pass; a plugin that needs that would not do what it means.
    model_config = ConfigDict(extra="forbid")


class FunctionCall(Strict):
    name: str
    arguments: str


class ToolCall(Strict):
    id: str
    type: Literal["function"] = "function"
    function: FunctionCall


class DeltaFunctionCall(Strict):
    name: str | None = None
    arguments: str | None = None


class DeltaToolCall(Strict):
    id: str | None = None
    type: Literal["function"] | None = None
    index: int
    function: DeltaFunctionCall | None = None


class DeltaMessage(Strict):
    role: str | None = None
    content: str | None = None
    tool_calls: list[DeltaToolCall] = Field(default_factory=list)


class ExtractedToolCallInformation(Strict):
    tools_called: bool
    tool_calls: list[ToolCall]
    content: str | None = None


PROTOCOL = (FunctionCall, ToolCall, DeltaFunctionCall, DeltaToolCall, DeltaMessage, ExtractedToolCallInformation)


class Tokenizer(NamedTuple):
    eos_token_id: int = EOS
    all_special_ids: tuple[int, ...] = (EOS,)


class _ToolParser:
    def __init__(self, tokenizer: Any) -> None:
        self.prev_tool_call_arr: list[dict[str, Any]] = []
        self.current_tool_id = -1
        self.streamed_args_for_tool: list[str] = []
        self.model_tokenizer = tokenizer


class _ToolParserWithTools(_ToolParser):
    engine_based_streaming = False

    def __init__(self, tokenizer: Any, tools: list[Any] | None = None) -> None:
        super().__init__(tokenizer)


class _Manager:
    def __init__(self) -> None:
        self.registered: dict[str, Any] = {}

    def register_module(self, name: str) -> Callable[[Any], Any]:
        def register(parser: Any) -> Any:
            self.registered[name] = parser
            return parser

        return register


@contextmanager
def loaded(layout: Layout) -> Iterator[Any]:
    """The plugin as a vLLM of this layout loads it: by its path."""
    kept = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] == "vllm"}
    for path in (layout.parsers, layout.protocol):
        words = path.split(".")
        for size in range(1, len(words) + 1):
            sys.modules.setdefault(".".join(words[:size]), types.ModuleType(".".join(words[:size])))
    manager = _Manager()
    vars(sys.modules[layout.parsers]).update(ToolParser=_ToolParserWithTools if layout.given_tools else _ToolParser, ToolParserManager=manager)
    vars(sys.modules[layout.protocol]).update({one.__name__: one for one in PROTOCOL})
    try:
        spec = importlib.util.spec_from_file_location(PLUGIN.stem, PLUGIN)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        assert list(manager.registered) == ["qwen_tools"]
        yield module
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "vllm"]:
            del sys.modules[name]
        sys.modules.update(kept)


def chat(*tools: str, **more: Any) -> Any:
    """A request for a chat."""
    return types.SimpleNamespace(messages=[], tools=[types.SimpleNamespace(function=types.SimpleNamespace(name=name)) for name in tools], **more)


def made(module: Any, layout: Layout) -> Any:
    return module.QwenToolsParser(Tokenizer(), None) if layout.given_tools else module.QwenToolsParser(Tokenizer())


def serve(parser: Any, layout: Layout, pieces: Iterable[tuple[str, list[int]]], request: Any) -> list[dict[str, Any]]:
    """The deltas that serving sends for the text and tokens of each piece, and what it makes of the last."""
    sent: list[DeltaMessage] = []
    text, tokens = "", list[int]()
    pieces = list(pieces)
    for number, (more, ids) in enumerate(pieces):
        delta = parser.extract_tool_calls_streaming(text, text + more, more, tokens, tokens + ids, ids, request)
        text, tokens = text + more, tokens + ids
        if number == len(pieces) - 1:
            delta = _finished_since_025(parser, delta) if layout.asks_for_rest else _finished_before(parser, delta)
        if delta is not None:
            sent.append(delta)
    return [delta.model_dump(exclude_unset=True) for delta in sent]


def _finished_since_025(parser: Any, delta: DeltaMessage | None) -> DeltaMessage:
    delta = delta or DeltaMessage()
    if delta.tool_calls and (function := delta.tool_calls[-1].function):
        expected = json.dumps(parser.prev_tool_call_arr[-1]["arguments"], ensure_ascii=False)
        assert expected.startswith(parser.streamed_args_for_tool[-1])
        function.arguments = (function.arguments or "") + expected[len(parser.streamed_args_for_tool[-1]) :]
    if parser.engine_based_streaming and (rest := parser.finish_streaming()):
        delta.content = (delta.content or "") + rest.content
    return delta


def _finished_before(parser: Any, delta: DeltaMessage | None) -> DeltaMessage:
    assert delta is not None, "0.9 sends no finish_reason then"
    first = delta.tool_calls[0].function if delta.tool_calls else None
    if first is None or first.arguments is None:
        return delta
    index = len(parser.prev_tool_call_arr) - 1
    actual = parser.streamed_args_for_tool[index].removesuffix(first.arguments)
    remaining = json.dumps(parser.prev_tool_call_arr[index]["arguments"], ensure_ascii=False).replace(actual, "", 1)
    return DeltaMessage(tool_calls=[DeltaToolCall(index=index, function=DeltaFunctionCall(arguments=remaining))])
