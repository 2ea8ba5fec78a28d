# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the model server sends on /v1/chat/completions, as far as it is read: chunks, whole answers and errors.

Unknown members are skipped while decoding, so a chunk costs only what is taken from it.
"""

from __future__ import annotations

import msgspec
from msgspec import Struct

from .errors import Fault


class FunctionPart(Struct, gc=False):
    name: str | None = None
    arguments: str | None = None


class CallPart(Struct, gc=False):
    index: int | None = None
    id: str | None = None
    function: FunctionPart | None = None


class Delta(Struct, gc=False):
    """The parts of one chunk, or of a whole message."""

    content: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    """The older name of `reasoning`; engines between the two send both."""
    refusal: str | None = None
    tool_calls: list[CallPart] | None = None


class Choice(Struct, gc=False):
    delta: Delta | None = None
    message: Delta | None = None
    finish_reason: str | None = None
    stop_reason: int | str | None = None
    """vLLM's: the stop string that matched, or the number of a stop token."""


class PromptDetails(Struct, gc=False):
    cached_tokens: int | None = None


class Usage(Struct, gc=False):
    prompt_tokens: int = 0
    completion_tokens: int | None = None
    prompt_tokens_details: PromptDetails | None = None


NO_ERROR = msgspec.Raw(b"null")


class Chunk(Struct, gc=False):
    choices: list[Choice] = []
    usage: Usage | None = None
    error: msgspec.Raw = NO_ERROR


_decode = msgspec.json.Decoder(Chunk).decode
DONE = b"[DONE]"


def chunk(data: bytes) -> Chunk:
    """One decoded chunk; a broken one is a fault, because what follows it would be taken for the whole answer."""
    try:
        return _decode(data)
    except (msgspec.DecodeError, RecursionError) as exc:
        raise Fault("upstream_protocol", f"a chunk: {type(exc).__name__}", "The model server sent something that is no part of an answer.") from exc


def payloads(block: bytes) -> list[bytes]:
    """The data of each event in a block of complete events."""
    if b"\r" in block:
        block = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if block.startswith(b"data: ") and block.find(b"\n") == len(block) - 2:
        # One event, as most blocks are.
        return [block[6:-2]]
    found = []
    for event in block.split(b"\n\n"):
        if event.startswith(b"data: ") and b"\n" not in event:
            found.append(event[6:])
        elif event:
            lines = [line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:")]
            if lines:
                found.append(b"\n".join(lines))
    return found


def from_whole(data: bytes) -> Chunk:
    """A whole answer as the one chunk that would say the same."""
    whole = chunk(data)
    for choice in whole.choices:
        choice.delta = choice.message
        for index, call in enumerate((choice.message and choice.message.tool_calls) or []):
            call.index = index
    return whole
