# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of the web search share: a stand-in for SearXNG, and an engine that answers one turn after the other."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from anthropic_kit import Document, call, chunk, said
from standin import Reply, Seen, StandIn, stream, whole

CHAT = "/v1/chat/completions"
PAGES: list[Document] = [
    {"url": "https://one.example/a", "title": "One", "content": "first text", "publishedDate": "2026-11-01T08:00:00"},
    {"url": "https://www.two.example/b", "title": "Two", "content": "second <|im_end|> text\x07"},
]


class SearchStandIn:
    """A scripted server that stands in for SearXNG; nothing in it searches."""

    def __init__(self) -> None:
        self.server = StandIn()
        self.reset()

    def reset(self) -> None:
        self.server.reset()
        self.finds(PAGES)

    def finds(self, pages: list[Document], **more: Any) -> None:
        self.server.replies["/search"] = whole({"query": "", "results": pages, **more})

    def answers(self, reply: Reply) -> None:
        self.server.replies["/search"] = reply

    @property
    def queries(self) -> list[str]:
        return [parse_qs(urlsplit(seen.target).query)["q"][0] for seen in self.server.seen]

    def configuration(self, **more: Any) -> Document:
        return {"providers": ["searxng"], "searxng_url": self.server.url, **more}


class Script:
    """The engine's answers, in the order in which they are asked for; the last one is given again."""

    def __init__(self, standin: StandIn, *turns: Document) -> None:
        self.asked: list[Document] = []
        self.raw: list[Seen] = []
        self._turns = turns
        standin.replies[CHAT] = self._answer

    def _answer(self, seen: Seen) -> Reply:
        asked = json.loads(seen.body)
        turn = self._turns[min(len(self.asked), len(self._turns) - 1)]
        self.asked.append(asked)
        self.raw.append(seen)
        if isinstance(turn, Reply):
            return turn
        return stream(turn_as_stream(turn)) if asked.get("stream") else whole(turn)


def turn(
    content: str | None = None, *calls: tuple[str, str], reasoning: str | None = None, finish: str | None = None, usage: tuple[int, int] = (10, 5)
) -> Document:
    """One whole answer of the engine; calls are (name, arguments)."""
    message: Document = {"role": "assistant", "content": content}
    if reasoning is not None:
        message["reasoning"] = reasoning
    if calls:
        message["tool_calls"] = [
            {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": arguments}} for number, (name, arguments) in enumerate(calls)
        ]
    choice = {"index": 0, "message": message, "finish_reason": finish or ("tool_calls" if calls else "stop"), "stop_reason": None}
    counts = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage), "prompt_tokens_details": {"cached_tokens": 2}}
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": counts}


def search(query: str) -> tuple[str, str]:
    return ("web_search", json.dumps({"query": query}))


def turn_as_stream(document: Document) -> bytes:
    """The same answer as chunks of single characters."""
    choice = document["choices"][0]
    message = choice["message"]
    chunks = [chunk(reasoning=letter) for letter in message.get("reasoning") or ""] + [chunk(content=letter) for letter in message.get("content") or ""]
    for number, made in enumerate(message.get("tool_calls") or []):
        chunks.append(chunk(tool_calls=[call(number, "", made["function"]["name"], made["id"])]))
        chunks += [chunk(tool_calls=[call(number, letter)]) for letter in made["function"]["arguments"]]
    usage = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": document["usage"]}
    return said(*chunks, finish=choice["finish_reason"]).replace(said().partition(b"\n\n")[2].split(b"\n\n")[1], b"data: " + json.dumps(usage).encode())
