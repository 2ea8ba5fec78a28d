# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many clients at once: as many connections to the model server as they need, and no more than the limit allows."""

from __future__ import annotations

import contextlib
import http.client
from collections.abc import Callable, Iterator
from pathlib import Path

from gateway import CLIENT_KEY, Gateway, eventually
from standin import HANG, StandIn, stream

CHAT = "/v1/chat/completions"
EVENT = b'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
# What the gateway keeps beside those of requests: for questions of its own.
SPARE = 10


def established(port: int) -> int:
    """Connections that somebody on this machine has to a port."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[2].endswith(f":{port:04X}") and row[3] == "01" for row in rows)


@contextlib.contextmanager
def streams(gateway: Gateway, count: int) -> Iterator[list[http.client.HTTPResponse]]:
    """So many requests at one time, their answers' heads read."""
    connections = [gateway.connect(timeout=60) for _ in range(count)]
    try:
        for connection in connections:
            connection.request("POST", CHAT, b'{"model":"m","stream":true}', {"Authorization": f"Bearer {CLIENT_KEY}", "Content-Type": "application/json"})
        yield [connection.getresponse() for connection in connections]
    finally:
        for connection in connections:
            connection.close()


def test_E08_more_streams_at_once_than_pools_usually_hold(standin: StandIn, gateway: Gateway) -> None:
    standin.replies[CHAT] = stream(EVENT, HANG)
    with streams(gateway, 150) as answers:
        assert {answer.status for answer in answers} == {200}
        assert [answer.readline() + answer.readline() for answer in answers] == [EVENT] * 150


def test_E10_no_more_connections_than_the_limit(standin: StandIn, start: Callable[..., Gateway]) -> None:
    gateway = start(limits={"max_in_flight": 8})
    standin.replies[CHAT] = stream(EVENT, HANG)
    with streams(gateway, 40) as answers:
        assert sorted({answer.status for answer in answers}) == [200, 503]
        assert [answer.status for answer in answers].count(200) == 8
        assert established(standin.port) <= 8 + SPARE
    eventually(lambda: established(standin.port) <= SPARE)
