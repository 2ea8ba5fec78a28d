# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model server's errors, as /v1/messages says them."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from .errors import Fault
from .tokens import Count

SMALLEST_ROOM = 256
"""An answer gets at least this many tokens, or a sixteenth of a small window; a prompt that leaves less is too long."""


OVERFLOW = "maximum context length"
"""In every version's refusal of a prompt that does not fit."""


class _Detail(Struct):
    message: str | None = None
    code: int | str | None = None


class _Nested(Struct):
    error: _Detail | str | None = None
    message: str | None = None
    """Older engines have no `error` around it."""


def from_answer(status: int, body: bytes, retry_after: str | None = None) -> Fault:
    """The fault for an answer that is no 200."""
    if status == 401:
        return Fault("upstream_auth")
    try:
        nested = msgspec.json.decode(body, type=_Nested)
        detail = nested.error
        message = nested.message or (detail.message if isinstance(detail, _Detail) else detail)
    except (msgspec.DecodeError, RecursionError):
        message = None
    fault = _fault(status if status >= 400 else 502, message)
    if retry_after is not None and retry_after.isdecimal():
        fault.retry_after = int(retry_after)
    return fault


def names_itself(body: bytes) -> bool:
    """Whether a refusal is the engine's own, and not of a server that knows nothing of the path."""
    try:
        return msgspec.json.decode(body, type=_Nested).error is not None
    except (msgspec.DecodeError, RecursionError):
        return False


def from_event(error: msgspec.Raw) -> Fault:
    """The fault for an error in the middle of a stream."""
    try:
        detail = msgspec.json.decode(error, type=_Detail | str | None)
    except msgspec.DecodeError:
        detail = None
    if not isinstance(detail, _Detail):
        return _fault(500, detail)
    known = isinstance(detail.code, int) and 400 <= detail.code < 600
    return _fault(detail.code if known and isinstance(detail.code, int) else 500, detail.message)


def _fault(status: int, message: str | None) -> Fault:
    if status == 400 and message and OVERFLOW in message:
        return Fault("context_exceeded", message=f"prompt is too long: {message}")
    return Fault("engine_error", f"status {status}", message, status)


def room(count: Count) -> int:
    """The output tokens that the window has left; raises when that is not worth an answer.

    Coding agents know this wording and make their conversation shorter when they see it.
    """
    least = min(SMALLEST_ROOM, max(1, count.max_model_len // 16))
    left = count.max_model_len - count.count
    if left < least:
        message = f"prompt is too long: {count.count} tokens > {count.max_model_len - least} maximum"
        raise Fault("context_exceeded", message=message)
    return left
