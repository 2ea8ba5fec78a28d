# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP for modules: one request, or one stream of events, with the standard library alone.

Connections are direct: proxy variables of the environment are not read, redirects are not followed.
A key travels in a header and appears in no message, no exception and no ``repr``.
"""

from __future__ import annotations

import http.client
import io
import json
import socket
import ssl
import time
import typing as t
import urllib.parse
from dataclasses import dataclass

from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._sse import SseDecoder, SseTooLong

DEFAULT_TIMEOUT_S = 30.0
CONNECT_TIMEOUT_S = 5.0
MAX_BODY_BYTES = 16 * 1024 * 1024
_BLOCK = 64 * 1024

Body = t.Union[bytes, t.Mapping[str, t.Any], None]


@dataclass(frozen=True, repr=False)
class Response:
    """A whole answer. Header names are in lower case; of a repeated header the last one counts."""

    status: int
    headers: t.Mapping[str, str]
    body: bytes
    elapsed_s: float

    def __repr__(self) -> str:
        return f"Response(status={self.status}, bytes={len(self.body)}, elapsed_s={self.elapsed_s:.3f})"

    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    def json(self) -> t.Any:
        """The parsed body; ``None`` where it is not JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


class HttpError(Exception):
    """No usable answer.

    ``kind`` is refused, timeout, dns, tls, reset or protocol; a stream that was answered with something
    other than events adds ``status``, and ``response`` then holds that answer.
    """

    def __init__(self, kind: str, message: str, response: Response | None = None) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.response = response


def bearer(key: str | None) -> dict[str, str]:
    """The header that carries a key; empty without one."""
    return {"Authorization": f"Bearer {key}"} if key else {}


def request(
    method: str,
    url: str,
    body: Body = None,
    headers: t.Mapping[str, str] | None = None,
    timeout: float = DEFAULT_TIMEOUT_S,
    max_bytes: int = MAX_BODY_BYTES,
    ca_file: str | None = None,
) -> Response:
    """Send one request and read its whole answer within ``timeout`` seconds, connecting included."""
    started = time.monotonic()
    exchange = _Exchange(url, timeout, started + timeout, ca_file)
    try:
        answer = exchange.send(method, body, headers)
        content = exchange.read_all(answer, max_bytes)
    finally:
        exchange.close()
    return Response(answer.status, _headers(answer), content, time.monotonic() - started)


def stream_events(
    url: str,
    body: Body = None,
    headers: t.Mapping[str, str] | None = None,
    timeout: float = DEFAULT_TIMEOUT_S,
    deadline_s: float | None = None,
    ca_file: str | None = None,
) -> t.Iterator[tuple[float, str]]:
    """POST and yield ``(time.monotonic(), data)`` for each server-sent event, ``[DONE]`` included.

    ``timeout`` bounds each silence, ``deadline_s`` the whole stream.
    """
    started = time.monotonic()
    end = None if deadline_s is None else started + deadline_s
    exchange = _Exchange(url, timeout, end, ca_file)
    try:
        answer = exchange.send("POST", body, {"Accept": "text/event-stream", **(headers or {})})
        media_type = (answer.getheader("content-type") or "").partition(";")[0].strip().lower()
        if answer.status != 200 or media_type != "text/event-stream":
            content = exchange.read_all(answer, MAX_BODY_BYTES)
            response = Response(answer.status, _headers(answer), content, time.monotonic() - started)
            shown = media_type or "no content type"
            raise HttpError("status", f"{exchange.where} answered {answer.status} with {shown}, not with events", response)
        decoder = SseDecoder()
        for block in exchange.blocks(answer):
            seen = time.monotonic()
            try:
                events = decoder.feed(block)
            except SseTooLong as error:
                raise HttpError("protocol", f"{exchange.where}: {error}") from None
            for data in events:
                yield seen, data
    finally:
        exchange.close()


class _Exchange:
    """One connection, one request, one answer; every failure leaves as ``HttpError``."""

    def __init__(self, url: str, timeout: float, end: float | None, ca_file: str | None) -> None:
        self._timeout = timeout
        self._end = end
        self._raw: socket.socket | None = None
        self._host, self._port, self._tls, self._target, self.where = _split(url)
        self._ca_file = ca_file

    def send(self, method: str, body: Body, headers: t.Mapping[str, str] | None) -> http.client.HTTPResponse:
        content, media_type = _encode(body)
        fields = {"Accept": "*/*", "User-Agent": "inferhost", "Connection": "close"}
        if media_type:
            fields["Content-Type"] = media_type
        fields.update(headers or {})
        _refuse_bad_headers(fields)
        try:
            connection = http.client.HTTPConnection(self._host, self._port)
            self._raw = self._connect()
            # Of a socket, http.client uses sendall, makefile and close.
            connection.sock = _DeadlineSocket(self._raw, self._timeout, self._end)
            connection.request(method, self._target, body=content, headers=fields)
            return connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise self._translate(error) from None

    def read_all(self, answer: http.client.HTTPResponse, max_bytes: int) -> bytes:
        parts: list[bytes] = []
        size = 0
        for block in self.blocks(answer):
            size += len(block)
            if size > max_bytes:
                raise HttpError("protocol", f"{self.where}: the answer is longer than {max_bytes} bytes")
            parts.append(block)
        return b"".join(parts)

    def blocks(self, answer: http.client.HTTPResponse) -> t.Iterator[bytes]:
        """The body as it arrives; a body cut short is an error, also where http.client would not notice."""
        wanted = None if answer.chunked else answer.length
        got = 0
        while wanted is None or got < wanted:
            try:
                block = answer.read1(_BLOCK)
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise self._translate(error) from None
            if not block:
                if wanted is not None:
                    raise HttpError("reset", f"{self.where} closed the connection after {got} of {wanted} bytes")
                return
            got += len(block)
            yield block

    def close(self) -> None:
        if self._raw is not None:
            self._raw.close()

    def _connect(self) -> socket.socket:
        limit = min(CONNECT_TIMEOUT_S, _patience(self._timeout, self._end))
        raw = socket.create_connection((self._host, self._port), timeout=limit)
        if not self._tls:
            return raw
        try:
            context = ssl.create_default_context(cafile=self._ca_file)
            return context.wrap_socket(raw, server_hostname=self._host)
        except BaseException:
            raw.close()
            raise

    def _translate(self, error: Exception) -> HttpError:
        for kinds, kind, what in _KINDS:
            if isinstance(error, kinds):
                return HttpError(kind, f"{self.where}: {what(error)}")
        return HttpError("refused", f"{self.where}: {_reason(error)}")


