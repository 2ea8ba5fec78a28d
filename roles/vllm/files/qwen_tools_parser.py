# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A tool parser for vLLM 0.9 and later: `<tools>{"name": …, "arguments": {…}}</tools>`, as Qwen2.5 often writes a call, and `<tool_call>`, as it was taught.

In a block stand one call, several, or a list of them. What is no call of one of the request's tools stays text: nobody could run it, and the definitions
of the tools look much like it. A call is handed on when it is complete, so that it can still turn out to be text.
It runs inside vLLM, as one file: `--tool-parser-plugin /path/qwen_tools_parser.py --tool-call-parser qwen_tools`. `docs/tool_parser.md` has more.
"""

from __future__ import annotations

import importlib
import json
import uuid
from collections.abc import Sequence
from typing import Any, NamedTuple

BEGIN = ("<tools>", "<tool_call>")
END = ("</tools>", "</tool_call>")
BETWEEN = " \t\r\n,;[]"
"""What may stand around the calls of a block."""
KEYS = frozenset(("name", "arguments", "id", "type"))
"""What a call may have. Only a tool's definition has others."""


class Call(NamedTuple):
    name: str
    arguments: dict[str, Any]

    @property
    def json(self) -> str:
        """As vLLM writes arguments itself when it looks for some that were not sent yet."""
        return json.dumps(self.arguments, ensure_ascii=False)


class Reader:
    """Reads a model's text as it comes, into text and calls. However the text is cut, the same comes out; what is no call comes back as text.

    Of white space, only that on the outside of all text is left out, and only beside calls.
    """

    def __init__(self, tools: frozenset[str]) -> None:
        self._tools = tools
        self._step = self._prose
        self._held = ""
        """What has come and is not decided."""
        self._block = ""
        """Of the block, from its tag on, what is text again where no call follows; empty after the first call."""
        self._extent = Extent()
        self._space = ""
        self._said = self._called = False

    def feed(self, text: str) -> list[str | Call]:
        """What can be said after so much more."""
        self._held += text
        found: list[str | Call] = []
        while self._step(found):
            pass
        return self._spaced(found)

    def end(self) -> list[str | Call]:
        """What is left when nothing more comes."""
        found = self._spaced([self._block + self._held])
        if self._space and not self._called:
            found.append(self._space)
        self._held = self._block = self._space = ""
        self._step, self._extent = self._prose, Extent()
        return found

    def _spaced(self, found: list[str | Call]) -> list[str | Call]:
        """White space waits for the text behind it."""
        spaced: list[str | Call] = []
        for one in found:
            if isinstance(one, Call):
                self._called = True
                spaced.append(one)
                continue
            text = self._space + one
            if self._called and not self._said:
                text = text.lstrip()
            kept = text.rstrip()
            self._space = text[len(kept) :]
            if kept:
                self._said = True
                spaced.append(kept)
        return spaced

    def _prose(self, found: list[str | Call]) -> bool:
        tag = self._until(BEGIN, found)
        if tag:
            self._block, self._step = tag, self._inside
        return bool(tag)

    def _verbatim(self, found: list[str | Call]) -> bool:
        """The rest of a block that has something else than calls."""
        tag = self._until(END, found)
        if tag:
            found.append(tag)
            self._step = self._prose
        return bool(tag)

    def _until(self, tags: Sequence[str], found: list[str | Call]) -> str:
        """Pass on what is before the first tag, which is returned; without one, all that cannot be its beginning."""
        at, tag = min(((place, tag) for tag in tags if (place := self._held.find(tag)) >= 0), default=(self._held.rfind("<"), ""))
        if not tag and (at < 0 or not _begins(tags, self._held[at:])):
            at = len(self._held)
        found.append(self._held[:at])
        self._held = self._held[at + len(tag) :]
        return tag

    def _inside(self, found: list[str | Call]) -> bool:
        """One call, or the end of the block; False where more has to come."""
        body = self._held.lstrip(BETWEEN)
        if self._block:
            self._block += self._held[: len(self._held) - len(body)]
        self._held = body
        if body.startswith(END):
            tag = body[: body.index(">") + 1]
            # A block without a call is what the model said.
            found.append(self._block + tag if self._block else "")
            self._held, self._block, self._step = body[len(tag) :], "", self._prose
            return True
        size = None if _begins(END, body) else self._extent.of(body)
        if size is None:
            return False
        self._extent = Extent()
        call = read(body[:size], self._tools)
        if call is None:
            found.append(self._block)
            self._step = self._verbatim
        else:
            found.append(call)
            self._held = body[size:]
        self._block = ""
        return True


class Extent:
    """Finds the end of the JSON object that a growing text begins with; each character is looked at once."""

    def __init__(self) -> None:
        self._seen = self._depth = 0
        self._quoted = self._escaped = False

    def of(self, text: str) -> int | None:
        """Its length; 0 where the text begins with none, or the block ends within it; None where it goes on."""
        if not text.startswith("{"):
            return 0
        for position in range(self._seen, len(text)):
            character = text[position]
            if self._escaped:
                self._escaped = False
            elif self._quoted:
                self._escaped, self._quoted = character == "\\", character != '"'
            elif character == '"':
                self._quoted = True
            elif character == "{":
                self._depth += 1
            elif character == "}":
                self._depth -= 1
                if self._depth == 0:
                    return position + 1
            elif character == "<":
                if text.startswith(END, position):
                    return 0
                if _begins(END, text[position : position + len(max(END, key=len))]):
                    self._seen = position
                    return None
        self._seen = len(text)
        return None


