# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request's life: its body, the model server's answer, and whichever side leaves early.

The answer is relayed by a task of its own, so that the exchange can watch the client and the clock at the same time
and cancel the relay, which closes the connection to the model server, at any moment.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from enum import Enum
from http import HTTPStatus

import aiohttp

from . import context, errors, headers, sse
from .asgi import Headers, Message, Receive, Scope, Send, answer
from .budget import Budget, Hold
from .config import Config
from .errors import Fault
from .metrics import Metrics
from .openai_chat import ChatStream, Rules, whole
from .openai_request import Ask, prepare
from .routes import Route
from .upstream import Request, Upstream, named_failures, target

BODY_SECONDS = 60.0
"""Within this the next part of a request body has to arrive."""
TICK_SECONDS = 5.0
READ_BYTES = 256 * 1024
COMMENT = b": waiting\n\n"


class Mode(Enum):
    EVENTS = "server-sent events, handed on one complete event at a time"
    WHOLE = "one JSON document, handed on when it is complete"
    BYTES = "anything else, handed on as it comes"


def mode(route: Route, status: int, answer_headers: Headers) -> Mode:
    """How an answer is relayed."""
    fields = {name.lower(): value.lower() for name, value in answer_headers}
    if fields.get(b"content-encoding", b"identity") != b"identity" or status in (204, 304):
        return Mode.BYTES
    kind = fields.get(b"content-type", b"").partition(b";")[0].strip()
    if kind == b"text/event-stream":
        return Mode.EVENTS
    return Mode.WHOLE if route.generates and kind == b"application/json" else Mode.BYTES


@dataclass
class Call:
    """A request on its way, and what is known of it for its error, its log line and its metrics."""

    route: Route
    method: str
    id: str
    upstream_id: str
    key_label: str | None = None
    started_at: float = field(default_factory=time.monotonic)
    status: int | None = None
    mode: Mode | None = None
    bytes_out: int = 0
    first_byte_seconds: float | None = None
    sent_at: float = 0.0
    disconnected: str | None = None
    """The phase in which the client left."""
    fault: Fault | None = None
    waits_for: str = "upstream_timeout"
    """The fault that silence would be now."""
    deadline: float = float("inf")
    heartbeat: Callable[[], Awaitable[float]] | None = None
    """Keeps a client that waits; returns the seconds until it has to be called again."""
    ask: Ask = field(default_factory=lambda: Ask(b""))
    held: Callable[[], bytes] = bytes
    """What was held back of a stream that breaks now."""

    def wait(self, kind: str, seconds: float) -> None:
        """From now on, silence of so many seconds is this fault."""
        self.waits_for = kind
        self.deadline = time.monotonic() + seconds


class ClientGone(Exception):
    """The client closed its connection."""


Relay = Callable[[bytes, Hold], Coroutine[None, None, None]]
"""What turns a request's body into an answer that is sent."""


