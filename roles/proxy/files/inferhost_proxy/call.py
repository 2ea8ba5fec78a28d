# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A request on its way: what is known of it, and what it waits for."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import Enum

from .asgi import Headers
from .errors import Fault
from .openai_request import Ask
from .pool import Errand
from .renaming import Renaming
from .routes import Route
from .upstream_config import Timeouts


class Mode(Enum):
    EVENTS = "server-sent events, handed on one complete event at a time"
    WHOLE = "one JSON document, handed on when it is complete"
    BYTES = "anything else, handed on as it comes"


def mode(route: Route, status: int, answer_headers: Headers, changes: bool = False) -> Mode:
    """How an answer is relayed. `changes`: it does not stay as it is."""
    fields = {name.lower(): value.lower() for name, value in answer_headers}
    if fields.get(b"content-encoding", b"identity") != b"identity" or status in (204, 304):
        return Mode.BYTES
    kind = fields.get(b"content-type", b"").partition(b";")[0].strip()
    if kind == b"text/event-stream":
        return Mode.EVENTS
    return Mode.WHOLE if (route.generates or changes) and kind == b"application/json" else Mode.BYTES


def _unknown() -> bool:
    return True


@dataclass
class Call:
    """A request on its way, and what is known of it for its error, its log line and its metrics."""

    route: Route
    method: str
    id: str
    upstream_id: str
    key_label: str | None = None
    started_at: float = field(default_factory=time.monotonic)
    status: int | None = None
    mode: Mode | None = None
    client_busy: Callable[[], bool] = _unknown
    """Whether the client has to take something before more can be sent to it; only then a send has to be awaited."""
    bytes_out: int = 0
    first_byte_seconds: float | None = None
    sent_at: float = 0.0
    disconnected: str | None = None
    """The phase in which the client left."""
    fault: Fault | None = None
    waits_for: str = "upstream_timeout"
    """The fault that silence would be now."""
    deadline: float = float("inf")
    answer_by: float = float("inf")
    end_by: float = float("inf")
    timeouts: Timeouts = field(default_factory=Timeouts)
    errand: Errand | None = None
    renaming: Renaming | None = None
    """The client used a name of its own for the model, and reads that name."""
    heartbeat: Callable[[], Awaitable[float]] | None = None
    """Keeps a client that waits; returns the seconds until it has to be called again."""
    ask: Ask = field(default_factory=lambda: Ask(b""))
    held: Callable[[], bytes] = bytes
    """What was held back of a stream that breaks now."""

    def begin(self, timeouts: Timeouts) -> None:
        """The request is complete: the clocks start."""
        self.timeouts = timeouts
        now = time.monotonic()
        self.answer_by = now + timeouts.answer_seconds
        self.end_by = now + timeouts.total_seconds if timeouts.total_seconds else float("inf")
        self.wait_for_answer()

    def wait_for_answer(self) -> None:
        """The first byte is next. Its time is one for all that is asked for a request."""
        self.waits_for, self.deadline = "upstream_timeout", self.answer_by

    def wait_for_next_answer(self) -> None:
        """The engine is asked again, behind an answer of its own, so its time begins anew."""
        self.answer_by = time.monotonic() + self.timeouts.answer_seconds
        self.wait_for_answer()

    def wait_for_more(self, now: float | None = None) -> None:
        """The answer has begun, and goes on."""
        self.waits_for, self.deadline = "upstream_stalled", (time.monotonic() if now is None else now) + self.timeouts.idle_seconds

    def wait_for_client(self) -> None:
        """The client has to take what is sent now."""
        self.waits_for, self.deadline = "client_stalled", time.monotonic() + self.timeouts.client_seconds

    def out_of_time(self) -> str | None:
        """The fault that the clock says."""
        now = time.monotonic()
        return self.waits_for if now >= self.deadline else "total_timeout" if now >= self.end_by else None
