# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Malformed tool-call arguments in a conversation's history.

One truncated call would otherwise make the engine, or the chat template, refuse every later turn of the session.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw, Struct

from .call_readers import dump, load
from .call_scanner import Balance

_CALLS = b'"tool_calls"'
RAW_KEY = "_raw"
"""Holds what cannot be read, so that the model still sees what it wrote."""


class _Function(Struct):
    arguments: Raw = Raw(b"")


class _Call(Struct):
    function: _Function = msgspec.field(default_factory=_Function)


class _Message(Struct):
    tool_calls: list[_Call] | None = None


_MESSAGES = msgspec.json.Decoder(list[Raw])
_MESSAGE = msgspec.json.Decoder(_Message)


def repaired(messages: bytes) -> bytes | None:
    """The messages with every call's arguments a JSON object; None when they are. Only broken messages change."""
    if _CALLS not in messages:
        return None
    given = _MESSAGES.decode(messages)
    changed = [_message(message) if _CALLS in bytes(message) else None for message in given]
    if all(message is None for message in changed):
        return None
    return msgspec.json.encode([old if new is None else new for new, old in zip(changed, given, strict=True)])


def _message(raw: Raw) -> Raw | None:
    try:
        calls = _MESSAGE.decode(raw).tool_calls or []
        if all(_is_object(call.function.arguments) for call in calls):
            return None
    except msgspec.ValidationError:
        return None
    message: dict[str, Any] = msgspec.json.decode(raw)
    for call in message["tool_calls"]:
        function = call.get("function")
        if isinstance(function, dict) and not _readable(function.get("arguments")):
            function["arguments"] = dump(as_object(function.get("arguments")))
    return Raw(msgspec.json.encode(message))


def _is_object(arguments: Raw) -> bool:
    """Whether it is what the engine and the templates can work with: a JSON object in a string."""
    if not bytes(arguments):
        return False
    return _readable(msgspec.json.decode(arguments))


def _readable(arguments: object) -> bool:
    try:
        return isinstance(arguments, str) and isinstance(msgspec.json.decode(arguments), dict)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return False


def as_object(arguments: object) -> dict[str, Any]:
    """What the model most likely meant."""
    value = arguments
    for _layer in range(2):
        if isinstance(value, dict):
            break
        if isinstance(value, str):
            value = load(value) if value.strip() else {}
    if isinstance(value, dict) and _readable(dump(value)):
        return value
    if arguments is None:
        return {}
    closed = load(closing(arguments)) if isinstance(arguments, str) else None
    return closed if isinstance(closed, dict) and _readable(dump(closed)) else {RAW_KEY: arguments}


def closing(text: str) -> str:
    """The text with what a truncated JSON object lacks at its end."""
    return text + Balance(0).missing(text)