class _DeadlineSocket:
    """What http.client needs of a socket, each operation bounded by the time that is left.

    A plain socket timeout starts anew with every byte, so a peer that drips would hold us for ever.
    """

    def __init__(self, raw: socket.socket, timeout: float, end: float | None) -> None:
        self._raw = raw
        self._timeout = timeout
        self._end = end

    def sendall(self, data: bytes) -> None:
        self._raw.settimeout(_patience(self._timeout, self._end))
        self._raw.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_DeadlineReader(self._raw, self._timeout, self._end))

    def close(self) -> None:
        """Left open: http.client closes here while the answer is still being read. The exchange closes it."""


class _DeadlineReader(io.RawIOBase):
    def __init__(self, raw: socket.socket, timeout: float, end: float | None) -> None:
        self._raw = raw
        self._timeout = timeout
        self._end = end

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: t.Any) -> int:
        self._raw.settimeout(_patience(self._timeout, self._end))
        return self._raw.recv_into(buffer)


def _patience(timeout: float, end: float | None) -> float:
    left = timeout if end is None else min(timeout, end - time.monotonic())
    if left <= 0:
        raise socket.timeout("timed out")
    return left


def _reason(error: BaseException) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


_What = t.Callable[[BaseException], str]
# The first row that fits counts: SSLError and socket.timeout are OSErrors too.
_KINDS: tuple[tuple[tuple[type[BaseException], ...], str, _What], ...] = (
    ((socket.timeout,), "timeout", lambda e: "no answer in time"),
    ((socket.gaierror,), "dns", lambda e: f"the name cannot be resolved ({_reason(e)})"),
    ((ssl.SSLError,), "tls", lambda e: f"TLS failed ({getattr(e, 'reason', None) or _reason(e)})"),
    ((ConnectionRefusedError,), "refused", lambda e: "connection refused, nothing listens there"),
    ((http.client.RemoteDisconnected, http.client.IncompleteRead), "reset", lambda e: "the connection was closed before the answer was complete"),
    ((ConnectionResetError, BrokenPipeError, ConnectionAbortedError), "reset", lambda e: "the connection was reset"),
    ((http.client.HTTPException, ValueError), "protocol", lambda e: f"the answer is not HTTP ({type(e).__name__})"),
)


def _headers(answer: http.client.HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.getheaders()}


def _encode(body: Body) -> tuple[bytes | None, str]:
    if body is None or isinstance(body, bytes):
        return body, ""
    return json.dumps(body).encode(), "application/json"


def _refuse_bad_headers(headers: t.Mapping[str, str]) -> None:
    """http.client refuses these too, but repeats the value, which may be a key, in its message."""
    for name, value in headers.items():
        try:
            value.encode("latin-1")
        except UnicodeEncodeError:
            raise HttpError("protocol", f"the value of header {name} has characters that HTTP cannot carry") from None
        if "\n" in value or "\r" in value or "\0" in value:
            raise HttpError("protocol", f"the value of header {name} has a line break in it")


def _split(url: str) -> tuple[str, int, bool, str, str]:
    """Host, port, TLS, request target, and the address as messages show it: no credentials, no query."""
    try:
        parts = urllib.parse.urlsplit(url)
        port = parts.port
    except ValueError:
        raise HttpError("protocol", "the address is not a URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise HttpError("protocol", "the address must begin with http:// or https:// and name a host")
    if parts.username is not None or parts.password is not None:
        raise HttpError("protocol", "the address carries credentials; give the key as a header")
    tls = parts.scheme == "https"
    host = parts.hostname
    shown = f"[{host}]" if ":" in host else host
    port = port or (443 if tls else 80)
    path = parts.path or "/"
    target = f"{path}?{parts.query}" if parts.query else path
    if any(ord(c) <= 32 or ord(c) > 126 for c in target):
        raise HttpError("protocol", "the address has characters that must be percent-encoded")
    return host, port, tls, target, f"{parts.scheme}://{shown}:{port}{path}"
