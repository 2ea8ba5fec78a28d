# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model server, asked by the gateway itself: its own requests, not those of a client passed on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp

from . import headers
from .asgi import Headers
from .budget import Hold
from .call import Call
from .errors import Fault
from .pool import Errand
from .upstream import Request
from .upstream_faults import named_failures

FORWARDED = frozenset({b"traceparent", b"tracestate", b"user-agent"})
"""Of the client's headers."""


class Engine:
    """The model server, asked for one request."""

    def __init__(self, errand: Errand, call: Call, client: Headers, hold: Hold) -> None:
        kept = [(name, value) for name, value in client if name in FORWARDED]
        self._headers = headers.for_upstream([(b"content-type", b"application/json"), *kept], call.upstream_id)
        self._call = call
        self._hold = hold
        self.errand = errand

    def holds(self, count: int) -> None:
        """So many bytes more are kept for this request."""
        self._hold.grow(count)

    async def ask(self, path: str, body: bytes = b"") -> aiohttp.ClientResponse:
        self._call.wait_for_answer()
        return await self.errand.send(Request("POST" if body else "GET", path, self._headers, body))

    async def read(self, response: aiohttp.ClientResponse) -> bytes:
        return await read_whole(self._call, response, self._hold)

    async def whole(self, path: str, body: bytes = b"") -> tuple[int, bytes]:
        with handed_back(await self.ask(path, body)) as response:
            return response.status, await self.read(response)


async def read_whole(call: Call, response: aiohttp.ClientResponse, hold: Hold) -> bytes:
    """A whole answer; each part of it has its time, and all count as held."""
    parts = []
    with named_failures("upstream_cut"):
        async for part in response.content.iter_any():
            call.wait_for_more()
            try:
                hold.grow(len(part))
            except Fault as exc:
                raise Fault("answer_too_large", exc.cause) from exc
            parts.append(part)
    return b"".join(parts)


@contextmanager
def handed_back(response: aiohttp.ClientResponse) -> Iterator[aiohttp.ClientResponse]:
    """Closing, not releasing, what was not read to its end: that must stop the generation behind it."""
    try:
        yield response
    finally:
        if response.content.at_eof():
            response.release()
        else:
            response.close()
