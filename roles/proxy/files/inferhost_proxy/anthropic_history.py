# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The conversation as chat messages.

A run of messages between two answers of the assistant becomes, in this order: the results of the calls before it, then
one user message with everything else. Nothing ever stands between calls and their results, no call is without one, and
a run is the same in every later request, so that the engine finds its beginning in the cache.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any, NamedTuple

import msgspec

from . import search_text
from .anthropic_content import Content, Part, compact, parts_of, shown, text_part
from .anthropic_system import SEPARATOR, SYSTEM_ROLES, folded, join, system_text
from .anthropic_types import Block, Turn
from .config import InlineSystem
from .search import Result

Chat = dict[str, Any]
NO_RESULT = "There is no result: the call was not executed, or its output was lost."
IMAGE_FOLLOWS = "The result is the image that follows."
ERROR = "Error: "
SERVER_RESULT = "_tool_result"
SEARCH_RESULT = "web_search_tool_result"
SILENT = frozenset({"text", "redacted_thinking"})


class History(NamedTuple):
    messages: list[Chat]
    prefill: bool
    """The last message is the beginning of the answer."""


def convert(system: str | list[Block] | None, turns: list[Turn], inline: InlineSystem) -> History:
    """The chat messages of a request."""
    head = [system_text(system)]
    body: list[Chat] = []
    pending: list[Chat] = []
    placed = [(index, turn) for index, turn in enumerate(turns) if turn.role != "assistant" or _says_something(turn)]
    if inline == "hoist":
        head += [system_text(turn.content) for turn in turns if turn.role in SYSTEM_ROLES]
        placed = [(index, turn) for index, turn in placed if turn.role not in SYSTEM_ROLES]
    elif inline == "fold":
        # Nothing stands before these, so they can join the system prompt without moving.
        while placed and placed[0][1].role in SYSTEM_ROLES:
            head.append(system_text(placed.pop(0)[1].content))
    for assistant, run in groupby(placed, lambda item: item[1].role == "assistant"):
        if assistant:
            answers = _Assistant()
            for index, turn in run:
                answers.add(turn.content, f"messages.{index}.content")
            body += answers.messages()
            pending = answers.open_calls()
        else:
            body += _run(list(run), pending, inline)
            pending = []
    prefill = bool(body) and body[-1]["role"] == "assistant" and not pending and bool(body[-1].get("content"))
    body += [_tool(call["id"], NO_RESULT) for call in pending]
    text = join(head)
    return History(([{"role": "system", "content": text}] if text else []) + body, prefill)


def _says_something(turn: Turn) -> bool:
    """Templates refuse an answer with nothing in it."""
    return bool(turn.content) and (isinstance(turn.content, str) or any(block.text or block.type not in SILENT for block in turn.content))


class _Assistant:
    """One answer of the assistant; searches that a server made within it split it into several messages."""

    def __init__(self) -> None:
        self._done: list[Chat] = []
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: list[Chat] = []
        self._ids: set[str] = set()

    def add(self, content: str | list[Block], where: str) -> None:
        for index, block in enumerate([Block("text", text=content)] if isinstance(content, str) else content):
            if block.type == "thinking":
                self._reasoning.append(block.thinking or "")
            elif block.type.endswith("tool_use"):
                self._call(block)
            elif block.type.endswith(SERVER_RESULT) and block.tool_use_id:
                self._result(block, f"{where}.{index}")
            else:
                self._text += [part["text"] for part in shown(block, f"{where}.{index}") if part["type"] == "text"]

    def _call(self, block: Block) -> None:
        identifier = block.id or f"call_{len(self._ids)}"
        if identifier in self._ids:
            return
        self._ids.add(identifier)
        given = block.input if isinstance(block.input, dict) else {} if block.input is None else {"value": block.input}
        function = {"name": block.name or "", "arguments": msgspec.json.encode(given).decode()}
        self._calls.append({"id": identifier, "type": "function", "function": function})

    def _result(self, block: Block, where: str) -> None:
        """The result of a search that a server made: what stood before it becomes a message of its own."""
        made = next((call for call in self._calls if call["id"] == block.tool_use_id), None)
        if made is None:
            return
        waiting = [call for call in self._calls if call["id"] != block.tool_use_id]
        self._calls = [call for call in self._calls if call["id"] == block.tool_use_id]
        self._done.append(self._message())
        text = _found(made, block) if block.type == SEARCH_RESULT else _text_of(parts_of(block.content, where))
        self._done.append(_tool(str(block.tool_use_id), text or NO_RESULT))
        self._text, self._reasoning, self._calls = [], [], waiting

    def _message(self) -> Chat:
        message: Chat = {"role": "assistant"}
        for name, value in (("reasoning", "".join(self._reasoning)), ("content", "".join(self._text)), ("tool_calls", self._calls)):
            if value:
                message[name] = value
        if len(message) == 2 and "reasoning" in message:
            message["content"] = ""
        return message

    def messages(self) -> list[Chat]:
        """One in which nothing is said is left out: templates refuse it."""
        last = self._message()
        return [*self._done, last] if len(last) > 1 else self._done

    def open_calls(self) -> list[Chat]:
        return self._calls


