# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chunks of a chat completion to events of an Anthropic message: one reducer, for streams and whole answers.

Anthropic's content blocks come one after the other. Chat completions have no such order: one chunk may hold reasoning,
text and several calls, and the calls' arguments may arrive in turns. So one block is open at a time; of several calls
one is passed on as it comes, the others wait and follow as soon as its arguments are complete.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from . import anthropic_errors
from .anthropic_types import (
    AnswerUsage,
    BlockDeltaEvent,
    BlockStart,
    BlockStop,
    Event,
    InputDelta,
    Message,
    MessageDelta,
    MessageStart,
    MessageStop,
    SignatureDelta,
    Stop,
    TextBlock,
    TextDelta,
    ThinkingBlock,
    ThinkingDelta,
    ToolUseBlock,
)
from .errors import Fault
from .signatures import Sign
from .wire import NO_ERROR, CallPart, Chunk, Delta, Usage

BROKEN_FINISHES = frozenset({"abort", "error"})


@dataclass(frozen=True)
class Answer:
    """What the events need to know beside the chunks."""

    id: str
    model: str
    sign: Sign
    stop_sequences: frozenset[str] = frozenset()
    single_call: bool = False
    """Calls after the first are left out: the client asked for no parallel ones."""


@dataclass
class ToolCall:
    id: str | None = None
    name: str | None = None
    parts: list[str] = field(default_factory=list)
    checked: int = 0
    """So many parts have been looked at."""
    whole: bool = False
    closed: bool = False

    def complete(self) -> bool:
        """Whether the arguments are a JSON object, and nothing can follow. Only looked at when it may be so."""
        if len(self.parts) > self.checked and self.parts[-1].rstrip().endswith("}"):
            self.checked = len(self.parts)
            self.whole = is_object("".join(self.parts))
        return self.whole


