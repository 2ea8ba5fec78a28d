# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The choice of an upstream, what is known of its health, and what makes a conversation: pure functions, held to their properties."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inferhost_proxy import affinity, anthropic_request
from inferhost_proxy.balance import SLACK, Candidate, bound, choose
from inferhost_proxy.standing import LONGEST_SECONDS, STRIKES, TRIAL_SECONDS, Standing

MODELS = ["m", "n", "o"]
_models = st.none() | st.frozensets(st.sampled_from(MODELS))
candidates = st.lists(st.builds(Candidate, st.sampled_from("abcdefgh"), st.booleans(), _models, st.integers(0, 60)), max_size=8, unique_by=lambda one: one.name)
keys = st.none() | st.binary(min_size=1, max_size=80)


def engines(*loads: int) -> list[Candidate]:
    return [Candidate(name, True, frozenset({"m"}), load) for name, load in zip("abcdefgh", loads, strict=False)]


@given(candidates, st.none() | st.sampled_from([*MODELS, "unknown"]), keys, st.binary(max_size=40))
def test_choice(known: list[Candidate], model: str | None, key: bytes | None, turn: bytes) -> None:
    """Healthy, with the model if anybody has it, not markedly busier than the least busy; and the same each time, in any order."""
    chosen = choose(known, model, key, turn)
    assert choose(known[::-1], model, key, turn) == chosen
    may_serve = [one for one in known if model is None or one.models is None or model in one.models]
    able = [one for one in may_serve or known if one.healthy]
    if chosen is None:
        assert not able
        return
    one = next(one for one in able if one.name == chosen)
    least = min(other.in_flight for other in able)
    assert one.in_flight <= (least if key is None else bound(least))


@given(candidates, st.sampled_from(MODELS), st.binary(min_size=1, max_size=80), st.integers(0, 7))
def test_only_conversations_of_what_goes_are_moved(known: list[Candidate], model: str, key: bytes, index: int) -> None:
    known = [one._replace(in_flight=0) for one in known]
    chosen = choose(known, model, key)
    rest = [one for one in known if one.name != "abcdefgh"[index]]
    if chosen is not None and any(one.name == chosen for one in rest):
        assert choose(rest, model, key) == chosen


@given(st.binary(min_size=1, max_size=80), st.lists(st.integers(0, 3), min_size=2, max_size=8))
def test_a_conversation_stays(key: bytes, loads: list[int]) -> None:
    """Up to the slack, load moves nothing."""
    assert choose(engines(*loads), "m", key) == choose(engines(*[0] * len(loads)), "m", key)


def test_overflow_has_a_second_home() -> None:
    names = {0: "a", 1: "b", 2: "c"}
    for number in range(50):
        key = b"%d" % number
        home = choose(engines(0, 0, 0), "m", key)
        busy = [bound(0) + 1 if name == home else 0 for name in names.values()]
        second = choose(engines(*busy), "m", key)
        assert second != home
        assert all(choose(engines(*(load + more for load in busy)), "m", key) == second for more in range(3)), "always the same one"


def test_bound() -> None:
    assert [bound(least) for least in (0, 4, 8, 20, 100)] == [SLACK, 4 + SLACK, 8 + SLACK, 30, 150]


def test_spread() -> None:
    """Conversations and ties are spread evenly."""
    by_key = Counter(choose(engines(0, 0, 0, 0), "m", b"key %d" % number) for number in range(2000))
    by_turn = Counter(choose(engines(0, 0, 0, 0), "m", None, b"turn %d" % number) for number in range(2000))
    for count in (by_key, by_turn):
        assert len(count) == 4
        assert min(count.values()) > 400
    assert choose(engines(2, 1, 3), "m", None, b"x") == "b", "without a conversation, the least busy"


def test_unreached_is_out_at_once_and_longer_each_time() -> None:
    standing = Standing()
    now, waits = 0.0, []
    for _number in range(8):
        standing.failed("upstream_refused", now)
        assert standing.out_until is not None
        waits.append(standing.out_until - now)
        assert not standing.healthy(standing.out_until - 0.01)
        now = standing.out_until
        assert standing.healthy(now), "then one may try"
        standing.entered(now)
        assert not standing.healthy(now + TRIAL_SECONDS - 0.01), "and no other meanwhile"
        assert standing.healthy(now + TRIAL_SECONDS)
    assert waits == [1, 2, 4, 8, 16, LONGEST_SECONDS, LONGEST_SECONDS, LONGEST_SECONDS]
    standing.succeeded()
    assert standing.healthy(now) and standing.outs == 0


def test_many_failures_at_one_moment_are_one() -> None:
    standing = Standing()
    for _number in range(50):
        standing.failed("upstream_refused", 0)
    assert standing.healthy(1)
    for _number in range(50):
        standing.entered(1)
        standing.failed("upstream_refused", 1)
    standing.succeeded()
    for _number in range(50):
        standing.failed("upstream_cut", 2)
    assert not standing.healthy(2.9) and standing.healthy(3)


@pytest.mark.parametrize("kind", ["upstream_reset", "upstream_protocol", "upstream_cut", "upstream_timeout", "upstream_stalled", "upstream_status"])
def test_doubtful_failures_need_company(kind: str) -> None:
    """A request that breaks every engine must not put them all out."""
    standing = Standing()
    for _number in range(10):
        for _failure in range(STRIKES - 1):
            standing.failed(kind, 0)
        assert standing.healthy(0)
        standing.succeeded()
    for _failure in range(STRIKES):
        standing.failed(kind, 0)
    assert not standing.healthy(0.5)
    standing.checked(None, frozenset({"m"}))
    assert not standing.healthy(0.5), "a check says nothing of what generates"
    standing.entered(1)
    standing.failed(kind, 2)
    assert not standing.healthy(3.9) and standing.healthy(4), "a failed trial puts it out again, for longer"


