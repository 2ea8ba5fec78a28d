# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A process that serves: uvicorn with bounded request heads, signals, and an end that lets answers finish."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from types import FrameType

import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from . import signals
from .app import App
from .asgi import BUSY
from .config import Config
from .keys import KeyRing, Load
from .listener import limit_stalls
from .logs import LOG, event
from .reload import reload
from .share import ALONE, Share

LINGER_SECONDS = 1.0
"""A connection that was accepted just before the end has so long to send its request."""
MAX_HEAD_BYTES = 64 * 1024
# Longer than the pools of the SDKs keep an idle connection, so that they never write into a closing one.
KEEP_ALIVE_SECONDS = 75


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's protocol with a limit on the request head, which the parser itself does not have."""

    draining = False
    """Of the whole process: what is answered from now on is the last answer of its connection."""
    _in_head = False
    _head_bytes = 0

    def on_message_begin(self) -> None:
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()
        self.scope[BUSY] = self._busy  # type: ignore[literal-required]

    def _busy(self) -> bool:
        return self.flow.write_paused

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()
        if self.draining:
            self.cycle.keep_alive = False

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.send_400_response("The request's header fields are too large.")


class Server(uvicorn.Server):
    """uvicorn's server, which ends with status 0 on a signal, and reloads on SIGHUP."""

    def __init__(self, config: uvicorn.Config, app: App, load: Load, listener: socket.socket, control: socket.socket | None) -> None:
        super().__init__(config)
        self._app = app
        self._load = load
        self._listener = listener
        self._control = control
        self._reload_due = asyncio.Event()
        self._reloading: asyncio.Task[None] | None = None

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Python's own handlers and not the loop's: those are undone when the loop is closed, and a signal that
        # came between that and the end would kill the process.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.handle_exit)
        signal.signal(signal.SIGHUP, self._hang_up)
        signals.let_in()
        try:
            yield
        finally:
            if self._reloading is not None:
                self._reloading.cancel()
            # An ignored signal stays ignored until the process is gone, a handled one does not.
            for number in signals.HANDLED:
                signal.signal(number, signal.SIG_IGN)

    def _hang_up(self, number: int, frame: FrameType | None) -> None:
        self._reload_due.set()

    async def _reloads(self) -> None:
        while True:
            await self._reload_due.wait()
            self._reload_due.clear()
            try:
                if await reload(self._app, self._load):
                    self.config.timeout_graceful_shutdown = self._app.config.drain_seconds
                    limit_stalls(self._listener, ceil(self._app.config.timeouts.client_seconds))
            except Exception:
                # Whatever it is, the next SIGHUP is heard.
                LOG.exception("failure")

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._reloading = asyncio.ensure_future(self._reloads())
        if self._control is not None:
            asyncio.get_running_loop().add_reader(self._control, self._orphaned)
            self._control.send(str(os.getpid()).encode())

    def _orphaned(self) -> None:
        """The first process is gone, and nobody would restart or stop this one."""
        assert self._control is not None
        asyncio.get_running_loop().remove_reader(self._control)
        event(logging.WARNING, "stopping, the first process is gone")
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        BoundedHttp.draining = True
        end = asyncio.get_running_loop().time() + LINGER_SECONDS
        while self.server_state.connections and asyncio.get_running_loop().time() < end:
            await asyncio.sleep(0.02)
        await super().shutdown(sockets)


def serve(config: Config, keys: KeyRing, listener: socket.socket, load: Load, share: Share = ALONE, control: socket.socket | None = None) -> None:
    """Serve until SIGTERM or SIGINT. `load` gives what a reload has to serve with."""
    app = App(config, keys, share)
    settings = uvicorn.Config(
        app,
        loop="none",
        http=BoundedHttp,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=config.drain_seconds,
    )
    # What is there now stays, so the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    host, port = listener.getsockname()[:2]
    event(logging.INFO, "listening", host=host, port=port, upstreams={upstream.name: upstream.base for upstream in config.upstreams})
    uvloop.run(Server(settings, app, load, listener, control).serve(sockets=[listener]))
    event(logging.INFO, "stopped")
