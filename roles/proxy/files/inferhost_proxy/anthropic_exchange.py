# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The life of a request on Anthropic's paths: what is asked of the model server for it, and how its answer is sent.

Of the model server only /v1/chat/completions, /tokenize and /v1/models are used.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, NamedTuple

import aiohttp
import msgspec

from . import anthropic_errors, anthropic_message, anthropic_models, anthropic_request, anthropic_search, headers, tokens
from .anthropic_conversion import Conversion
from .anthropic_legs import Legs
from .anthropic_stream import Answer, Reducer
from .anthropic_types import PING, AnswerBlock, Event, MessagesRequest, Tool, frames
from .asgi import JSON, Headers, Receive, Scope, Send
from .budget import Hold
from .call import Call, Mode
from .config import Config
from .delivery import deliver, sent
from .directory import Directory, found
from .engine import Engine, handed_back
from .errors import Fault
from .exchange import Exchange
from .pool import Keys
from .pump import pump
from .search_service import Searcher
from .signatures import signer
from .text_stream import TextRules

CHAT, TOKENIZE = "/v1/chat/completions", "/tokenize"
METHODS = {"messages": "POST", "count_tokens": "POST", "models": "GET"}
EVENT_STREAM: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]
LINGER_SECONDS = 0.2
"""For the end of an answer whose content is complete; without it the connection is not used again."""

Chat = dict[str, Any]


class _Talk(NamedTuple):
    """Both sides of a message, and what makes one of the other."""

    engine: Engine
    client: _Client
    reducer: Reducer