def test_success_at_one_kind_of_work_says_nothing_of_another() -> None:
    standing = Standing()
    for _failure in range(STRIKES):
        assert standing.healthy(0)
        standing.failed("upstream_cut", 0)
        standing.succeeded("tokenize")
    assert not standing.healthy(0.5)
    standing.entered(1, "tokenize")
    assert standing.healthy(1) and not standing.on_trial, "the trial is left to what it is for"
    standing.entered(1)
    standing.succeeded("tokenize")
    assert not standing.healthy(1.5)
    standing.succeeded()
    assert standing.healthy(1.5) and standing.outs == 0


def test_whatever_it_answers_ends_an_absence_in_which_it_could_not_be_reached() -> None:
    standing = Standing()
    standing.failed("upstream_refused", 0)
    standing.entered(1, "tokenize")
    assert standing.on_trial
    standing.succeeded("tokenize")
    assert standing.healthy(1) and not standing.strikes


def test_checks_decide() -> None:
    standing = Standing()
    standing.failed("engine_error", 0)
    standing.failed("client_stalled", 0)
    assert standing.healthy(0) and not standing.strikes, "no fault of the upstream"
    standing.failed("upstream_refused", 0)
    standing.checked(None, frozenset({"m"}))
    assert standing.healthy(0), "it can be reached again"
    standing.checked("slow", None, late=True)
    assert standing.healthy(0), "once may be a busy engine"
    standing.checked("slow", None, late=True)
    assert not standing.healthy(0)
    standing.checked(None, frozenset({"m"}))
    assert standing.healthy(0)
    standing.checked("status 500", None)
    assert not standing.healthy(0) and standing.models == {"m"}, "what it served is still known"
    never = Standing()
    never.checked("slow", None, late=True)
    assert not never.healthy(0), "one that never answered"


SYSTEM = {"role": "system", "content": "Be brief."}
TURNS: list[dict[str, Any]] = [
    {"role": "user", "content": "Read a.txt"},
    {"role": "assistant", "content": "It says b."},
    {"role": "user", "content": "And now?"},
    {"role": "assistant", "content": [{"type": "text", "text": "Done."}]},
    {"role": "user", "content": "Thanks"},
]
TOOLS = [{"type": "function", "function": {"name": "read", "parameters": {"type": "object"}}}]


def of(document: dict[str, Any]) -> bytes | None:
    return affinity.of_members(msgspec.json.decode(json.dumps(document).encode(), type=dict[str, msgspec.Raw]))


def test_requests_of_one_conversation_are_known() -> None:
    found = set()
    for end in (1, 3, 5):
        found.add(of({"model": "m", "messages": [SYSTEM, *TURNS[:end]], "tools": TOOLS, "stream": end == 3, "temperature": end}))
    assert len(found) == 1
    responses = {of({"instructions": "Be brief.", "input": TURNS[:end], "tools": TOOLS}) for end in (1, 3, 5)}
    assert len(responses) == 1
    prompt = "x" * 300
    assert of({"prompt": prompt}) == of({"prompt": prompt + "y"}) != of({"prompt": "y" * 300})
    first = of({"messages": [SYSTEM, *TURNS], "tools": TOOLS})
    assert first != of({"messages": [SYSTEM, *TURNS]}), "other tools"
    assert first != of({"messages": TURNS, "tools": TOOLS}), "other system"
    assert first != of({"messages": [SYSTEM, *TURNS[2:]], "tools": TOOLS}), "another first message"
    assert of({"prompt_cache_key": "s", "messages": TURNS}) == of({"prompt_cache_key": "s", "messages": TURNS[2:]})
    assert of({"input": "text"}) is not None
    assert of({"model": "m"}) is None


def test_requests_of_one_anthropic_conversation_are_known() -> None:
    """Claude Code's nonce, its moving cache marks and its inline system messages are no part of it."""

    def key(end: int) -> bytes:
        nonce = {"type": "text", "text": f"x-anthropic-billing-header: cch={end};"}
        text = {"type": "text", "text": "Be brief.", **({"cache_control": {"type": "ephemeral"}} if end == 3 else {})}
        inline = [{"role": "system", "content": f"<total_tokens>{end}</total_tokens>"}] if end > 1 else []
        document = {"model": "m", "max_tokens": 9, "system": [nonce, text], "messages": [*TURNS[:end], *inline]}
        return affinity.of_chat(anthropic_request.chat(anthropic_request.parse(json.dumps(document).encode()), "fold"))

    assert len({key(end) for end in (1, 3, 5)}) == 1


def test_sessions_that_clients_name() -> None:
    one = affinity.of_headers([(b"x-claude-code-session-id", b"1"), (b"user-agent", b"a")])
    assert one == affinity.of_headers([(b"user-agent", b"b"), (b"x-claude-code-session-id", b"1")])
    assert one != affinity.of_headers([(b"x-claude-code-session-id", b"2")])
    assert affinity.of_headers([(b"user-agent", b"a"), (b"session_id", b"")]) is None


@pytest.mark.parametrize(
    "document",
    [{"messages": None}, {"messages": {}}, {"messages": [1, 2]}, {"messages": [{"role": 1}]}, {"messages": []}, {"input": [[]]}, {"prompt": [1, 2]}],
)
def test_what_is_no_conversation_fails_nowhere(document: dict[str, Any]) -> None:
    of(document)