class Exchange:
    def __init__(self, config: Config, upstream: Upstream, metrics: Metrics) -> None:
        self._config = config
        self._upstream = upstream
        self._metrics = metrics
        self._budget = Budget(config.limits.max_held_bytes)

    async def __call__(self, call: Call, key: bytes | None, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with what the engine would refuse put right."""

        async def relay(body: bytes, hold: Hold) -> None:
            call.ask = self._asked(call, body)
            request = Request(
                call.method,
                target(scope["raw_path"], scope["query_string"]),
                headers.for_upstream(scope["headers"], key, call.upstream_id),
                call.ask.body,
            )
            await self._relay(call, request, hold, send)

        await self.run(call, relay, scope, receive, send)

    async def run(self, call: Call, relay: Relay, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request; every way it can end is answered, counted and noted in `call`."""
        try:
            with self._budget.hold() as hold:
                # The body is the relay's alone, so that it can let go of it.
                relaying = relay(await read_body(scope["headers"], receive, hold, self._config.limits.max_body_bytes), hold)
                call.wait("upstream_timeout", self._config.upstream.answer_seconds)
                await self._race(call, relaying, receive)
        except ClientGone:
            phase = "answer" if call.status else "waiting" if call.deadline < float("inf") else "upload"
            call.disconnected = phase
            self._metrics.disconnects.labels(phase).inc()
        except Fault as fault:
            await self._fail(call, fault, send)
        except asyncio.CancelledError:
            await self._fail(call, Fault("shutting_down"), send)
            raise

    async def _race(self, call: Call, relaying: Coroutine[None, None, None], receive: Receive) -> None:
        """Wait for the relay, the client's departure, or a silence that lasts too long."""
        relay = asyncio.ensure_future(relaying)
        gone = asyncio.ensure_future(_departure(receive))
        try:
            while not relay.done():
                beat = await call.heartbeat() if call.heartbeat else TICK_SECONDS
                left = min(call.deadline - time.monotonic(), self._config.upstream.idle_seconds, TICK_SECONDS, beat)
                await asyncio.wait({relay, gone}, timeout=max(left, 0), return_when=asyncio.FIRST_COMPLETED)
                if relay.done():
                    break
                if gone.done():
                    raise ClientGone
                if time.monotonic() >= call.deadline:
                    raise Fault(call.waits_for)
            relay.result()
        finally:
            await _stop(gone, relay)

    async def _relay(self, call: Call, request: Request, hold: Hold, send: Send) -> None:
        """Pass the request on and its answer back."""
        response = await self._answered(call, request)
        try:
            if response.status == HTTPStatus.UNAUTHORIZED:
                raise Fault("upstream_auth")
            answer_headers = list(response.raw_headers)
            call.mode = mode(call.route, response.status, answer_headers)
            if call.mode is Mode.WHOLE:
                await self._whole(call, response, answer_headers, hold, send)
            else:
                await self._stream(call, response, answer_headers, send)
        finally:
            # Closing, not releasing: an unread answer must stop the generation behind it.
            if response.content.at_eof():
                response.release()
            else:
                response.close()

    def _asked(self, call: Call, body: bytes) -> Ask:
        """The request as the engine is to get it."""
        if call.method != "POST" or call.route.name not in ("chat", "completions"):
            return Ask(body)
        limit = self._config.limits.max_model_len
        ask = prepare(body, call.route.chat, limit - 1 if limit else None)
        for change in ask.changes:
            self._metrics.changed.labels(change).inc()
        return ask

    async def _answered(self, call: Call, request: Request) -> aiohttp.ClientResponse:
        """The engine's answer; where the context had no room for the output asked for, that to the request with less."""
        response = await self._upstream.send(request)
        limit, members = self._config.limits.max_model_len, call.ask.members
        if response.status != HTTPStatus.BAD_REQUEST or limit is None or members is None:
            return response
        try:
            if not context.in_doubt(len(request.body), members, limit):
                return response
            count = await self._count(request, context.counting(members))
            body = context.fitted(members, count, limit) if count is not None else None
        except BaseException:
            response.close()
            raise
        if body is None:
            return response
        response.close()
        self._metrics.changed.labels("max_tokens").inc()
        return await self._upstream.send(request._replace(body=body))

    async def _count(self, request: Request, counting: context.Counting | None) -> int | None:
        """The prompt's tokens, by the engine's own tokenizer."""
        if counting is None or counting.known is not None:
            return None if counting is None else counting.known
        try:
            response = await self._upstream.send(request._replace(target="/tokenize", body=counting.body))
            try:
                with named_failures("upstream_cut"):
                    return context.count_of(await response.read()) if response.status == HTTPStatus.OK else None
            finally:
                response.release()
        except Fault:
            # The engine's own refusal is then the answer.
            return None

    def _rules(self, call: Call) -> Rules:
        rescue = self._config.rescue
        return Rules(call.ask.offer if rescue.enabled else None, self._config.openai.both_reasoning_names, rescue.max_held_chars)

    async def _whole(self, call: Call, response: aiohttp.ClientResponse, raw: Headers, hold: Hold, send: Send) -> None:
        parts = []
        with named_failures("upstream_cut"):
            async for part in response.content.iter_any():
                _grow(hold, len(part))
                parts.append(part)
        body = b"".join(parts)
        if call.route.chat:
            changed = whole(body, self._rules(call))
            self._counted(changed.emptied, changed.rescued)
            body = changed.body
        call.wait("client_stalled", self._config.upstream.idle_seconds)
        call.status = response.status
        await answer(send, response.status, headers.for_client(raw, call.id, changes_length=True), body)
        self._sent(call, body)

    async def _stream(self, call: Call, response: aiohttp.ClientResponse, raw: Headers, send: Send) -> None:
        events = call.mode is Mode.EVENTS
        call.status = response.status
        kept = headers.for_client(raw, call.id, changes_length=events)
        if events:
            # Reverse proxies in front would otherwise collect the events.
            kept.append((b"x-accel-buffering", b"no"))
        await send({"type": "http.response.start", "status": response.status, "headers": kept})
        if events:
            beat = asyncio.ensure_future(self._keep_alive(call, send))
            try:
                await self._events(call, response, send)
            finally:
                await _stop(beat)
        else:
            await self._pump(call, response, send, _unchanged)
        await send(_body(b"", more=False))

    async def _events(self, call: Call, response: aiohttp.ClientResponse, send: Send) -> None:
        splitter = sse.EventSplitter(self._config.limits.max_event_bytes)
        chat = ChatStream(self._rules(call)) if call.route.chat else None
        clean = chat.feed if chat else _unchanged
        call.held = chat.broken if chat else bytes
        last = b""

        def feed(data: bytes) -> bytes:
            nonlocal last
            try:
                complete = splitter.feed(data)
            except sse.EventTooLarge as exc:
                raise Fault("answer_too_large", "limits.max_event_bytes is reached") from exc
            last = complete or last
            return clean(complete)

        try:
            await self._pump(call, response, send, feed)
            rest = splitter.rest()
            if call.route.ends and not sse.is_end(sse.last_data(rest if rest.strip() else last)):
                raise Fault("upstream_cut", "the stream ended without its end marker")
            if rest:
                await send(_body(clean(rest)))
        finally:
            if chat:
                self._counted(chat.emptied, chat.rescued)

    async def _keep_alive(self, call: Call, send: Send) -> None:
        """Comments into a silence, from before the first event on. Anthropic's clients count events only."""
        seconds = self._config.openai.keep_alive_seconds
        quiet_since = time.monotonic()
        while not call.route.anthropic:
            await asyncio.sleep(max(0.0, max(call.sent_at, quiet_since) + seconds - time.monotonic()))
            if time.monotonic() < call.sent_at + seconds:
                continue
            quiet_since = time.monotonic()
            if call.waits_for != "client_stalled":
                await send(_body(COMMENT))

    async def _pump(self, call: Call, response: aiohttp.ClientResponse, send: Send, change: Callable[[bytes], bytes]) -> None:
        """Read what is there, change it, send it; the next read waits until the client has taken this."""
        idle = self._config.upstream.idle_seconds
        content = response.content
        while True:
            with named_failures("upstream_cut"):
                data = await content.read(READ_BYTES)
            if not data:
                return
            out = change(data)
            if out:
                call.wait("client_stalled", idle)
                await send(_body(out))
                self._sent(call, out)
            call.wait("upstream_stalled", idle)

    def _counted(self, emptied: int, rescued: Mapping[str, int]) -> None:
        self._metrics.empty_tool_calls.inc(emptied)
        for notation, number in rescued.items():
            self._metrics.rescued.labels(notation).inc(number)

    def _sent(self, call: Call, data: bytes) -> None:
        call.bytes_out += len(data)
        call.sent_at = time.monotonic()
        if call.first_byte_seconds is None:
            call.first_byte_seconds = time.monotonic() - call.started_at

    async def _fail(self, call: Call, fault: Fault, send: Send) -> None:
        """Tell the client as well as the answer's state allows."""
        call.fault = fault
        if fault.kind in errors.UPSTREAM_KINDS:
            self._metrics.upstream_errors.labels(fault.kind).inc()
        if call.status is None:
            call.status = errors.status(fault, call.route.anthropic)
            await refuse(send, fault, call.route.anthropic, call.id)
        elif call.mode is Mode.EVENTS and fault.kind != "client_stalled":
            last = errors.responses_event(fault) if call.route.name == "responses" else errors.event(fault, call.route.anthropic, call.id)
            await send(_body(call.held() + last))
            await send(_body(b"", more=False))
        # Otherwise the answer stays unfinished: uvicorn then closes the connection, which every client takes for
        # the failure it is.


async def refuse(send: Send, fault: Fault, anthropic: bool, request_id: str) -> None:
    """Answer with an error."""
    extra: Headers = [(b"content-type", b"application/json"), *headers.identification(request_id)]
    if fault.retry_after is not None:
        extra.append((b"retry-after", str(fault.retry_after).encode()))
    if fault.status == HTTPStatus.UNAUTHORIZED:
        extra.append((b"www-authenticate", b"Bearer"))
    if anthropic and fault.kind in errors.FINAL:
        # The SDKs would otherwise send it again, because of its status.
        extra.append((b"x-should-retry", b"false"))
    if fault.status in (408, 413):
        # The rest of the body is not read.
        extra.append((b"connection", b"close"))
    await answer(send, errors.status(fault, anthropic), extra, errors.document(fault, anthropic, request_id))


async def read_body(request_headers: Headers, receive: Receive, hold: Hold, limit: int) -> bytes:
    """The request's body; raises when it is too large, too slow, or its sender leaves."""
    announced = next((value for name, value in request_headers if name == b"content-length"), b"0")
    if int(announced) > limit:
        raise Fault("body_too_large")
    parts: list[bytes] = []
    size = 0
    while True:
        try:
            message = await asyncio.wait_for(receive(), BODY_SECONDS)
        except TimeoutError as exc:
            raise Fault("body_timeout") from exc
        if message["type"] == "http.disconnect":
            raise ClientGone
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise Fault("body_too_large")
        hold.grow(len(part))
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def _grow(hold: Hold, count: int) -> None:
    try:
        hold.grow(count)
    except Fault as exc:
        raise Fault("answer_too_large", exc.cause) from exc


def _unchanged(block: bytes) -> bytes:
    return block


def _body(data: bytes, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": more}


async def _departure(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _stop(*tasks: asyncio.Future[None]) -> None:
    """Cancel tasks and wait until their connections are closed."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
