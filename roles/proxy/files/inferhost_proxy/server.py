# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The process: uvicorn with bounded request heads, signals, and an end that lets answers finish."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .app import App
from .config import Config
from .keys import KeyFileError, KeyRing
from .logs import event

MAX_HEAD_BYTES = 64 * 1024
# Longer than the pools of the SDKs keep an idle connection, so that they never write into a closing one.
KEEP_ALIVE_SECONDS = 75


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's protocol with a limit on the request head, which the parser itself does not have."""

    _in_head = False
    _head_bytes = 0

    def on_message_begin(self) -> None:
        self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self.send_400_response("The request's header fields are too large.")


class Server(uvicorn.Server):
    """uvicorn's server, which ends with status 0 on a signal and reloads its keys on SIGHUP."""

    def __init__(self, config: uvicorn.Config, reload: Callable[[], None]) -> None:
        super().__init__(config)
        self._reload = reload

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        yield


def serve(config: Config, keys: KeyRing, listener: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT."""
    app = App(config, keys)

    def reload() -> None:
        try:
            app.keys = KeyRing.load(config)
        except KeyFileError as exc:
            event(logging.ERROR, "keys kept, reload failed", cause=str(exc))
        else:
            event(logging.INFO, "keys reloaded")

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
    host, port = listener.getsockname()[:2]
    event(logging.INFO, "listening", host=host, port=port, upstreams={upstream.name: upstream.base for upstream in config.upstreams})
    uvloop.run(Server(settings, reload).serve(sockets=[listener]))
    event(logging.INFO, "stopped")
