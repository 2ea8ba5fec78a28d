# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bound on the bytes that all requests together may hold."""

from __future__ import annotations

from types import TracebackType

from .errors import Fault


class Budget:
    def __init__(self, total: int) -> None:
        self._free = total

    def hold(self) -> Hold:
        """A share that is given back when its `with` block ends."""
        return Hold(self)

    def take(self, count: int) -> None:
        if count > self._free:
            raise Fault("busy", "limits.max_held_bytes is reached")
        self._free -= count

    def give(self, count: int) -> None:
        self._free += count


class Hold:
    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.held = 0

    def grow(self, count: int) -> None:
        """Take more, or raise the fault that answers 503."""
        self._budget.take(count)
        self.held += count

    def __enter__(self) -> Hold:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._budget.give(self.held)
