# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Searches as items of the Responses API, and the same items as the engine reads them: a call of a function and its output.

What a search found is in its item, so a client that sends the item back gives the prompt that there was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw

from . import search_text
from .search import Outcome, Result

KIND = "web_search_call"
_MARK = b'"web_search_call'
GONE = "What this search found is not in the conversation. Search again if it is needed."
_CODES = frozenset(search_text.NO_ANSWER)
Item = dict[str, Any]


def item(identifier: str, arguments: str, status: str, outcome: Outcome | None = None) -> Item:
    """A search for the client."""
    action: Item = {"type": "search", "query": search_text.query_of(arguments) or ""}
    made: Item = {"id": identifier, "type": KIND, "status": status, "action": action}
    if outcome is None:
        return made
    if outcome.error is not None:
        return made | {"error": {"code": outcome.error}}
    action["sources"] = [{"type": "url", "url": result.url} for result in outcome.results]
    return made | {"results": [_result(result) for result in outcome.results]}


def _result(result: Result) -> Item:
    age = {"page_age": result.age} if result.age else {}
    return {"title": result.title, "url": result.url, "text": result.text, **age}


def replayed(given: Item) -> list[Item]:
    """An item of a search as the engine reads it; another item is what it is."""
    if given.get("type") != KIND:
        return [given]
    action = given.get("action")
    query = action.get("query") if isinstance(action, dict) else None
    text = query if isinstance(query, str) else ""
    identifier = "call_" + str(given.get("id", "")).removeprefix("ws_")
    arguments = msgspec.json.encode({"query": text} if text else {}).decode()
    call = {"type": "function_call", "call_id": identifier, "name": search_text.NAME, "arguments": arguments}
    return [call, {"type": "function_call_output", "call_id": identifier, "output": _output(given, text)}]


def _output(given: Item, query: str) -> str:
    error, listed = given.get("error"), given.get("results")
    if isinstance(error, dict) and error.get("code") in _CODES:
        return search_text.failed(error["code"])
    if not isinstance(listed, list):
        return GONE
    parts = [[entry.get(name) if isinstance(entry, dict) else None for name in ("title", "url", "text", "page_age")] for entry in listed]
    texts = [[part if isinstance(part, str) else "" for part in row] for row in parts]
    return search_text.found(query, [Result(title, url, text, age or None) for title, url, text, age in texts])


def history(members: Mapping[str, Raw]) -> dict[str, Raw | None]:
    """What has to change so that the engine can read the searches of a conversation. Other items keep their bytes."""
    changes: dict[str, Raw | None] = {}
    given = members.get("input")
    if given is not None and _MARK in bytes(given) and bytes(given).lstrip().startswith(b"["):
        items = msgspec.json.decode(given, type=list[Raw])
        rows = [_replayed(raw) for raw in items]
        if any(row is not None for row in rows):
            changes["input"] = Raw(b"[" + b",".join(bytes(raw) if row is None else row for raw, row in zip(items, rows, strict=True)) + b"]")
    wanted = members.get("include")
    if wanted is not None and _MARK in bytes(wanted):
        # No engine knows these.
        names = msgspec.json.decode(wanted)
        if isinstance(names, list):
            changes["include"] = Raw(msgspec.json.encode([name for name in names if not str(name).startswith(KIND)]))
    return changes


def _replayed(raw: Raw) -> bytes | None:
    if _MARK not in bytes(raw):
        return None
    given = msgspec.json.decode(raw)
    if not isinstance(given, dict) or given.get("type") != KIND:
        return None
    return b",".join(map(msgspec.json.encode, replayed(given)))


def after(members: Mapping[str, Raw], items: list[Item]) -> dict[str, Raw]:
    """The request with these items behind its conversation."""
    given = members.get("input", Raw(b'""'))
    spoken = bytes(given).lstrip().startswith(b'"')
    before = [{"role": "user", "content": given}] if spoken else msgspec.json.decode(given, type=list[Raw])
    return {**members, "input": Raw(msgspec.json.encode([*before, *(row for one in items for row in replayed(one))]))}
