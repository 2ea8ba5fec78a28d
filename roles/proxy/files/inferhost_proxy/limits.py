# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a key may ask for: requests in a minute, and requests at one time. Pure: cells of numbers and a clock's reading.

The window slides by whole seconds: a request is let in while fewer than the limit were let in during this second and
the 60 before it, so no 60 seconds ever hold more, wherever they begin.
"""

from __future__ import annotations

from collections.abc import MutableSequence
from typing import NamedTuple

WINDOW = 60
SECOND_CELLS = WINDOW + 2
"""The last second that was looked at, and a count for it and each of the 60 before."""
SLOTS = 256
"""Most processes that may count at one time, those that drain included."""
LIMITS = ("requests_per_minute", "concurrent_requests")


class Allowance(NamedTuple):
    requests_per_minute: int | None = None
    concurrent_requests: int | None = None

    @property
    def limited(self) -> bool:
        return self != Allowance()


class Refusal(NamedTuple):
    limit: str
    """One of LIMITS."""
    retry_after: int


class Meter(NamedTuple):
    """What a key has used, for all processes: one cell of `running` is a process's own."""

    seconds: MutableSequence[int]
    running: MutableSequence[int]


def fresh() -> Meter:
    return Meter([0] * SECOND_CELLS, [0] * SLOTS)


def admit(meter: Meter, allowance: Allowance, slot: int, now: float) -> Refusal | None:
    """Count a request in, or say which limit it would break and after how many seconds to ask again."""
    second = _advance(meter.seconds, int(now))
    most = allowance.concurrent_requests
    if most is not None and sum(meter.running) >= most:
        return Refusal("concurrent_requests", 1)
    if allowance.requests_per_minute is not None:
        wait = _wait(meter.seconds, second, allowance.requests_per_minute)
        if wait:
            return Refusal("requests_per_minute", wait)
    meter.seconds[_cell(second)] += 1
    meter.running[slot] += 1
    return None


def leave(meter: Meter, slot: int) -> None:
    """Count a request out."""
    meter.running[slot] -= 1


def _cell(second: int) -> int:
    return 1 + second % (WINDOW + 1)


def _advance(seconds: MutableSequence[int], now: int) -> int:
    """Empty the cells of seconds that have passed since the last look."""
    last = seconds[0]
    if now <= last:
        return last
    for passed in range(max(last + 1, now - WINDOW), now + 1):
        seconds[_cell(passed)] = 0
    seconds[0] = now
    return now


def _wait(seconds: MutableSequence[int], second: int, limit: int) -> int:
    """Seconds until one more fits; 0 is now."""
    used = sum(seconds[1:])
    for wait in range(WINDOW + 2):
        if used < limit:
            return wait
        # One second later the oldest cell has left the window.
        used -= seconds[_cell(second + 1 + wait)]
    return WINDOW + 1
