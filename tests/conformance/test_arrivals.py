# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parts of an answer are handled where they come in, all of them, in order, and no faster than the client takes them."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from typing import Any

import pytest
from multidict import CIMultiDict
from standin import CUT, Reply, StandIn, stream

from inferhost_proxy import upstream
from inferhost_proxy.arrivals import Arrivals, Connection
from inferhost_proxy.errors import Fault
from inferhost_proxy.upstream import Request

PATH = "/v1/chat/completions"
MADE = Request("POST", PATH, CIMultiDict(), b"{}")


def run(standin: StandIn, use: Callable[[Any], Any]) -> Any:
    async def main() -> Any:
        session = upstream.session(5.0, 8)
        try:
            return await use(lambda: upstream.send(session, standin.url, None, MADE._replace(headers=CIMultiDict())))
        finally:
            await session.close()

    return asyncio.run(main())


def handled_by_the_connection() -> bool:
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_code is Connection.data_received.__code__:
            return True
    return False


def test_parts_are_handled_where_they_come_in(standin: StandIn) -> None:
    standin.replies[PATH] = stream(*[step for number in range(20) for step in (b"%d," % number, 0.02)])
    found: list[tuple[bytes, bool]] = []

    def take(data: bytes) -> bool:
        found.append((data, handled_by_the_connection()))
        return True

    async def use(ask: Any) -> Any:
        await Arrivals(await ask(), take).run()

    run(standin, use)
    assert b"".join(data for data, _where in found) == b"".join(b"%d," % number for number in range(20))
    assert len(found) > 10 and all(where for _data, where in found[2:]), "no task wakes for a part"


@pytest.mark.parametrize("framing", ["chunked", "length", "close"])
def test_a_busy_client_gets_every_byte_later(standin: StandIn, framing: str) -> None:
    """Beyond what is read ahead the connection itself is held, and goes on again."""
    pieces = [os.urandom(70_000) for _number in range(30)]
    standin.replies[PATH] = Reply(list(pieces), headers={"content-type": "text/event-stream"}, framing=framing)
    taken: list[bytes] = []
    ahead: list[int] = []

    async def use(ask: Any) -> Any:
        response = await ask()

        def take(data: bytes) -> bool:
            taken.append(data)
            return len(taken) % 3 > 0

        arrivals = Arrivals(response, take)
        while not response.content.at_eof():
            await arrivals.run()
            await asyncio.sleep(0.02)
            ahead.append(response.content.total_bytes - sum(map(len, taken)))

    run(standin, use)
    assert b"".join(taken) == b"".join(pieces)
    assert max(ahead) < 600_000, "the rest stayed with the engine"


def test_a_connection_is_used_again_and_tells_nobody_of_the_next_answer(standin: StandIn) -> None:
    standin.replies[PATH] = stream(b"first", 0.05, b" answer")
    taken: list[bytes] = []

    async def use(ask: Any) -> Any:
        response = await ask()
        connection = response.connection.protocol
        await Arrivals(response, lambda data: taken.append(data) is None).run()
        response.release()
        second = await ask()
        assert second.connection is None or second.connection.protocol is connection
        return await second.read()

    assert run(standin, use) == b"first answer" and b"".join(taken) == b"first answer"


def test_an_answer_that_breaks_off_and_a_part_that_cannot_be_handled(standin: StandIn) -> None:
    standin.replies[PATH] = stream(b"so far", 0.05, CUT)
    taken: list[bytes] = []

    def refuse(data: bytes) -> bool:
        raise Fault("answer_too_large")

    async def use(ask: Any) -> Any:
        for take in (lambda data: taken.append(data) is None, refuse):
            with pytest.raises(Fault) as caught:
                await Arrivals(await ask(), take).run()
            kinds.append(caught.value.kind)

    kinds: list[str] = []
    run(standin, use)
    assert kinds == ["upstream_cut", "answer_too_large"] and taken == [b"so far"]
