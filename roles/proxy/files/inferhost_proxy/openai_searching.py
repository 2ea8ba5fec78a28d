# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client's side of an answer with searches in it; what passes, passes as in any other answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING

import aiohttp
import msgspec

from . import headers
from .asgi import Headers, Send
from .budget import Hold
from .call import Call, Mode
from .counts import Counts
from .delivery import body_message, sent, stop
from .engine import Engine, read_whole
from .openai_chat import Rules
from .openai_request import Members
from .pool import Errand
from .pump import pump
from .upstream import Request

if TYPE_CHECKING:
    from .exchange import Exchange


class Searching:
    """What the legs of a search need of the exchange they are in."""

    def __init__(self, exchange: Exchange, call: Call, errand: Errand, own: Callable[[], Engine], request: Request, send: Send) -> None:
        self._exchange = exchange
        self._call = call
        self._errand = errand
        self._own = own
        self._request = request
        self._send = send
        self._beat: asyncio.Future[None] | None = None
        self.max_event_bytes = exchange.max_event_bytes

    async def ask(self, members: Members) -> aiohttp.ClientResponse:
        body = msgspec.json.encode(members)
        self._call.ask = self._call.ask._replace(body=body, members=members)
        return await self._exchange.answered(self._call, self._errand, self._request._replace(body=body))

    async def read(self, response: aiohttp.ClientResponse, hold: Hold) -> bytes:
        return await read_whole(self._call, response, hold)

    def rules(self) -> Rules:
        return self._exchange.rules(self._call)

    def counted(self, counts: Counts) -> None:
        self._exchange.counted(counts)

    def holds_back(self, held: Callable[[], bytes]) -> None:
        self._call.held = lambda: self._named(held())

    def searching(self) -> None:
        self._call.wait_for_next_answer()

    async def start(self, raw: Headers) -> None:
        self._call.status, self._call.mode = HTTPStatus.OK, Mode.EVENTS
        kept = [*headers.for_client(raw, self._call.id, changes_length=True), (b"x-accel-buffering", b"no")]
        await self._send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": kept})
        self._beat = asyncio.ensure_future(self._exchange.keep_alive(self._call, self._send))

    async def pump(self, response: aiohttp.ClientResponse, change: Callable[[bytes], bytes]) -> None:
        await pump(self._call, response, self._send, lambda data: self._named(change(data)))

    async def write(self, data: bytes) -> None:
        if data:
            data = self._named(data)
            self._call.wait_for_client()
            await self._send(body_message(data))
            sent(self._call, data)

    async def end(self) -> None:
        await self._send(body_message(b"", more=False))

    async def document(self, status: int, raw: Headers, body: bytes) -> None:
        await self._exchange.document(self._call, self._own, self._request, status, raw, body, self._send)

    async def stop(self) -> None:
        if self._beat is not None:
            await stop(self._beat)

    def _named(self, events: bytes) -> bytes:
        """With the client's name for the model."""
        return events if self._call.renaming is None else self._call.renaming.events(events)
