# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A whole message: what a client would put together from the events of a stream."""

from __future__ import annotations

from typing import Any

import msgspec

from .anthropic_stream import Reducer
from .anthropic_types import (
    AnswerBlock,
    BlockDeltaEvent,
    BlockStart,
    BlockStop,
    CitationsDelta,
    Event,
    InputDelta,
    Message,
    MessageDelta,
    MessageStart,
    ServerToolUseBlock,
    SignatureDelta,
    TextBlock,
    TextDelta,
    ThinkingBlock,
    ThinkingDelta,
    ToolUseBlock,
)
from .errors import Fault
from .wire import from_whole


def convert(body: bytes, reducer: Reducer) -> list[Event]:
    """A whole chat completion as the events that say the same."""
    return reducer.feed(from_whole(body)) + reducer.end()


def accumulate(events: list[Event]) -> Message:
    """The message that the events make."""
    made = Accumulator()
    made.feed(events)
    return made.message


class Accumulator:
    """A message as it grows."""

    def __init__(self) -> None:
        self._message: Message | None = None
        self._fragments: list[str] = []

    @property
    def message(self) -> Message:
        if self._message is None:
            raise Fault("upstream_cut", "no message")
        return self._message

    @property
    def content(self) -> list[AnswerBlock]:
        """The blocks that there are."""
        return self._message.content if self._message is not None else []

    def feed(self, events: list[Event]) -> None:
        for event in events:
            if isinstance(event, MessageStart):
                self._message = msgspec.structs.replace(event.message, content=[])
            message = self._message
            assert message is not None, "a message starts with message_start"
            if isinstance(event, BlockStart):
                message.content.append(msgspec.structs.replace(event.content_block))
                self._fragments = []
            elif isinstance(event, BlockDeltaEvent):
                self._fragments.append(_apply(message, event))
            elif isinstance(event, BlockStop):
                _complete(message, "".join(self._fragments))
            elif isinstance(event, MessageDelta):
                message.stop_reason, message.stop_sequence = event.delta.stop_reason, event.delta.stop_sequence
                message.usage = event.usage


def _apply(message: Message, event: BlockDeltaEvent) -> str:
    """The fragment that a delta adds; a signature and a citation are none."""
    delta = event.delta
    if isinstance(delta, TextDelta):
        return delta.text
    if isinstance(delta, ThinkingDelta):
        return delta.thinking
    if isinstance(delta, InputDelta):
        return delta.partial_json
    block = message.content[event.index]
    if isinstance(delta, SignatureDelta) and isinstance(block, ThinkingBlock):
        block.signature = delta.signature
    if isinstance(delta, CitationsDelta) and isinstance(block, TextBlock):
        block.citations = [*(block.citations or []), delta.citation]
    return ""


def _complete(message: Message, text: str) -> None:
    block = message.content[-1]
    if isinstance(block, TextBlock):
        block.text = text
    elif isinstance(block, ThinkingBlock):
        block.thinking = text
    elif isinstance(block, (ToolUseBlock, ServerToolUseBlock)):
        block.input = arguments(text)


def arguments(text: str) -> dict[str, Any]:
    """A call's arguments; empty when they were cut off, which the stop reason then says."""
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