class Anthropic:
    def __init__(self, config: Config, directory: Directory, exchange: Exchange, searcher: Searcher | None = None) -> None:
        self._config = config
        self._directory = directory
        self._exchange = exchange
        self._searcher = searcher

    def serves(self, call: Call) -> bool:
        return call.route.name in METHODS

    def allows(self, call: Call) -> bool:
        return not call.route.anthropic or METHODS.get(call.route.name, call.method) == call.method

    async def __call__(self, call: Call, keys: Keys, scope: Scope, receive: Receive, send: Send) -> None:
        client = _Client(call, send, self._config)
        call.heartbeat = client.beat
        errand = self._exchange.errand(call, keys)
        key = next(iter(keys.values()), b"")

        async def relay(body: bytes, hold: Hold) -> None:
            engine = Engine(errand, call, scope["headers"], hold)
            try:
                if call.route.name == "messages":
                    await self._messages(engine, scope["headers"], body, key, client)
                elif call.route.name == "count_tokens":
                    await self._count_tokens(engine, scope["headers"], body, client)
                else:
                    await self._models(engine, scope["path"], client)
            except Fault as fault:
                if fault.kind == "engine_error" and fault.status == HTTPStatus.NOT_FOUND:
                    fault.message = await self._directory.explained(engine, fault.message, errand.wish.model)
                raise

        await self._exchange.run(call, relay, scope, receive, send)

    async def _models(self, engine: Engine, path: str, client: _Client) -> None:
        entries = await self._directory.listing(engine, path)
        named = found(entries, path)
        answer = anthropic_models.listed(entries, self._output) if named is None else anthropic_models.model(named, self._output)
        await client.document(msgspec.json.encode(answer))

    async def _count_tokens(self, engine: Engine, sent: Headers, body: bytes, client: _Client) -> None:
        request = anthropic_request.parse(body)
        tool = self._search_tool(request)
        count = await _count(engine, self._directory.chat(engine.errand, sent, self._chat(request, tool)))
        await client.document(msgspec.json.encode({"input_tokens": count.count}))

    async def _messages(self, engine: Engine, sent: Headers, body: bytes, key: bytes, client: _Client) -> None:
        request = anthropic_request.parse(body)
        tool = self._search_tool(request)
        if tool is not None:
            request = anthropic_search.first(request)
        chat, rules = anthropic_request.texts(self._asked(engine, sent, request, tool), self._exchange.options)
        client.pings = bool(request.stream)
        reducer = Reducer(self._wanted(request, chat, key, tool is not None, rules))
        if tool is not None and self._searcher is not None:
            answering = self._searched(self._searcher, sent, tool, request, chat, _Talk(engine, client, reducer))
        else:
            answering = self._plain(self._ask(engine, chat), _Talk(engine, client, reducer))
        # A stream may be open for an hour; the conversation is not kept for so long.
        del body, request, chat
        try:
            await answering
        finally:
            self._exchange.counted(reducer.counts)

    async def _plain(self, asking: Coroutine[None, None, aiohttp.ClientResponse], talk: _Talk) -> None:
        """One answer of the engine is the message."""
        engine, client, reducer = talk
        with handed_back(await asking) as response:
            if client.pings and response.content_type == "text/event-stream":
                await client.relay(response, reducer)
                await client.end()
                return
            events = anthropic_message.convert(await engine.read(response), reducer)
            if client.pings:
                await client.write(events)
                await client.end()
            else:
                await client.document(msgspec.json.encode(anthropic_message.accumulate(events)))

    async def _searched(self, searcher: Searcher, sent: Headers, tool: Tool, request: MessagesRequest, chat: Chat, talk: _Talk) -> None:
        """The message is several answers of the engine, with searches between them."""
        engine, client, reducer = talk
        max_uses = searcher.max_uses if tool.max_uses is None else min(searcher.max_uses, max(0, tool.max_uses))
        legs = Legs(reducer, searcher, anthropic_search.terms(tool), max_uses)
        held = 0

        async def emit(events: list[Event]) -> None:
            legs.message.feed(events)
            if client.pings and events:
                await client.write(events)
            client.waits()

        async def leg(number: int, content: list[AnswerBlock], written: int) -> None:
            nonlocal held
            asked = chat
            if number:
                engine.holds(len(msgspec.json.encode(content[held:])))
                held = len(content)
                following = anthropic_search.next_one(request, content, chat["max_tokens"] - written)
                asked, _rules = anthropic_request.texts(self._asked(engine, sent, following, tool), self._exchange.options)
            with handed_back(await self._ask(engine, asked)) as response:
                if client.pings and response.content_type == "text/event-stream":
                    await client.relay(response, reducer, legs.message.feed)
                else:
                    await emit(anthropic_message.convert(await engine.read(response), reducer))
            client.waits()

        await legs.run(leg, emit)
        if client.pings:
            await client.end()
        else:
            await client.document(msgspec.json.encode(legs.message.message))

    def _search_tool(self, request: MessagesRequest) -> Tool | None:
        return anthropic_search.tool(request) if self._searcher is not None else None

    def _chat(self, request: MessagesRequest, tool: Tool | None) -> Chat:
        served = anthropic_search.served(tool) if tool is not None else {}
        return anthropic_request.chat(request, self._config.anthropic.inline_system, served, self._exchange.options.mistral_history)

    def _asked(self, engine: Engine, sent: Headers, request: MessagesRequest, tool: Tool | None) -> Chat:
        """What the engine is asked, and the engine that it is for."""
        chat = anthropic_request.complete(request, self._chat(request, tool), self._output(request.model))
        return self._directory.chat(engine.errand, sent, chat)

    def _output(self, model: str) -> int | None:
        return self._directory.room(model).output

    def _wanted(self, request: MessagesRequest, chat: Chat, key: bytes, searches: bool, texts: TextRules) -> Answer:
        choice = request.tool_choice
        rescue = self._config.rescue
        return Answer(
            f"msg_{uuid.uuid4().hex}",
            request.model,
            signer(key),
            frozenset(request.stop_sequences or ()),
            choice is not None and bool(choice.disable_parallel_tool_use),
            searches,
            anthropic_request.offered(chat) if rescue.enabled else None,
            rescue.max_held_chars,
            texts,
        )

    async def _ask(self, engine: Engine, chat: Chat) -> aiohttp.ClientResponse:
        """The engine's answer with status 200. Only a request that may not fit is counted before it is sent."""
        window = self._directory.room(chat["model"]).window
        counted = window is not None and chat["max_tokens"] >= window
        if counted:
            chat = await _fitting(engine, chat) or chat
        response = await engine.ask(CHAT, anthropic_request.encode(chat))
        if response.status == HTTPStatus.OK:
            return response
        refusal = await _refusal(engine, response)
        fitting = await _fitting(engine, chat) if response.status == HTTPStatus.BAD_REQUEST and not counted else None
        if fitting is None:
            raise refusal
        response = await engine.ask(CHAT, anthropic_request.encode(fitting))
        if response.status == HTTPStatus.OK:
            return response
        raise await _refusal(engine, response)


