# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP GET for lists and small files of a model hub, with the standard library alone.

Redirects are followed, but what says who we are stays with the address that it is for. Proxies are those of the environment, as for huggingface_hub.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import ssl
import time
import typing as t
import urllib.error
import urllib.parse
import urllib.request

from ansible_collections.inferhost.llm.plugins.module_utils._hub._errors import PASSING, HubError, kind_of_status

TIMEOUT_S = 30.0
MAX_BYTES = 64 * 1024 * 1024
LONGEST_WAIT_S = 300.0
_PRIVATE = ("authorization", "cookie")


def origin(url: str) -> tuple[str, str, t.Optional[int]]:
    """Scheme, host and port: who one talks to."""
    parts = urllib.parse.urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or {"http": 80, "https": 443}.get(parts.scheme)


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: t.Any, fp: t.Any, code: int, msg: str, headers: t.Any, newurl: str) -> t.Optional[urllib.request.Request]:
        # Python knows 308 from 3.11 on.
        new = super().redirect_request(req, fp, 307 if code == 308 else code, msg, headers, newurl)
        if new is not None and origin(newurl) != origin(req.full_url):
            new.headers = {name: value for name, value in new.headers.items() if name.lower() not in _PRIVATE}
        return new

    http_error_308 = urllib.request.HTTPRedirectHandler.http_error_302


def wait_of(headers: t.Mapping[str, str]) -> t.Optional[float]:
    """How long a server asks to wait: `Retry-After: 5`, or the Hub's `ratelimit: "api";r=0;t=55`."""
    limit = re.search(r";\s*r\s*=\s*0\s*;\s*t\s*=\s*(\d+)", headers.get("ratelimit", ""))
    text = limit.group(1) if limit else headers.get("retry-after", "").strip()
    return min(float(text), LONGEST_WAIT_S) if text.isdigit() else None


def get(url: str, headers: t.Mapping[str, str], tries: int, pause: t.Callable[[float], None] = time.sleep) -> bytes:
    """The body; raises HubError. What may pass is tried again, each time after twice the pause or what the server asks for."""
    for number in range(tries):
        try:
            return _get(url, headers)
        except HubError as error:
            if error.kind not in PASSING or number == tries - 1:
                raise
            pause(error.retry_after if error.retry_after is not None else 2.0**number)
    raise AssertionError("tries must be at least 1")


def get_json(url: str, headers: t.Mapping[str, str], tries: int) -> dict[str, t.Any]:
    try:
        document = json.loads(get(url, headers, tries))
    except ValueError as error:
        raise HubError("protocol", f"{_shown(url)} is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise HubError("protocol", f"{_shown(url)} is no JSON object")
    return document


def _get(url: str, headers: t.Mapping[str, str]) -> bytes:
    # No handler of ours adds a header, so this is all that is sent beside Host and Connection.
    request = urllib.request.Request(url, headers={"User-Agent": "inferhost", "Accept-Encoding": "identity", **headers})
    opener = urllib.request.build_opener(_Redirects)
    try:
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            content: bytes = answer.read(MAX_BYTES + 1)
            length = answer.headers.get("Content-Length")
    except urllib.error.HTTPError as error:
        told = {name.lower(): value for name, value in error.headers.items()}
        kind = kind_of_status(error.code, told, any(name.lower() in _PRIVATE for name in headers))
        said = told.get("x-error-message", "")[:200]
        raise HubError(kind, f"HTTP {error.code} for {_shown(url)}" + (f": {said}" if said else ""), wait_of(told)) from None
    except (OSError, http.client.HTTPException) as error:
        raise HubError(kind_of_failure(error), f"{_shown(url)}: {_reason(error)}") from None
    if len(content) > MAX_BYTES:
        raise HubError("protocol", f"{_shown(url)} is longer than {MAX_BYTES} bytes")
    if length is not None and len(content) < int(length):
        raise HubError("cut", f"{_shown(url)}: {len(content)} of {length} bytes")
    return content


def kind_of_failure(error: BaseException) -> str:
    """What a failed connection means."""
    cause = error.reason if isinstance(error, urllib.error.URLError) and isinstance(error.reason, BaseException) else error
    for types, kind in (
        ((socket.gaierror,), "dns"),
        ((ssl.SSLCertVerificationError,), "tls"),
        ((socket.timeout, TimeoutError), "timeout"),
        ((ConnectionResetError, BrokenPipeError, ConnectionAbortedError, http.client.RemoteDisconnected, http.client.IncompleteRead, ssl.SSLError), "cut"),
        ((http.client.HTTPException,), "protocol"),
    ):
        if isinstance(cause, types):
            return kind
    return "refused"


def _reason(error: BaseException) -> str:
    cause = getattr(error, "reason", None) or error
    return str(getattr(cause, "strerror", None) or cause or type(error).__name__)


def _shown(url: str) -> str:
    """An address without its query, which may be a signature."""
    return url.partition("?")[0]
