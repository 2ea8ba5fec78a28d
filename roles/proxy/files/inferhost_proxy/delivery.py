# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client's side of an exchange: its request's body, and what it is sent."""

from __future__ import annotations

import asyncio
import time
from http import HTTPStatus

from . import errors, headers
from .asgi import Headers, Message, Receive, Send, answer
from .budget import Hold
from .call import Call
from .errors import Fault

BODY_SECONDS = 60.0
"""Within this the next part of a request body has to arrive."""
PIECE_BYTES = 256 * 1024
"""Of a whole answer: the client has to take about so much before it gets more."""


class ClientGone(Exception):
    """The client closed its connection."""


def sent(call: Call, data: bytes) -> None:
    """Note what the client was given."""
    call.bytes_out += len(data)
    call.sent_at = time.monotonic()
    if call.first_byte_seconds is None:
        call.first_byte_seconds = call.sent_at - call.started_at


async def deliver(call: Call, send: Send, status: int, kept: Headers, body: bytes) -> None:
    """Answer with a whole document, in pieces, so that a client that does not read it is seen."""
    call.status = status
    await send({"type": "http.response.start", "status": status, "headers": [*kept, (b"content-length", str(len(body)).encode())]})
    for start in range(0, len(body) or 1, PIECE_BYTES):
        piece = body[start : start + PIECE_BYTES]
        call.wait_for_client()
        await send(body_message(piece, more=start + PIECE_BYTES < len(body)))
        sent(call, piece)


async def refuse(send: Send, fault: Fault, anthropic: bool, request_id: str) -> None:
    """Answer with an error."""
    extra: Headers = [(b"content-type", b"application/json"), *headers.identification(request_id)]
    if fault.retry_after is not None:
        extra.append((b"retry-after", str(fault.retry_after).encode()))
    if fault.status == HTTPStatus.UNAUTHORIZED:
        extra.append((b"www-authenticate", b"Bearer"))
    if anthropic and fault.kind in errors.FINAL:
        # The SDKs would otherwise send it again, because of its status.
        extra.append((b"x-should-retry", b"false"))
    if fault.status in (408, 413):
        # The rest of the body is not read.
        extra.append((b"connection", b"close"))
    await answer(send, errors.status(fault, anthropic), extra, errors.document(fault, anthropic, request_id))


async def read_body(request_headers: Headers, receive: Receive, hold: Hold, limit: int) -> bytes:
    """The request's body; raises when it is too large, too slow, or its sender leaves."""
    announced = next((value for name, value in request_headers if name == b"content-length"), b"0")
    if int(announced) > limit:
        raise Fault("body_too_large")
    parts: list[bytes] = []
    size = 0
    while True:
        try:
            message = await asyncio.wait_for(receive(), BODY_SECONDS)
        except TimeoutError as exc:
            raise Fault("body_timeout") from exc
        if message["type"] == "http.disconnect":
            raise ClientGone
        part = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise Fault("body_too_large")
        hold.grow(len(part))
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def body_message(data: bytes, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": more}


async def stop(*tasks: asyncio.Future[None]) -> None:
    """Cancel tasks and wait until their connections are closed."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
