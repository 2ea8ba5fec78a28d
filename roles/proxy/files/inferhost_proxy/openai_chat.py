# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers of chat completions: what clients misfire on is put right, everything else stays the same bytes."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple, get_args

import msgspec
from msgspec import Raw, Struct

from . import reasoning, sse, text_stream, tool_calls, tool_deltas
from .call_scanner import MAX_HELD
from .counts import Counts, ending
from .rescue import Call, Channel, Delta, Offer, Part, Rescue, new_id
from .text_stream import NOTHING, TextRules, TextStream
from .tool_deltas import ToolDeltas

_CALLS = b'"tool_calls"'
_STOP = b'"stop"'
_DELTA = b'"delta"'
# The first choice's text without a sign that a notation begins with, in a delta that has nothing else, as engines write it.
_PLAIN: dict[Channel, re.Pattern[bytes]] = {
    channel: re.compile(
        rb'"index":\s?0,\s?"delta":\s?\{"' + channel.encode() + rb'":\s?"([^"\\<\[{`~]*+(?:\\["\\/bfnrt][^"\\<\[{`~]*+)*+)"\},'
        rb'\s?(?:"logprobs":\s?null,\s?)?"finish_reason":\s?null'
    )
    for channel in get_args(Channel)
}
_RANK = {"reasoning": 0, "content": 1}
_NOT_JSON = (msgspec.DecodeError, UnicodeError, RecursionError)


MAX_PASSED = 4096
"""So many bytes of text pass before the rescue is told of them."""


class Rules(NamedTuple):
    """What may be done to an answer."""

    offer: Offer | None = None
    """The tools whose calls are rescued from the text; None: no rescue."""
    both_names: bool = True
    """Reasoning under both of its names."""
    max_held: int = MAX_HELD
    make_id: Callable[[], str] = new_id
    texts: TextRules = NOTHING
    """What is done to the text, when everything else is done."""


class _Delta(Struct):
    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[Any] | None = None

    @property
    def thoughts(self) -> str | None:
        return self.reasoning_content if self.reasoning is None else self.reasoning


class _Choice(Struct):
    index: int = 0
    delta: _Delta | None = None
    message: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(Struct):
    choices: list[_Choice] = []
    error: Raw = Raw(b"")


_CHUNK = msgspec.json.Decoder(_Chunk)
_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_CHOICES = msgspec.json.Decoder(list[dict[str, Raw]])
_OBJECT = msgspec.json.Decoder(dict[str, Any])
_ZERO, _EMPTY = Raw(b"0"), Raw(b"{}")
_OURS = frozenset({"content", "reasoning", "reasoning_content", "tool_calls"})
_COMPLETE = frozenset({"stop", "tool_calls", "length", "function_call"})


def finish_reason(given: str, calls: int) -> str:
    """The reason that fits what was sent: clients run calls only for `tool_calls`, and wait for calls if there are none."""
    if calls:
        return "tool_calls" if given == "stop" else given
    return "stop" if given == "tool_calls" else given


_Item = Delta | dict[str, Any]
"""Text, or a tool delta in the client's form."""


class _State:
    """One choice of a stream."""

    def __init__(self, rules: Rules) -> None:
        self.tools = ToolDeltas(rules.make_id)
        self.rescue = Rescue(rules.offer, rules.make_id, rules.max_held) if rules.offer else None
        self.ended = False
        self.thought = ""
        """The end of the reasoning, as long as nothing else was said."""

    def heard(self, channel: Channel, text: str) -> None:
        if text.strip():
            self.thought = text if channel == "reasoning" else ""


class _Change(NamedTuple):
    """What is to become of a choice's delta."""

    deltas: list[dict[str, Any]]
    reason: str | None


