# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model server of the benchmark, a process of its own: paced events, each with its number and the time at which it was written.  Usage: engine.py PORT

What a stream is like stands in the prompt, because that is what every gateway hands on: `pace EVENTS x MICROSECONDS`.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time

PACE = re.compile(rb"pace (\d+) x (\d+)")
MODELS = {"object": "list", "data": [{"id": "m", "object": "model", "max_model_len": 1_000_000}]}
TOKENS = {"count": 10, "max_model_len": 1_000_000, "tokens": []}


def pace(events: int, gap: float) -> str:
    """The prompt that asks for so many events, one every ``gap`` seconds."""
    return f"pace {events} x {round(gap * 1e6)}"


def stamped(number: int) -> str:
    """An event's text; the clock is the same for all processes of a machine."""
    return f"e{number}t{time.perf_counter_ns()} "


def _chunk(delta: object, finish: str | None = None) -> bytes:
    """As vLLM writes one, with the empty list of calls that it adds."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    document = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return _frame(b"data: " + json.dumps(document, separators=(",", ":")).encode() + b"\n\n")


def _usage(events: int) -> bytes:
    usage = {"prompt_tokens": 10, "completion_tokens": events, "total_tokens": events + 10}
    document = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [], "usage": usage}
    return _frame(b"data: " + json.dumps(document, separators=(",", ":")).encode() + b"\n\n")


def _frame(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def _stream(writer: asyncio.StreamWriter, events: int, gap: float) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n")
    writer.write(_chunk({"role": "assistant", "content": ""}))
    began = time.perf_counter()
    for number in range(events):
        # Against the stream's beginning, so that a late event does not delay those after it.
        await asyncio.sleep(max(0.0, began + (number + 1) * gap - time.perf_counter()))
        writer.write(_chunk({"content": stamped(number), "tool_calls": []}))
        await writer.drain()
    writer.write(_chunk({}, "stop") + _usage(events) + _frame(b"data: [DONE]\n\n") + b"0\r\n\r\n")
    await writer.drain()


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next((int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0)
            body = await reader.readexactly(length)
            path = head.split(b" ", 2)[1]
            if path.endswith(b"/chat/completions"):
                wanted = PACE.search(body)
                events, gap = (int(wanted[1]), int(wanted[2]) / 1e6) if wanted else (1, 0.0)
                await _stream(writer, events, gap)
                continue
            answer = json.dumps(TOKENS if path.endswith(b"/tokenize") else MODELS).encode()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(answer), answer))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", int(sys.argv[1]), limit=2**24, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        import uvloop
    except ImportError:
        asyncio.run(main())
    else:
        uvloop.run(main())