async def _refusal(engine: Engine, response: aiohttp.ClientResponse) -> Fault:
    with handed_back(response):
        return anthropic_errors.from_answer(response.status, await engine.read(response), response.headers.get("retry-after"))


async def _fitting(engine: Engine, chat: Chat) -> Chat | None:
    """The request with as much output as the window has left; None when its size is not what is wrong with it."""
    try:
        count = await _count(engine, chat)
    except Fault:
        return None
    if count.count + chat["max_tokens"] <= count.max_model_len:
        return None
    return {**chat, "max_tokens": min(chat["max_tokens"], anthropic_errors.room(count))}


async def _count(engine: Engine, chat: Chat) -> tokens.Count:
    status, body = await engine.whole(TOKENIZE, anthropic_request.encode(tokens.tokenize_body(chat)))
    if status == HTTPStatus.OK:
        return tokens.parse(body)
    if status < 500 and anthropic_errors.names_itself(body):
        raise anthropic_errors.from_answer(status, body)
    raise Fault("count_unavailable", f"status {status}")


class _Client:
    """The client's side: events on their way, pings between them, or one document."""

    def __init__(self, call: Call, send: Send, config: Config) -> None:
        self._call = call
        self.send = send
        self.pings = False
        """The client waits for a stream, so it can be told something."""
        self._ping_seconds = config.anthropic.ping_seconds
        self._client_seconds = config.timeouts.client_seconds
        self._max_event_bytes = config.limits.max_event_bytes
        self._pinged_at = time.monotonic()

    def waits(self) -> None:
        """Something is under way again that the client waits for."""
        self._call.wait_for_next_answer()

    async def relay(self, response: aiohttp.ClientResponse, reducer: Reducer, seen: Callable[[list[Event]], None] | None = None) -> None:
        """Turn the engine's stream into the client's, as it comes. Its end is not the client's where a search follows."""
        await self._start()
        source = Conversion(reducer, self._max_event_bytes)

        def change(data: bytes) -> bytes:
            events = source.feed(data)
            if seen is not None:
                seen(events)
            return frames(events)

        await pump(self._call, response, self.send, change, lambda: source.over)
        if not source.over:
            events = source.eof()
            if seen is not None:
                seen(events)
            if events:
                await self.write(events)
        if source.fault is not None:
            raise source.fault
        with contextlib.suppress(TimeoutError, aiohttp.ClientError, ConnectionError):
            async with asyncio.timeout(LINGER_SECONDS):
                await response.content.read()

    async def write(self, events: list[Event]) -> None:
        await self._start()
        data = frames(events)
        self._call.wait_for_client()
        await self.send({"type": "http.response.body", "body": data, "more_body": True})
        sent(self._call, data)

    async def end(self) -> None:
        await self.send({"type": "http.response.body", "body": b"", "more_body": False})

    async def document(self, body: bytes) -> None:
        """Answer with one JSON document instead."""
        await deliver(self._call, self.send, 200, [*JSON, *headers.identification(self._call.id)], body)

    async def beat(self) -> float:
        """Tell a client that has heard nothing for a while that its answer is on its way.

        Even before the engine has accepted the request: an error is then the stream's first event.
        """
        due = max(self._call.sent_at, self._pinged_at) + self._ping_seconds - time.monotonic()
        if due > 0:
            return due
        if self.pings and self._call.waits_for != "client_stalled":
            try:
                async with asyncio.timeout(self._client_seconds):
                    await self._start()
                    await self.send({"type": "http.response.body", "body": PING, "more_body": True})
            except TimeoutError as exc:
                raise Fault("client_stalled") from exc
        self._pinged_at = time.monotonic()
        return self._ping_seconds

    async def _start(self) -> None:
        call = self._call
        if call.status is None:
            call.status, call.mode = 200, Mode.EVENTS
            start = [*EVENT_STREAM, *headers.identification(call.id)]
            await self.send({"type": "http.response.start", "status": 200, "headers": start})
