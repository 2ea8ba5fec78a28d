# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A scripted model server: it stands in for vLLM where a test needs to choose every byte, pause and break.

It answers with real HTTP over real sockets, but nothing in it knows what a model server would say.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field


class Cut:
    """Close the connection here, in the middle of the answer."""


class Hang:
    """Send nothing more until the other side closes."""


CUT, HANG = Cut(), Hang()
Step = bytes | float | Cut | Hang


@dataclass
class Reply:
    steps: list[Step]
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": "application/json"})
    framing: str = "length"
    """length, chunked, or close (the end of the connection is the end of the answer)."""
    before: list[Step] = field(default_factory=list)
    """Done before the status line is sent."""


@dataclass
class Seen:
    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes
    sent: int = 0
    """Bytes of the answer's body that were handed to the kernel."""
    closed: threading.Event = field(default_factory=threading.Event)
    """The other side closed its connection before the answer was complete."""

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name), None)


def whole(document: object, status: int = 200) -> Reply:
    return Reply([json.dumps(document).encode()], status)


def stream(*steps: Step, framing: str = "chunked") -> Reply:
    return Reply(list(steps), headers={"content-type": "text/event-stream; charset=utf-8"}, framing=framing)


MODELS = {"object": "list", "data": [{"id": "m", "object": "model", "max_model_len": 2048}]}


class StandIn:
    def __init__(self) -> None:
        self.replies: dict[str, Reply | Callable[[Seen], Reply]] = {}
        self.seen: list[Seen] = []
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.start()
        self.reset()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def reset(self) -> None:
        self.replies = {"/health": Reply([]), "/v1/models": whole(MODELS)}
        self.seen = []

    def start(self) -> None:
        """Listen, on the same port as before if there was one."""
        self._call(self._start())

    def stop(self) -> None:
        """Stop listening and break every connection, as a killed server does."""
        self._call(self._stop())

    def close(self) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def last(self, path: str) -> Seen:
        return next(seen for seen in reversed(self.seen) if seen.target.partition("?")[0] == path)

    def _call(self, coroutine: object) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(5)  # type: ignore[arg-type]

    async def _start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=2**26)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Serve one request; False when the connection is to be closed."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, target, _ = head[0].split(" ")
        headers = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in head[1:] if line)]
        length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
        seen = Seen(method, target, headers, await reader.readexactly(length))
        self.seen.append(seen)
        reply = self.replies.get(target.partition("?")[0], whole({"error": {"message": "not found"}}, 404))
        if callable(reply):
            reply = reply(seen)
        wire = _Wire(reader, writer, seen)
        if not await wire.run(reply.before, bytes):
            return False
        writer.write(_head(reply, method))
        frame = _chunk if reply.framing == "chunked" else bytes
        if method != "HEAD" and not await wire.run(reply.steps, frame):
            return False
        if reply.framing == "chunked" and method != "HEAD":
            writer.write(b"0\r\n\r\n")
        await writer.drain()
        return reply.framing != "close"


class _Wire:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: Seen) -> None:
        self._reader, self._writer, self._seen = reader, writer, seen

    async def run(self, steps: list[Step], frame: Callable[[bytes], bytes]) -> bool:
        """Do the steps; False when the connection ended within them."""
        for step in steps:
            if isinstance(step, Cut):
                return False
            if isinstance(step, bytes):
                self._writer.write(frame(step))
                try:
                    await self._writer.drain()
                except ConnectionError:
                    self._seen.closed.set()
                    return False
                self._seen.sent += len(step)
                await asyncio.sleep(0)
                if self._left():
                    return False
            elif not await self._pause(float("inf") if isinstance(step, Hang) else step):
                return False
        return True

    async def _pause(self, seconds: float) -> bool:
        end = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < end:
            if self._left():
                return False
            await asyncio.sleep(min(0.01, seconds))
        return True

    def _left(self) -> bool:
        if self._reader.at_eof() or self._writer.transport.is_closing():
            self._seen.closed.set()
            return True
        return False


def _head(reply: Reply, method: str) -> bytes:
    headers = dict(reply.headers)
    if reply.framing == "chunked":
        headers["transfer-encoding"] = "chunked"
    elif reply.framing == "length":
        known = sum(len(step) for step in reply.steps if isinstance(step, bytes))
        # A cut answer announces more than it delivers.
        headers["content-length"] = str(known + 100 * any(isinstance(step, (Cut, Hang)) for step in reply.steps))
    else:
        headers["connection"] = "close"
    lines = [f"HTTP/1.1 {reply.status} Scripted", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data) if data else b""
