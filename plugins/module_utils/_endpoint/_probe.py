# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask every endpoint of the table, and make a row of each answer."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._endpoint import _endpoint as endpoint
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._chat_stream import ChatStream
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._endpoint import Answer, Expected, Json, Probe
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._http import HttpError, bearer, request, stream_events
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._tool_call_probe import Server


def check(sides: t.Mapping[str, Server], expected: Expected, skip: t.Collection[str] = ()) -> list[Json]:
    """Rows ``{name, ok, seen, elapsed_s, finding}`` for the sides that are given; ``skip`` holds names of probes."""
    rows = []
    model = expected.model
    for probe in (*endpoint.PROBES, endpoint.STREAM_PROBE):
        if probe.side not in sides or probe.name in skip:
            continue
        where = sides[probe.side]
        if probe.body is not None and model is None:
            model = _served_model(where)
        started = time.monotonic()
        reached, ok, seen = _run(probe, where, expected, model or "")
        rows.append(
            {
                "name": probe.name,
                "ok": ok,
                "seen": seen,
                "elapsed_s": round(time.monotonic() - started, 3),
                "finding": None if ok else endpoint.finding_of(probe, seen, where.url, reached),
            }
        )
    return rows


def _run(probe: Probe, where: Server, expected: Expected, model: str) -> tuple[bool, bool, str]:
    """Whether the server answered at all, whether rightly, and what was seen."""
    key = {"own": where.key, "wrong": endpoint.WRONG_KEY, "none": None}[probe.key]
    body = probe.body(model) if probe.body else None
    try:
        if probe is endpoint.STREAM_PROBE:
            return (True, *_stream(where, body, key))
        answer = _ask(where, probe.path, body, key)
        ok, seen = probe.judge(answer, expected)
        end = time.monotonic() + (probe.patience(answer) if probe.patience and not ok else 0.0)
        while not ok and time.monotonic() < end:
            time.sleep(1.0)
            ok, seen = probe.judge(_ask(where, probe.path, body, key), expected)
    except HttpError as error:
        return False, False, error.message
    return True, ok, seen


def _ask(where: Server, path: str, body: Json | None, key: str | None) -> Answer:
    response = request("GET" if body is None else "POST", where.at(path), body, bearer(key), where.timeout)
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Answer(response.status, response.text(), response.json(), media_type)


def _stream(where: Server, body: Json | None, key: str | None) -> endpoint.Judgement:
    stream = ChatStream()
    try:
        for _when, data in stream_events(where.at("/v1/chat/completions"), body, bearer(key), where.timeout, where.timeout):
            stream.feed(data)
            if stream.done or stream.error is not None:
                break
    except HttpError as error:
        if error.response is None:
            raise
        answer = Answer(error.response.status, error.response.text(), error.response.json())
        _ok, seen = endpoint.answers_200(answer, Expected())
        return False, f"no stream: {seen}"
    return endpoint.judge_stream(stream)


def _served_model(where: Server) -> str | None:
    try:
        return next(iter(endpoint.models_of(_ask(where, "/v1/models", None, where.key).body)), None)
    except HttpError:
        return None
