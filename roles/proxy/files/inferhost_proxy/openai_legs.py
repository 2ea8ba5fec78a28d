# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One answer of OpenAI's surfaces out of several of the engine, with the searches between them: asking, reading, sending."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple, Protocol

import aiohttp

from . import anthropic_errors, search_text, sse
from .asgi import Headers
from .budget import Hold
from .counts import Counts
from .engine import handed_back
from .errors import Fault
from .openai_chat import Rules, Whole
from .openai_request import Members
from .openai_search import Called, Plan
from .search import SPARE_LEGS, Outcome
from .search_service import Searcher


class Reader(Protocol):
    """What the proxy does to the stream of any answer on this surface."""

    counts: Counts

    def feed(self, block: bytes) -> bytes: ...

    def broken(self) -> bytes: ...


class Turns(Protocol):
    """Several answers of the engine as one, in the form of a surface. Of the last of them:"""

    done: bool
    failed: bool

    @property
    def calls(self) -> list[Called]:
        """The calls of an answer that is to be continued; empty when it is the last."""

    @property
    def over(self) -> bool:
        """Whether it is the client's turn behind the searches."""

    @property
    def size(self) -> int: ...

    def reader(self, rules: Rules) -> Reader: ...

    def feed(self, block: bytes) -> bytes: ...

    def take(self, body: bytes, rules: Rules) -> Whole: ...

    def begins(self, call: Called) -> bytes: ...

    def ends(self, call: Called, outcome: Outcome | None) -> bytes:
        """None: not executed now."""

    def after(self, members: Members) -> Members: ...

    def go_on(self) -> None: ...

    def stopped(self) -> bytes: ...

    def document(self) -> bytes: ...


class Client(Protocol):
    """The client's side, and what the exchange knows of the request."""

    max_event_bytes: int

    async def ask(self, members: Members) -> aiohttp.ClientResponse:
        """The engine's answer to a request with these members."""

    async def read(self, response: aiohttp.ClientResponse, hold: Hold) -> bytes:
        """A whole answer."""

    def rules(self) -> Rules: ...

    def counted(self, counts: Counts) -> None: ...

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


class _Head(NamedTuple):
    """Of an answer that is sent in one piece."""

    status: int
    headers: Headers
    refusal: bytes | None = None


class Legs:
    """For one request."""

    def __init__(self, client: Client, searcher: Searcher, plan: Plan, turns: Turns, hold: Hold) -> None:
        self._client = client
        self._searcher = searcher
        self._plan = plan
        self._hold = hold
        self._turns = turns
        self._left = searcher.max_uses if plan.max_uses is None else max(0, min(searcher.max_uses, plan.max_uses))
        self._legs = self._left + SPARE_LEGS
        self._streams = False

    async def run(self) -> None:
        client, turns, members = self._client, self._turns, self._plan.members
        head: _Head | None = None
        for number in range(self._legs):
            with handed_back(await client.ask(members)) as response:
                head = await self._read(response, first=number == 0)
            if not turns.calls or turns.failed:
                break
            last = number + 1 == self._legs
            if not last:
                client.searching()
                await self._search(turns.calls)
            if last or turns.over:
                # The client's calls are the client's turn. Of a model that only searches, what it said is the answer.
                await client.write(turns.stopped())
                break
            members = turns.after(members)
            self._hold.grow(turns.size)
            turns.go_on()
        if head is None:
            await client.end()
        else:
            await client.document(head.status, head.headers, turns.document() if head.refusal is None else head.refusal)

    async def _read(self, response: aiohttp.ClientResponse, first: bool) -> _Head | None:
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
            return _Head(response.status, raw, body)
        if response.content_type != "text/event-stream":
            if self._streams:
                raise Fault("upstream_protocol", "no stream behind a stream")
            self._client.counted(self._turns.take(await self._client.read(response, self._hold), self._client.rules()).counts)
            return _Head(response.status, raw)
        if first:
            self._streams = True
            await self._client.start(raw)
        await self._events(response)
        return None

    async def _events(self, response: aiohttp.ClientResponse) -> None:
        client, turns = self._client, self._turns
        splitter = sse.EventSplitter(client.max_event_bytes)
        reader = turns.reader(client.rules())
        client.holds_back(lambda: turns.feed(reader.broken()))

        def feed(data: bytes) -> bytes:
            try:
                return turns.feed(reader.feed(splitter.feed(data)))
            except sse.EventTooLarge as exc:
                raise Fault("answer_too_large", "limits.max_event_bytes is reached") from exc

        try:
            await client.pump(response, feed)
            rest = splitter.rest()
            if rest.strip():
                await client.write(turns.feed(reader.feed(rest)))
            if not turns.done and not turns.failed:
                raise Fault("upstream_cut", "the stream ended without its end marker")
        finally:
            client.counted(reader.counts)
        client.holds_back(bytes)

    async def _search(self, calls: list[Called]) -> None:
        """All at once; what the client sees is in the order of the calls."""
        tasks = [asyncio.ensure_future(self._one(call)) for call in calls]
        try:
            for call, task in zip(calls, tasks, strict=True):
                await self._client.write(self._turns.begins(call))
                await self._client.write(self._turns.ends(call, await task))
        finally:
            for task in tasks:
                task.cancel()

    async def _one(self, call: Called) -> Outcome | None:
        """What came of a call; None where it is not a search."""
        if call.name != search_text.NAME:
            return None
        if self._left <= 0:
            return self._searcher.refuse("max_uses_exceeded")
        self._left -= 1
        return await self._searcher.search(search_text.query_of(call.arguments), self._plan.terms)
