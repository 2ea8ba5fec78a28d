# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tool calls of one choice in the form that every client accumulates the same way.

The first delta of a call has its id, its type and its name; the later ones have none of them, since some clients append
what is there twice and others refuse a null.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from .call_readers import dump
from .rescue import Call, new_id

Item = dict[str, Any]


@dataclass
class _Open:
    index: int
    """The client's; the server's may be used twice, or be taken by a rescued call."""
    id: str
    name: str = ""
    held: str = ""
    """Arguments that came before the name."""


class ToolDeltas:
    def __init__(self, make_id: Callable[[], str] = new_id) -> None:
        self._make_id = make_id
        self._open: dict[int, _Open] = {}
        self._last = 0
        self.begun = 0
        """Calls that the client was told of."""

    def normal(self, items: Iterable[object]) -> list[Item]:
        """The deltas as they should have been."""
        return [out for item in items if isinstance(item, dict) and (out := self._one(item)) is not None]

    def rescued(self, call: Call) -> Item:
        """A whole call in one delta."""
        self.begun += 1
        return {"index": self.begun - 1, "id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}

    def _one(self, item: Item) -> Item | None:
        function = item["function"] if isinstance(item.get("function"), dict) else {}
        given_id, name = _text(item.get("id")), _text(function.get("name"))
        arguments = _arguments(function.get("arguments"))
        at = item["index"] if isinstance(item.get("index"), int) else self._index_of(given_id, name)
        self._last = at
        known = self._open.get(at)
        if known is not None and known.name and given_id not in ("", known.id) and name:
            # The server began another call under the same index.
            known = None
        if known is None:
            known = self._open[at] = _Open(-1, given_id or self._make_id())
        elif given_id and not known.name:
            known.id = given_id
        if known.name:
            return _with(item, function, {"index": known.index}, {"arguments": arguments})
        if not name:
            known.held += arguments
            return None
        known.index, known.name = self.begun, name
        self.begun += 1
        head = {"index": known.index, "id": known.id, "type": "function"}
        return _with(item, function, head, {"name": name, "arguments": known.held + arguments})

    def _index_of(self, given_id: str, name: str) -> int:
        """For a server that sends none."""
        same = next((at for at, known in self._open.items() if given_id and known.id == given_id), None)
        if same is not None:
            return same
        return max(self._open, default=-1) + 1 if name or not self._open else self._last


def _with(item: Item, function: Item, head: Item, inner: Item) -> Item:
    """The delta with what is not ours kept."""
    rest = {key: value for key, value in item.items() if key not in ("index", "id", "type", "function")}
    more = {key: value for key, value in function.items() if key not in ("name", "arguments")}
    return {**head, "function": {**inner, **more}, **rest}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _arguments(value: object) -> str:
    """Arguments are JSON in a string, also where a server sends the object itself."""
    return dump(value) if isinstance(value, (dict, list)) else _text(value)


def whole(items: Iterable[Any], make_id: Callable[[], str] = new_id) -> list[Any]:
    """The same for the calls of an answer that comes whole."""
    calls: list[Any] = []
    for item in items:
        if not isinstance(item, dict) or not isinstance(item.get("function"), dict):
            calls.append(item)
            continue
        function = item["function"]
        calls.append(
            {
                **item,
                "id": _text(item.get("id")) or make_id(),
                "type": "function",
                "function": {**function, "arguments": _arguments(function.get("arguments")) or "{}"},
            }
        )
    return calls
