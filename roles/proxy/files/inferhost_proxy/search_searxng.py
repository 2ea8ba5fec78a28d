# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SearXNG, a metasearch engine that one runs oneself. Its JSON format has to be switched on there."""

from __future__ import annotations

from typing import Any

import aiohttp
import msgspec
from msgspec import Struct
from yarl import URL

from .search import Kind, Result, SearchFailed, Wanted
from .search_places import locale

MAX_BYTES = 2 * 2**20
STATUSES: dict[int, tuple[Kind, str]] = {
    400: ("bad_query", "status 400"),
    403: ("unavailable", "status 403: is `json` among search.formats of its settings.yml?"),
    429: ("rate_limited", "status 429"),
    503: ("unavailable", "status 503"),
    504: ("timed_out", "status 504"),
}
REFUSED = ("too many requests", "captcha", "access denied")
"""Why its engines say that they were not let in."""


class _Entry(Struct):
    url: str | None = None
    title: str | None = None
    content: str | None = None
    publishedDate: str | None = None


class _Answer(Struct):
    results: list[_Entry]
    unresponsive_engines: list[list[Any]] = []


class SearXng:
    name = "searxng"

    def __init__(self, url: str) -> None:
        self._url = URL(url.rstrip("/") + "/search")
        self._session: aiohttp.ClientSession | None = None

    async def search(self, wanted: Wanted) -> list[Result]:
        query = {"q": wanted.query, "format": "json", "language": locale(wanted.country), "safesearch": "1"}
        try:
            # A redirect would be the way to somewhere else, so it counts as a failure.
            async with self._open().get(self._url, params=query, allow_redirects=False) as response:
                if response.status != 200:
                    raise SearchFailed(*STATUSES.get(response.status, ("unavailable", f"status {response.status}")))
                return parse(await _bounded(response), wanted.most)
        except TimeoutError as exc:
            raise SearchFailed("timed_out", "no answer") from exc
        except aiohttp.ClientError as exc:
            # Not its text: that has the address, and so the query.
            raise SearchFailed("unavailable", type(exc).__name__) from exc

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), headers={"Accept": "application/json", "User-Agent": "inferhost"})
        return self._session


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > MAX_BYTES:
            raise SearchFailed("unavailable", "the answer is too large")
        parts.append(part)
    return b"".join(parts)


def parse(body: bytes, count: int) -> list[Result]:
    """The results in an answer. One that is empty because its engines failed is a failure."""
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as exc:
        raise SearchFailed("unavailable", "not SearXNG's JSON") from exc
    if not answer.results and answer.unresponsive_engines:
        reasons = " ".join(str(entry[-1]).lower() for entry in answer.unresponsive_engines if entry)
        raise SearchFailed("rate_limited" if any(reason in reasons for reason in REFUSED) else "unavailable", "its engines do not answer")
    return [Result(entry.title or "", entry.url or "", entry.content or "", (entry.publishedDate or "")[:10] or None) for entry in answer.results[:count]]