def _found(call: Chat, block: Block) -> str:
    """The results of a search, word for word as the model read them when they came."""
    if isinstance(block.content, Block):
        return search_text.failed(block.content.error_code or "unavailable")
    entries = block.content if isinstance(block.content, list) else []
    results = [Result(entry.title or "", entry.url or "", search_text.opened(entry.encrypted_content), entry.page_age) for entry in entries]
    return search_text.found(search_text.query_of(call["function"]["arguments"]) or "", results)


def _run(run: list[tuple[int, Turn]], pending: list[Chat], inline: InlineSystem) -> list[Chat]:
    """What stands between two answers: results first, then the rest in its order."""
    wanted = {call["id"] for call in pending}
    results: dict[str, Chat] = {}
    images: list[Part] = []
    rest: list[tuple[str, list[Part]]] = []
    for index, turn in run:
        where = f"messages.{index}.content"
        if turn.role in SYSTEM_ROLES:
            text = system_text(turn.content)
            if text:
                rest.append(("system", [text_part(text)]) if inline == "preserve" else ("fold", [text_part(folded(text))]))
            continue
        for place, block in _blocks(turn.content):
            at = f"{where}.{place}"
            if block.type == "tool_result":
                text, seen = _result(block, at)
                identifier = block.tool_use_id or ""
                if identifier in wanted and identifier not in results:
                    results[identifier] = _tool(identifier, text)
                    images += seen
                elif identifier not in results:
                    # The call is no longer in the conversation, its result still says something.
                    rest.append(("user", [text_part(f"Result of an earlier tool call:{SEPARATOR}{text}"), *seen]))
            else:
                parts = shown(block, at)
                rest += [("user", parts)] if parts else []
    tools = [results.get(call["id"]) or _tool(call["id"], NO_RESULT) for call in pending]
    while tools and rest and rest[0][0] == "fold":
        # No user turn is made after results: the model would take it for an interruption.
        tools[-1]["content"] = join([tools[-1]["content"], rest.pop(0)[1][0]["text"]])
    if images:
        rest.insert(0, ("user", images))
    return tools + list(_messages(rest))


def _messages(rest: list[tuple[str, list[Part]]]) -> Iterator[Chat]:
    for system, items in groupby(rest, lambda item: item[0] == "system"):
        parts = [part for _role, more in items for part in more]
        yield {"role": "system" if system else "user", "content": compact(parts)}


def _blocks(content: str | list[Block]) -> Iterator[tuple[int, Block]]:
    yield from enumerate([Block("text", text=content)] if isinstance(content, str) else content)


def _result(block: Block, where: str) -> tuple[str, list[Part]]:
    """A result's text, and the images that a tool message cannot hold."""
    parts = [part for item in _items(block.content) for part in _bearable(item, where)]
    images = [part for part in parts if part["type"] != "text"]
    text = _text_of(parts) or (IMAGE_FOLLOWS if images else "")
    return (ERROR if block.is_error else "") + text, images


def _items(content: str | list[Block] | Block | None) -> list[Block]:
    if content is None or isinstance(content, str):
        return [Block("text", text=content or "")]
    return [content] if isinstance(content, Block) else content


def _bearable(block: Block, where: str) -> list[Part]:
    """A part of a result. What cannot be shown is named: an error would end the session, which sends it again each turn."""
    known = ("text", "image", "tool_reference", "search_result")
    if block.type in known or (block.type == "document" and not isinstance(block.source, str) and block.source and block.source.type in ("text", "content")):
        return shown(block, where)
    return [text_part(f"[A {block.type} that cannot be shown to this model]")]


def _text_of(parts: list[Part]) -> str:
    return "\n".join(part["text"] for part in parts if part["type"] == "text")


def _tool(identifier: str, content: Content) -> Chat:
    return {"role": "tool", "tool_call_id": identifier, "content": content}
