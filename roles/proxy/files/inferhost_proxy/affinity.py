# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a conversation's requests have in common: by it they find the upstream that has their prefix in its cache."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct

from .asgi import Headers

SESSION_HEADERS = frozenset(
    {
        b"conversation-id",
        b"conversation_id",
        b"session-id",
        b"session_id",
        b"x-claude-code-session-id",
        b"x-conversation-id",
        b"x-session-affinity",
        b"x-session-id",
    }
)
"""What coding agents name a session by."""
PROMPT_BYTES = 256
"""Of a bare prompt. Its beginning is all that its continuation is sure to share."""
_NOT_JSON = (msgspec.DecodeError, UnicodeError, RecursionError)


class _Turn(Struct):
    role: str | None = None


_ITEMS = msgspec.json.Decoder(list[Raw])
_TURN = msgspec.json.Decoder(_Turn)


def of_headers(headers: Headers) -> bytes | None:
    """The session that a request names."""
    named = sorted((name, value) for name, value in headers if name in SESSION_HEADERS and value)
    return _digest(value for _name, value in named) if named else None


def of_members(members: Mapping[str, Raw]) -> bytes | None:
    """System, tools and first user message of an OpenAI request, which every later request of the conversation repeats."""
    key = members.get("prompt_cache_key")
    if key is not None and bytes(key) not in (b"null", b'""'):
        return _digest([bytes(key)])
    turns = members.get("messages") or members.get("input")
    try:
        if turns is None:
            prompt = members.get("prompt")
            return None if prompt is None else _digest([bytes(prompt)[:PROMPT_BYTES]])
        head = [bytes(turns)] if not bytes(turns).startswith(b"[") else _head(bytes(turns))
    except _NOT_JSON:
        return None
    rest = [bytes(members[name]) for name in ("instructions", "tools") if name in members]
    return _digest([*rest, *head])


def of_chat(chat: Mapping[str, Any]) -> bytes:
    """The same of a chat request in Python's objects."""
    head: list[Any] = []
    for turn in chat["messages"]:
        head.append(turn)
        if turn["role"] == "user":
            break
    return _digest([msgspec.json.encode([chat.get("tools"), head])])


def _head(turns: bytes) -> list[bytes]:
    """The messages up to the first of the user."""
    head: list[bytes] = []
    for turn in _ITEMS.decode(turns):
        head.append(bytes(turn))
        if not head[-1].startswith(b"{") or _TURN.decode(turn).role == "user":
            break
    return head


def _digest(parts: Any) -> bytes:
    return hashlib.blake2b(b"\0".join(parts), digest_size=16).digest()