class Reducer:
    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._started = False
        self._usage: Usage | None = None
        self._finish: str | None = None
        self._matched: int | str | None = None
        self._refused = False
        self._index = -1
        self._open: type[TextBlock] | type[ThinkingBlock] | ToolCall | None = None
        self._thought: list[str] = []
        self._blank: tuple[type[TextBlock] | type[ThinkingBlock], str] | None = None
        """White space that makes no block of its own, but belongs to one if more comes."""
        self._held: list[tuple[type[TextBlock] | type[ThinkingBlock], str]] = []
        """What came while a call was open that may not be complete."""
        self._calls: dict[int, ToolCall] = {}
        self._waiting: list[ToolCall] = []
        self._ids: set[str] = set()
        self._last_call: ToolCall | None = None

    def feed(self, chunk: Chunk) -> list[Event]:
        """The events that a chunk gives; raises when it is an error."""
        if chunk.error is not NO_ERROR and chunk.error != NO_ERROR:
            raise anthropic_errors.from_event(chunk.error)
        out: list[Event] = []
        if chunk.usage is not None:
            self._usage = chunk.usage
        if not self._started:
            self._started = True
            answer = self._answer
            out.append(MessageStart(Message(answer.id, answer.model, usage(self._usage))))
        for choice in chunk.choices:
            if choice.delta is not None:
                self._delta(choice.delta, out)
            if choice.finish_reason is not None:
                self._finish, self._matched = choice.finish_reason, choice.stop_reason
        return out

    def end(self) -> list[Event]:
        """The events that end the message; raises when the chunks did not end it."""
        if self._finish is None or self._finish in BROKEN_FINISHES:
            raise Fault("upstream_cut", f"finish reason {self._finish}")
        out: list[Event] = []
        while self._open is not None or self._waiting:
            self._close(out)
            self._next_call(out)
        out.append(MessageDelta(self._stop(), usage(self._usage)))
        out.append(MessageStop())
        return out

    def _delta(self, delta: Delta, out: list[Event]) -> None:
        """All parts of a chunk, in the order in which a model makes them."""
        reasoning = delta.reasoning or delta.reasoning_content
        if reasoning:
            self._say(ThinkingBlock, reasoning, out)
        if delta.content:
            self._say(TextBlock, delta.content, out)
        if delta.refusal:
            self._refused = True
            self._say(TextBlock, delta.refusal, out)
        if delta.tool_calls:
            for part in delta.tool_calls:
                self._call(part, out)

    def _say(self, kind: type[TextBlock] | type[ThinkingBlock], text: str, out: list[Event]) -> None:
        if self._open is not kind:
            if isinstance(self._open, ToolCall) and not self._open.complete():
                self._held.append((kind, text))
                return
            if self._blank is not None and self._blank[0] is kind:
                text = self._blank[1] + text
            if text.isspace():
                self._blank = (kind, text)
                return
            self._close(out)
            self._start(kind, kind(), out)
        if kind is TextBlock:
            out.append(BlockDeltaEvent(self._index, TextDelta(text)))
        else:
            self._thought.append(text)
            out.append(BlockDeltaEvent(self._index, ThinkingDelta(text)))

    def _call(self, part: CallPart, out: list[Event]) -> None:
        index = part.index or 0
        name = part.function.name if part.function is not None else None
        call = self._calls.get(index)
        if call is None or (name and part.id and call.name and part.id != call.id):
            # The second: an engine that counts every call as number 0.
            if self._answer.single_call and self._calls:
                return
            call = self._calls[index] = ToolCall()
            self._waiting.append(call)
        call.id = call.id or part.id
        call.name = call.name or name
        if part.function is not None and part.function.arguments and not call.closed:
            call.parts.append(part.function.arguments)
            if call is self._open:
                out.append(BlockDeltaEvent(self._index, InputDelta(part.function.arguments)))
        if self._waiting:
            self._advance(out)

    def _advance(self, out: list[Event]) -> None:
        """Open the calls that wait, as far as the open one is complete."""
        while self._waiting and self._waiting[0].name:
            if isinstance(self._open, ToolCall):
                if not self._open.complete():
                    return
                self._close(out)
            self._next_call(out)

    def _next_call(self, out: list[Event]) -> None:
        """Open the first call that waits, with what it has so far. One that never got a name is none."""
        while self._waiting:
            call = self._waiting.pop(0)
            if call.name:
                self._close(out)
                self._last_call = call
                self._start(call, ToolUseBlock(self._id_of(call), call.name), out)
                if call.parts:
                    out.append(BlockDeltaEvent(self._index, InputDelta("".join(call.parts))))
                return

    def _id_of(self, call: ToolCall) -> str:
        """The engine's id, or one of our own where it gave none or the same twice."""
        given = call.id
        if not given or given in self._ids:
            given = f"toolu_{self._answer.id.removeprefix('msg_')}_{len(self._ids)}"
        self._ids.add(given)
        return given

    def _start(self, kind: type[TextBlock] | type[ThinkingBlock] | ToolCall, block: TextBlock | ThinkingBlock | ToolUseBlock, out: list[Event]) -> None:
        self._index += 1
        self._open = kind
        self._blank = None
        out.append(BlockStart(self._index, block))

    def _close(self, out: list[Event]) -> None:
        """End the open block; after a call, what had to wait for its end follows."""
        ended, self._open = self._open, None
        if ended is None:
            return
        if ended is ThinkingBlock:
            out.append(BlockDeltaEvent(self._index, SignatureDelta(self._answer.sign(self._thought))))
            self._thought = []
        if isinstance(ended, ToolCall) and not ended.parts:
            out.append(BlockDeltaEvent(self._index, InputDelta("{}")))
        out.append(BlockStop(self._index))
        if isinstance(ended, ToolCall):
            ended.closed = True
            held, self._held = self._held, []
            for kind, text in held:
                self._say(kind, text, out)

    def _stop(self) -> Stop:
        """Why the message ends: what was emitted counts for more than the engine's word."""
        last = self._last_call
        if self._finish == "length":
            return Stop("max_tokens")
        if self._refused or self._finish == "content_filter":
            return Stop("refusal")
        if last is not None and (not last.parts or is_object("".join(last.parts))):
            return Stop("tool_use")
        if isinstance(self._matched, str) and self._matched in self._answer.stop_sequences:
            return Stop("stop_sequence", self._matched)
        return Stop("tool_use" if last is not None else "end_turn")


def usage(engine: Usage | None) -> AnswerUsage:
    """Anthropic counts what came from the cache apart. Unknown is left out; it is not 0."""
    if engine is None:
        return AnswerUsage(0, 0)
    details = engine.prompt_tokens_details
    output = engine.completion_tokens or 0
    if details is None or details.cached_tokens is None:
        return AnswerUsage(engine.prompt_tokens, output)
    return AnswerUsage(max(0, engine.prompt_tokens - details.cached_tokens), output, details.cached_tokens)


def is_object(text: str) -> bool:
    try:
        msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
