# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Connections to model servers."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import quote

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from .arrivals import Connector
from .errors import Fault
from .upstream_faults import named_failures

# uvicorn, and so vLLM, closes idle connections after 5 s: letting go earlier avoids writing into a closing one.
KEEP_ALIVE_SECONDS = 2.0
READ_BUFFER_BYTES = 64 * 1024
_PRINTABLE = "".join(map(chr, range(33, 127)))


class Request(NamedTuple):
    method: str
    target: str
    headers: CIMultiDict[str]
    body: bytes = b""


def session(connect_seconds: float, connections: int) -> aiohttp.ClientSession:
    """The connection pool to all model servers; needs the running loop."""
    return aiohttp.ClientSession(
        connector=Connector(limit=connections, keepalive_timeout=KEEP_ALIVE_SECONDS),
        # Silence is bounded by the exchange, which knows whether it waits for the server or for the client.
        timeout=aiohttp.ClientTimeout(total=None, connect=connect_seconds),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        read_bufsize=READ_BUFFER_BYTES,
        max_line_size=64 * 1024,
        max_field_size=64 * 1024,
        skip_auto_headers=("Accept", "Content-Type", "User-Agent"),
    )


async def send(session: aiohttp.ClientSession, base: str, key: bytes | None, request: Request) -> aiohttp.ClientResponse:
    """Send a request with the server's own key, and return when the answer's headers are there; raises Fault."""
    request.headers.pop("Authorization", None)
    if key is not None:
        request.headers["Authorization"] = "Bearer " + key.decode("latin-1")
    try:
        with named_failures("upstream_reset"):
            return await session.request(
                request.method,
                URL(base + request.target, encoded=True),
                headers=request.headers,
                data=request.body or None,
                allow_redirects=False,
            )
    except UnicodeError as exc:
        # The look-up of a host that no name can be.
        raise Fault("upstream_refused", type(exc).__name__) from exc


def target(raw_path: bytes, query: bytes) -> str:
    """The request target as the client wrote it; bytes that may not stand in one are escaped."""
    path = quote(raw_path, safe=_PRINTABLE)
    return f"{path}?{quote(query, safe=_PRINTABLE)}" if query else path
