# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All upstreams, and the way of one request among them.

With one upstream nothing is chosen and nothing is remembered.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import aiohttp

from . import upstream
from .balance import Candidate, choose
from .config import Config
from .errors import Fault
from .logs import event
from .metrics import Metrics
from .routes import classify
from .standing import DOUBTFUL, GENERATION, UNREACHED, Standing
from .upstream import Request
from .upstream_config import Upstream

Keys = Mapping[str, bytes]
"""Of the upstreams, by their names."""
SPARE_CONNECTIONS = 8

MOVING = frozenset({"upstream_refused", "upstream_connect_timeout", "upstream_reset", "upstream_protocol"})
"""Failures before the answer's headers. The connection is gone, so nothing generates for it any more."""
MOVING_STATUSES = frozenset({502, 503, 504})


class Member:
    """One upstream, its load and its health."""

    def __init__(self, config: Upstream, metrics: Metrics) -> None:
        self.name = config.name
        self.base = config.base
        self.health_path = config.health_path
        self.fixed_models = None if config.models is None else frozenset(config.models)
        self.standing = Standing(models=self.fixed_models)
        self.listing: Sequence[dict[str, object]] = ()
        """What its /v1/models said last."""
        self.in_flight = 0
        self.failovers = metrics.failovers.labels(config.name)
        self._load = metrics.upstream_in_flight.labels(config.name)
        self._gauge = metrics.upstream_up.labels(config.name)
        self._shown: bool | None = None
        self._serves = False

    def enter(self) -> None:
        self.in_flight += 1
        self._load.inc()

    def leave(self) -> None:
        self.in_flight -= 1
        self._load.dec()

    def begin(self) -> None:
        """What comes from now on comes here."""
        self._serves = True
        self.show(self.standing.problem)

    def end(self) -> None:
        """Another one of this name has taken its place, or none: its own health is nobody's matter any more."""
        self._serves = False

    def healthy(self) -> bool:
        return self.standing.healthy(time.monotonic())

    def show(self, cause: str | None = None) -> None:
        """Put the upstream's health into the metrics, and a change of it into the log."""
        healthy = self.healthy()
        if not self._serves or healthy == self._shown:
            return
        known, self._shown = self._shown is not None, healthy
        self._gauge.set(healthy)
        if known or not healthy:
            event(logging.INFO if healthy else logging.WARNING, "upstream up" if healthy else "upstream down", upstream=self.name, cause=cause or "")


class Wish(NamedTuple):
    """What decides on the upstream of a request."""

    model: str | None = None
    affinity: bytes | None = None
    repeatable: bool = True
    """Whether it may be sent again after an upstream may have seen it."""


class Pool:
    def __init__(self, config: Config, metrics: Metrics) -> None:
        self.members = [Member(entry, metrics) for entry in config.upstreams]
        self.several = len(self.members) > 1
        self._connect_seconds = config.timeouts.connect_seconds
        self._connections = config.limits.max_in_flight + SPARE_CONNECTIONS + 2 * len(self.members)
        self._session: aiohttp.ClientSession | None = None

    def open(self) -> None:
        """Make the connections; needs the running loop."""
        self._session = upstream.session(self._connect_seconds, self._connections)

    def begin(self) -> None:
        for member in self.members:
            member.begin()

    def end(self) -> None:
        for member in self.members:
            member.end()

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def ask(self, member: Member, keys: Keys, request: Request) -> aiohttp.ClientResponse:
        """Ask one upstream."""
        assert self._session is not None
        return await upstream.send(self._session, member.base, keys.get(member.name), request)

    def choice(self, wish: Wish, turn: bytes, tried: set[str], work: str) -> Member | None:
        """The upstream for a request. Those that were tried count as down."""
        if not self.several:
            return self.members[0] if not tried else None
        now = time.monotonic()
        name = choose([_candidate(member, now, tried) for member in self.members], wish.model, wish.affinity, turn)
        chosen = next((member for member in self.members if member.name == name), None)
        if chosen is not None:
            chosen.standing.entered(now, work)
        return chosen

    def failed(self, member: Member, kind: str, work: str) -> None:
        """A request to this upstream failed."""
        if self.several:
            member.standing.failed(kind, time.monotonic(), work)
            member.show(kind)

    def succeeded(self, member: Member, work: str) -> None:
        """It answered a request, to the end. What it got before it was put out says nothing of how it is now."""
        standing = member.standing
        if self.several and (standing.on_trial or (standing.strikes[work] and standing.out_until is None)):
            standing.succeeded(work)
            member.show()


def _candidate(member: Member, now: float, tried: set[str]) -> Candidate:
    standing = member.standing
    return Candidate(member.name, member.name not in tried and standing.healthy(now), standing.models, member.in_flight)


class Errand:
    """One client's request on its way: the upstream that has it, and those that failed it."""

    def __init__(self, pool: Pool, keys: Keys, turn: str, untouched: Callable[[], bool]) -> None:
        """`untouched`: the client has nothing of the answer yet, so that another upstream may begin it anew."""
        self._pool = pool
        self._keys = keys
        self._turn = turn.encode()
        self._untouched = untouched
        self._tried: set[str] = set()
        self._work = GENERATION
        """What its present request asks for."""
        self._member: Member | None = None
        self._answer: aiohttp.ClientResponse | None = None
        """The last one, unless it was a failure."""
        self.wish = Wish()
        """To be known before the first request."""
        self.name: str | None = None
        """The upstream that has the request, or had it last."""

    async def send(self, request: Request) -> aiohttp.ClientResponse:
        """The answer's head. All requests of an errand go to one upstream, unless it fails before it answers."""
        route = classify(request.target.partition("?")[0])
        self._work = GENERATION if route.generates else route.name
        if self._member is None and not self._move():
            raise Fault("upstream_down")
        self._answer = None
        while True:
            member = self._member
            assert member is not None
            try:
                response = await self._pool.ask(member, self._keys, request)
            except Fault as fault:
                self._pool.failed(member, fault.kind, self._work)
                if self._may_move(fault.kind) and self._move():
                    continue
                raise
            if response.status not in MOVING_STATUSES:
                self._answer = response
                return response
            self._pool.failed(member, "upstream_status", self._work)
            if not (self._may_move("upstream_status") and self._move()):
                return response
            response.close()

    def blame(self, fault: Fault) -> None:
        """The answer was silent for too long, or broke off."""
        if fault.kind in DOUBTFUL:
            self._answer = None
        if self._member is not None and fault.kind not in MOVING:
            self._pool.failed(self._member, fault.kind, self._work)

    def close(self) -> None:
        """The request is over. An engine that breaks off or goes silent sends good heads, so only what it ended speaks for it."""
        if self._member is not None:
            if self._answer is not None and self._answer.content.at_eof():
                self._pool.succeeded(self._member, self._work)
            self._member.leave()
            self._member = None

    def _may_move(self, kind: str) -> bool:
        safe = kind in UNREACHED or (self.wish.repeatable and (kind in MOVING or kind == "upstream_status"))
        return self._pool.several and safe and self._untouched()

    def _move(self) -> bool:
        """Go to the best upstream that was not tried; False when there is none."""
        chosen = self._pool.choice(self.wish, self._turn, self._tried, self._work)
        if chosen is None:
            return False
        if self._member is not None:
            self._member.leave()
            self._member.failovers.inc()
        self._tried.add(chosen.name)
        self._member, self.name = chosen, chosen.name
        chosen.enter()
        return True
