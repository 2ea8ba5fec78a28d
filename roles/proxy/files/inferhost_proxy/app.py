# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ASGI application: who may ask, what is answered here, what goes to the model server."""

from __future__ import annotations

import ipaddress
import logging
import secrets
import time
import uuid

import msgspec

from . import errors, headers
from .anthropic_exchange import Anthropic
from .asgi import JSON, Headers, Receive, Scope, Send, answer, header
from .config import Config
from .errors import Fault
from .exchange import Call, Exchange, refuse
from .health import Readiness
from .keys import KeyRing
from .logs import event
from .metrics import CONTENT_TYPE, Metrics
from .routes import METHODS, classify
from .upstream import Upstream


class App:
    def __init__(self, config: Config, keys: KeyRing) -> None:
        self.keys = keys
        self.metrics = Metrics()
        self._max_in_flight = config.limits.max_in_flight
        self._in_flight = 0
        self._upstream = Upstream(config)
        self._exchange = Exchange(config, self._upstream, self.metrics)
        self._anthropic = Anthropic(config, self._upstream, self._exchange)
        self._readiness = Readiness(config, self._upstream)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await self._upstream.open()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._upstream.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = _call(scope)
        self._in_flight += 1
        self.metrics.in_flight.inc()
        try:
            if not await self._local(call, scope, send):
                await self._forward(call, scope, receive, send)
        except Exception:
            # The type and the place are logged; the values, which may be a prompt, are in neither.
            logging.getLogger("inferhost_proxy").exception("failure", extra={"fields": {"id": call.id}})
            call.fault = Fault("internal_error")
            if call.status is None:
                call.status = errors.status(call.fault, call.route.anthropic)
                await refuse(send, call.fault, call.route.anthropic, call.id)
        finally:
            self._in_flight -= 1
            self.metrics.in_flight.dec()
            self._finish(call)

    async def _local(self, call: Call, scope: Scope, send: Send) -> bool:
        """Answer what needs no model server; False when the request is not such."""
        name = call.route.name
        if call.method not in ("GET", "HEAD"):
            return False
        if name == "livez":
            await self._answer(call, send, 200, JSON, b'{"status":"alive"}')
        elif name == "readyz":
            problem = await self._readiness.problem(self.keys)
            state = {"status": "not ready", "reason": problem} if problem else {"status": "ready"}
            await self._answer(call, send, 503 if problem else 200, JSON, msgspec.json.encode(state))
        elif name == "root" and call.method == "HEAD":
            await self._answer(call, send, 200, [], b"")
        elif name == "metrics" and (from_this_host(scope) or self.keys.label(scope["headers"])):
            await self._answer(call, send, 200, CONTENT_TYPE, self.metrics.render())
        else:
            return False
        return True

    async def _forward(self, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        call.key_label = self.keys.label(scope["headers"])
        refusal = None
        if call.key_label is None:
            self.metrics.rejected_keys.inc()
            refusal = "invalid_api_key"
        elif call.method not in METHODS or call.route.name in ("livez", "readyz", "metrics") or not self._anthropic.allows(call):
            refusal = "method_not_allowed"
        elif call.route.anthropic and not self._anthropic.serves(call):
            refusal = "not_found"
        elif self._in_flight > self._max_in_flight:
            refusal = "busy"
        if refusal is None:
            serve = self._anthropic if call.route.anthropic else self._exchange
            await serve(call, self.keys.upstream, scope, receive, send)
        else:
            call.fault = Fault(refusal)
            call.status = errors.status(call.fault, call.route.anthropic)
            await refuse(send, call.fault, call.route.anthropic, call.id)

    async def _answer(self, call: Call, send: Send, status: int, extra: Headers, body: bytes) -> None:
        call.status = status
        await answer(send, status, [*extra, *headers.identification(call.id)], body)

    def _finish(self, call: Call) -> None:
        seconds = time.monotonic() - call.started_at
        self.metrics.finished(call.route.name, call.method, call.status, seconds, call.first_byte_seconds)
        fault = call.fault
        event(
            _level(call),
            "request",
            id=call.id,
            upstream_id=call.upstream_id,
            key=call.key_label,
            route=call.route.name,
            method=call.method if call.method in METHODS else "other",
            status=call.status,
            outcome=fault.kind if fault else "client_disconnect" if call.disconnected else "ok",
            cause=fault.cause if fault else call.disconnected or "",
            bytes=call.bytes_out,
            first_byte_ms=_milliseconds(call.first_byte_seconds),
            duration_ms=_milliseconds(seconds),
        )


def _call(scope: Scope) -> Call:
    given = headers.given_id(scope["headers"])
    own = uuid.uuid4().hex
    # vLLM refuses a second request under an id that is still running, and a client may use one id for several.
    upstream_id = f"{given}-{secrets.token_hex(4)}" if given else own
    route = classify(scope["path"])
    if route.name == "models" and header(scope["headers"], b"anthropic-version"):
        route = route._replace(anthropic=True)
    return Call(route=route, method=scope["method"], id=given or own, upstream_id=upstream_id)


def _level(call: Call) -> int:
    if call.route.name in ("livez", "readyz", "metrics", "root"):
        return logging.DEBUG
    return logging.WARNING if call.fault and call.fault.status >= 500 else logging.INFO


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 1)


def from_this_host(scope: Scope) -> bool:
    """Whether a loopback client asks for itself, and not a reverse proxy for somebody else."""
    client = scope.get("client")
    forwarded = header(scope["headers"], b"x-forwarded-for") or header(scope["headers"], b"forwarded")
    if client is None or forwarded is not None:
        return False
    address = ipaddress.ip_address(client[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback
