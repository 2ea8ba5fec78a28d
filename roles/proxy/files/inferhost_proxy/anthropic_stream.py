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
from typing import NamedTuple

import msgspec
from msgspec import UNSET

from . import anthropic_errors, citations, search_text
from .anthropic_types import (
    AnswerUsage,
    BlockDeltaEvent,
    BlockStart,
    BlockStop,
    Citation,
    CitationsDelta,
    Event,
    InputDelta,
    Message,
    MessageDelta,
    MessageStart,
    MessageStop,
    SearchError,
    SearchResult,
    SearchResultBlock,
    ServerToolUsage,
    ServerToolUseBlock,
    SignatureDelta,
    Stop,
    TextBlock,
    TextDelta,
    ThinkingBlock,
    ThinkingDelta,
    ToolUseBlock,
)
from .call_scanner import MAX_HELD
from .counts import Counts, ending
from .errors import Fault
from .rescue import Call, Offer, Part, Rescue
from .search import Outcome
from .signatures import Sign
from .text_stream import NOTHING, Text, TextRules, filtered
from .wire import NO_ERROR, CallPart, Chunk, Delta, Usage

BROKEN_FINISHES = frozenset({"abort", "error"})
COMPLETE_FINISHES = frozenset({"stop", "tool_calls", "length", "function_call"})


@dataclass(frozen=True)
class Answer:
    """What the events need to know beside the chunks."""

    id: str
    model: str
    sign: Sign
    stop_sequences: frozenset[str] = frozenset()
    single_call: bool = False
    """Calls after the first are left out: the client asked for no parallel ones."""
    searches: bool = False
    """Calls of the web search are executed by the gateway, which then goes on with the same message."""
    offer: Offer | None = None
    """The tools whose calls are rescued from the text; None: no rescue."""
    max_held: int = MAX_HELD
    texts: TextRules = NOTHING
    """What is done to the text."""


