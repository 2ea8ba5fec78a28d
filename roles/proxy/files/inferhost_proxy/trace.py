# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Trace context (W3C): the trace a request belongs to, for the log, and a new one where it has none."""

from __future__ import annotations

import re
import secrets

from .asgi import Headers, header

_NAME = b"traceparent"
_VALID = re.compile(r"(?!ff)[0-9a-f]{2}-(?P<trace>(?!0{32})[0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")


def trace_id(headers: Headers) -> str | None:
    """The id of the request's trace, None when it has none that is valid."""
    value = header(headers, _NAME)
    match = _VALID.fullmatch(value.decode("latin-1")) if value is not None else None
    return match["trace"] if match else None


def started(headers: Headers) -> Headers:
    """The headers with a new trace. State of a trace that is not valid goes with it."""
    kept = [(name, value) for name, value in headers if name not in (_NAME, b"tracestate")]
    return [*kept, (_NAME, f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01".encode())]
