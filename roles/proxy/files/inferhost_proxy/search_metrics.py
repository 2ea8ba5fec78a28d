# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Prometheus sees of searches."""

from __future__ import annotations

from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Histogram

from .search import CODES
from .search_config import ProviderName

OUTCOMES = ("found", "nothing", "backing_off", *CODES)
SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
CACHE = "cache"
OWN = "gateway"
"""Decided here, without asking anybody: a query that is none, a use too many."""


class SearchMetrics:
    def __init__(self, registry: CollectorRegistry) -> None:
        self._searches = Counter(
            "inferhost_proxy_searches_total", "Web searches, by who was asked and what came of it.", ("provider", "outcome"), registry=registry
        )
        self._seconds = Histogram(
            "inferhost_proxy_search_seconds", "Time that providers took for an answer.", ("provider",), buckets=SECONDS, registry=registry
        )
        for provider in (*get_args(ProviderName), CACHE, OWN):
            for outcome in OUTCOMES:
                self._searches.labels(provider, outcome)

    def count(self, provider: str, outcome: str, seconds: float | None = None) -> None:
        self._searches.labels(provider, outcome).inc()
        if seconds is not None:
            self._seconds.labels(provider).observe(seconds)
