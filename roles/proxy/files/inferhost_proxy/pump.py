# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A stream on its way from the model server to the client, which holds it back while it does not take what is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import aiohttp

from .arrivals import Arrivals
from .asgi import Send
from .call import Call
from .delivery import body_message, sent


def _never() -> bool:
    return False


async def pump(call: Call, response: aiohttp.ClientResponse, send: Send, change: Callable[[bytes], bytes], over: Callable[[], bool] = _never) -> None:
    """Change what comes and send it, until all of it has come, or `over` says that nothing more is wanted."""
    waiting = b""

    def take(data: bytes) -> bool:
        nonlocal waiting
        out = change(data)
        if out and call.client_busy():
            waiting = out
            return False
        if out:
            _at_once(send(body_message(out)))
            sent(call, out)
            call.wait_for_more(call.sent_at)
        else:
            call.wait_for_more()
        return not over()

    arrivals = Arrivals(response, take)
    while not over() and (waiting or not response.content.at_eof()):
        await arrivals.run()
        if waiting:
            call.wait_for_client()
            await send(body_message(waiting))
            sent(call, waiting)
            waiting = b""
            call.wait_for_more()


def _at_once(sending: Awaitable[None]) -> None:
    """Send without waiting, to a client that is not busy."""
    try:
        next(sending.__await__())
    except StopIteration:
        return
    raise RuntimeError("a send had to wait although the client was not busy")
