# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One message out of several answers of the engine, with the searches between them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from .anthropic_message import Accumulator
from .anthropic_stream import Reducer, SearchCall
from .anthropic_types import AnswerBlock, Event
from .search import SPARE_LEGS, Outcome, Terms
from .search_service import Searcher

Leg = Callable[[int, list[AnswerBlock], int], Awaitable[None]]
"""Asks the engine with the blocks that are there, and gives what it answers to the reducer and the client."""
Emit = Callable[[list[Event]], Awaitable[None]]


class Legs:
    def __init__(self, reducer: Reducer, searcher: Searcher, terms: Terms, max_uses: int) -> None:
        self._reducer = reducer
        self._searcher = searcher
        self._terms = terms
        self._left = max_uses
        self._legs = max_uses + SPARE_LEGS
        self.message = Accumulator()

    async def run(self, leg: Leg, emit: Emit) -> None:
        """Ask, search, ask again, until the engine's answer has no search in it."""
        reducer = self._reducer
        for number in range(self._legs):
            await leg(number, self.message.content, reducer.written)
            if not reducer.pending:
                return
            await self._search(emit)
            if reducer.calls_client:
                break
            if number + 1 < self._legs:
                reducer.go_on()
        # The client's calls are the client's turn; a model that only searches is stopped in a way that the client can go on from.
        await emit(reducer.finish(None if reducer.calls_client else "pause_turn"))

    async def _search(self, emit: Emit) -> None:
        """All at once; what the client sees is in the order of the calls."""
        tasks = {search: asyncio.ensure_future(self._one(search)) for search in self._reducer.pending}
        try:
            for search, task in tasks.items():
                await emit(self._reducer.search_begins(search))
                await emit(self._reducer.search_ends(search, await task))
        finally:
            for task in tasks.values():
                task.cancel()

    async def _one(self, search: SearchCall) -> Outcome:
        if self._left <= 0:
            return self._searcher.refuse("max_uses_exceeded")
        self._left -= 1
        return await self._searcher.search(search.query, self._terms)
