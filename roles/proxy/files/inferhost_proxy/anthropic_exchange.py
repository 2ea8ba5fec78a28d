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
from collections.abc import Coroutine
from http import HTTPStatus
from typing import Any

import aiohttp
import msgspec

from . import anthropic_errors, anthropic_message, anthropic_models, anthropic_request, headers, tokens
from .anthropic_conversion import Conversion
from .anthropic_stream import Answer
from .anthropic_types import PING, Event, frames
from .asgi import JSON, Headers, Receive, Scope, Send, answer
from .budget import Hold
from .config import Config
from .engine import Engine, handed_back
from .errors import Fault
from .exchange import READ_BYTES, Call, Exchange, Mode
from .signatures import signer
from .upstream import Upstream, named_failures

CHAT, TOKENIZE, MODELS = "/v1/chat/completions", "/tokenize", "/v1/models"
METHODS = {"messages": "POST", "count_tokens": "POST", "models": "GET"}
EVENT_STREAM: Headers = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),
]
LINGER_SECONDS = 0.2
"""For the end of an answer whose content is complete; without it the connection is not used again."""

Chat = dict[str, Any]


class Anthropic:
    def __init__(self, config: Config, upstream: Upstream, exchange: Exchange) -> None:
        self._config = config
        self._upstream = upstream
        self._exchange = exchange

    def serves(self, call: Call) -> bool:
        return call.route.name in METHODS

    def allows(self, call: Call) -> bool:
        return not call.route.anthropic or METHODS.get(call.route.name, call.method) == call.method

    async def __call__(self, call: Call, key: bytes | None, scope: Scope, receive: Receive, send: Send) -> None:
        client = _Client(call, send, self._config)
        call.heartbeat = client.beat

        def relay(body: bytes, hold: Hold) -> Coroutine[None, None, None]:
            engine = Engine(self._upstream, call.upstream_id, key, scope["headers"], hold)
            if call.route.name == "messages":
                return self._messages(engine, body, key, client)
            if call.route.name == "count_tokens":
                return self._count_tokens(engine, body, client)
            return self._models(engine, scope["path"], client)

        await self._exchange.run(call, relay, scope, receive, send)

    async def _models(self, engine: Engine, path: str, client: _Client) -> None:
        status, body = await engine.whole(MODELS)
        if status != HTTPStatus.OK:
            raise anthropic_errors.from_answer(status, body)
        await client.document(anthropic_models.convert(body, path, self._config.limits.max_output_tokens))

    async def _count_tokens(self, engine: Engine, body: bytes, client: _Client) -> None:
        count = await _count(engine, anthropic_request.chat(anthropic_request.parse(body), self._config.anthropic.inline_system))
        await client.document(msgspec.json.encode({"input_tokens": count.count}))

    async def _messages(self, engine: Engine, body: bytes, key: bytes | None, client: _Client) -> None:
        request = anthropic_request.parse(body)
        limits = self._config.limits
        chat = anthropic_request.complete(request, anthropic_request.chat(request, self._config.anthropic.inline_system), limits)
        choice = request.tool_choice
        wanted = Answer(
            f"msg_{uuid.uuid4().hex}",
            request.model,
            signer(key or b""),
            frozenset(request.stop_sequences or ()),
            choice is not None and bool(choice.disable_parallel_tool_use),
        )
        client.pings = streamed = bool(request.stream)
        asking = self._ask(engine, chat)
        # A stream may be open for an hour; the conversation is not kept for so long.
        del body, request, chat
        with handed_back(await asking) as response:
            if streamed and response.content_type == "text/event-stream":
                await client.relay(response, wanted)
                return
            events = anthropic_message.convert(await engine.read(response), wanted)
            if streamed:
                await client.write(events)
                await client.end()
            else:
                await client.document(msgspec.json.encode(anthropic_message.accumulate(events)))

    async def _ask(self, engine: Engine, chat: Chat) -> aiohttp.ClientResponse:
        """The engine's answer with status 200. Only a request that may not fit is counted before it is sent."""
        window = self._config.limits.max_model_len
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
        self._idle_seconds = config.upstream.idle_seconds
        self._max_event_bytes = config.limits.max_event_bytes
        self._sent_at = time.monotonic()

    async def relay(self, response: aiohttp.ClientResponse, wanted: Answer) -> None:
        """Turn the engine's stream into the client's, as it comes."""
        await self._start()
        source = Conversion(wanted, self._max_event_bytes)
        while not source.done:
            with named_failures("upstream_cut"):
                data = await response.content.read(READ_BYTES)
            events = source.feed(data) if data else source.eof()
            if events:
                await self.write(events)
            if source.fault is not None:
                raise source.fault
            self._call.wait("upstream_stalled", self._idle_seconds)
        with contextlib.suppress(TimeoutError, aiohttp.ClientError, ConnectionError):
            async with asyncio.timeout(LINGER_SECONDS):
                await response.content.read()
        await self.end()

    async def write(self, events: list[Event]) -> None:
        await self._start()
        data = frames(events)
        self._call.wait("client_stalled", self._idle_seconds)
        self._sent_at = time.monotonic()
        await self.send({"type": "http.response.body", "body": data, "more_body": True})
        _sent(self._call, data)

    async def end(self) -> None:
        await self.send({"type": "http.response.body", "body": b"", "more_body": False})

    async def document(self, body: bytes) -> None:
        """Answer with one JSON document instead."""
        self._call.wait("client_stalled", self._idle_seconds)
        self._call.status = 200
        await answer(self.send, 200, [*JSON, *headers.identification(self._call.id)], body)
        _sent(self._call, body)

    async def beat(self) -> float:
        """Tell a client that has heard nothing for a while that its answer is on its way.

        Even before the engine has accepted the request: an error is then the stream's first event.
        """
        due = self._sent_at + self._ping_seconds - time.monotonic()
        if due > 0:
            return due
        if self.pings and self._call.waits_for != "client_stalled":
            try:
                async with asyncio.timeout(self._idle_seconds):
                    await self._start()
                    await self.send({"type": "http.response.body", "body": PING, "more_body": True})
            except TimeoutError as exc:
                raise Fault("client_stalled") from exc
        self._sent_at = time.monotonic()
        return self._ping_seconds

    async def _start(self) -> None:
        call = self._call
        if call.status is None:
            call.status, call.mode = 200, Mode.EVENTS
            start = [*EVENT_STREAM, *headers.identification(call.id)]
            await self.send({"type": "http.response.start", "status": 200, "headers": start})


def _sent(call: Call, data: bytes) -> None:
    call.bytes_out += len(data)
    if call.first_byte_seconds is None:
        call.first_byte_seconds = time.monotonic() - call.started_at
