# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a streamed event costs the proxy on its two surfaces: processor time of its process, in turns, in one run.

Absolute figures belong to one machine and one moment; the ratio is what counts.  Usage: bench_surfaces.py [--python PYTHON]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KEY = "sk-benchmark-0123456789abcdef"
TICK = os.sysconf("SC_CLK_TCK")
SURFACES = {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}
END = {"openai": b"data: [DONE]", "anthropic": b"event: message_stop"}


def chunk(delta: object, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    usage = {"prompt_tokens": 10, "total_tokens": 20, "completion_tokens": 10}
    document = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], "usage": usage}
    data = b"data: " + json.dumps(document, separators=(",", ":")).encode() + b"\n\n"
    return b"%x\r\n%s\r\n" % (len(data), data)


class Engine:
    """A model server that sends one event after the other, at its pace and never two in one piece."""

    def __init__(self, events: int, gap: float) -> None:
        self._events, self._gap = events, gap

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = next((int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")), 0)
                await reader.readexactly(length)
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
                writer.write(chunk({"role": "assistant", "content": ""}))
                for number in range(self._events):
                    await asyncio.sleep(self._gap)
                    writer.write(chunk({"content": f" word{number}", "tool_calls": []}))
                    await writer.drain()
                writer.write(chunk({}, "stop") + b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


async def stream(port: int, surface: str, events: int) -> None:
    """One client; raises when an event is missing."""
    body = json.dumps({"model": "m", "max_tokens": events, "stream": True, "messages": [{"role": "user", "content": "hello"}]}).encode()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST {SURFACES[surface]} HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    found = 0
    async for line in reader:
        found += b'" word' in line
        if line.startswith(END[surface]):
            break
    writer.close()
    if found != events:
        raise SystemExit(f"{surface}: {found} of {events} events arrived")


def used(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def measure(pid: int, port: int, args: argparse.Namespace) -> dict[str, list[float]]:
    """Microseconds an event, by surface and round."""
    found: dict[str, list[float]] = {surface: [] for surface in SURFACES}
    for _ in range(args.rounds + 1):
        for surface, times in found.items():
            before = used(pid)
            await asyncio.gather(*(stream(port, surface, args.events) for _ in range(args.streams)))
            times.append((used(pid) - before) / args.streams / args.events * 1e6)
    # The first round warms up.
    return {surface: times[1:] for surface, times in found.items()}


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=sys.executable, help="a Python with the proxy's packages")
    parser.add_argument("--streams", type=int, default=20)
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--gap", type=float, default=0.02, help="seconds between the events of a stream")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    engine = await asyncio.start_server(Engine(args.events, args.gap), "127.0.0.1", 0, backlog=1024)
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        key = Path(folder) / "key"
        key.write_text(KEY)
        upstream = f"http://127.0.0.1:{engine.sockets[0].getsockname()[1]}"
        command = [args.python, "-m", "inferhost_proxy", "--port", str(port), "--upstream", upstream, "--key-file", str(key), "--log-level", "warning"]
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "roles/proxy/files")}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        try:
            for _ in range(100):
                time.sleep(0.1)
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
            found = await measure(process.pid, port, args)
        finally:
            process.terminate()
            process.wait()
    for surface, times in found.items():
        print(f"{surface:>9}: {statistics.median(times):6.1f} us/event   rounds: {' '.join(f'{each:.1f}' for each in times)}")
    ratios = [second / first for first, second in zip(found["openai"], found["anthropic"], strict=True)]
    print(f"anthropic / openai: {statistics.median(ratios):.2f}   rounds: {' '.join(f'{ratio:.2f}' for ratio in ratios)}", flush=True)
    os._exit(0)  # The engine still waits on connections that are kept open.


if __name__ == "__main__":
    asyncio.run(main())
