# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a gateway costs: nginx, LiteLLM and the proxy of this collection before one paced engine, in turns, in one run.  Usage: gateways.py [--rounds N] …

    us/event   processor time of the gateway's processes for each event that it delivered
    added ms   an event's time from the engine's write to the client's read, less the same without a gateway
    first ms   from the request to the first event

Figures belong to one machine and one moment; what says something elsewhere are the ratios between rows of one run. Below the table stand those that
this project holds itself to, each with its limit. Ends with 1 where an event of the proxy's was lost, with --strict also where a limit was missed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import math
import resource
import statistics
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import targets
import usage
from clients import Seen, Target, stream, streams

BODY_BYTES = 2**20
BODY_REQUESTS = 40


@dataclass
class Row:
    """One gateway on one surface, over all rounds."""

    target: Target
    seen: Seen = field(default_factory=Seen)
    cost: list[float] = field(default_factory=list)
    """Microseconds an event, by round."""

    @property
    def microseconds(self) -> float:
        return statistics.median(self.cost) if self.cost else math.nan


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else math.nan


async def measure_events(rows: list[Row], options: argparse.Namespace) -> None:
    """Every gateway in turn in each round, so that what else the machine does falls on all of them."""
    for number in range(options.rounds + 1):
        for row in rows:
            before = usage.processor_seconds(row.target.pid or 0)
            seen = await streams(row.target, options.streams if number else 2, options.events, options.gap)
            used = usage.processor_seconds(row.target.pid or 0) - before
            # The round before the first warms up; what it loses is lost all the same.
            if number:
                row.cost.append(used / max(1, len(seen.latency)) * 1e6)
                row.seen.add(seen)
            else:
                row.seen.lost += seen.lost
                row.seen.errors += seen.errors
            print(f"  {row.target.name}: round {number} of {options.rounds}", file=sys.stderr, flush=True)


async def measure_memory(target: Target, count: int) -> tuple[float, Seen]:
    """Resident megabytes while so many streams are open, each with an event a second."""
    seen, opened = Seen(), asyncio.Semaphore(0)
    running = [asyncio.ensure_future(stream(target, 20, 1.0, seen, opened)) for _ in range(count)]
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(15):
            for _ in range(count):
                await opened.acquire()
    resident = usage.resident_bytes(target.pid or 0)
    await asyncio.gather(*running)
    return max(resident, usage.resident_bytes(target.pid or 0)) / 2**20, seen


async def measure_body(target: Target) -> tuple[float, Seen]:
    """Milliseconds of processor time that a request of one megabyte costs more than a small one."""
    all_seen, cost = Seen(), {}
    for padding in (0, BODY_BYTES):
        await streams(target, 2, 1, 0, padding)
        before = usage.processor_seconds(target.pid or 0)
        for _ in range(BODY_REQUESTS):
            all_seen.add(await streams(target, 1, 1, 0, padding))
        cost[padding] = (usage.processor_seconds(target.pid or 0) - before) / BODY_REQUESTS * 1000
    return cost[BODY_BYTES] - cost[0], all_seen


@dataclass(frozen=True)
class Aim:
    """A figure of this run and what it should be; nan where one of its rows could not be had."""

    what: str
    found: float
    limit: float
    at_least: bool = False

    @property
    def verdict(self) -> str:
        if math.isnan(self.found):
            return "not measured"
        met = self.found >= self.limit if self.at_least else self.found <= self.limit
        return "met" if met else "MISSED"


def aims(rows: dict[str, Row], alone: dict[str, float]) -> list[Aim]:
    """What the project holds itself to."""

    def cost(name: str) -> float:
        return rows[name].microseconds if name in rows else math.nan

    def added(name: str) -> float:
        return percentile(rows[name].seen.latency, 0.99) - percentile(rows["direct"].seen.latency, 0.99)

    found = [
        Aim("OpenAI surface / nginx, processor time an event", cost("proxy openai") / cost("nginx"), 1.5),
        Aim("Anthropic surface / nginx, processor time an event", cost("proxy anthropic") / cost("nginx"), 2.2),
        Aim("LiteLLM / OpenAI surface, processor time an event", cost("litellm openai") / cost("proxy openai"), 12, at_least=True),
        Aim("LiteLLM / Anthropic surface, processor time an event", cost("litellm anthropic") / cost("proxy anthropic"), 12, at_least=True),
        Aim("OpenAI surface, added milliseconds, p99", added("proxy openai"), 2),
        Aim("Anthropic surface, added milliseconds, p99", added("proxy anthropic"), 2),
    ]
    return found + [Aim(name, alone.get(name, math.nan), limit) for name, limit in ALONE.items()]


