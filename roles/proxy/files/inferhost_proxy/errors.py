# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every error the gateway itself answers, as data, and its two wire forms."""

from __future__ import annotations

from typing import NamedTuple

import msgspec


class Kind(NamedTuple):
    status: int
    message: str
    retry_after: int | None = None


KINDS = {
    "invalid_api_key": Kind(
        401,
        "No valid API key was given. Send `Authorization: Bearer KEY` or `x-api-key: KEY`; the operator's etc/secrets/api_key holds the key.",
    ),
    "expired_api_key": Kind(401, "This API key has expired; ask the operator of this endpoint for a new one."),
    "rate_limit_exceeded": Kind(429, "This API key has reached its limit; try again later."),
    "invalid_request": Kind(400, "The request is not valid."),
    "context_exceeded": Kind(400, "The prompt is longer than the model's context."),
    "engine_error": Kind(502, "The model server refused the request."),
    "not_found": Kind(404, "There is nothing at this path."),
    "count_unavailable": Kind(503, "The model server cannot count tokens now, and a count is not guessed."),
    "method_not_allowed": Kind(405, "This method is not served here."),
    "body_timeout": Kind(408, "The request body stopped arriving; send it again."),
    "body_too_large": Kind(413, "The request body is larger than this gateway accepts (limits.max_body_bytes)."),
    "context_length_exceeded": Kind(400, "The input does not fit into the model's context."),
    "busy": Kind(503, "The gateway holds as many requests as it may; try again shortly.", 2),
    "shutting_down": Kind(503, "The gateway was stopped before the answer was complete; send the request again.", 5),
    "internal_error": Kind(500, "The gateway failed on this request; its log has the cause under the request id."),
    "upstream_refused": Kind(503, "The model server does not accept connections: it is down, or still starting. Try again shortly.", 5),
    "upstream_connect_timeout": Kind(503, "The model server could not be reached in time. Try again shortly.", 5),
    "upstream_reset": Kind(502, "The model server closed the connection before it answered.", 5),
    "upstream_protocol": Kind(502, "The model server sent something that is not a valid HTTP answer.", 5),
    "upstream_timeout": Kind(504, "The model server did not answer in time (timeouts.answer_seconds).", 5),
    "upstream_stalled": Kind(504, "The model server went silent in the middle of its answer (timeouts.idle_seconds)."),
    "upstream_down": Kind(503, "No model server that serves this model is up. Try again shortly.", 5),
    "total_timeout": Kind(504, "The answer took longer than this gateway allows (timeouts.total_seconds)."),
    "upstream_cut": Kind(502, "The model server broke off in the middle of its answer; the answer is incomplete.", 5),
    "upstream_auth": Kind(502, "The model server refuses the gateway's own key; the operator must give both the same engine key."),
    "answer_too_large": Kind(502, "The model server's answer is larger than this gateway holds."),
    "client_stalled": Kind(408, "The client stopped reading its answer."),
}
UPSTREAM_KINDS = tuple(kind for kind in KINDS if kind.startswith("upstream_") or kind == "answer_too_large")
FINAL = frozenset({"context_exceeded", "count_unavailable"})
"""Asking again does not help."""

OPENAI_TYPES = {429: "requests"}
ANTHROPIC_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class Fault(Exception):
    """One of KINDS happened. `cause` is for the log alone: it may name addresses. `message` is for the client alone."""

    def __init__(self, kind: str, cause: str = "", message: str | None = None, status: int | None = None, retry_after: int | None = None) -> None:
        super().__init__(kind)
        self.kind = kind
        self.cause = cause
        self.status, self.message, self.retry_after = KINDS[kind]
        self.message = message or self.message
        self.status = status or self.status
        self.retry_after = retry_after or self.retry_after


def status(fault: Fault, anthropic: bool) -> int:
    """The HTTP status. What is busy or not there yet has a number of its own in Anthropic's form."""
    overloaded = anthropic and fault.status == 503 and fault.kind != "count_unavailable"
    return 529 if overloaded else fault.status


def document(fault: Fault, anthropic: bool, request_id: str) -> bytes:
    """The JSON body that SDKs of either family turn into their own exception."""
    if anthropic:
        fallback = "api_error" if fault.status >= 500 else "invalid_request_error"
        kind = ANTHROPIC_TYPES.get(status(fault, anthropic), fallback)
        error = {"type": kind, "message": fault.message}
        return msgspec.json.encode({"type": "error", "error": error, "request_id": request_id})
    kind = "server_error" if fault.status >= 500 else OPENAI_TYPES.get(fault.status, "invalid_request_error")
    return msgspec.json.encode(
        {"error": {"message": fault.message, "type": kind, "param": None, "code": fault.kind}},
    )


def responses_event(fault: Fault) -> bytes:
    """The error event of the Responses API, which the SDK raises too."""
    kind = "server_error" if fault.status >= 500 else "invalid_request_error"
    error = {"message": fault.message, "type": kind, "param": None, "code": fault.kind}
    data = {"type": "error", "code": fault.kind, "message": fault.message, "param": None, "sequence_number": 0, "error": error}
    return b"event: error\ndata: " + msgspec.json.encode(data) + b"\n\n"


def event(fault: Fault, anthropic: bool, request_id: str) -> bytes:
    """The same as the last event of a stream that had already begun."""
    name = b"event: error\n" if anthropic else b""
    return name + b"data: " + document(fault, anthropic, request_id) + b"\n\n"
