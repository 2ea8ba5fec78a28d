# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ASGI application: who may ask, what is answered here, what goes to the model server."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import secrets
import time
import uuid

import msgspec

from . import errors, headers, trace
from .asgi import BUSY, JSON, Headers, Receive, Scope, Send, answer, header
from .call import Call
from .config import Config
from .delivery import refuse
from .errors import Fault
from .keys import KeyRing
from .limits import Refusal
from .logs import event
from .meters import Meters
from .metrics import CONTENT_TYPE, Metrics
from .routes import METHODS, classify
from .service import Service
from .share import ALONE, Share

OWN_ROUTES = ("livez", "readyz", "metrics")


class App:
    def __init__(self, config: Config, keys: KeyRing, share: Share = ALONE) -> None:
        self.metrics = Metrics(share)
        self.metrics.serve_keys(key.label for key in config.api_keys)
        self._meters = Meters(share.folder, share.slot)
        self._alive = msgspec.json.encode({"status": "alive", "generation": share.generation})
        self._service = Service(config, keys, self.metrics)
        self._in_flight = 0
        self._retiring: set[asyncio.Task[None]] = set()

    @property
    def config(self) -> Config:
        return self._service.config

    async def replace(self, config: Config, keys: KeyRing) -> None:
        """Serve what comes from now on by another configuration; what runs ends with its own."""
        service = Service(config, keys, self.metrics)
        try:
            await service.open()
        except BaseException:
            await service.close()
            raise
        self.metrics.serve_keys(key.label for key in config.api_keys)
        earlier, self._service = self._service, service
        earlier.end()
        service.begin()
        self.metrics.end_upstreams({upstream.name for upstream in earlier.config.upstreams} - {upstream.name for upstream in config.upstreams})
        retiring = asyncio.ensure_future(earlier.retire())
        self._retiring.add(retiring)
        retiring.add_done_callback(self._retiring.discard)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        await self._service.open()
        self._service.begin()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        # What still runs has been told to end, and a client that takes nothing is not waited for.
        for retiring in self._retiring:
            retiring.cancel()
        await asyncio.gather(*self._retiring, self._service.close(), return_exceptions=True)
        await send({"type": "lifespan.shutdown.complete"})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = _call(scope)
        service = self._service
        self._in_flight += 1
        self.metrics.in_flight.inc()
        traced = trace.trace_id(scope["headers"])
        if traced is None and service.config.trace.create:
            scope["headers"] = trace.started(scope["headers"])
            traced = trace.trace_id(scope["headers"])
        try:
            with service.serving():
                if not await self._local(service, call, scope, send):
                    await self._forward(service, call, scope, receive, send)
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
            self._finish(call, traced)

    async def _local(self, service: Service, call: Call, scope: Scope, send: Send) -> bool:
        """Answer what needs no model server; False when the request is not such."""
        name = call.route.name
        if call.method not in ("GET", "HEAD"):
            return False
        if name == "livez":
            await self._answer(call, send, 200, JSON, self._alive)
        elif name == "readyz":
            problem, down = await service.health.state()
            state: dict[str, object] = {"status": "not ready", "reason": problem} if problem else {"status": "ready"}
            await self._answer(call, send, 503 if problem else 200, JSON, msgspec.json.encode(state | ({"down": down} if down else {})))
        elif name == "root" and call.method == "HEAD":
            await self._answer(call, send, 200, [], b"")
        elif name == "metrics" and (from_this_host(scope) or service.keys.label(scope["headers"])):
            await self._answer(call, send, 200, CONTENT_TYPE, self.metrics.render())
        else:
            return False
        return True

    async def _forward(self, service: Service, call: Call, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(service, call, scope)
        if refusal is not None:
            await self._refuse(call, Fault(refusal), send)
            return
        label = call.key_label or ""
        entered = self._meters.enter(label, service.allowances[label])
        if isinstance(entered, Refusal):
            self.metrics.limited.labels(label, entered.limit).inc()
            await self._refuse(call, _limited(service, label, entered), send)
            return
        self.metrics.key_requests.labels(label).inc()
        serve = service.anthropic if call.route.anthropic else service.exchange
        if entered is None:
            await serve(call, service.keys.upstreams, scope, receive, send)
            return
        try:
            await serve(call, service.keys.upstreams, scope, receive, entered.left_with_the_answer(send))
        finally:
            entered.leave()

    def _refusal(self, service: Service, call: Call, scope: Scope) -> str | None:
        """Why a request is not served at all."""
        found = service.keys.find(scope["headers"])
        call.key_label = found.label if found else None
        if found is None or found.expired:
            self.metrics.rejected_keys.inc()
            return "expired_api_key" if found else "invalid_api_key"
        if call.method not in METHODS or call.route.name in OWN_ROUTES or not service.anthropic.allows(call):
            return "method_not_allowed"
        if call.route.anthropic and not service.anthropic.serves(call):
            return "not_found"
        return "busy" if self._in_flight > service.config.limits.max_in_flight else None

    async def _refuse(self, call: Call, fault: Fault, send: Send) -> None:
        call.fault = fault
        call.status = errors.status(fault, call.route.anthropic)
        await refuse(send, fault, call.route.anthropic, call.id)

    async def _answer(self, call: Call, send: Send, status: int, extra: Headers, body: bytes) -> None:
        call.status = status
        await answer(send, status, [*extra, *headers.identification(call.id)], body)

    def _finish(self, call: Call, traced: str | None) -> None:
        seconds = time.monotonic() - call.started_at
        self.metrics.finished(call.route.name, call.method, call.status, seconds, call.first_byte_seconds)
        fault = call.fault
        event(
            _level(call),
            "request",
            id=call.id,
            upstream=call.errand.name if call.errand is not None else None,
            upstream_id=call.upstream_id,
            trace=traced,
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
    call = Call(route=route, method=scope["method"], id=given or own, upstream_id=upstream_id)
    call.client_busy = scope.get(BUSY, call.client_busy)
    return call


def _limited(service: Service, label: str, refusal: Refusal) -> Fault:
    limit = getattr(service.allowances[label], refusal.limit)
    message = f"This API key may make {limit} {refusal.limit.replace('_', ' ')}; try again in {refusal.retry_after} s."
    return Fault("rate_limit_exceeded", refusal.limit, message, retry_after=refusal.retry_after)


def _level(call: Call) -> int:
    if call.route.name in (*OWN_ROUTES, "root"):
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
