# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One answer of chat completions out of several of the engine, with the searches between them: asking, reading, sending."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple, Protocol

import aiohttp
import msgspec

from . import anthropic_errors, openai_chat, search_text, sse
from .asgi import Headers
from .budget import Hold
from .engine import handed_back
from .errors import Fault
from .openai_chat import ChatStream, Rules, Whole
from .openai_request import Members
from .openai_search import DEFERRED, Called, Plan, after
from .openai_turns import Turns
from .search import SPARE_LEGS, Outcome
from .search_service import Searcher


class Client(Protocol):
    """The client's side, and what the exchange knows of the request."""

    max_event_bytes: int

    async def ask(self, members: Members) -> aiohttp.ClientResponse:
        """The engine's answer to a request with these members."""

    async def read(self, response: aiohttp.ClientResponse, hold: Hold) -> bytes:
        """A whole answer."""

    def rules(self) -> Rules: ...

    def counted(self, stream: ChatStream | Whole) -> None: ...

    def holds_back(self, held: Callable[[], bytes]) -> None:
        """What the client gets of a stream that breaks now."""

    def searching(self) -> None:
        """A search begins, so the silence is ours."""

    async def start(self, raw: Headers) -> None:
        """Begin a stream."""

    async def pump(self, response: aiohttp.ClientResponse, change: Callable[[bytes], bytes]) -> None:
        """Read an answer to its end, and send what becomes of it."""

    async def write(self, data: bytes) -> None: ...

    async def end(self) -> None: ...

    async def document(self, status: int, raw: Headers, body: bytes) -> None: ...


class _Document(NamedTuple):
    """An answer that is sent in one piece."""

    status: int
    headers: Headers
    body: bytes


class Legs:
    """For one request."""

    def __init__(self, client: Client, searcher: Searcher, plan: Plan, hold: Hold) -> None:
        self._client = client
        self._searcher = searcher
        self._plan = plan
        self._hold = hold
        self._turns = Turns()
        self._left = searcher.max_uses
        self._streams = False

    async def run(self) -> None:
        client, turns, members = self._client, self._turns, self._plan.members
        answer: _Document | None = None
        legs = self._searcher.max_uses + SPARE_LEGS
        for number in range(legs):
            with handed_back(await client.ask(members)) as response:
                answer = await self._read(response, first=number == 0)
            calls = turns.calls
            if not calls or turns.failed:
                break
            if number + 1 == legs:
                # A model that only searches: what it said is the answer.
                await client.write(turns.stopped() if answer is None else b"")
                break
            client.searching()
            results = await self._results(calls)
            members = after(members, turns.text, turns.thoughts, calls, results)
            self._hold.grow(len(turns.text) + len(turns.thoughts) + sum(map(len, results)))
            turns.go_on()
        if answer is None:
            await client.end()
        else:
            await client.document(*answer)

    async def _read(self, response: aiohttp.ClientResponse, first: bool) -> _Document | None:
        """One answer of the engine; None when it was sent as it came."""
        raw = list(response.raw_headers)
        if response.status == HTTPStatus.UNAUTHORIZED:
            raise Fault("upstream_auth")
        if response.status != HTTPStatus.OK:
            body = await self._client.read(response, self._hold)
            if not first:
                # The client knows nothing of a second request, so it is told in our own words.
                raise anthropic_errors.from_answer(response.status, body, response.headers.get("retry-after"))
            self._turns.failed = True
            return _Document(response.status, raw, body)
        if response.content_type != "text/event-stream":
            if self._streams:
                raise Fault("upstream_protocol", "no stream behind a stream")
            return _Document(response.status, raw, self._document(await self._client.read(response, self._hold)))
        if first:
            self._streams = True
            await self._client.start(raw)
        await self._events(response)
        return None

    async def _events(self, response: aiohttp.ClientResponse) -> None:
        client, turns = self._client, self._turns
        splitter = sse.EventSplitter(client.max_event_bytes)
        chat = ChatStream(client.rules())
        client.holds_back(lambda: turns.feed(chat.broken()))

        def feed(data: bytes) -> bytes:
            try:
                return turns.feed(chat.feed(splitter.feed(data)))
            except sse.EventTooLarge as exc:
                raise Fault("answer_too_large", "limits.max_event_bytes is reached") from exc

        try:
            await client.pump(response, feed)
            rest = splitter.rest()
            if rest.strip():
                await client.write(turns.feed(chat.feed(rest)))
            if not turns.done and not turns.failed:
                raise Fault("upstream_cut", "the stream ended without its end marker")
        finally:
            client.counted(chat)
        client.holds_back(bytes)

    def _document(self, body: bytes) -> bytes:
        changed = openai_chat.whole(body, self._client.rules())
        self._client.counted(changed)
        try:
            return msgspec.json.encode(self._turns.whole(msgspec.json.decode(changed.body)))
        except (msgspec.DecodeError, UnicodeError, RecursionError, KeyError, IndexError, TypeError, AttributeError):
            # No answer of chat completions: as it is, so that the client sees what it is.
            self._turns.failed = True
            return changed.body

    async def _results(self, calls: list[Called]) -> list[str]:
        """What the model is told of its calls, in their order."""
        tasks = [asyncio.ensure_future(self._one(call)) for call in calls]
        try:
            return [await task for task in tasks]
        finally:
            for task in tasks:
                task.cancel()

    async def _one(self, call: Called) -> str:
        if call.name != search_text.NAME:
            return DEFERRED
        query = search_text.query_of(call.arguments)
        if self._left <= 0:
            outcome = self._searcher.refuse("max_uses_exceeded")
        else:
            self._left -= 1
            outcome = await self._searcher.search(query, self._plan.terms)
        return told(query or "", outcome)


def told(query: str, outcome: Outcome) -> str:
    return search_text.failed(outcome.error) if outcome.error is not None else search_text.found(query, outcome.results)
