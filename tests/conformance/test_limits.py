# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a key may ask for: the arithmetic on its own, and what clients of either family see of it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest
from gateway import CLIENT_KEY, SECOND_KEY, Gateway, eventually
from hypothesis import given
from hypothesis import strategies as st
from standin import HANG, Reply, StandIn, stream, whole

CHAT, MESSAGES = "/v1/chat/completions", "/v1/messages"
REQUEST: dict[str, Any] = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
ANSWER = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "a"}, "finish_reason": "stop"}],
}
STEPS = st.lists(st.one_of(st.floats(0, 3), st.floats(0, 200)), min_size=1, max_size=150)


def keys(**limits: Any) -> list[dict[str, Any]]:
    return [{"label": "main", "file": "api_key", **limits}, {"label": "second", "file": "second_key"}]


@given(STEPS, st.integers(1, 12), st.floats(0, 10_000))
def test_no_sixty_seconds_hold_more_than_the_limit(steps: list[float], limit: int, begin: float) -> None:
    from inferhost_proxy.limits import Allowance, admit, fresh, leave

    meter, now = fresh(), begin
    admitted: list[float] = []
    for step in steps:
        now += step
        if admit(meter, Allowance(requests_per_minute=limit), 0, now) is None:
            admitted.append(now)
            leave(meter, 0)
    for place in range(len(admitted) - limit):
        assert admitted[place + limit] - admitted[place] > 60


@given(STEPS, st.integers(1, 12))
def test_who_waits_as_long_as_told_is_let_in_and_not_a_second_too_long(steps: list[float], limit: int) -> None:
    from inferhost_proxy.limits import Allowance, Refusal, admit, fresh, leave

    meter, now, allowance = fresh(), 100.0, Allowance(requests_per_minute=limit)
    for step in steps:
        now += step
        refusal = admit(meter, allowance, 0, now)
        if refusal is None:
            leave(meter, 0)
            continue
        assert refusal.limit == "requests_per_minute"
        assert 1 <= refusal.retry_after <= 61
        early = Refusal("requests_per_minute", 1)
        assert admit(meter, allowance, 0, int(now) + refusal.retry_after - 1) == early if refusal.retry_after > 1 else True
        now = now + refusal.retry_after
        assert admit(meter, allowance, 0, now) is None
        leave(meter, 0)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=120), st.integers(1, 5))
def test_never_more_at_one_time_than_the_limit(moves: list[tuple[bool, int]], limit: int) -> None:
    from inferhost_proxy.limits import Allowance, admit, fresh, leave

    meter = fresh()
    running: Counter[int] = Counter()
    for comes, slot in moves:
        if comes:
            refusal = admit(meter, Allowance(concurrent_requests=limit), slot, 5.0)
            assert (refusal is None) is (running.total() < limit)
            running[slot] += refusal is None
        elif running[slot]:
            leave(meter, slot)
            running[slot] -= 1
        assert running.total() <= limit


def test_a_refused_request_is_not_counted() -> None:
    from inferhost_proxy.limits import Allowance, admit, fresh

    meter, both = fresh(), Allowance(requests_per_minute=2, concurrent_requests=1)
    assert admit(meter, both, 0, 1.0) is None
    for _ in range(5):
        refusal = admit(meter, both, 0, 1.0)
        assert refusal is not None and refusal.limit == "concurrent_requests"
    assert sum(meter.seconds[1:]) == sum(meter.running) == 1


def test_a_clock_that_stands_still_or_jumps_far() -> None:
    from inferhost_proxy.limits import Allowance, admit, fresh

    meter, two = fresh(), Allowance(requests_per_minute=2)
    assert [admit(meter, two, 0, 10.0) is None for _ in range(3)] == [True, True, False]
    assert admit(meter, two, 0, 9.0) is not None
    assert admit(meter, two, 0, 1e9) is None


def test_processes_share_a_meter_and_a_dead_one_is_taken_out(tmp_path: Path) -> None:
    from inferhost_proxy.limits import Allowance, Refusal
    from inferhost_proxy.meters import Meters, Place, forget

    allowance = Allowance(requests_per_minute=4, concurrent_requests=2)
    one, two = Meters(tmp_path, 0), Meters(tmp_path, 7)
    first, second = one.enter("a", allowance), two.enter("a", allowance)
    assert isinstance(first, Place) and isinstance(second, Place)
    assert one.enter("a", allowance) == two.enter("a", allowance) == Refusal("concurrent_requests", 1)
    assert isinstance(one.enter("b", allowance), Place), "another key has its own"
    forget(tmp_path, 7)
    assert isinstance(one.enter("a", allowance), Place)
    first.leave()
    first.leave()
    assert isinstance(two.enter("a", allowance), Place)
    last = two.enter("a", allowance)
    assert last == Refusal("concurrent_requests", 1), "who leaves twice leaves once"
    forget(tmp_path, 0)
    last = two.enter("a", allowance)
    assert isinstance(last, Refusal)
    assert last.limit == "requests_per_minute"
    assert two.enter("a", Allowance()) is None


