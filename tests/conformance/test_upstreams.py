# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several upstreams behind one gateway: who gets a request, what a failure costs, and what is said of it."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from gateway import CLIENT_KEY, Answer, Gateway, eventually, free_port
from standin import CUT, HANG, Reply, Seen, StandIn, Step, stream, whole

CHAT, MESSAGES, RESPONSES = "/v1/chat/completions", "/v1/messages", "/v1/responses"
SELDOM = 3600.0
"""Seconds between checks of a gateway that is to ask nothing while another one's requests are counted."""
EVENT = b'data: {"choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
END = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
ANSWER = whole({"choices": [{"index": 0, "message": {"content": "a"}, "finish_reason": "stop"}], "usage": {"prompt_tokens": 1, "completion_tokens": 1}})
SURFACES = pytest.mark.parametrize("path", [CHAT, MESSAGES])
STREAMED = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])


class Farm:
    """Stand-ins named a, b and c."""

    def __init__(self) -> None:
        self.engines = {name: StandIn() for name in "abc"}

    def __getitem__(self, name: str) -> StandIn:
        return self.engines[name]

    def reset(self) -> None:
        for engine in self.engines.values():
            engine.reset()
            engine.replies[CHAT] = ANSWER
            engine.replies["/tokenize"] = whole({"count": 1, "max_model_len": 2048, "tokens": [1]})

    def serve(self, name: str, *models: str) -> None:
        self[name].replies["/v1/models"] = whole({"object": "list", "data": [{"id": model, "object": "model"} for model in models]})

    def upstreams(self, names: str = "ab") -> list[dict[str, Any]]:
        return [{"name": name, "url": self[name].url} for name in names]

    def asked(self, path: str = CHAT) -> Counter[str]:
        """How many requests of this path each engine has seen."""
        return Counter({name: count for name, engine in self.engines.items() if (count := len([one for one in engine.seen if one.target == path]))})


@pytest.fixture(scope="module")
def made() -> Iterator[Farm]:
    farm = Farm()
    yield farm
    for engine in farm.engines.values():
        engine.close()


@pytest.fixture
def farm(made: Farm) -> Farm:
    made.reset()
    return made


@pytest.fixture
def begin(farm: Farm, tmp_path: Path) -> Iterator[Callable[..., Gateway]]:
    started: list[Gateway] = []

    def start(names: str = "ab", **overrides: Any) -> Gateway:
        settings: dict[str, Any] = {"upstreams": farm.upstreams(names), "health": {"interval_seconds": SELDOM}, "ready_seconds": 0.5, **overrides}
        started.append(Gateway(tmp_path / f"gateway-{len(started)}", "", **settings))
        return started[-1]

    yield start
    for gateway in started:
        assert gateway.stop() == 0
        assert '"failure"' not in gateway.log()