MEMORY = "resident MiB with 500 open streams, "
HELD = "events lost of 2,000 streams with one event a second, "
BODY = "milliseconds of processor time for a body of 1 MiB, "
ALONE = {f"{what}{surface}": limit for what, limit in ((MEMORY, 120), (HELD, 0), (BODY, 5)) for surface in ("proxy openai", "proxy anthropic")}


def table(rows: list[Row]) -> str:
    """One line a gateway."""
    base = rows[0].seen.latency
    head = ("", "us/event", "added p50", "added p99", "first p50", "first p99", "events", "lost", "errors")
    lines = ["".join(f"{name:>19}" if not number else f"{name:>11}" for number, name in enumerate(head))]
    for row in rows:
        added = [percentile(row.seen.latency, share) - percentile(base, share) for share in (0.5, 0.99)]
        first = [percentile(row.seen.first, share) for share in (0.5, 0.99)]
        figures = [f"{row.microseconds:.1f}", *(f"{each:.2f}" for each in added + first), len(row.seen.latency), row.seen.lost, len(row.seen.errors)]
        lines.append(f"{row.target.name:>19}" + "".join(f"{figure:>11}" for figure in figures))
    return "\n".join(lines)


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gateways", nargs="*", choices=targets.GATEWAYS, default=list(targets.GATEWAYS), metavar="NAME", help=" ".join(targets.GATEWAYS))
    parser.add_argument("--streams", type=int, default=50)
    parser.add_argument("--events", type=int, default=200, help="of each stream")
    parser.add_argument("--gap", type=float, default=0.02, help="seconds between the events of a stream")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="only the table, without memory, many streams and large bodies")
    parser.add_argument("--strict", action="store_true", help="end with 1 where a limit is missed")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    options = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as place, contextlib.ExitStack() as stack:
        folders = {name: Path(place, name) for name in ("engine", *options.gateways)}
        for folder in folders.values():
            folder.mkdir()
        direct = stack.enter_context(targets.engine(folders["engine"]))
        rows, missing = [Row(direct)], []
        for name in options.gateways:
            try:
                rows += [Row(target) for target in stack.enter_context(targets.GATEWAYS[name](folders[name], direct.port))]
            except targets.Missing as error:
                missing.append(f"{name} is not in this run: {error}")
        await measure_events(rows, options)
        alone: dict[str, float] = {}
        extra = Seen()
        for row in [] if options.quick else [row for row in rows if row.target.name.startswith("proxy")]:
            name = row.target.name
            for what, measured in ((MEMORY, measure_memory(row.target, 500)), (BODY, measure_body(row.target))):
                alone[f"{what}{name}"], seen = await measured
                extra.add(seen)
            held = await streams(row.target, 2000, 20, 1.0)
            alone[f"{HELD}{name}"] = held.lost
            extra.add(held)
    found = aims({row.target.name: row for row in rows}, alone)
    print(table(rows))
    print("\n" + "\n".join([f"{aim.found:9.2f}  {'at least' if aim.at_least else 'at most':>8} {aim.limit:<6g} {aim.verdict:<13} {aim.what}" for aim in found]))
    for line in missing + sorted({f"{row.target.name}: {error}" for row in rows for error in row.seen.errors[:1]} | set(extra.errors[:3])):
        print(f"! {line}")
    if options.json:
        figures = {row.target.name: {"us_per_event": row.microseconds, "rounds": row.cost, "lost": row.seen.lost} for row in rows}
        options.json.write_text(json.dumps({"table": figures, "aims": {aim.what: aim.found for aim in found}}, indent=1) + "\n", encoding="utf-8")
    lost = extra.lost + sum(row.seen.lost + len(row.seen.errors) for row in rows if row.target.name.startswith("proxy"))
    missed = options.strict and any(aim.verdict == "MISSED" for aim in found)
    return 1 if lost or missed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
