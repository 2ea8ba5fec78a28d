# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of an upstream's health, from its checks and from the requests that it had. The time is given, not asked for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

UNREACHED = frozenset({"upstream_refused", "upstream_connect_timeout"})
"""The request was not sent; one such failure says enough."""
DOUBTFUL = frozenset({"upstream_reset", "upstream_protocol", "upstream_cut", "upstream_timeout", "upstream_stalled", "upstream_status"})
"""May be the request's fault, which must not put out one upstream after the other."""
STRIKES = 3
"""So many doubtful failures in a row put an upstream out."""
FIRST_SECONDS, LONGEST_SECONDS = 1.0, 30.0
GENERATION = "generation"
"""The work that engines are there for. What one does well says nothing of another: a tokenizer works on behind a broken engine."""
TRIAL_SECONDS = 5.0
"""After its time out an upstream gets one request, and the next one only when that went well, or after so long."""


@dataclass
class Standing:
    problem: str | None = None
    """What the last check found."""
    models: frozenset[str] | None = None
    late: int = 0
    """Checks in a row without an answer in time: one may be a busy engine."""
    strikes: Counter[str] = field(default_factory=Counter)
    """Doubtful failures in a row, by the kind of work."""
    outs: int = 0
    out_until: float | None = None
    on_trial: bool = False
    out_for: str | None = None
    """The work that it failed at; None where it could not be reached at all."""

    def healthy(self, now: float) -> bool:
        return self.problem is None and (self.out_until is None or now >= self.out_until)

    def entered(self, now: float, work: str = GENERATION) -> None:
        """A request is sent to it. If it was out for such work, this is its trial, and others stay away meanwhile."""
        if self.out_until is not None and self.out_for in (None, work):
            self.on_trial = True
            self.out_until = now + TRIAL_SECONDS

    def succeeded(self, work: str = GENERATION) -> None:
        self.strikes.pop(work, None)
        if self.out_until is not None and self.out_for is None:
            self.strikes.clear()
        if self.out_until is None or self.out_for in (None, work):
            self.outs = 0
            self.out_until = None
            self.on_trial = False

    def failed(self, kind: str, now: float, work: str = GENERATION) -> None:
        """A request failed in one of the named ways; other kinds say nothing of an upstream's health."""
        if kind not in UNREACHED and kind not in DOUBTFUL:
            return
        self.strikes[work] += 1
        if self.out_until is not None and not self.on_trial:
            # Of many requests that fail at one moment, the first has said it.
            return
        if kind in UNREACHED or self.on_trial or self.strikes[work] >= STRIKES:
            self.on_trial = False
            self.out_for = None if kind in UNREACHED else work
            self.out_until = now + min(LONGEST_SECONDS, FIRST_SECONDS * 2**self.outs)
            self.outs = min(self.outs + 1, 10)

    def checked(self, problem: str | None, models: frozenset[str] | None, late: bool = False) -> None:
        """A check is done. One that could not be reached and can be now is back; other failures wait for their time."""
        self.late = self.late + 1 if late else 0
        if late and self.late == 1 and self.models is not None:
            return
        self.problem = problem
        if problem is None:
            self.models = models
            if self.out_for is None and self.out_until is not None:
                self.succeeded()
