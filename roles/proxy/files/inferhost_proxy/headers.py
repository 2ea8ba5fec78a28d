# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which headers cross the gateway, in either direction."""

from __future__ import annotations

import re

from multidict import CIMultiDict

from .asgi import Headers, header

# RFC 9110 section 7.6.1, and the names that older proxies still send.
HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
# Replaced by the gateway's own, or credentials that are the gateway's business alone.
REQUEST_OWN = frozenset(
    {
        b"accept-encoding",
        b"authorization",
        b"content-length",
        b"cookie",
        b"expect",
        b"host",
        b"x-api-key",
        b"x-request-id",
    }
)
ANSWER_OWN = frozenset({b"date", b"request-id", b"server", b"set-cookie", b"x-request-id"})

_SANE_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}")


def end_to_end(headers: Headers, own: frozenset[bytes]) -> Headers:
    """Without the hop-by-hop headers, those that `Connection` names, and the gateway's own."""
    named = {token.strip().lower() for name, value in headers if name.lower() == b"connection" for token in value.split(b",")}
    dropped = HOP_BY_HOP | named | own
    return [(name, value) for name, value in headers if name.lower() not in dropped]


def for_upstream(headers: Headers, request_id: str) -> CIMultiDict[str]:
    """The request's headers as the model server gets them, but for its key: no compression, so bytes can be read."""
    kept = CIMultiDict((name.decode("latin-1"), value.decode("latin-1")) for name, value in end_to_end(headers, REQUEST_OWN))
    kept["Accept-Encoding"] = "identity"
    kept["X-Request-Id"] = request_id
    return kept


def for_client(headers: Headers, request_id: str, changes_length: bool) -> Headers:
    """The answer's headers as the client gets them."""
    own = ANSWER_OWN | {b"content-length"} if changes_length else ANSWER_OWN
    kept = [(name.lower(), value) for name, value in end_to_end(headers, own)]
    return [*kept, *identification(request_id)]


def identification(request_id: str) -> Headers:
    """The id under the name that each SDK family shows in its errors."""
    value = request_id.encode("ascii")
    return [(b"x-request-id", value), (b"request-id", value)]


def given_id(headers: Headers) -> str | None:
    """The client's request id, if it is one that is safe to log and return."""
    value = header(headers, b"x-request-id")
    return value.decode("ascii") if value is not None and _SANE_ID.fullmatch(value) else None
