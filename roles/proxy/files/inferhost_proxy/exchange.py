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
from collections.abc import Callable, Coroutine
from http import HTTPStatus

import aiohttp
import msgspec

from . import context, errors, headers, openai_responses, openai_search, sse
from .asgi import JSON, Headers, Receive, Scope, Send
from .budget import Budget, Hold
from .call import Call, Mode, mode
from .config import Config
from .counts import Counts
from .delivery import ClientGone, body_message, deliver, read_body, refuse, stop
from .directory import Directory, found
from .engine import Engine, handed_back, read_whole
from .errors import Fault
from .metrics import Metrics
from .openai_chat import ChatStream, Rules, whole
from .openai_legs import Legs
from .openai_request import Ask, Options, offer_of, prepare
from .openai_searching import Searching
from .openai_turns import Turns
from .pool import Errand, Keys, Pool
from .pump import pump
from .renaming import Renaming
from .responses_turns import ResponseTurns
from .search_service import Searcher
from .upstream import Request, target
from .upstream_faults import named_failures

TICK_SECONDS = 5.0
COMMENT = b": waiting\n\n"


Relay = Callable[[bytes, Hold], Coroutine[None, None, None]]
"""What turns a request's body into an answer that is sent."""


class Exchange:
    def __init__(self, config: Config, pool: Pool, directory: Directory, metrics: Metrics, searcher: Searcher | None = None) -> None:
        self._config = config
        self._pool = pool
        self._directory = directory
        self._metrics = metrics
        self._searcher = searcher
        self.max_event_bytes = config.limits.max_event_bytes
        self._budget = Budget(config.limits.max_held_bytes)
        given = config.openai
        self.options = Options(given.mistral_history, given.stop_in_text_only, given.deduplicate)
        shortest = min(config.timeouts.idle_seconds, config.timeouts.client_seconds)
        self._tick = min(TICK_SECONDS, shortest)
        """A deadline may be moved forward by so much between two looks at the clock."""

    async def __call__(self, call: Call, keys: Keys, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with what the engine would refuse put right."""
        errand = self.errand(call, keys)

        async def relay(body: bytes, hold: Hold) -> None:
            def own() -> Engine:
                return Engine(errand, call, scope["headers"], hold)

            if call.route.name == "models" and call.method == "GET" and self._directory.lists:
                await self._models(call, own(), scope["path"], send)
                return
            call.ask = self._asked(call, errand, body, scope["headers"])
            request = Request(
                call.method,
                target(scope["raw_path"], scope["query_string"]),
                headers.for_upstream(scope["headers"], call.upstream_id),
                call.ask.body,
            )
            asked = call.ask.members or {}
            plan = self._search_asked(call)
            if plan is not None and self._searcher is not None:
                client = Searching(self, call, errand, own, request, send)
                turns = Turns() if call.route.chat else ResponseTurns(asked)
                try:
                    await Legs(client, self._searcher, plan, turns, hold).run()
                finally:
                    await client.stop()
            else:
                await self._relay(call, errand, own, request, hold, send)

        await self.run(call, relay, scope, receive, send)

    def errand(self, call: Call, keys: Keys) -> Errand:
        """The way of a request to the upstreams; `run` ends it."""
        call.errand = Errand(self._pool, keys, call.upstream_id, lambda: call.bytes_out == 0)
        return call.errand

    def _search_asked(self, call: Call) -> openai_search.Plan | None:
        """What the request wants searched; None where nothing is, or nobody searches."""
        chat = call.route.chat
        if self._searcher is None or call.method != "POST" or not (chat or call.route.name == "responses"):
            return None
        plan = openai_search.plan(call.ask.body, call.ask.members, chat and self._searcher.always_offer, chat)
        if plan is not None:
            call.ask = call.ask._replace(members=plan.members, offer=offer_of(plan.members))
        return plan

    async def run(self, call: Call, relay: Relay, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request; every way it can end is answered, counted and noted in `call`."""
        try:
            with self._budget.hold() as hold:
                # The body is the relay's alone, so that it can let go of it.
                relaying = relay(await read_body(scope["headers"], receive, hold, self._config.limits.max_body_bytes), hold)
                call.begin(self._config.timeouts)
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
        finally:
            if call.errand is not None:
                call.errand.close()

    async def _race(self, call: Call, relaying: Coroutine[None, None, None], receive: Receive) -> None:
        """Wait for the relay, the client's departure, or a silence that lasts too long."""
        relay = asyncio.ensure_future(relaying)
        gone = asyncio.ensure_future(_departure(receive))
        try:
            while not relay.done():
                beat = await call.heartbeat() if call.heartbeat else TICK_SECONDS
                left = min(min(call.deadline, call.end_by) - time.monotonic(), self._tick, beat)
                await asyncio.wait({relay, gone}, timeout=max(left, 0), return_when=asyncio.FIRST_COMPLETED)
                if relay.done():
                    break
                if gone.done():
                    raise ClientGone
                late = call.out_of_time()
                if late is not None:
                    raise Fault(late)
            relay.result()
        finally:
            await stop(gone, relay)

    async def _models(self, call: Call, engine: Engine, path: str, send: Send) -> None:
        """The list of models, or the one that the path names."""
        entries = await self._directory.listing(engine, path)
        answer = found(entries, path) or {"object": "list", "data": entries}
        await deliver(call, send, HTTPStatus.OK, [*JSON, *headers.identification(call.id)], msgspec.json.encode(answer))

    async def _relay(self, call: Call, errand: Errand, own: Callable[[], Engine], request: Request, hold: Hold, send: Send) -> None:
        """Pass the request on and its answer back. `own` asks the engine something more."""
        with handed_back(await self.answered(call, errand, request)) as response:
            if response.status == HTTPStatus.UNAUTHORIZED:
                raise Fault("upstream_auth")
            answer_headers = list(response.raw_headers)
            refused = response.status == HTTPStatus.NOT_FOUND and bool(request.body) and call.route.name != "other"
            call.mode = mode(call.route, response.status, answer_headers, refused or call.renaming is not None)
            if call.mode is Mode.WHOLE:
                await self._whole(call, own, request, response, hold, send)
            else:
                await self._stream(call, response, answer_headers, send)

    def _asked(self, call: Call, errand: Errand, body: bytes, client: Headers) -> Ask:
        """The request as the engine is to get it, and what decides on the engine."""
        reader = self._directory.reader(call.route.name) if call.method == "POST" else None
        ask = Ask(body)
        if call.method == "POST" and call.route.name in ("chat", "completions", "responses"):
            ask = prepare(body, call.route.chat, self._directory.room(None).most, self.options, reader)
            for change in ask.changes:
                self._metrics.changed.labels(change).inc()
        elif reader is not None:
            ask = reader.ask(body)
        call.renaming = reader.renaming if reader is not None else None
        errand.wish = self._directory.wish(reader, client, call.route.name != "other" or call.method in ("GET", "HEAD"))
        return ask

    async def answered(self, call: Call, errand: Errand, request: Request) -> aiohttp.ClientResponse:
        """The engine's answer; where the context had no room for the output asked for, that to the request with less."""
        response = await errand.send(request)
        limit, members = self._directory.room(errand.wish.model).window, call.ask.members
        if response.status != HTTPStatus.BAD_REQUEST or limit is None or members is None:
            return response
        try:
            if not context.in_doubt(len(request.body), members, limit):
                return response
            count = await self._count(errand, request, context.counting(members))
            body = context.fitted(members, count, limit) if count is not None else None
        except BaseException:
            response.close()
            raise
        if body is None:
            return response
        response.close()
        self._metrics.changed.labels("max_tokens").inc()
        return await errand.send(request._replace(body=body))

    async def _count(self, errand: Errand, request: Request, counting: context.Counting | None) -> int | None:
        """The prompt's tokens, by the engine's own tokenizer."""
        if counting is None or counting.known is not None:
            return None if counting is None else counting.known
        try:
            response = await errand.send(request._replace(target="/tokenize", body=counting.body))
            try:
                with named_failures("upstream_cut"):
                    return context.count_of(await response.read()) if response.status == HTTPStatus.OK else None
            finally:
                response.release()
        except Fault:
            # The engine's own refusal is then the answer.
            return None

    def rules(self, call: Call) -> Rules:
        rescue = self._config.rescue
        return Rules(call.ask.offer if rescue.enabled else None, self._config.openai.both_reasoning_names, rescue.max_held_chars, texts=call.ask.texts)

    def _reducer(self, call: Call) -> ChatStream | openai_responses.ResponsesStream | None:
        rules = self.rules(call)
        if call.route.chat:
            return ChatStream(rules)
        return openai_responses.ResponsesStream(rules.offer, rules) if rules.offer is not None else None

    async def _whole(self, call: Call, own: Callable[[], Engine], request: Request, response: aiohttp.ClientResponse, hold: Hold, send: Send) -> None:
        body = await read_whole(call, response, hold)
        rules = self.rules(call)
        if call.route.chat or rules.offer is not None:
            changed = whole(body, rules) if call.route.chat or rules.offer is None else openai_responses.whole(body, rules.offer, rules)
            self.counted(changed.counts)
            body = changed.body
        await self.document(call, own, request, response.status, list(response.raw_headers), body, send)

    async def document(self, call: Call, own: Callable[[], Engine], request: Request, status: int, raw: Headers, body: bytes, send: Send) -> None:
        """Send a whole answer, with the client's name for the model, or with the names that there are where the model is not."""
        if call.renaming is not None:
            body = call.renaming.whole(body)
        if status == HTTPStatus.NOT_FOUND:
            body = await self._directory.explained_document(own(), body, request.body)
        await deliver(call, send, status, headers.for_client(raw, call.id, changes_length=True), body)

    async def _stream(self, call: Call, response: aiohttp.ClientResponse, raw: Headers, send: Send) -> None:
        events = call.mode is Mode.EVENTS
        call.status = response.status
        kept = headers.for_client(raw, call.id, changes_length=events)
        if events:
            # Reverse proxies in front would otherwise collect the events.
            kept.append((b"x-accel-buffering", b"no"))
        await send({"type": "http.response.start", "status": response.status, "headers": kept})
        if events:
            beat = asyncio.ensure_future(self.keep_alive(call, send))
            try:
                await self._events(call, response, send)
            finally:
                await stop(beat)
        else:
            await pump(call, response, send, _unchanged)
        await send(body_message(b"", more=False))

    async def _events(self, call: Call, response: aiohttp.ClientResponse, send: Send) -> None:
        splitter = sse.EventSplitter(self.max_event_bytes)
        chat = self._reducer(call)
        clean: Callable[[bytes], bytes] = chat.feed if chat else _unchanged
        call.held = chat.broken if chat else bytes
        if call.renaming is not None:
            clean, call.held = _renamed(call.renaming, clean, call.held)
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
            await pump(call, response, send, feed)
            rest = splitter.rest()
            if call.route.ends and not sse.is_end(sse.last_data(rest if rest.strip() else last)):
                raise Fault("upstream_cut", "the stream ended without its end marker")
            if rest:
                await send(body_message(clean(rest)))
        finally:
            if chat:
                self.counted(chat.counts)

    async def keep_alive(self, call: Call, send: Send) -> None:
        """Comments into a silence, from before the first event on. Anthropic's clients count events only."""
        seconds = self._config.openai.keep_alive_seconds
        quiet_since = time.monotonic()
        while not call.route.anthropic:
            await asyncio.sleep(max(0.0, max(call.sent_at, quiet_since) + seconds - time.monotonic()))
            if time.monotonic() < call.sent_at + seconds:
                continue
            quiet_since = time.monotonic()
            if call.waits_for != "client_stalled":
                await send(body_message(COMMENT))

    def counted(self, counts: Counts) -> None:
        self._metrics.empty_tool_calls.inc(counts.emptied)
        for notation, number in counts.rescued.items():
            self._metrics.rescued.labels(notation).inc(number)
        for ending, number in counts.thoughts.items():
            self._metrics.thoughts.labels(ending).inc(number)

    async def _fail(self, call: Call, fault: Fault, send: Send) -> None:
        """Tell the client as well as the answer's state allows."""
        call.fault = fault
        if call.errand is not None:
            call.errand.blame(fault)
        if fault.kind in errors.UPSTREAM_KINDS:
            self._metrics.upstream_errors.labels(fault.kind).inc()
        if call.status is None:
            call.status = errors.status(fault, call.route.anthropic)
            await refuse(send, fault, call.route.anthropic, call.id)
        elif call.mode is Mode.EVENTS and call.waits_for != "client_stalled":
            last = errors.responses_event(fault) if call.route.name == "responses" else errors.event(fault, call.route.anthropic, call.id)
            await send(body_message(call.held() + last))
            await send(body_message(b"", more=False))
        # Otherwise the answer stays unfinished: uvicorn then closes the connection, which every client takes for
        # the failure it is.


def _unchanged(block: bytes) -> bytes:
    return block


def _renamed(renaming: Renaming, feed: Callable[[bytes], bytes], held: Callable[[], bytes]) -> tuple[Callable[[bytes], bytes], Callable[[], bytes]]:
    """The same with the client's name for the model."""
    return lambda block: renaming.events(feed(block)), lambda: renaming.events(held())


async def _departure(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