class ChatStream:
    """Complete events in, bytes out. One for each answer."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._texts = TextStream(rules.texts) if rules.texts.active else None
        self._rescues = rules.offer is not None
        self._choices: dict[int, _State] = {}
        self._called = False
        self._calm = False
        """Nothing is held, so that plain text may pass."""
        self._passed = bytearray()
        self._passed_channel: Channel = "content"
        self._thoughts = "reasoning"
        """The server's name for it."""
        self._last = b""
        """The last chunk with choices: what is given out late gets its id and model."""
        self.counts = Counts()

    def feed(self, block: bytes) -> bytes:
        """The events as the client should see them; the very same bytes where no rule applies."""
        return self._read(block) if self._texts is None else self._texts.feed(self._read(block))

    def _read(self, block: bytes) -> bytes:
        calls = _CALLS in block
        if calls:
            block, emptied = tool_calls.strip_empty_events(block)
            self.counts.emptied += emptied
            calls = _CALLS in block
        if self._rescues:
            channel = self._plain(block) if self._calm else None
            if channel is not None:
                return reasoning.both(block) if channel == "reasoning" and self._rules.both_names else block
        elif not calls and not (self._called and _STOP in block):
            return reasoning.both(block) if self._rules.both_names else block
        self._catch_up()
        events = sse.events(block)
        changed = [self._event(event) for event in events]
        only = self._choices.get(0) if len(self._choices) == 1 else None
        self._calm = only is not None and only.rescue is not None and not only.rescue.holds
        return block if changed == events else b"".join(changed)

    def broken(self) -> bytes:
        """What is held when the stream breaks, as text: the end of a call never came."""
        self._catch_up()
        held = self._flush(complete=False)
        return held if self._texts is None else self._texts.feed(held) + self._texts.broken()

    def _plain(self, block: bytes) -> Channel | None:
        """The channel, if all of a block is plain text of the first choice in one, which the rescue need not see now."""
        channel: Channel = "content"
        texts = _PLAIN[channel].findall(block)
        if not texts:
            channel = "reasoning"
            texts = _PLAIN[channel].findall(block)
        if not texts or block.count(_DELTA) != len(texts):
            return None
        if channel != self._passed_channel:
            self._catch_up()
            self._passed_channel = channel
        for text in texts:
            self._passed += text
        if len(self._passed) > MAX_PASSED:
            self._catch_up()
        return channel

    def _catch_up(self) -> None:
        """Tell the rescue what passed: where a line or a code fence began decides on what comes."""
        if self._passed:
            text = msgspec.json.decode(b'"' + bytes(self._passed) + b'"')
            self._passed.clear()
            state = self._state(0)
            state.heard(self._passed_channel, text)
            if state.rescue is not None:
                state.rescue.passed(self._passed_channel, text)

    def _event(self, event: bytes) -> bytes:
        data = sse.data_of(event)
        if data == b"[DONE]":
            return self._flush(complete=True) + event
        try:
            chunk = _CHUNK.decode(data)
        except _NOT_JSON:
            return event
        if bytes(chunk.error) not in (b"", b"null"):
            return self._flush(complete=False) + event
        changes: dict[int, _Change] = {}
        for choice in chunk.choices:
            change = self._choice(choice)
            if change is not None:
                changes[choice.index] = change
        if chunk.choices:
            self._last = data
        out = b"".join(sse.with_data(event, one) for one in self._rebuilt(data, changes)) if changes else event
        return reasoning.both(out) if self._rules.both_names else out

    def _state(self, index: int) -> _State:
        state = self._choices.get(index)
        if state is None:
            state = self._choices[index] = _State(self._rules)
        return state

    def _choice(self, choice: _Choice) -> _Change | None:
        """The reducer's step for one choice; None when it stays as it is."""
        state = self._state(choice.index)
        delta = choice.delta or _Delta()
        if delta.reasoning is None and delta.reasoning_content is not None:
            self._thoughts = "reasoning_content"
        given = choice.finish_reason
        found, changed = _texts(state.rescue, delta)
        parts = self._numbered(state, found)
        state.heard("reasoning", delta.thoughts or "")
        state.heard("content", delta.content or "")
        if delta.tool_calls:
            if state.thought:
                self.counts.thoughts[ending(state.thought)] += 1
                state.thought = ""
            held = self._numbered(state, state.rescue.engine_called()) if state.rescue is not None else []
            items = state.tools.normal(delta.tool_calls)
            parts += [*held, *items]
            changed = changed or bool(held) or items != delta.tool_calls
            self._called = self._called or bool(items)
        if given is not None:
            state.ended = True
            late = self._numbered(state, state.rescue.end(given in _COMPLETE)) if state.rescue is not None else []
            parts += late
            changed = changed or bool(late)
        if not changed and (given is None or finish_reason(given, state.tools.begun) == given):
            return None
        deltas = self._folded(parts)
        return _Change(deltas, None if given is None else finish_reason(given, state.tools.begun))

    def _numbered(self, state: _State, parts: list[Part]) -> list[_Item]:
        """The parts with rescued calls as deltas, numbered as the client gets them."""
        self.counts.rescued.update(part.notation for part in parts if isinstance(part, Call))
        return [state.tools.rescued(part) if isinstance(part, Call) else part for part in parts]

    def _folded(self, parts: list[_Item]) -> list[dict[str, Any]]:
        """As few deltas as keep the order: within one, reasoning comes before text, and text before calls."""
        deltas: list[dict[str, Any]] = []
        reached = 3
        for part in parts:
            rank = _RANK[part.channel] if isinstance(part, Delta) else 2
            if rank < reached or not deltas:
                deltas.append({})
            reached = rank
            if isinstance(part, Delta):
                key = self._thoughts if part.channel == "reasoning" else part.channel
                deltas[-1][key] = deltas[-1].get(key, "") + part.text
            else:
                deltas[-1].setdefault("tool_calls", []).append(part)
        return deltas

    def _rebuilt(self, data: bytes, changes: dict[int, _Change]) -> list[bytes]:
        """The chunk with its changed choices; more than one chunk where one delta cannot hold it all."""
        document = _MEMBERS.decode(data)
        kept: list[dict[str, Any]] = []
        extra: list[dict[str, Any]] = []
        for choice in _CHOICES.decode(document["choices"]):
            change = changes.get(msgspec.json.decode(choice.get("index", _ZERO)))
            if change is None:
                kept.append(choice)
                continue
            rest = {key: value for key, value in _OBJECT.decode(choice.get("delta", _EMPTY)).items() if key not in _OURS}
            rows: list[dict[str, Any]] = [{**choice, "delta": delta, "finish_reason": None} for delta in change.deltas or [{}]]
            rows[0]["delta"] = {**rest, **rows[0]["delta"]}
            rows[-1]["finish_reason"] = change.reason
            for row in rows[1:]:
                row.pop("logprobs", None)
            if rows[0]["delta"] or change.reason is not None or _has(choice, "logprobs") or _has(document, "usage"):
                kept.append(rows[0])
            extra += rows[1:]
        groups = [kept] if kept else []
        return [msgspec.json.encode({**document, "choices": group}) for group in (*groups, *([row] for row in extra))]

    def _flush(self, complete: bool) -> bytes:
        """What choices without a finish reason still hold."""
        out = []
        for index, state in self._choices.items():
            if state.rescue is None or state.ended:
                continue
            state.ended = True
            for delta in self._folded(self._numbered(state, state.rescue.end(complete))):
                document = _MEMBERS.decode(self._last)
                choice = {"index": index, "delta": delta, "finish_reason": None}
                out.append(b"data: " + msgspec.json.encode({**document, "choices": [choice]}) + b"\n\n")
        joined = b"".join(out)
        return reasoning.both(joined) if self._rules.both_names else joined


