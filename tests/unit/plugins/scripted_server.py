# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real listener whose answers, pauses and broken connections a test writes down byte by byte."""

from __future__ import annotations

import json
import socket
import threading
import typing as t

# What a connection does, in order: bytes are sent, a number is a pause in seconds, and the connection is closed.
Script = t.Sequence[t.Any]
TLS_HELLO = b"\x16\x03"
# A script, or what makes one from the request.
Answer = t.Any


class Seen(t.NamedTuple):
    method: str
    path: str
    headers: t.Mapping[str, str]
    body: bytes

    def json(self) -> t.Any:
        return json.loads(self.body)


class ScriptedServer:
    """Answers by path; a list of answers is used up one a request, its last one stays."""

    def __init__(self, routes: t.Mapping[str, Answer | list[Answer]], host: str = "127.0.0.1") -> None:
        self.routes = dict(routes)
        self.seen: list[Seen] = []
        self._stop = threading.Event()
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._listener = socket.socket(self._family)
        self._listener.bind((host, 0))
        self._listener.listen(16)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def __enter__(self) -> ScriptedServer:
        return self

    def __exit__(self, *unused: object) -> None:
        self._stop.set()
        # Wakes accept(), which a plain close does not do everywhere.
        with socket.socket(self._family) as waker:
            waker.connect(self._listener.getsockname())
        self._threads[0].join(5)
        self._listener.close()

    def _accept(self) -> None:
        while not self._stop.is_set():
            connection, _peer = self._listener.accept()
            if self._stop.is_set():
                connection.close()
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                seen = _read(connection)
                self.seen.append(seen)
                for step in self._answer(seen):
                    if isinstance(step, bytes):
                        connection.sendall(step)
                    else:
                        self._stop.wait(step)
                # Lets the peer read everything before the reset that unread input would cause.
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the client left first, which some tests make it do

    def _answer(self, seen: Seen) -> Script:
        chosen = self.routes.get(seen.path.partition("?")[0], http(404, b'{"error": {"message": "no such path"}}'))
        if isinstance(chosen, list) and chosen and not isinstance(chosen[0], (bytes, float, int)):
            chosen = chosen.pop(0) if len(chosen) > 1 else chosen[0]
        return chosen(seen) if callable(chosen) else t.cast(Script, chosen)


def _read(connection: socket.socket) -> Seen:
    data = b""
    while b"\r\n\r\n" not in data:
        block = connection.recv(65536)
        data += block
        if not block or data.startswith(TLS_HELLO):
            break
    head, _blank, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path = ([*first.split(" "), "", ""])[:2]
    headers = {name.strip().lower(): value.strip() for name, _colon, value in (line.partition(":") for line in lines)}
    while len(body) < int(headers.get("content-length", 0)):
        body += connection.recv(65536)
    return Seen(method, path, headers, body)


def http(status: int, body: bytes | t.Mapping[str, t.Any], content_type: str = "application/json") -> list[bytes]:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return [f"HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Type: {content_type}\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content]


def chunked(*parts: bytes | float, end: bool = True, content_type: str = "text/event-stream") -> list[bytes | float]:
    """One HTTP chunk a part; without ``end`` the closing chunk is missing, as after a crash."""
    script: list[bytes | float] = [f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()]
    for part in parts:
        script.append(b"%x\r\n%s\r\n" % (len(part), part) if isinstance(part, bytes) else part)
    if end:
        script.append(b"0\r\n\r\n")
    return script


def sse(*events: str | t.Mapping[str, t.Any]) -> bytes:
    return b"".join(b"data: %s\n\n" % (e if isinstance(e, str) else json.dumps(e)).encode() for e in events)


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]


def slow(data: bytes, pause: float) -> list[bytes | float]:
    """One byte at a time."""
    script: list[bytes | float] = []
    for byte in pieces(data, 1):
        script += [byte, pause]
    return script
