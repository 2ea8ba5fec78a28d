# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A conversation as Mistral's chat templates take it.

They refuse call ids that are not nine letters and digits, and an assistant's message with a call and an empty text. The
ids are made of the client's, so the same conversation is the same prompt in each turn.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

import msgspec
from msgspec import Raw

ID_LENGTH = 9
_ID = re.compile(rf"[A-Za-z0-9]{{{ID_LENGTH}}}")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_CONCERNED = (b'"tool_calls"', b'"tool_call_id"')
_MESSAGES = msgspec.json.Decoder(list[Raw])


def adapted(messages: bytes) -> bytes | None:
    """The messages with ids and texts as the templates want them; None when they are."""
    if not any(name in messages for name in _CONCERNED):
        return None
    given = _MESSAGES.decode(messages)
    changed = [_message(raw) if any(name in bytes(raw) for name in _CONCERNED) else None for raw in given]
    if all(message is None for message in changed):
        return None
    return msgspec.json.encode([old if new is None else new for new, old in zip(changed, given, strict=True)])


def short_id(given: str) -> str:
    """Nine letters and digits for an id of any form, always the same ones."""
    if _ID.fullmatch(given):
        return given
    number = int.from_bytes(hashlib.sha256(given.encode("utf-8", "replace")).digest()[:8])
    letters = []
    for _place in range(ID_LENGTH):
        number, letter = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[letter])
    return "".join(letters)


def _message(raw: Raw) -> Raw | None:
    message = msgspec.json.decode(raw)
    new = adapted_message(message) if isinstance(message, dict) else message
    return None if new == message else Raw(msgspec.json.encode(new))


def adapted_message(message: dict[str, Any]) -> dict[str, Any]:
    """One message in that form."""
    new = {**message, **_ids(message)}
    if new.get("tool_calls") and new.get("content") == "":
        del new["content"]
    return new


def _ids(message: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if isinstance(message.get("tool_call_id"), str):
        found["tool_call_id"] = short_id(message["tool_call_id"])
    calls = message.get("tool_calls")
    if isinstance(calls, list):
        found["tool_calls"] = [{**call, "id": short_id(call["id"])} if isinstance(call, dict) and isinstance(call.get("id"), str) else call for call in calls]
    return found
