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

CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
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

    def __init__(self, standin: StandIn, *turns: Document, path: str = CHAT) -> None:
        self.asked: list[Document] = []
        self.raw: list[Seen] = []
        self._turns = turns
        self._as_stream = turn_as_stream if path == CHAT else response_as_stream
        standin.replies[path] = self._answer

    def _answer(self, seen: Seen) -> Reply:
        asked = json.loads(seen.body)
        turn = self._turns[min(len(self.asked), len(self._turns) - 1)]
        self.asked.append(asked)
        self.raw.append(seen)
        if isinstance(turn, Reply):
            return turn
        return stream(self._as_stream(turn)) if asked.get("stream") else whole(turn)


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


def response(*items: Document, usage: tuple[int, int] = (10, 5), status: str = "completed", number: int = 1) -> Document:
    """One whole answer of the engine's Responses API."""
    counts = {
        "input_tokens": usage[0],
        "input_tokens_details": {"cached_tokens": 2},
        "output_tokens": usage[1],
        "output_tokens_details": {"reasoning_tokens": 1},
        "total_tokens": sum(usage),
    }
    document = {"id": f"resp_{number}", "object": "response", "created_at": number, "model": "m", "status": status, "output": list(items)}
    return {**document, "tools": [{"type": "function", "name": "web_search"}], "tool_choice": "auto", "parallel_tool_calls": True, "usage": counts}


def message(text: str, name: str = "msg_1") -> Document:
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": None}
    return {"id": name, "type": "message", "role": "assistant", "status": "completed", "content": [part]}


def function_call(name: str, arguments: str, call_id: str = "call_1") -> Document:
    return {"id": f"fc_{call_id}", "type": "function_call", "call_id": call_id, "name": name, "arguments": arguments, "status": "completed"}


def response_as_stream(document: Document) -> bytes:
    """The same answer as events, with the texts in single characters."""
    begun = {**document, "status": "in_progress", "output": [], "usage": None}
    rows: list[Document] = [{"type": "response.created", "response": begun}, {"type": "response.in_progress", "response": begun}]
    for index, item in enumerate(document["output"]):
        where = {"item_id": item["id"], "output_index": index}
        is_call = item["type"] == "function_call"
        empty = {"arguments": ""} if is_call else {"content": []}
        rows.append({"type": "response.output_item.added", "output_index": index, "item": {**item, **empty, "status": "in_progress"}})
        if is_call:
            rows += [{"type": "response.function_call_arguments.delta", **where, "delta": letter} for letter in item["arguments"]]
            rows.append({"type": "response.function_call_arguments.done", **where, "name": item["name"], "arguments": item["arguments"]})
        elif item["type"] == "reasoning":
            text = item["content"][0]["text"]
            where["content_index"] = 0
            rows += [{"type": "response.reasoning_text.delta", **where, "delta": letter} for letter in text]
            rows.append({"type": "response.reasoning_text.done", **where, "text": text})
        else:
            part = item["content"][0]
            where["content_index"] = 0
            rows.append({"type": "response.content_part.added", **where, "part": {**part, "text": ""}})
            rows += [{"type": "response.output_text.delta", **where, "delta": letter, "logprobs": []} for letter in part["text"]]
            rows.append({"type": "response.output_text.done", **where, "text": part["text"], "logprobs": []})
            rows.append({"type": "response.content_part.done", **where, "part": part})
        rows.append({"type": "response.output_item.done", "output_index": index, "item": item})
    rows.append({"type": f"response.{document['status']}", "response": document})
    return b"".join(b"event: %s\ndata: %s\n\n" % (row["type"].encode(), json.dumps({**row, "sequence_number": at}).encode()) for at, row in enumerate(rows))
