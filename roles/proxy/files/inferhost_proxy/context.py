# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Output limits that leave the context no room.

Engines differ: newer ones take what fits, older ones refuse. So a request is tried as it is, which costs nothing, and only
a refusal that the context may explain is looked into, with the engine's own tokenizer.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
from msgspec import Raw, Struct

from .errors import Fault
from .openai_request import LIMITS, Members, asked, decoded, with_changes
from .responses_request import counted

TEMPLATE_TOKENS = 1024
"""More than any chat template adds of its own."""
RESERVE = 8
"""For what the tokenizer's endpoint may count differently."""
_COUNTED = (
    "model",
    "messages",
    "tools",
    "add_generation_prompt",
    "continue_final_message",
    "add_special_tokens",
    "chat_template",
    "chat_template_kwargs",
    "mm_processor_kwargs",
)


class ContextExceeded(Fault):
    def __init__(self, count: int, limit: int) -> None:
        super().__init__("context_length_exceeded")
        self.message = (
            f"This model's maximum context length is {limit} tokens, but the input alone has {count}. Shorten or compact the conversation, or start a new one."
        )


class _Count(Struct):
    count: int


class Counting(NamedTuple):
    """How the prompt's tokens are found: a body for /tokenize, or known already."""

    body: bytes = b""
    known: int | None = None


def in_doubt(body_bytes: int, members: Members, limit: int) -> bool:
    """Whether the context can be the problem. No tokenizer makes more tokens than there are bytes, so most requests are
    cleared by their size; what is not written in the body, as an image behind an address, never is."""
    return body_bytes + TEMPLATE_TOKENS + (asked(members) or 1) > limit or b"_url" in b"".join(
        bytes(members.get(name, Raw(b""))) for name in ("messages", "input")
    )


def counting(members: Members) -> Counting | None:
    """What to ask the tokenizer; None where one question is not enough."""
    if "messages" in members:
        return Counting(msgspec.json.encode({key: members[key] for key in _COUNTED if key in members}))
    if "input" in members:
        conversation = counted(members)
        if conversation is None:
            return None
        named = {key: members[key] for key in ("model", "chat_template_kwargs") if key in members}
        return Counting(msgspec.json.encode({**named, **conversation}))
    prompt = decoded(members.get("prompt"))
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if isinstance(prompt, str):
        given = {key: members[key] for key in ("model", "add_special_tokens") if key in members}
        return Counting(msgspec.json.encode({**given, "prompt": prompt}))
    if isinstance(prompt, list) and prompt and all(isinstance(token, int) for token in prompt):
        return Counting(known=len(prompt))
    return None


def count_of(answer: bytes) -> int | None:
    """The tokens in an answer of /tokenize."""
    try:
        return msgspec.json.decode(answer, type=_Count).count
    except (msgspec.DecodeError, UnicodeError):
        return None


def fitted(members: Members, count: int, limit: int) -> bytes | None:
    """The request with what the context leaves as its output limit; None when the context is not the problem."""
    left = limit - count
    if left < 1:
        raise ContextExceeded(count, limit)
    wanted = asked(members)
    if wanted is None or wanted <= left - RESERVE:
        return None
    room = Raw(str(min(wanted, max(1, left - RESERVE))).encode())
    changed = with_changes(members, {key: room for key in LIMITS if key in members})
    return None if changed == members else msgspec.json.encode(changed)
