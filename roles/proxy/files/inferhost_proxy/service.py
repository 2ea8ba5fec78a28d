# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that follows from one configuration. It is never changed: a reload makes another and swaps the two."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from .anthropic_exchange import Anthropic
from .config import Config
from .directory import Directory
from .exchange import Exchange
from .health import Health
from .keys import KeyRing
from .limits import Allowance
from .metrics import Metrics
from .pool import Pool
from .search_service import searcher


class Service:
    def __init__(self, config: Config, keys: KeyRing, metrics: Metrics) -> None:
        self.config = config
        self.keys = keys
        self.allowances = {key.label: Allowance(key.requests_per_minute, key.concurrent_requests) for key in config.api_keys}
        self._pool = Pool(config, metrics)
        directory = Directory(config, self._pool)
        self._searcher = searcher(config.search, config.limits.max_model_len, metrics.searches)
        self.exchange = Exchange(config, self._pool, directory, metrics, self._searcher)
        self.anthropic = Anthropic(config, directory, self.exchange, self._searcher)
        self.health = Health(config, self._pool, keys.upstreams)
        self._requests = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def open(self) -> None:
        self._pool.open()
        await self.health.start()

    def begin(self) -> None:
        """Serve what comes from now on."""
        self._pool.begin()

    def end(self) -> None:
        """What comes from now on is served by another."""
        self._pool.end()

    async def close(self) -> None:
        await self.health.stop()
        if self._searcher is not None:
            await self._searcher.close()
        await self._pool.close()

    @contextmanager
    def serving(self) -> Iterator[None]:
        """For the life of a request, which ends with the configuration it began with."""
        self._requests += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._requests -= 1
            if not self._requests:
                self._idle.set()

    async def retire(self) -> None:
        """Close when the last request is done; there must come no more."""
        try:
            await self._idle.wait()
        finally:
            await self.close()