@pytest.mark.parametrize("workers", [1, 2])
def test_requests_per_minute(standin: StandIn, start: Callable[..., Gateway], workers: int) -> None:
    """The limit is the service's, however many workers there are."""
    gateway = start(api_keys=keys(requests_per_minute=3), workers=workers)
    standin.replies[CHAT] = whole(ANSWER)
    answers = [gateway.post(CHAT, REQUEST) for _ in range(12)]
    assert [answer.status for answer in answers] == [200] * 3 + [429] * 9
    refused = answers[-1]
    assert 1 <= int(refused.headers["retry-after"]) <= 61
    error = refused.json()["error"]
    assert (error["type"], error["code"], error["param"]) == ("requests", "rate_limit_exceeded", None)
    assert "3 requests per minute" in error["message"]
    assert len(standin.seen) == 3, "the engine hears of no more"
    assert gateway.request("POST", CHAT, REQUEST, key=SECOND_KEY).status == 200
    assert gateway.metric('inferhost_proxy_limited_requests_total{key="main",limit="requests_per_minute"}') == 9
    assert gateway.metric('inferhost_proxy_key_requests_total{key="main"}') == 3
    assert gateway.metric('inferhost_proxy_key_requests_total{key="second"}') == 1
    line = gateway.request_line(refused.headers["x-request-id"])
    assert (line["key"], line["status"], line["outcome"], line["cause"]) == ("main", 429, "rate_limit_exceeded", "requests_per_minute")
    for path in ("/livez", "/readyz"):
        assert gateway.request("GET", path).status == 200, "the gateway's own paths are not limited"


def test_refusal_on_anthropics_paths(standin: StandIn, start: Callable[..., Gateway]) -> None:
    gateway = start(api_keys=keys(requests_per_minute=1))
    standin.replies[CHAT] = whole(ANSWER)
    assert gateway.post(MESSAGES, REQUEST).status == 200
    answer = gateway.post(MESSAGES, REQUEST)
    document = answer.json()
    assert (answer.status, document["type"], document["error"]["type"]) == (429, "error", "rate_limit_error")
    assert document["request_id"] == answer.headers["request-id"]
    assert "retry-after" in answer.headers
    assert "x-should-retry" not in answer.headers, "the SDKs wait and ask again by themselves"


def test_sdks_raise_their_own_exception(standin: StandIn, start: Callable[..., Gateway]) -> None:
    gateway = start(api_keys=keys(requests_per_minute=1))
    standin.replies[CHAT] = whole(ANSWER)
    gateway.post(CHAT, REQUEST)
    with pytest.raises(openai.RateLimitError) as of_openai:
        openai.OpenAI(api_key=CLIENT_KEY, base_url=gateway.url + "/v1", max_retries=0).chat.completions.create(
            model="m", messages=[{"role": "user", "content": "x"}]
        )
    assert of_openai.value.code == "rate_limit_exceeded"
    with pytest.raises(anthropic.RateLimitError):
        anthropic.Anthropic(api_key=CLIENT_KEY, base_url=gateway.url, max_retries=0).messages.create(
            model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}]
        )


@pytest.mark.parametrize("workers", [1, 2])
def test_concurrent_requests(standin: StandIn, start: Callable[..., Gateway], workers: int) -> None:
    gateway = start(api_keys=keys(concurrent_requests=2), workers=workers)
    standin.replies[CHAT] = stream(b"data: {}\n\n", HANG)
    clients = [gateway.open_stream(CHAT, REQUEST) for _ in range(2)]
    eventually(lambda: len(standin.seen) == 2)
    answers = [gateway.post(CHAT, REQUEST) for _ in range(6)]
    assert {(answer.status, answer.headers["retry-after"]) for answer in answers} == {(429, "1")}
    assert "2 concurrent requests" in answers[0].json()["error"]["message"]
    clients[0].close()
    standin.replies[CHAT] = whole(ANSWER)
    eventually(lambda: gateway.post(CHAT, REQUEST).status == 200)
    assert gateway.metric('inferhost_proxy_limited_requests_total{key="main",limit="concurrent_requests"}') >= 6
    clients[1].close()


@pytest.mark.parametrize("ending", ["answered", "engine fails", "client leaves", "body too large"])
def test_every_ending_gives_the_place_back(standin: StandIn, start: Callable[..., Gateway], ending: str) -> None:
    gateway = start(api_keys=keys(concurrent_requests=1), limits={"max_body_bytes": 1000})
    standin.replies[CHAT] = Reply([], before=[HANG]) if ending == "client leaves" else whole(ANSWER, 500 if ending == "engine fails" else 200)
    for _ in range(4):
        if ending == "client leaves":
            seen = len(standin.seen)
            client = gateway.open_stream(CHAT, REQUEST)
            eventually(lambda seen=seen: len(standin.seen) == seen + 1)
            client.close()
            eventually(lambda: gateway.metric("inferhost_proxy_in_flight_requests") == 1, 5)
        else:
            status = gateway.post(CHAT, b"x" * 2000 if ending == "body too large" else REQUEST).status
            assert status == {"answered": 200, "engine fails": 500, "body too large": 413}[ending]


def test_a_worker_that_is_killed_gives_its_places_back(standin: StandIn, start: Callable[..., Gateway]) -> None:
    import os
    import signal

    gateway = start(api_keys=keys(concurrent_requests=1))
    standin.replies[CHAT] = stream(b"data: {}\n\n", HANG)
    client = gateway.open_stream(CHAT, REQUEST)
    eventually(lambda: standin.seen)
    assert gateway.post(CHAT, REQUEST).status == 429
    (worker,) = gateway.workers()
    os.kill(worker, signal.SIGKILL)
    eventually(lambda: gateway.workers() not in ([], [worker]), 10)
    standin.replies[CHAT] = whole(ANSWER)
    eventually(lambda: answered(gateway), 20)
    client.close()


def answered(gateway: Gateway) -> bool:
    try:
        return gateway.post(CHAT, REQUEST).status == 200
    except OSError:
        return False


def test_many_at_once_over_two_workers(standin: StandIn, start: Callable[..., Gateway]) -> None:
    gateway = start(api_keys=keys(requests_per_minute=20), workers=2)
    standin.replies[CHAT] = whole(ANSWER)
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.extend(gateway.post(CHAT, REQUEST).status for _ in range(8))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Counter(statuses) == {200: 20, 429: 28}
