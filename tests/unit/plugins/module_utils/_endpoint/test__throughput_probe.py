# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._throughput import Sample, speed_of
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._throughput_probe import ThroughputError, copy_bandwidth, measure
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._tool_call_probe import server
from ansible_collections.inferhost.llm.tests.unit.plugins.scripted_server import ScriptedServer, Seen, chunked, http, sse


def piece(text: str = "x") -> dict[str, t.Any]:
    return {"choices": [{"index": 0, "text": text, "finish_reason": None}], "usage": None}


def usage(tokens: int) -> dict[str, t.Any]:
    return {"choices": [], "usage": {"completion_tokens": tokens}}


def run(answer: t.Any, tokens: int = 4, warm_up: int = 0, timeout: float = 5.0) -> tuple[Sample, list[Seen]]:
    with ScriptedServer({"/v1/completions": answer}) as there:
        return measure(server(there.url, "sk-secret", timeout), "tiny", tokens, warm_up_tokens=warm_up), there.seen


def test_tokens_are_counted_by_the_server_and_timed_here() -> None:
    steps: list[t.Any] = []
    for _token in range(4):
        steps += [sse(piece()), 0.1]
    sample, _seen = run(chunked(*steps, sse(usage(4), "[DONE]")))
    assert (len(sample.times_s), sample.tokens, sample.tokens_source) == (4, 4, "usage")
    assert speed_of(sample).inter_token_p50_s == pytest.approx(0.1, abs=0.05)


def test_without_usage_the_pieces_count() -> None:
    sample, _seen = run(chunked(sse(piece(), piece(), piece(), "[DONE]")))
    assert (sample.tokens, sample.tokens_source) == (3, "events")


def test_the_warm_up_comes_first_and_is_not_counted() -> None:
    def answer(seen: Seen) -> t.Any:
        tokens = seen.json()["max_tokens"]
        return chunked(sse(*[piece()] * tokens, usage(tokens), "[DONE]"))

    sample, seen = run(answer, tokens=6, warm_up=2)
    assert [one.json()["max_tokens"] for one in seen] == [2, 6]
    assert sample.tokens == 6
    assert all(one.json()["ignore_eos"] and one.json()["min_tokens"] == one.json()["max_tokens"] for one in seen)


BROKEN = [
    pytest.param(chunked(sse("[DONE]")), "streamed no token", id="nothing"),
    pytest.param(chunked(sse(piece())), "without \\[DONE\\]", id="no-done"),
    pytest.param(chunked(sse(piece()), end=False), "closed before", id="cut"),
    pytest.param(chunked(sse(piece()), 60.0), "no answer in time", id="hangs"),
    pytest.param(chunked(sse(piece(), {"error": {"message": "engine died"}})), "engine died", id="error"),
    pytest.param(chunked(sse("oops")), "not JSON: oops", id="garbage"),
    pytest.param(http(401, {"error": {"message": "bad key"}}), "401.*bad key", id="unauthorized"),
    pytest.param(http(404, b"nope", "text/plain"), "404.*nope", id="no-such-api"),
]


@pytest.mark.parametrize("script, says", BROKEN)
def test_no_figure_says_why(script: t.Any, says: str) -> None:
    with pytest.raises(ThroughputError, match=says) as caught:
        run(script, timeout=3)
    assert "sk-secret" not in str(caught.value)


def test_copy_bandwidth_is_a_plausible_figure() -> None:
    assert 1e7 < copy_bandwidth(size=4 * 1024 * 1024, rounds=2) < 1e13
