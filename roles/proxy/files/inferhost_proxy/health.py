# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Health of the upstreams: do they answer, and what do they serve?"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from multidict import CIMultiDict

from .aliases import Aliases
from .config import Config
from .engine import handed_back
from .errors import Fault
from .logs import LOG
from .pool import Keys, Member, Pool
from .upstream import Request
from .upstream_faults import named_failures

CACHE_SECONDS = 2.0
JITTER = 0.2
"""Of the interval, so that many gateways do not ask in step."""
MAX_LISTING_BYTES = 2**20


class State(NamedTuple):
    """What /readyz says, in a few words without addresses."""

    problem: str | None
    """None when all that should be served is."""
    down: dict[str, str]
    """The upstreams that get no requests, and why."""


class Report(NamedTuple):
    """What one check found."""

    problem: str | None = None
    listing: Sequence[dict[str, Any]] = ()
    late: bool = False


class Health:
    """Asks the upstreams: all the time where there are several, else only when somebody wants to know."""

    def __init__(self, config: Config, pool: Pool, keys: Keys) -> None:
        self._pool = pool
        self._keys = keys
        aliases = Aliases(config.aliases, config.models)
        self._wanted = [alias.model if (alias := aliases.find(name)) is not None else name for name in config.models]
        self._seconds = config.ready_seconds
        self._interval = config.health.interval_seconds
        self._always = pool.several or config.health.active
        self._task: asyncio.Task[None] | None = None
        self._lock = asyncio.Lock()
        self._known_until = 0.0
        self._last: dict[str, str | None] = {}

    async def start(self) -> None:
        """Check once, so that the first request finds its model, and then again and again."""
        if self._always:
            await self._round()
            self._task = asyncio.create_task(self._repeat())

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def state(self) -> State:
        """The state now; without running checks it is asked for, at most once per CACHE_SECONDS however many ask here."""
        if not self._always:
            async with self._lock:
                if time.monotonic() >= self._known_until:
                    await self._round()
                    self._known_until = time.monotonic() + CACHE_SECONDS
        members = self._pool.members
        if not self._pool.several:
            problem = self._last.get(members[0].name)
            models = members[0].standing.models or frozenset()
            return State(problem or missing(models, self._wanted), {members[0].name: problem} if problem else {})
        up = [member for member in members if member.healthy()]
        served = frozenset[str]().union(*(member.standing.models or () for member in up))
        down = {member.name: member.standing.problem or "it failed requests, and is tried again shortly" for member in members if member not in up}
        return State("no model server is up" if not up else missing(served, self._wanted), down)

    async def _repeat(self) -> None:
        while True:
            await asyncio.sleep(self._interval * random.uniform(1 - JITTER, 1 + JITTER))
            try:
                await self._round()
            except Exception:
                # Whatever it is, the checks go on: without them nothing would come back.
                LOG.exception("failure")

    async def _round(self) -> None:
        await asyncio.gather(*(self._check(member) for member in self._pool.members))

    async def _check(self, member: Member) -> None:
        report = await self._report(member)
        self._last[member.name] = report.problem
        if report.problem is None:
            member.listing = report.listing
        member.standing.checked(report.problem, frozenset(entry["id"] for entry in report.listing), report.late)
        if self._always:
            member.show(report.problem)

    async def _report(self, member: Member) -> Report:
        try:
            async with asyncio.timeout(self._seconds):
                await self._get(member, member.health_path)
                if member.fixed_models is not None:
                    return Report(None, [{"id": name, "object": "model"} for name in sorted(member.fixed_models)])
                listing = models_in(await self._get(member, "/v1/models"))
                return Report(None if listing else "the model server serves no model", listing)
        except TimeoutError:
            return Report(f"the model server did not answer within {self._seconds:g} s", late=True)
        except Fault as fault:
            return Report(fault.message)

    async def _get(self, member: Member, path: str) -> bytes:
        body = b""
        with handed_back(await self._pool.ask(member, self._keys, Request("GET", path, CIMultiDict()))) as response, named_failures("upstream_cut"):
            async for part in response.content.iter_any():
                body += part
                if len(body) > MAX_LISTING_BYTES:
                    raise Fault("answer_too_large")
        if response.status == 401:
            raise Fault("upstream_auth")
        if response.status != 200:
            raise Fault("upstream_protocol", message=f"the model server answers {path} with status {response.status}")
        return body


def models_in(listing: bytes) -> list[dict[str, Any]]:
    """The entries of an answer of /v1/models."""
    try:
        entries = msgspec.json.decode(listing)["data"]
        if all(isinstance(entry["id"], str) for entry in entries):
            return list(entries)
    except (msgspec.DecodeError, UnicodeError, RecursionError, TypeError, KeyError):
        pass
    raise Fault("upstream_protocol", message="the model server's /v1/models is not a list of models")


def missing(served: frozenset[str], wanted: list[str]) -> str | None:
    """Which of the wanted models are not served."""
    absent = [name for name in wanted if name not in served]
    return f"the model server does not serve {', '.join(absent)}" if absent else None
