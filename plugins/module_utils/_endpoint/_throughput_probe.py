# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure decoding: one warm-up, then one streamed completion of as many tokens as asked for."""

from __future__ import annotations

import json
import time
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._chat_stream import DONE, error_text
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._http import HttpError, bearer, stream_events
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._throughput import Sample
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._tool_call_probe import Server

PROMPT = "Count upwards from one and do not stop."


class ThroughputError(Exception):
    """No figure; the message says what the server did."""


def completion_request(model: str, prompt: str, tokens: int) -> dict[str, t.Any]:
    return {
        "model": model,
        "prompt": prompt,
        "max_tokens": tokens,
        # Of vLLM: without them a model that ends after a sentence would be timed on a sentence.
        "min_tokens": tokens,
        "ignore_eos": True,
        "temperature": 0,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def measure(where: Server, model: str, tokens: int, prompt: str = PROMPT, warm_up_tokens: int = 8) -> Sample:
    if warm_up_tokens > 0:
        _stream(where, completion_request(model, prompt, warm_up_tokens))
    times, counted = _stream(where, completion_request(model, prompt, tokens))
    if not times:
        raise ThroughputError(f"{where.url} streamed no token")
    if counted is None:
        return Sample(times, len(times), "events", tokens)
    return Sample(times, counted, "usage", tokens)


def _stream(where: Server, body: t.Mapping[str, t.Any]) -> tuple[tuple[float, ...], int | None]:
    """When each piece came, and how many tokens the server counted."""
    started = time.monotonic()
    times: list[float] = []
    counted: int | None = None
    done = False
    try:
        for when, data in stream_events(where.at("/v1/completions"), body, bearer(where.key), where.timeout, where.timeout):
            done = data.strip() == DONE
            if done:
                break
            chunk = _chunk(data, where)
            usage = chunk.get("usage")
            if isinstance(usage, dict) and isinstance(usage.get("completion_tokens"), int):
                counted = usage["completion_tokens"]
            choices = chunk.get("choices")
            if isinstance(choices, list) and choices:
                times.append(when - started)
    except HttpError as error:
        raise ThroughputError(_why(error)) from None
    if not done:
        raise ThroughputError(f"{where.url} ended the stream without [DONE] after {len(times)} pieces")
    return tuple(times), counted


def _chunk(data: str, where: Server) -> dict[str, t.Any]:
    try:
        chunk = json.loads(data)
    except ValueError:
        chunk = None
    if not isinstance(chunk, dict):
        raise ThroughputError(f"{where.url} streamed something that is not JSON: {data[:200]}")
    if "error" in chunk:
        raise ThroughputError(f"{where.url} failed while streaming: {error_text(chunk)}")
    return chunk


def _why(error: HttpError) -> str:
    if error.response is None:
        return error.message
    body = error.response.json()
    return f"{error.message}: {error_text(body) if body is not None else error.response.text()[:200]}"


def copy_bandwidth(size: int = 128 * 1024 * 1024, rounds: int = 3) -> float:
    """Bytes per second that one core moves when it copies memory: a measure, read and write counted, not a device figure."""
    source = memoryview(bytearray(size))
    target = memoryview(bytearray(size))
    best = 0.0
    for _round in range(rounds):
        started = time.perf_counter()
        target[:] = source
        best = max(best, 2 * size / (time.perf_counter() - started))
    return best
