# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Prometheus sees. Every label has a closed set of values, and every series is there from the start."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import cast, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    disable_created_metrics,
    values,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

from . import __version__
from .asgi import Headers
from .counts import Ending
from .errors import UPSTREAM_KINDS
from .limits import LIMITS
from .notations import NOTATIONS
from .openai_request import CHANGES
from .process_totals import ProcessTotals
from .routes import METHODS
from .search_metrics import SearchMetrics
from .share import ALONE, Share

SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
STATUS_CLASSES = ("2xx", "3xx", "4xx", "5xx", "none")
DISCONNECT_PHASES = ("upload", "waiting", "answer")
CONTENT_TYPE: Headers = [(b"content-type", CONTENT_TYPE_LATEST.encode())]


class Written(MultiProcessCollector):
    """Reads the files that there is something in: a worker that starts makes each of its own empty first."""

    def __init__(self, registry: CollectorRegistry, folder: Path) -> None:
        super().__init__(registry, str(folder))  # type: ignore[no-untyped-call]
        self._folder = folder

    def collect(self) -> Iterable[Metric]:
        files = [str(file) for file in self._folder.glob("*.db") if _size(file)]
        return cast("Iterable[Metric]", self.merge(files, accumulate=True))  # type: ignore[no-untyped-call]


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        # Of a worker that ended just now.
        return 0


class Metrics:
    """Several workers keep their values in files that each can read, so any of them answers for all."""

    def __init__(self, share: Share = ALONE) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        scraped = self._scraped = self.registry
        if share.folder is not None:
            os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(share.folder)
            # By slot and not by process id: who takes over a slot goes on counting where its last holder stopped.
            values.ValueClass = values.MultiProcessValue(lambda: share.slot)  # type: ignore[no-untyped-call]
            scraped = self._scraped = CollectorRegistry()
            Written(scraped, share.folder)
        scraped.register(ProcessTotals(share.folder is not None))
        Info("inferhost_proxy_build", "The running version.", registry=scraped).info({"version": __version__})
        self.requests = Counter(
            "inferhost_proxy_requests_total",
            "Finished requests; status `none` means the client left before an answer.",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self.in_flight = Gauge(
            "inferhost_proxy_in_flight_requests",
            "Requests being served.",
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self.first_byte = Histogram(
            "inferhost_proxy_first_byte_seconds",
            "From the request's arrival to the answer's first body byte.",
            ("route",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.duration = Histogram(
            "inferhost_proxy_duration_seconds",
            "From the request's arrival to the answer's last byte.",
            ("route",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.upstream_errors = Counter(
            "inferhost_proxy_upstream_errors_total",
            "Requests the model server failed, by kind.",
            ("kind",),
            registry=self.registry,
        )
        self.empty_tool_calls = Counter(
            "inferhost_proxy_empty_tool_calls_removed_total",
            "Empty tool_calls arrays removed from answers.",
            registry=self.registry,
        )
        self.rescued = Counter(
            "inferhost_proxy_rescued_tool_calls_total",
            "Tool calls that the model server left in the text, by the notation they were in.",
            ("notation",),
            registry=self.registry,
        )
        self.thoughts = Counter(
            "inferhost_proxy_reasoning_ends_total",
            "Reasoning that a tool call follows, by whether it ends as a sentence or in the middle of one, as where an engine loses its end.",
            ("end",),
            registry=self.registry,
        )
        self.changed = Counter(
            "inferhost_proxy_requests_changed_total",
            "Requests that the model server would have refused or misread as they were, by what was changed.",
            ("change",),
            registry=self.registry,
        )
        self.disconnects = Counter(
            "inferhost_proxy_client_disconnects_total",
            "Clients that left before their answer was complete, by phase.",
            ("phase",),
            registry=self.registry,
        )
        self.searches = SearchMetrics(self.registry)
        self.rejected_keys = Counter("inferhost_proxy_rejected_keys_total", "Requests without a valid key.", registry=self.registry)
        self.upstream_up = Gauge(
            "inferhost_proxy_upstream_up",
            "Whether an upstream gets requests.",
            ("upstream",),
            registry=self.registry,
            multiprocess_mode="livemin",
        )
        self.upstream_in_flight = Gauge(
            "inferhost_proxy_upstream_in_flight_requests",
            "Requests that an upstream has.",
            ("upstream",),
            registry=self.registry,
            multiprocess_mode="livesum",
        )
        self.failovers = Counter(
            "inferhost_proxy_failovers_total",
            "Requests that another upstream got because this one failed them.",
            ("upstream",),
            registry=self.registry,
        )
        self.key_requests = Counter(
            "inferhost_proxy_key_requests_total",
            "Requests let in, by the label of their key.",
            ("key",),
            registry=self.registry,
        )
        self.limited = Counter(
            "inferhost_proxy_limited_requests_total",
            "Requests refused because their key had reached a limit.",
            ("key", "limit"),
            registry=self.registry,
        )
        for kind in UPSTREAM_KINDS:
            self.upstream_errors.labels(kind)
        for notation in NOTATIONS:
            self.rescued.labels(notation.name)
        for end in get_args(Ending):
            self.thoughts.labels(end)
        for change in CHANGES:
            self.changed.labels(change)
        for phase in DISCONNECT_PHASES:
            self.disconnects.labels(phase)

    def end_upstreams(self, names: Iterable[str]) -> None:
        """These are not in the configuration any more."""
        for name in names:
            self.upstream_up.labels(name).set(0)

    def serve_keys(self, labels: Iterable[str]) -> None:
        """The labels of the configuration, which is what closes this set."""
        for label in labels:
            self.key_requests.labels(label)
            for limit in LIMITS:
                self.limited.labels(label, limit)

    def finished(self, route: str, method: str, status: int | None, seconds: float, first_byte: float | None) -> None:
        """Count one request."""
        known_method = method if method in METHODS else "other"
        status_class = f"{status // 100}xx" if status is not None else "none"
        self.requests.labels(route, known_method, status_class).inc()
        self.duration.labels(route).observe(seconds)
        if first_byte is not None:
            self.first_byte.labels(route).observe(first_byte)

    def render(self) -> bytes:
        return generate_latest(self._scraped)
