# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients of the benchmark: streams on either surface, and what was seen of their events."""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import dataclass, field
from typing import Literal

from engine import pace

Surface = Literal["openai", "anthropic"]
PATHS = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
END = {"openai": b"[DONE]", "anthropic": b'"message_stop"'}
EVENT = re.compile(rb"e(\d+)t(\d+) ")
TIMEOUT_SECONDS = 300


@dataclass(frozen=True)
class Target:
    """Where requests go. ``pid`` is the process, with its children, whose time and memory count."""

    name: str
    port: int
    surface: Surface = "openai"
    key: str = "none"
    pid: int | None = None
    model: str = "m"


@dataclass
class Seen:
    """Of all streams of one measurement: milliseconds on the way by event, and to the first one by stream."""

    latency: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    lost: int = 0
    errors: list[str] = field(default_factory=list)

    def add(self, other: Seen) -> None:
        self.latency += other.latency
        self.first += other.first
        self.lost += other.lost
        self.errors += other.errors


def request(target: Target, events: int, gap: float, padding: int = 0) -> bytes:
    """The bytes of one request, as long as ``padding`` characters more make it."""
    prompt = f"{'word ' * (padding // 5)}{pace(events, gap)}"
    body: dict[str, object] = {"model": target.model, "max_tokens": 1000, "stream": True, "messages": [{"role": "user", "content": prompt}]}
    if target.surface == "openai":
        body["stream_options"] = {"include_usage": True}
    raw = json.dumps(body).encode()
    head = [
        f"POST {PATHS[target.surface]} HTTP/1.1",
        "host: localhost",
        "content-type: application/json",
        f"authorization: Bearer {target.key}",
        f"x-api-key: {target.key}",
        "anthropic-version: 2023-06-01",
        f"content-length: {len(raw)}",
        "connection: close",
    ]
    return "\r\n".join([*head, "", ""]).encode() + raw


async def stream(target: Target, events: int, gap: float, seen: Seen, opened: asyncio.Semaphore | None = None, padding: int = 0) -> None:
    """One stream to its end; each event counts once, in order."""
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS + events * gap):
            arrived = await _follow(target, request(target, events, gap, padding), seen, opened)
            # Not in one line with the waiting: `+=` would add to what was there before it.
            seen.lost += events - arrived
    except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
        seen.errors.append(f"{type(error).__name__}: {error}")
        seen.lost += events


async def _follow(target: Target, raw: bytes, seen: Seen, opened: asyncio.Semaphore | None) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", target.port, limit=2**24)
    try:
        began = time.perf_counter_ns()
        writer.write(raw)
        status = await reader.readline()
        if b" 200 " not in status:
            rest = await reader.read(2000)
            seen.errors.append((status + rest[-300:]).decode(errors="replace"))
            return 0
        awaited = 0
        while line := await reader.readline():
            now = time.perf_counter_ns()
            if END[target.surface] in line:
                return awaited
            for number, written in EVENT.findall(line):
                if int(number) != awaited:
                    return awaited
                if awaited == 0:
                    seen.first.append((now - began) / 1e6)
                    if opened is not None:
                        opened.release()
                awaited += 1
                seen.latency.append((now - int(written)) / 1e6)
        return awaited
    finally:
        writer.close()


async def streams(target: Target, count: int, events: int, gap: float, padding: int = 0) -> Seen:
    """So many streams at one time, begun evenly over one gap."""
    seen = Seen()

    async def late(number: int) -> None:
        await asyncio.sleep(gap * number / count)
        await stream(target, events, gap, seen, padding=padding)

    await asyncio.gather(*(late(number) for number in range(count)))
    return seen
