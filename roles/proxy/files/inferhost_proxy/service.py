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
from .exchange import Exchange
from .health import Readiness
from .keys import KeyRing
from .limits import Allowance
from .metrics import Metrics
from .upstream import Upstream


class Service:
    def __init__(self, config: Config, keys: KeyRing, metrics: Metrics) -> None:
        self.config = config
        self.keys = keys
        self.allowances = {key.label: Allowance(key.requests_per_minute, key.concurrent_requests) for key in config.api_keys}
        self._upstream = Upstream(config)
        self.exchange = Exchange(config, self._upstream, metrics)
        self.anthropic = Anthropic(config, self._upstream, self.exchange)
        self.readiness = Readiness(config, self._upstream)
        self._requests = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def open(self) -> None:
        await self._upstream.open()

    async def close(self) -> None:
        await self._upstream.close()

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
