# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Searches as the rest of the gateway asks for them: one provider after the other, nothing asked twice, and no exceptions.

A provider that refuses or does not answer is left alone for a while, longer each time.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import search
from .logs import event
from .search import CODES, Kind, Outcome, Provider, Result, SearchFailed, Terms, Wanted
from .search_config import Search
from .search_ddgs import Ddgs
from .search_metrics import CACHE, OWN, SearchMetrics
from .search_searxng import SearXng

BACK_OFF: dict[Kind, tuple[float, float]] = {"rate_limited": (60.0, 900.0), "unavailable": (5.0, 60.0), "timed_out": (5.0, 60.0)}
"""Seconds that a provider is left alone after a failure: the first time, and at most."""
SPARE = 2
"""So many times the results wanted are asked for where some of them will be left out."""

Found = tuple[Result, ...]


@dataclass
class _State:
    until: float = 0.0
    failures: int = 0
    kind: Kind = "unavailable"


@dataclass
class _Flight:
    """A search on its way, and how many wait for it."""

    task: asyncio.Task[Found]
    waiting: int = 0


class Searcher:
    def __init__(
        self, config: Search, providers: Sequence[Provider], metrics: SearchMetrics, max_chars: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.max_uses = config.max_uses
        self.always_offer = config.always_offer
        self._config = config
        self._providers = providers
        self._metrics = metrics
        self._max_chars = max_chars
        self._clock = clock
        self._states = {provider.name: _State() for provider in providers}
        self._cache: OrderedDict[Wanted, tuple[float, Found]] = OrderedDict()
        self._flights: dict[Wanted, _Flight] = {}

    async def search(self, query: str | None, terms: Terms) -> Outcome:
        """Results, or why there are none. Nothing is raised but the caller's own cancellation."""
        kind = search.query_problem(query)
        if kind is not None or query is None:
            return self.refuse(kind or "bad_query")
        key = Wanted(search.asked(query, terms), terms.country, self._config.max_results * (SPARE if terms.allowed or terms.blocked else 1))
        found = self._cached(key)
        if found is None:
            try:
                found = await self._joined(key)
            except SearchFailed as failed:
                return Outcome(error=CODES[failed.kind])
        else:
            self._metrics.count(CACHE, "found")
        return Outcome(search.cleaned(search.selected(found, terms), self._config.max_results, self._max_chars))

    def refuse(self, kind: Kind) -> Outcome:
        """A search that is not made."""
        self._metrics.count(OWN, kind)
        return Outcome(error=CODES[kind])

    async def close(self) -> None:
        for provider in self._providers:
            await provider.close()

    def _cached(self, key: Wanted) -> Found | None:
        kept = self._cache.get(key)
        if kept is None:
            return None
        if self._clock() >= kept[0]:
            del self._cache[key]
            return None
        self._cache.move_to_end(key)
        return kept[1]

    async def _joined(self, key: Wanted) -> Found:
        """The search for this, together with everybody who waits for the same. It ends when nobody does."""
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = _Flight(asyncio.ensure_future(self._ask(key)))
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting:
                flight.task.cancel()
                if self._flights.get(key) is flight:
                    del self._flights[key]

    async def _ask(self, wanted: Wanted) -> Found:
        failure: Kind | None = None
        answered = False
        for provider in self._providers:
            state = self._states[provider.name]
            if self._clock() < state.until:
                self._metrics.count(provider.name, "backing_off")
                failure = failure or state.kind
                continue
            kind, found = await self._provided(provider, wanted)
            if kind is not None:
                self._failed(state, kind)
                failure = failure or kind
                continue
            self._states[provider.name] = _State()
            if found:
                self._keep(wanted, found)
                return found
            answered = True
        if not answered:
            raise SearchFailed(failure or "unavailable")
        return ()

    async def _provided(self, provider: Provider, wanted: Wanted) -> tuple[Kind | None, Found]:
        began = self._clock()
        kind: Kind | None = None
        cause = ""
        found: Found = ()
        try:
            async with asyncio.timeout(self._config.seconds):
                found = search.cleaned(await provider.search(wanted), wanted.most, self._max_chars * SPARE)
        except TimeoutError:
            kind = "timed_out"
        except SearchFailed as failed:
            kind, cause = failed.kind, failed.cause
        except Exception as exc:
            # A provider's code is not ours, and a search must not fail the request that it is for.
            kind, cause = "unavailable", type(exc).__name__
        seconds = self._clock() - began
        outcome = kind or ("found" if found else "nothing")
        self._metrics.count(provider.name, outcome, seconds)
        event(logging.WARNING if kind else logging.DEBUG, "search", provider=provider.name, outcome=outcome, cause=cause, duration_ms=round(seconds * 1000, 1))
        return kind, found

    def _failed(self, state: _State, kind: Kind) -> None:
        if kind in BACK_OFF:
            first, most = BACK_OFF[kind]
            state.until = self._clock() + min(most, first * 2**state.failures)
            state.failures, state.kind = min(state.failures + 1, 16), kind

    def _keep(self, key: Wanted, found: Found) -> None:
        if self._config.cache_seconds:
            self._cache[key] = (self._clock() + self._config.cache_seconds, found)
            while len(self._cache) > self._config.cache_entries:
                self._cache.popitem(last=False)


def searcher(config: Search, max_model_len: int | None, metrics: SearchMetrics) -> Searcher | None:
    """The configured one; None where there are to be no searches."""
    if not config.providers:
        return None
    made: list[Provider] = []
    for name in config.providers:
        made.append(Ddgs(config.ddgs_backends, config.seconds, config.max_at_once) if name == "ddgs" else SearXng(config.searxng_url or ""))
    # A quarter of the context at most, at three characters a token.
    fitting = max_model_len * 3 // 4 if max_model_len else config.max_chars
    return Searcher(config, made, metrics, min(config.max_chars, fitting))
