# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of an answer, each handled where it comes in.

A task that awaits each part makes the loop turn twice for it, and ask the kernel twice what there is; that costs as much as
all that is done with the part. So a task sleeps while its parts are passed on by the connection itself, and wakes when one
has to wait for the client, at the end, and when something goes wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler

from .upstream_faults import named_failures

Take = Callable[[bytes], bool]
"""Gets what has come; False when nothing more can be taken now."""


class Connection(ResponseHandler):
    """aiohttp's connection, which also tells when something has come."""

    arrived: Callable[[], None] | None = None
    _held = False

    def pause_reading(self) -> None:
        self._held = True
        super().pause_reading()

    def resume_reading(self, resume_parser: bool = True) -> None:
        # aiohttp resumes behind each part that is read, and has its parser look at nothing for it.
        if self._held:
            self._held = False
            super().resume_reading(resume_parser)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.arrived is not None:
            self.arrived()

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        if self.arrived is not None:
            self.arrived()


class Connector(aiohttp.TCPConnector):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        make: Callable[..., ResponseHandler] = Connection
        self._factory = partial(make, loop=self._loop)


class Arrivals:
    """The body of one answer on its way to `take`."""

    def __init__(self, response: aiohttp.ClientResponse, take: Take) -> None:
        self._content = response.content
        held = response.connection
        # None: all of it is here already.
        self._connection = held.protocol if held is not None else None
        self._take = take
        self._giving = False
        self._over: asyncio.Future[None] | None = None

    async def run(self) -> None:
        """Give every part to `take`, until it takes no more or all have come; raises Fault."""
        over = self._over = asyncio.get_running_loop().create_future()
        try:
            self._give()
            if not over.done() and isinstance(self._connection, Connection):
                self._connection.arrived = self._give
            with named_failures("upstream_cut"):
                await over
        finally:
            self._leave()

    def _leave(self) -> None:
        self._over = None
        if isinstance(self._connection, Connection) and self._connection.arrived == self._give:
            self._connection.arrived = None

    def _give(self) -> None:
        over, content = self._over, self._content
        if over is None or self._giving:
            return
        self._giving = True
        try:
            known = -1
            while known != content.total_bytes:
                # Reading may let the connection go on, which then has more at once.
                known = content.total_bytes
                data = content.read_nowait()
                if data and not self._take(data):
                    self._end(None)
                    return
            if content.at_eof():
                self._end(None)
        except Exception as exc:
            self._end(exc)
        finally:
            self._giving = False

    def _end(self, exc: Exception | None) -> None:
        over = self._over
        # The connection may be another answer's before the task wakes.
        self._leave()
        if over is None or over.done():
            return
        if exc is None:
            over.set_result(None)
        else:
            over.set_exception(exc)
