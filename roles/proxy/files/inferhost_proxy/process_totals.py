# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The usual process metrics, summed over all processes of the service."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client import ProcessCollector
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

_OF_EACH = {"process_start_time_seconds": min, "process_max_fds": min}
"""What is not a sum."""


class ProcessTotals(Collector):
    def __init__(self, workers: bool) -> None:
        self._workers = workers

    def collect(self) -> Iterator[Metric]:
        pids = _family() if self._workers else [os.getpid()]
        collected = [metric for pid in pids for metric in _of(pid)]
        for name in dict.fromkeys(metric.name for metric in collected):
            found = [metric for metric in collected if metric.name == name]
            total = found[0]
            samples = [metric.samples[0] for metric in found if metric.samples]
            value = _OF_EACH.get(samples[0].name, sum)(sample.value for sample in samples)
            total.samples = [samples[0]._replace(value=value)]
            yield total


def _of(pid: int) -> Iterable[Metric]:
    return ProcessCollector(registry=None, pid=lambda: pid).collect()


def _family() -> list[int]:
    """This worker, the first process, and the other workers."""
    parent = os.getppid()
    try:
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    except OSError:
        return [os.getpid()]
    return [parent, *map(int, children)]