def read(text: str, tools: frozenset[str]) -> Call | None:
    """The call that a JSON object is, if it is one."""
    try:
        value = json.loads(text, strict=False, parse_constant=_no_json)
        inner = value.get("function", value)
        arguments = inner.get("arguments", {})
        call = Call(inner["name"], json.loads(arguments or "{}", strict=False, parse_constant=_no_json) if isinstance(arguments, str) else arguments)
        # An unpaired surrogate could not be sent.
        call.json.encode()
    except (ValueError, LookupError, AttributeError, TypeError, RecursionError):
        return None
    good = isinstance(call.name, str) and call.name in tools and isinstance(call.arguments, dict) and KEYS.issuperset(inner)
    return call if good else None


def _no_json(constant: str) -> None:
    """Python reads NaN and Infinity; JSON has none."""
    raise ValueError(constant)


def _begins(tags: Sequence[str], text: str) -> bool:
    return any(tag.startswith(text) for tag in tags)


# From here on it is vLLM's.


def _first(*names: str) -> Any:
    """The first of these modules that there is: vLLM moved its own about."""
    for name in names[:-1]:
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if not f"{name}.".startswith(f"{error.name}."):
                raise
    return importlib.import_module(names[-1])


# Since 0.13, and before.
_parsers = _first("vllm.tool_parsers", "vllm.entrypoints.openai.tool_parsers")
# Since 0.29, since 0.16, and before.
_protocol = _first("vllm.entrypoints.generate.base.protocol", "vllm.entrypoints.openai.engine.protocol", "vllm.entrypoints.openai.protocol")


def _tool_names(request: Any) -> frozenset[str]:
    """A tool of the Responses API has its name in itself."""
    tools = getattr(request, "tools", None) or ()
    return frozenset(name for tool in tools if (name := getattr(getattr(tool, "function", tool), "name", None)))


def _identifier() -> str:
    return f"call_{uuid.uuid4().hex[:24]}"


@_parsers.ToolParserManager.register_module("qwen_tools")
class QwenToolsParser(_parsers.ToolParser):  # type: ignore[misc, name-defined]
    """One instance reads one answer."""

    def __init__(self, tokenizer: Any, *tools: Any, **more: Any) -> None:
        super().__init__(tokenizer, *tools, **more)
        self._reader: Reader | None = None
        self._ending: frozenset[Any] = frozenset()

    def extract_tool_calls(self, model_output: str, request: Any) -> Any:
        """A whole answer."""
        reader = Reader(_tool_names(request))
        found = reader.feed(model_output) + reader.end()
        calls = [
            _protocol.ToolCall(id=_identifier(), type="function", function=_protocol.FunctionCall(name=one.name, arguments=one.json))
            for one in found
            if isinstance(one, Call)
        ]
        content = "".join(one for one in found if isinstance(one, str))
        return _protocol.ExtractedToolCallInformation(tools_called=bool(calls), tool_calls=calls, content=content or None)

    def extract_tool_calls_streaming(
        self,
        previous_text: str,
        current_text: str,
        delta_text: str,
        previous_token_ids: Sequence[int],
        current_token_ids: Sequence[int],
        delta_token_ids: Sequence[int],
        request: Any,
    ) -> Any:
        """The next piece of a streamed answer."""
        if self._reader is None:
            self._reader = Reader(_tool_names(request))
            special = (getattr(self.model_tokenizer, "eos_token_id", None), *getattr(self.model_tokenizer, "all_special_ids", ()))
            self._ending = frozenset((*special, *(getattr(request, "stop_token_ids", None) or ())))
            # Where vLLM asks parsers for their rest, from 0.25 on, it asks those that say so. Not said in the class: there it would mean more.
            self.engine_based_streaming = True
        # Older vLLM does not say which piece is the last: it is that with a token that ends answers, or that fills what was asked for.
        limit = getattr(request, "max_completion_tokens", None) or getattr(request, "max_tokens", None)
        last = not self._ending.isdisjoint(delta_token_ids) or bool(limit and len(current_token_ids) >= limit)
        found = self._reader.feed(delta_text) + (self._reader.end() if last else [])
        deltas = [delta for one in found if isinstance(one, Call) for delta in self._deltas(one, last)]
        content = "".join(one for one in found if isinstance(one, str))
        if not deltas and not content and not hasattr(request, "messages"):
            return None
        # To a chat also with nothing in it: a sign of life while a long call is written, and 0.9 would leave out the finish_reason for want of it.
        return _protocol.DeltaMessage(**({"content": content} if content else {}), **({"tool_calls": deltas} if deltas else {}))

    def finish_streaming(self) -> Any:
        """The rest, for a vLLM that asks for it."""
        rest = "".join(str(one) for one in self._reader.end()) if self._reader else ""
        return _protocol.DeltaMessage(content=rest) if rest else None

    def _deltas(self, call: Call, last: bool) -> list[Any]:
        index = len(self.prev_tool_call_arr)
        # vLLM reads these to tell that there were calls, and that nothing of them is left to send.
        self.prev_tool_call_arr.append({"name": call.name, "arguments": call.arguments})
        self.streamed_args_for_tool.append(call.json)
        self.current_tool_id = index
        parts: list[dict[str, str]] = [{"name": call.name, "arguments": call.json}]
        if last:
            # Up to 0.20, a last piece that begins with arguments is replaced by them alone.
            parts = [{"name": call.name}, {"arguments": call.json}]
        head: dict[str, str] = {"id": _identifier(), "type": "function"}
        return [_protocol.DeltaToolCall(index=index, function=_protocol.DeltaFunctionCall(**part), **(head if "name" in part else {})) for part in parts]