def _has(members: dict[str, Any], name: str) -> bool:
    return name in members and bytes(members[name]) != b"null"


def _texts(rescue: Rescue | None, delta: _Delta) -> tuple[list[Part], bool]:
    """The delta's texts as parts, and whether they are others than they were."""
    parts: list[Part] = []
    changed = False
    given: tuple[tuple[Channel, str | None], ...] = (("reasoning", delta.thoughts), ("content", delta.content))
    for channel, text in given:
        if text is None:
            continue
        found = rescue.feed(channel, text) if rescue is not None and text else None
        parts += [Delta(channel, text)] if found is None else found
        changed = changed or found is not None
    return parts, changed


class Whole(NamedTuple):
    body: bytes
    counts: Counts


def whole(body: bytes, rules: Rules) -> Whole:
    """The same for an answer that comes whole."""
    body, emptied = tool_calls.strip_empty(body)
    counts = Counts(emptied)
    if rules.offer is not None or _CALLS in body:
        try:
            document = _MEMBERS.decode(body)
            given = _CHOICES.decode(document["choices"])
            changes = [_whole_choice(choice, rules, counts) for choice in given]
        except (*_NOT_JSON, KeyError):
            return Whole(body, Counts(emptied))
        if any(change is not None for change in changes):
            choices = [change or choice for choice, change in zip(given, changes, strict=True)]
            body = msgspec.json.encode({**document, "choices": choices})
    if rules.texts.active:
        body = text_stream.whole(body, rules.texts)
    return Whole(reasoning.both(body) if rules.both_names else body, counts)


def _whole_choice(choice: dict[str, Raw], rules: Rules, counts: Counts) -> dict[str, Any] | None:
    message = _OBJECT.decode(choice.get("message", Raw(b"{}")))
    reason = msgspec.json.decode(choice.get("finish_reason", Raw(b"null")))
    given = message.get("tool_calls")
    engine = tool_deltas.whole(given, rules.make_id) if isinstance(given, list) else []
    parts: list[Part] = []
    if rules.offer is not None:
        rescue = Rescue(rules.offer, rules.make_id, rules.max_held)
        delta = _Delta(*(message.get(key) if isinstance(message.get(key), str) else None for key in ("content", *reasoning.NAMES)))
        parts, _changed = _texts(rescue, delta)
        if engine:
            parts += rescue.engine_called()
        parts += rescue.end(reason in _COMPLETE)
    found = [part for part in parts if isinstance(part, Call)]
    counts.rescued.update(call.notation for call in found)
    thoughts = next((message[name] for name in reasoning.NAMES if isinstance(message.get(name), str)), "")
    if engine and thoughts.strip() and not str(message.get("content") or "").strip():
        counts.thoughts[ending(thoughts)] += 1
    calls = [*({"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}} for call in found), *engine]
    new_reason = finish_reason(reason, len(calls)) if isinstance(reason, str) else reason
    if not found and engine == (given or []) and new_reason == reason:
        return None
    changed = dict(message)
    if found:
        for channel, names in (("reasoning", reasoning.NAMES), ("content", ("content",))):
            text = "".join(part.text for part in parts if isinstance(part, Delta) and part.channel == channel)
            changed.update({name: text or None for name in names if isinstance(message.get(name), str)})
    if calls:
        changed["tool_calls"] = calls
    return {**choice, "message": changed, "finish_reason": new_reason}