@pytest.fixture(scope="module")
def pair(made: Farm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    made.reset()
    folder = tmp_path_factory.mktemp("pair") / "gateway"
    gateway = Gateway(folder, "", upstreams=made.upstreams(), health={"interval_seconds": SELDOM})
    yield gateway
    assert gateway.stop() == 0
    assert '"failure"' not in gateway.log()


def body(path: str = CHAT, session: str = "x", **members: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": session}], **({"max_tokens": 9} if path == MESSAGES else {}), **members}


def ask(gateway: Gateway, path: str = CHAT, session: str = "x", **members: Any) -> Answer:
    return gateway.post(path, body(path, session, **members))


def home(gateway: Gateway, path: str = CHAT, session: str = "x") -> str:
    """The engine of a conversation."""
    answer = ask(gateway, path, session)
    assert answer.status == 200, answer.body
    return str(gateway.request_line(answer.headers["request-id"])["upstream"])


def code(answer: Answer) -> str:
    return str(answer.json()["error"].get("code") or answer.json()["error"]["type"])


@SURFACES
def test_a_conversation_stays_with_its_engine(farm: Farm, begin: Callable[..., Gateway], path: str) -> None:
    gateway = begin("abc")
    homes = {session: home(gateway, path, session) for session in map(str, range(20))}
    assert len(set(homes.values())) == 3, "conversations are spread"
    for session, name in homes.items():
        turns = [{"role": "user", "content": session}, {"role": "assistant", "content": "a"}, {"role": "user", "content": "more"}]
        answer = gateway.post(path, body(path) | {"messages": turns})
        assert gateway.request_line(answer.headers["request-id"])["upstream"] == name
    named = {home_of(gateway, path, session, f"s{session}") for session in homes}
    assert len(named) == 20
    assert len({name for _session, name in {home_of(gateway, path, str(number), "one session") for number in range(6)}}) == 1


def home_of(gateway: Gateway, path: str, text: str, session: str) -> tuple[str, str]:
    """The engine of a session that its client names."""
    answer = gateway.post(path, body(path, text), **{"x-claude-code-session-id": session})
    return session + text, str(gateway.request_line(answer.headers["request-id"])["upstream"])


def test_both_surfaces_count_on_the_engine_that_answers(farm: Farm, begin: Callable[..., Gateway]) -> None:
    """A count uses the multimodal and tokenizer caches of the engine that has the conversation."""
    gateway = begin("abc")
    for session in map(str, range(6)):
        counted = gateway.post("/v1/messages/count_tokens", body(session=session))
        assert counted.json() == {"input_tokens": 1}
        assert gateway.request_line(counted.headers["request-id"])["upstream"] == home(gateway, MESSAGES, session)


def test_without_a_conversation_the_least_busy(farm: Farm, begin: Callable[..., Gateway]) -> None:
    gateway = begin()
    for name in "ab":
        farm[name].replies["/v1/embeddings"] = Reply([], before=[HANG])
    clients = [gateway.open_stream("/v1/embeddings", {"model": "m", "input": "x"}) for _number in range(6)]
    eventually(lambda: farm.asked("/v1/embeddings").total() == 6)
    assert farm.asked("/v1/embeddings") == {"a": 3, "b": 3}
    assert gateway.metric('inferhost_proxy_upstream_in_flight_requests{upstream="a"}') == 3
    for client in clients:
        client.close()
    eventually(lambda: gateway.metric('inferhost_proxy_upstream_in_flight_requests{upstream="a"}') == 0)
    assert gateway.metric('inferhost_proxy_upstream_in_flight_requests{upstream="b"}') == 0


def test_a_conversation_leaves_an_engine_that_is_too_busy(farm: Farm, begin: Callable[..., Gateway]) -> None:
    gateway = begin()
    name = home(gateway)
    other = "b" if name == "a" else "a"
    before = farm.asked()
    for engine in "ab":
        farm[engine].replies[CHAT] = Reply([], before=[HANG])
    clients = [gateway.open_stream(CHAT, body()) for _number in range(5)]
    eventually(lambda: (farm.asked() - before).total() == 5)
    assert farm.asked() - before == {name: 5}, "five requests are worth a prefix"
    clients.append(gateway.open_stream(CHAT, body()))
    eventually(lambda: farm.asked()[other] == 1)
    for client in clients:
        client.close()


@SURFACES
def test_limits_are_those_of_the_model(farm: Farm, begin: Callable[..., Gateway], path: str) -> None:
    """The plan's are of the plan's model; of another one its engine tells the window, or nobody does."""
    farm["b"].replies["/v1/models"] = whole({"data": [{"id": "large", "max_model_len": 5000}, {"id": "untold"}]})
    gateway = begin(models=["m"], aliases={"big": {"model": "large"}}, limits={"max_model_len": 2048, "max_output_tokens": 512})
    wanted = {"m": 512 if path == MESSAGES else 2047, "large": 4999, "big": 4999, "untold": 100_000}
    if path == MESSAGES:
        # What fills the window alone is counted before it is sent.
        farm["b"].replies["/tokenize"] = whole({"count": 1, "max_model_len": 5000})
    for model, most in wanted.items():
        assert ask(gateway, path, model=model, max_tokens=100_000).status == 200
        engine = farm["a" if model == "m" else "b"]
        assert json.loads(engine.last(CHAT).body)["max_tokens"] == most, model
    listed = gateway.request("GET", "/v1/models", headers={"anthropic-version": "2023-06-01"}, key=CLIENT_KEY).json()["data"]
    assert {entry["id"]: entry["max_tokens"] for entry in listed} == {"m": 512, "large": None, "untold": None, "big": None}


def test_of_engines_with_one_model_the_smallest_window_counts(farm: Farm, begin: Callable[..., Gateway]) -> None:
    for name, window in (("a", 4096), ("b", 1024)):
        farm[name].replies["/v1/models"] = whole({"data": [{"id": "m", "max_model_len": window}]})
    gateway = begin(models=["m"], limits={"max_model_len": 2048})
    for session in map(str, range(8)):
        assert ask(gateway, session=session, max_tokens=3000).status == 200
    assert {json.loads(seen.body)["max_tokens"] for name in "ab" for seen in farm[name].seen if seen.target == CHAT} == {1023}


def test_only_engines_that_serve_the_model(farm: Farm, begin: Callable[..., Gateway]) -> None:
    farm.serve("b", "other", "m2")
    gateway = begin()
    for session in map(str, range(8)):
        assert ask(gateway, session=session).status == 200
        assert ask(gateway, session=session, model="other").status == 200
        assert ask(gateway, MESSAGES, session, model="m2").status == 200
    assert farm.asked() == {"a": 8, "b": 16}
    for path in (CHAT, RESPONSES, "/v1/embeddings", "/tokenize"):
        farm["b"].replies[path] = whole({})
        assert gateway.post(path, {"model": "other", "input": "x"}).status == 200
    assert [entry["id"] for entry in gateway.request("GET", "/v1/models", key=CLIENT_KEY).json()["data"]] == ["m", "other", "m2"]


def test_models_that_the_configuration_names(farm: Farm, begin: Callable[..., Gateway]) -> None:
    """Then the list of the engine does not count."""
    upstreams = farm.upstreams()
    upstreams[0]["models"] = ["x"]
    gateway = begin(upstreams=upstreams)
    assert ask(gateway, model="x").status == 200
    assert ask(gateway, model="m").status == 200
    assert farm.asked() == {"a": 1, "b": 1}
    assert "/v1/models" not in [seen.target for seen in farm["a"].seen]


def test_health_of_its_own_path(farm: Farm, begin: Callable[..., Gateway]) -> None:
    """LiteLLM, for one, asks all its models when somebody wants its /health."""
    upstreams = farm.upstreams()
    upstreams[0] |= {"models": ["x"], "health_path": "/health/readiness"}
    farm["a"].replies["/health/readiness"] = whole({"status": "healthy"})
    gateway = begin(upstreams=upstreams)
    assert ask(gateway, model="x").status == 200
    assert {seen.target for seen in farm["a"].seen} == {"/health/readiness", CHAT}


REFUSALS: dict[str, Reply] = {
    "reset": Reply([], before=[CUT]),
    "no HTTP": Reply([], before=[b"SSH-2.0\r\n\r\n", CUT]),
    "502": whole({"error": {"message": "x"}}, 502),
    "503": whole({"error": {"message": "x"}}, 503),
    "504": whole({"error": {"message": "x"}}, 504),
}


def answered(path: str, streamed: bool, answer: Answer) -> None:
    assert answer.status == 200, answer.body
    assert b"error" not in answer.body
    assert (b"[DONE]" in answer.body or b"message_stop" in answer.body) == streamed


@pytest.mark.parametrize("fault", list(REFUSALS))
@STREAMED
@SURFACES
def test_failover_before_the_answer(farm: Farm, pair: Gateway, path: str, streamed: bool, fault: str) -> None:
    gateway = pair
    name = home(gateway, path)
    other = "b" if name == "a" else "a"
    farm[name].replies[CHAT] = REFUSALS[fault]
    farm[other].replies[CHAT] = stream(EVENT, END) if streamed else ANSWER
    before = farm.asked()
    failovers = gateway.metric(f'inferhost_proxy_failovers_total{{upstream="{name}"}}')
    answer = ask(gateway, path, stream=streamed)
    answered(path, streamed, answer)
    assert farm.asked() - before == {name: 1, other: 1}
    assert farm[name].last(CHAT).body == farm[other].last(CHAT).body
    assert gateway.request_line(answer.headers["request-id"])["upstream"] == other
    assert gateway.metric(f'inferhost_proxy_failovers_total{{upstream="{name}"}}') == failovers + 1
    assert gateway.metric(f'inferhost_proxy_upstream_up{{upstream="{name}"}}') == 1, "one such failure may be the request's fault"


@SURFACES
def test_engine_down_and_back(farm: Farm, begin: Callable[..., Gateway], path: str) -> None:
    gateway = begin(health={"interval_seconds": 0.2})
    name = home(gateway, path)
    farm[name].stop()
    try:
        assert ask(gateway, path).status == 200
        assert gateway.metric(f'inferhost_proxy_upstream_up{{upstream="{name}"}}') == 0
        failovers = gateway.metric(f'inferhost_proxy_failovers_total{{upstream="{name}"}}')
        for _number in range(5):
            assert ask(gateway, path).status == 200
        assert gateway.metric(f'inferhost_proxy_failovers_total{{upstream="{name}"}}') == failovers, "it is left alone"
        ready = gateway.request("GET", "/readyz")
        assert (ready.status, ready.json()["status"], list(ready.json()["down"])) == (200, "ready", [name])
        assert "127.0.0.1" not in ready.body.decode()
    finally:
        farm[name].start()
    eventually(lambda: gateway.metric(f'inferhost_proxy_upstream_up{{upstream="{name}"}}') == 1)
    assert home(gateway, path) == name, "its conversations come back to it"
    changes = [line["event"] for line in gateway.lines() if line["event"].startswith("upstream ") and line["upstream"] == name]
    assert changes == ["upstream down", "upstream up"]


@SURFACES
def test_all_down(farm: Farm, begin: Callable[..., Gateway], path: str) -> None:
    gateway = begin(health={"interval_seconds": 0.2})
    for name in "ab":
        farm[name].stop()
    try:
        answers = [ask(gateway, path) for _number in range(3)]
        ready = gateway.request("GET", "/readyz")
        models = gateway.request("GET", "/v1/models", key=CLIENT_KEY)
    finally:
        for name in "ab":
            farm[name].start()
    assert {answer.status for answer in answers} == {529 if path == MESSAGES else 503}
    assert answers[-1].headers["retry-after"] == "5"
    assert models.status == 503
    assert ready.status == 503
    assert ready.json()["reason"] == "no model server is up"
    assert set(ready.json()["down"]) == {"a", "b"}
    eventually(lambda: ask(gateway, path).status == 200)


def test_the_only_engine_with_the_model_is_down(farm: Farm, begin: Callable[..., Gateway]) -> None:
    farm.serve("b", "other")
    gateway = begin(models=["m", "other"])
    assert gateway.request("GET", "/readyz").status == 200
    farm["b"].stop()
    try:
        first, second = ask(gateway, model="other"), ask(gateway, model="other")
        ready = gateway.request("GET", "/readyz")
    finally:
        farm["b"].start()
    assert (first.status, code(first)) == (503, "upstream_refused")
    assert (second.status, code(second)) == (503, "upstream_down")
    assert farm.asked() == {}, "the other engine is not asked for what it does not serve"
    assert (ready.status, ready.json()["reason"]) == (503, "the model server does not serve other")


def test_each_other_engine_once(farm: Farm, begin: Callable[..., Gateway]) -> None:
    gateway = begin("abc")
    for name in "abc":
        farm[name].replies[CHAT] = REFUSALS["503"]
    answer = ask(gateway)
    assert (answer.status, answer.json()) == (503, {"error": {"message": "x"}}), "the last one's own answer"
    assert farm.asked() == {"a": 1, "b": 1, "c": 1}


@pytest.mark.parametrize("status", [400, 401, 404, 408, 422, 429, 500, 501])
@SURFACES
def test_E11_answers_that_no_other_engine_may_hide(farm: Farm, pair: Gateway, path: str, status: int) -> None:
    """What one engine refuses is the client's to know, in its words."""
    gateway = pair
    for name in "ab":
        farm[name].replies[CHAT] = whole({"error": {"message": "the engine's words", "type": "x", "code": status}}, status)
    answer = ask(gateway, path)
    assert answer.status == (502 if status == 401 else status)
    assert ("the engine's words" in answer.body.decode()) == (status != 401)
    assert farm.asked().total() == 1


def test_E11_a_refusal_behind_a_failure(farm: Farm, pair: Gateway) -> None:
    """The first refusal that nothing can help is told, not the failure before it."""
    gateway = pair
    name = home(gateway)
    farm[name].replies[CHAT] = REFUSALS["reset"]
    farm["b" if name == "a" else "a"].replies[CHAT] = whole({"error": {"message": "too long"}}, 400)
    answer = ask(gateway)
    assert (answer.status, answer.json()["error"]["message"]) == (400, "too long")


@pytest.mark.parametrize("steps", [[EVENT, CUT], [EVENT, EVENT, HANG]], ids=["cut", "silence"])
@SURFACES
def test_no_failover_behind_the_first_byte(farm: Farm, begin: Callable[..., Gateway], path: str, steps: list[Step]) -> None:
    gateway = begin(timeouts={"idle_seconds": 0.4})
    for name in "ab":
        farm[name].replies[CHAT] = stream(*steps)
    answer = ask(gateway, path, stream=True)
    assert answer.status == 200
    assert answer.body.count(b"error") >= 1
    assert farm.asked().total() == 1
    assert gateway.metric('inferhost_proxy_failovers_total{upstream="a"}') + gateway.metric('inferhost_proxy_failovers_total{upstream="b"}') == 0


BROKEN = pytest.mark.parametrize("steps", [[EVENT, CUT], [EVENT, HANG]], ids=["cut", "silence"])


def is_up(gateway: Gateway, name: str) -> bool:
    return gateway.metric(f'inferhost_proxy_upstream_up{{upstream="{name}"}}') == 1


@BROKEN
@SURFACES
def test_an_engine_that_breaks_off_every_answer_is_put_out(farm: Farm, begin: Callable[..., Gateway], path: str, steps: list[Step]) -> None:
    """The head of each of its answers is good, and speaks for nothing."""
    gateway = begin(timeouts={"idle_seconds": 0.2})
    name = home(gateway, path)
    farm[name].replies[CHAT] = stream(*steps)
    for number in range(3):
        assert is_up(gateway, name), f"after {number} of three"
        assert b"error" in ask(gateway, path, stream=True).body
    assert not is_up(gateway, name)
    assert ask(gateway, path).status == 200
    # Its trial breaks off too, so it is out for longer; one that does not brings it back.
    time.sleep(1.1)
    assert b"error" in ask(gateway, path, stream=True).body
    assert not is_up(gateway, name)
    farm[name].replies[CHAT] = stream(EVENT, END)
    time.sleep(2.1)
    answered(path, True, ask(gateway, path, stream=True))
    eventually(lambda: is_up(gateway, name))
    farm[name].replies[CHAT] = ANSWER
    assert home(gateway, path) == name


@SURFACES
def test_only_whole_answers_speak_for_an_engine_that_broke_off(farm: Farm, begin: Callable[..., Gateway], path: str) -> None:
    gateway = begin()
    name = home(gateway, path)

    def broken(number: int) -> None:
        farm[name].replies[CHAT] = stream(EVENT, CUT)
        for _number in range(number):
            assert b"error" in ask(gateway, path, stream=True).body

    broken(2)
    farm[name].replies[CHAT] = stream(EVENT, END)
    answered(path, True, ask(gateway, path, stream=True))
    broken(2)
    assert is_up(gateway, name), "no three in a row"
    farm[name].replies[CHAT] = stream(EVENT, HANG)
    farm[name].seen.clear()
    client = gateway.open_stream(path, body(path, stream=True))
    eventually(lambda: farm[name].seen and farm[name].last(CHAT).sent)
    client.close()
    assert farm[name].last(CHAT).closed.wait(5)
    broken(1)
    assert not is_up(gateway, name), "that a client left says nothing"


@SURFACES
def test_an_engine_that_counts_tokens_but_breaks_off_every_answer_is_put_out(farm: Farm, begin: Callable[..., Gateway], path: str) -> None:
    gateway = begin()
    name = home(gateway, path)
    farm[name].replies[CHAT] = stream(EVENT, CUT)
    for number in range(3):
        assert is_up(gateway, name), f"after {number} broken answers"
        for target in ("/tokenize", "/v1/messages/count_tokens") * 6:
            assert gateway.post(target, body(session=str(time.monotonic()))).status == 200
        assert farm.asked("/tokenize")[name], "it was this one that counted, too"
        farm[name].seen.clear()
        assert b"error" in ask(gateway, path, stream=True).body
    assert not is_up(gateway, name)


def test_health_after_a_reload_is_told_by_the_new_configuration_alone(farm: Farm, begin: Callable[..., Gateway]) -> None:
    """What still runs by the one before is checked on, and nobody hears of it."""
    gateway = begin("ab", health={"interval_seconds": 0.1})
    farm["b"].replies[CHAT] = stream(EVENT, HANG)
    farm["a"].replies[CHAT] = stream(EVENT, HANG)
    client = gateway.open_stream(CHAT, body(stream=True))
    eventually(lambda: farm.asked().total() == 1)
    farm["a"].replies["/health"] = Reply([], 503)
    eventually(lambda: not is_up(gateway, "a"))
    gateway.reload(upstreams=[{"name": "b", "url": farm["c"].url}, *farm.upstreams("c")])
    logged = len([line for line in gateway.lines() if line["event"].startswith("upstream ")])
    farm["a"].replies["/health"] = Reply([])
    farm["b"].replies["/health"] = Reply([], 503)
    before = farm.asked("/health")
    eventually(lambda: all((farm.asked("/health") - before)[name] >= 3 for name in "ab"))
    assert [is_up(gateway, name) for name in "abc"] == [False, True, True]
    assert len([line for line in gateway.lines() if line["event"].startswith("upstream ")]) == logged
    client.close()


@STREAMED
@SURFACES
def test_a_slow_engine_is_not_asked_twice(farm: Farm, begin: Callable[..., Gateway], path: str, streamed: bool) -> None:
    """It took the request and may be generating, so another one would only double the work."""
    gateway = begin(timeouts={"answer_seconds": 0.4}, anthropic={"ping_seconds": 0.1})
    for name in "ab":
        farm[name].replies[CHAT] = Reply([], before=[HANG])
    answer = ask(gateway, path, stream=streamed)
    assert b"did not answer in time" in answer.body
    assert farm.asked().total() == 1
    for _number in range(2):
        ask(gateway, path, stream=streamed)
    ups = [gateway.metric(f'inferhost_proxy_upstream_up{{upstream="{name}"}}') for name in "ab"]
    assert sorted(ups) == [0, 1], "three silences in a row put it out"
    ask(gateway, path, stream=streamed)
    assert farm.asked() == {"a": 3, "b": 1} or farm.asked() == {"a": 1, "b": 3}


def test_pings_are_no_answer(farm: Farm, begin: Callable[..., Gateway]) -> None:
    """A stream that was only told to wait can still be begun by another engine."""
    gateway = begin(anthropic={"ping_seconds": 0.1})
    name = home(gateway, MESSAGES)
    farm[name].replies[CHAT] = Reply([], before=[0.4, CUT])
    farm["b" if name == "a" else "a"].replies[CHAT] = stream(EVENT, END)
    answer = ask(gateway, MESSAGES, stream=True)
    assert answer.body.startswith(b"event: ping")
    assert answer.body.count(b"event: message_start") == 1
    assert b"event: message_stop" in answer.body and b"error" not in answer.body


@STREAMED
@SURFACES
def test_no_failover_when_the_client_is_gone(farm: Farm, pair: Gateway, path: str, streamed: bool) -> None:
    gateway = pair
    for name in "ab":
        farm[name].replies[CHAT] = Reply([], before=[0.5, CUT])
    client = gateway.open_stream(path, body(path, stream=streamed))
    eventually(lambda: farm.asked().total() == 1)
    client.close()
    time.sleep(0.8)
    assert farm.asked().total() == 1


def test_unknown_paths_are_not_repeated(farm: Farm, begin: Callable[..., Gateway]) -> None:
    """What they do is not known, so only a request that was certainly not seen goes to another engine."""
    gateway = begin()
    for name in "ab":
        farm[name].replies["/v1/files"] = REFUSALS["reset"]
        farm[name].replies["/v1/jobs"] = whole({})
    assert code(gateway.post("/v1/files", {})) == "upstream_reset"
    assert farm.asked("/v1/files").total() == 1
    farm["a"].stop()
    try:
        for _number in range(4):
            assert gateway.post("/v1/jobs", {}).status == 200
    finally:
        farm["a"].start()


def test_a_request_that_breaks_engines_does_not_put_them_all_out(farm: Farm, begin: Callable[..., Gateway]) -> None:
    gateway = begin()

    def break_on_poison(seen: Seen) -> Reply:
        return REFUSALS["reset"] if b"poison" in seen.body else ANSWER

    for name in "ab":
        farm[name].replies[CHAT] = break_on_poison
    for _number in range(4):
        assert code(ask(gateway, session="poison")) == "upstream_reset"
        assert ask(gateway).status == 200
        assert ask(gateway, session="another").status == 200


def test_checks(farm: Farm, begin: Callable[..., Gateway]) -> None:
    """Engines that are silent, ill, serve nothing or refuse the key get no requests; what they serve is learnt anew."""
    gateway = begin("abc", health={"interval_seconds": 0.1}, ready_seconds=0.2)
    farm["a"].replies["/health"] = Reply([], 503)
    eventually(lambda: list(gateway.request("GET", "/readyz").json().get("down", {})) == ["a"])
    assert gateway.request("GET", "/readyz").json()["down"]["a"] == "the model server answers /health with status 503"
    farm["b"].replies["/health"] = Reply([], before=[HANG])
    eventually(lambda: list(gateway.request("GET", "/readyz").json()["down"]) == ["a", "b"])
    for session in map(str, range(6)):
        assert ask(gateway, session=session).status == 200
    assert farm.asked() == {"c": 6}
    farm["c"].replies["/v1/models"] = whole({}, 401)
    eventually(lambda: gateway.request("GET", "/readyz").status == 503)
    assert "refuses the gateway's own key" in gateway.request("GET", "/readyz").json()["down"]["c"]
    farm.reset()
    farm.serve("a", "m", "new")
    eventually(lambda: gateway.request("GET", "/readyz").json() == {"status": "ready"})
    eventually(lambda: ask(gateway, model="new").status == 200)
    assert farm.asked() == {"a": 1}


def test_keys_of_the_upstreams(farm: Farm, begin: Callable[..., Gateway]) -> None:
    """Each engine gets its own, also after a failover and in checks; one without a key gets none."""
    upstreams = farm.upstreams("abc")
    upstreams[0]["key_file"] = "engine_key"
    upstreams[1]["key_file"] = "second_key"
    gateway = begin(upstreams=upstreams)
    secrets = gateway.folder / "secrets"
    wanted = {"a": f"Bearer {(secrets / 'engine_key').read_text().strip()}", "b": f"Bearer {(secrets / 'second_key').read_text().strip()}", "c": None}
    for name in "abc":
        farm[name].replies[CHAT] = REFUSALS["503"]
    ask(gateway)
    ask(gateway, MESSAGES)
    for name, key in wanted.items():
        assert {seen.header("authorization") for seen in farm[name].seen} == {key}
        assert {seen.header("x-api-key") for seen in farm[name].seen} == {None}


def test_one_upstream_is_asked_nothing_of_its_own(farm: Farm, begin: Callable[..., Gateway]) -> None:
    gateway = begin("a", health={"interval_seconds": 0.1})
    assert ask(gateway).status == 200
    time.sleep(0.5)
    assert [seen.target for seen in farm["a"].seen] == [CHAT]
    farm["a"].stop()
    try:
        for _number in range(3):
            assert code(ask(gateway)) == "upstream_refused", "it is tried each time"
    finally:
        farm["a"].start()
    assert ask(gateway).status == 200, "and serves at once when it is back"


def test_one_upstream_is_checked_when_asked_for(farm: Farm, begin: Callable[..., Gateway]) -> None:
    begin("a", health={"active": True, "interval_seconds": 0.1})
    eventually(lambda: farm.asked("/health")["a"] > 2)


def test_an_upstream_that_was_never_there(farm: Farm, begin: Callable[..., Gateway]) -> None:
    gateway = begin(upstreams=[*farm.upstreams("a"), {"name": "away", "url": f"http://127.0.0.1:{free_port()}"}])
    for session in map(str, range(6)):
        assert ask(gateway, session=session).status == 200
    assert gateway.request("GET", "/readyz").json()["down"].keys() == {"away"}
    assert gateway.metric('inferhost_proxy_failovers_total{upstream="away"}') == 0, "the first check has found it"


def test_unknown_model(farm: Farm, begin: Callable[..., Gateway]) -> None:
    """The engine's 404 in the client's form, with what is served."""
    farm.serve("b", "other")
    gateway = begin()
    refusal = {"error": {"message": "The model `gpt` does not exist.", "type": "NotFoundError", "param": "model", "code": 404}}
    for name in "ab":
        farm[name].replies[CHAT] = whole(refusal, 404)
    answer = ask(gateway, model="gpt")
    assert answer.status == 404
    assert answer.json() == {"error": {**refusal["error"], "message": "The model `gpt` does not exist. There is: m, other."}}
    answer = ask(gateway, MESSAGES, model="gpt")
    assert (answer.status, answer.json()["error"]["type"]) == (404, "not_found_error")
    assert answer.json()["error"]["message"] == "The model `gpt` does not exist. There is: m, other."
    with pytest.raises(openai.NotFoundError, match="There is: m, other"):
        openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=CLIENT_KEY).chat.completions.create(model="gpt", messages=[{"role": "user", "content": "x"}])


def test_several_on_the_command_line(farm: Farm, tmp_path: Path) -> None:
    from inferhost_proxy.cli import _parser, _settings

    (tmp_path / "key").write_text("k")
    options = _parser().parse_args(["--upstream", farm["a"].url, "--upstream", f"{farm['b'].url}/v1", "--key-file", str(tmp_path / "key")])
    settings = _settings(options)
    assert [(one.name, one.base) for one in settings.upstreams] == [("engine-1", farm["a"].url), ("engine-2", farm["b"].url)]


def test_the_answers_of_all_are_whole(farm: Farm, begin: Callable[..., Gateway]) -> None:
    """Engines that come and go under load: every answer is complete, or an error that says so."""
    gateway = begin("abc", health={"interval_seconds": 0.1})
    for name in "abc":
        farm[name].replies[CHAT] = stream(EVENT, 0.01, EVENT, END)
    results: list[bytes] = []
    for number in range(30):
        if number in (5, 15):
            farm["abc"[number % 3]].stop()
        if number in (10, 20):
            farm["abc"[(number - 5) % 3]].start()
        results.append(ask(gateway, session=str(number), stream=True).body)
    assert all(result == EVENT + EVENT + END for result in results)
    assert json.dumps(gateway.lines())