class SearchCall(NamedTuple):
    """A call of the web search that waits for its result."""

    id: str
    query: str | None


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
        self._searches: list[ToolCall] = []
        self._searched = 0
        self._sources: dict[str, str] = {}
        """What its searches found."""
        self._text: list[str] = []
        """Of the open block, once something was found."""
        self._spent: AnswerUsage | None = None
        """What the engine's earlier answers for this message took."""
        self._rescue = self._new_rescue()
        self._filtered = self._new_text()
        self.stopped = False
        """The text has ended at a stop string that the engine does not know."""
        self.counts = Counts()
        self.pending: list[SearchCall] = []
        """The searches that the message waits for, once the engine's answer has ended. Empty: the message has ended."""

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
            if self.stopped:
                break
            if choice.delta is not None:
                self._delta(choice.delta, out)
            if choice.finish_reason is not None and not self.stopped:
                self._finish, self._matched = choice.finish_reason, choice.stop_reason
                if self._rescue is not None:
                    self._parts(self._rescue.end(self._finish in COMPLETE_FINISHES), out)
                self._rest(out)
        return out

    def broken(self) -> list[Event]:
        """What was held back of a stream that breaks, as text: the end of a call never came."""
        out: list[Event] = []
        if self._rescue is not None and self._finish is None and self._started:
            self._parts(self._rescue.end(complete=False), out)
        if self._finish is None and self._started:
            self._rest(out)
        return out

    def end(self) -> list[Event]:
        """The events that end the message; raises when the chunks did not end it."""
        if self._finish is None or self._finish in BROKEN_FINISHES:
            raise Fault("upstream_cut", f"finish reason {self._finish}")
        out: list[Event] = []
        self._gather()
        if self._searches and self._finish != "length" and not self._refused:
            while self._open is not None:
                self._close(out)
            self.pending = [self._search(call) for call in self._searches]
            return out
        return out + self.finish()

    def finish(self, reason: str | None = None) -> list[Event]:
        """The same, whatever searches there are; `reason` where it is not the engine's to say."""
        out: list[Event] = []
        while self._open is not None or self._waiting:
            self._close(out)
            self._next_call(out)
        out.append(MessageDelta(Stop(reason) if reason else self._stop(), self._usage_so_far()))
        out.append(MessageStop())
        return out

    @property
    def calls_client(self) -> bool:
        """Whether the engine's answer has calls for the client too, so that it is the client's turn."""
        return self._last_call is not None or any(call.name for call in self._waiting)

    def search_begins(self, search: SearchCall) -> list[Event]:
        """A call comes in one piece, when it is known to be one."""
        self._index += 1
        made = msgspec.json.encode({} if search.query is None else {"query": search.query}).decode()
        block = ServerToolUseBlock(search.id, search_text.NAME)
        return [BlockStart(self._index, block), BlockDeltaEvent(self._index, InputDelta(made)), BlockStop(self._index)]

    def search_ends(self, search: SearchCall, outcome: Outcome) -> list[Event]:
        self._index += 1
        self._searched += outcome.error is None
        self._sources |= citations.sources_of(outcome.results)
        content: list[SearchResult] | SearchError = [
            SearchResult(result.title, result.url, search_text.sealed(result.text), result.age) for result in outcome.results
        ]
        if outcome.error is not None:
            content = SearchError(outcome.error)
        return [BlockStart(self._index, SearchResultBlock(search.id, content)), BlockStop(self._index)]

    def go_on(self) -> None:
        """The engine is asked again: its next answer continues the message."""
        self._spent = self._usage_so_far()
        self._usage = self._finish = self._matched = self._blank = None
        self._calls, self._waiting, self._searches, self.pending = {}, [], [], []
        self._rescue = self._new_rescue()
        self._filtered = self._new_text()

    @property
    def written(self) -> int:
        """The tokens that the message has so far."""
        return self._usage_so_far().output_tokens

    def _usage_so_far(self) -> AnswerUsage:
        total = plus(self._spent, usage(self._usage))
        total.server_tool_use = ServerToolUsage(self._searched) if self._answer.searches else UNSET
        return total

    def _search(self, call: ToolCall) -> SearchCall:
        number = len(self._ids)
        identifier = f"srvtoolu_{self._answer.id.removeprefix('msg_')}_{number}"
        self._ids.add(identifier)
        return SearchCall(identifier, search_text.query_of("".join(call.parts)))

    def _new_rescue(self) -> Rescue | None:
        # The ids are made where those of the engine are that it left out.
        return Rescue(self._answer.offer, str, self._answer.max_held) if self._answer.offer is not None else None

    def _new_text(self) -> Text | None:
        return filtered(self._answer.texts) if self._answer.texts.active else None

    def _delta(self, delta: Delta, out: list[Event]) -> None:
        """All parts of a chunk, in the order in which a model makes them."""
        reasoning = delta.reasoning or delta.reasoning_content
        rescue = self._rescue
        if reasoning:
            found = rescue.feed("reasoning", reasoning) if rescue is not None else None
            if found is None:
                self._say(ThinkingBlock, reasoning, out)
            else:
                self._parts(found, out)
        if delta.content:
            found = rescue.feed("content", delta.content) if rescue is not None else None
            if found is None:
                self._write(delta.content, out)
            else:
                self._parts(found, out)
        if delta.refusal:
            self._refused = True
            self._say(TextBlock, delta.refusal, out)
        if delta.tool_calls and not self.stopped:
            if rescue is not None:
                self._parts(rescue.engine_called(), out)
            self._rest(out)
            if self._open is ThinkingBlock and not self._calls:
                self.counts.thoughts[ending("".join(self._thought[-1:]))] += 1
            for part in delta.tool_calls:
                self._call(part, out)

    def _parts(self, parts: list[Part], out: list[Event]) -> None:
        """What the rescue made of the text."""
        for part in parts:
            if self.stopped:
                return
            if isinstance(part, Call):
                self._rest(out)
                self.counts.rescued[part.notation] += 1
                # A number that the engine does not give.
                self._calls[-1 - len(self._calls)] = call = ToolCall(name=part.name, parts=[part.arguments])
                self._waiting.append(call)
                self._advance(out)
            elif part.channel == "reasoning":
                self._say(ThinkingBlock, part.text, out)
            else:
                self._write(part.text, out)

    def _write(self, text: str, out: list[Event]) -> None:
        """Text of the model's, through its filters."""
        if self._filtered is not None:
            text = self._filtered.feed(text)
            if self._filtered.matched is not None:
                self.stopped = True
                self._finish, self._matched = "stop", self._filtered.matched
        if text:
            self._say(TextBlock, text, out)

    def _rest(self, out: list[Event]) -> None:
        """What the filters hold, where no more text follows."""
        if self._filtered is not None and not self.stopped and (text := self._filtered.end()):
            self._say(TextBlock, text, out)

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
            # What had to wait for a call's end is a block of its own, perhaps this one.
            while self._open is not None and self._open is not kind:
                self._close(out)
            if self._open is None:
                self._start(kind, kind(), out)
        if kind is TextBlock:
            out.append(BlockDeltaEvent(self._index, TextDelta(text)))
            if self._sources:
                self._text.append(text)
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
        """Open the calls that wait, as far as the open one is complete. Behind a search, the client's wait for its result."""
        if self._answer.searches:
            self._gather()
        while self._waiting and self._waiting[0].name and not self._searches:
            if isinstance(self._open, ToolCall):
                if not self._open.complete():
                    return
                self._close(out)
            self._next_call(out)

    def _gather(self) -> None:
        """Take the searches out of the calls that wait: they are not the client's."""
        if self._answer.searches:
            self._searches += [call for call in self._waiting if call.name == search_text.NAME]
            self._waiting = [call for call in self._waiting if call.name != search_text.NAME]

    def _next_call(self, out: list[Event]) -> None:
        """Open the first call that waits, with what it has so far. One that never got a name is none."""
        while self._waiting:
            call = self._waiting.pop(0)
            if call.name:
                while self._open is not None:
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
        if self._text:
            out += self._cited()
        if isinstance(ended, ToolCall) and not ended.parts:
            out.append(BlockDeltaEvent(self._index, InputDelta("{}")))
        out.append(BlockStop(self._index))
        if isinstance(ended, ToolCall):
            ended.closed = True
            held, self._held = self._held, []
            for kind, text in held:
                self._say(kind, text, out)

    def _cited(self) -> list[Event]:
        """The block's links to results, each once."""
        text, self._text = "".join(self._text), []
        links = {one.url: one.title for one in citations.cited(text, self._sources)}
        return [BlockDeltaEvent(self._index, CitationsDelta(Citation(url, title, search_text.sealed(url)))) for url, title in links.items()]

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


def plus(one: AnswerUsage | None, other: AnswerUsage) -> AnswerUsage:
    """What two answers took together."""
    if one is None:
        return other
    cached = [part.cache_read_input_tokens for part in (one, other) if part.cache_read_input_tokens is not UNSET]
    return AnswerUsage(one.input_tokens + other.input_tokens, one.output_tokens + other.output_tokens, sum(cached) if cached else UNSET)


def is_object(text: str) -> bool:
    try:
        msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        return False
    return True
