# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Readiness: does the model server answer, and does it serve what it should?"""

from __future__ import annotations

import asyncio
import time

import msgspec
from multidict import CIMultiDict

from .config import Config
from .errors import Fault
from .keys import KeyRing
from .upstream import Request, Upstream, named_failures

CACHE_SECONDS = 2.0


class Readiness:
    """Asks the model server, at most once per CACHE_SECONDS however many ask here."""

    def __init__(self, config: Config, upstream: Upstream) -> None:
        self._upstream = upstream
        self._models = config.models
        self._seconds = config.ready_seconds
        self._lock = asyncio.Lock()
        self._known_until = 0.0
        self._problem: str | None = None

    async def problem(self, keys: KeyRing) -> str | None:
        """Why the endpoint is not ready, in a few words without addresses; None when it is."""
        async with self._lock:
            if time.monotonic() >= self._known_until:
                self._problem = await self._ask(keys)
                self._known_until = time.monotonic() + CACHE_SECONDS
            return self._problem

    async def _ask(self, keys: KeyRing) -> str | None:
        try:
            async with asyncio.timeout(self._seconds):
                await self._get("/health", keys)
                return missing_model(await self._get("/v1/models", keys), self._models)
        except TimeoutError:
            return f"the model server did not answer within {self._seconds:g} s"
        except Fault as fault:
            return fault.message

    async def _get(self, path: str, keys: KeyRing) -> bytes:
        wanted = CIMultiDict({"Authorization": f"Bearer {keys.upstream.decode()}"} if keys.upstream else {})
        response = await self._upstream.send(Request("GET", path, wanted))
        try:
            with named_failures("upstream_cut"):
                body = await response.read()
        finally:
            response.release()
        if response.status == 401:
            raise Fault("upstream_auth")
        if response.status != 200:
            raise Unhealthy(path, response.status)
        return body


class Unhealthy(Fault):
    def __init__(self, path: str, status: int) -> None:
        super().__init__("upstream_protocol")
        self.message = f"the model server answers {path} with status {status}"


def missing_model(listing: bytes, wanted: list[str]) -> str | None:
    """What is wrong with an answer of /v1/models, None when every wanted model is in it."""
    try:
        served = {entry["id"] for entry in msgspec.json.decode(listing)["data"]}
    except (msgspec.DecodeError, TypeError, KeyError):
        return "the model server's /v1/models is not a list of models"
    if not served:
        return "the model server serves no model"
    missing = [name for name in wanted if name not in served]
    return f"the model server does not serve {', '.join(missing)}" if missing else None
