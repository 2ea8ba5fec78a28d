# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The library ddgs, which asks public search engines as a browser would. It blocks, so each search has a thread.

The library, with what it brings, is loaded by the first search: it takes about 30 MB.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

from .search import Kind, Result, SearchFailed, Wanted
from .search_places import region

EMPTY_IN_A_ROW = 3
SIGNS: tuple[tuple[str, Kind], ...] = (("ratelimit", "rate_limited"), ("rate limit", "rate_limited"), ("timed out", "timed_out"), ("timeout", "timed_out"))
NOTHING = "no results found"

Ask = Callable[[Wanted], list[Any]]


class Ddgs:
    name = "ddgs"

    def __init__(self, backends: Sequence[str], seconds: float, max_threads: int, ask: Ask | None = None) -> None:
        self._backends = ",".join(backends)
        # The library's limit is for each engine that it asks; a search that is waited for no longer should end soon.
        self._seconds = max(1, round(seconds / 2))
        self._slots = asyncio.Semaphore(max_threads)
        self._ask = ask or self._by_library
        self._empty = 0

    async def search(self, wanted: Wanted) -> list[Result]:
        results = [_result(entry) for entry in await self._in_thread(wanted)]
        # The library does not tell a refusal (202, 429) from a page without results.
        self._empty = 0 if results else self._empty + 1
        if self._empty >= EMPTY_IN_A_ROW:
            raise SearchFailed("rate_limited", f"{self._empty} empty answers in a row")
        return results

    async def close(self) -> None:
        """Threads end with their search, or with the process."""

    async def _in_thread(self, wanted: Wanted) -> list[Any]:
        await self._slots.acquire()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[Any]] = loop.create_future()

        def done(value: list[Any], failure: SearchFailed | None) -> None:
            # The place is free when the thread has ended, and not when nobody waits for it any more.
            self._slots.release()
            if answer.done():
                return
            if failure is None:
                answer.set_result(value)
            else:
                answer.set_exception(failure)

        def run() -> None:
            value: list[Any] = []
            failure = None
            try:
                value = self._ask(wanted)
            except BaseException as exc:  # a panic of what the library has in Rust is no Exception
                kind = failure_of(exc)
                failure = None if kind is None else SearchFailed(kind, type(exc).__name__)
            with contextlib.suppress(RuntimeError):  # the loop was closed in the meantime
                loop.call_soon_threadsafe(done, value, failure)

        try:
            threading.Thread(target=run, name="search", daemon=True).start()
        except RuntimeError:  # the system has no thread left
            self._slots.release()
            raise
        return await answer

    def _by_library(self, wanted: Wanted) -> list[Any]:
        for name in ("ddgs", "primp"):
            # They log addresses, and with them queries.
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
        client = importlib.import_module("ddgs").DDGS(timeout=self._seconds)
        # One engine after the other, and only until there is enough: each that is asked for nothing refuses us the sooner.
        type(client).threads = 1
        found: list[Any] = client.text(wanted.query, region=region(wanted.country), max_results=wanted.most, backend=self._backends)
        return found


def failure_of(exc: BaseException) -> Kind | None:
    """What an exception of the library means; None: there was nothing to find."""
    name, text = type(exc).__name__, str(exc).lower()
    if name == "RatelimitException":
        return "rate_limited"
    if name == "TimeoutException" or isinstance(exc, TimeoutError):
        return "timed_out"
    if name == "DDGSException" and NOTHING in text:
        return None
    return next((kind for sign, kind in SIGNS if sign in text), "unavailable")


def _result(entry: dict[str, Any]) -> Result:
    return Result(str(entry.get("title") or ""), str(entry.get("href") or ""), str(entry.get("body") or ""), str(entry.get("date") or "") or None)
