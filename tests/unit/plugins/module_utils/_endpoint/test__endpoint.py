# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._endpoint import _endpoint as endpoint
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._endpoint import Answer, Expected
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._probe import check
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._tool_call_probe import server
from ansible_collections.inferhost.llm.tests.unit.plugins.scripted_server import ScriptedServer, Seen, chunked, http, sse

KEY = "sk-right"
MODELS = {"data": [{"id": "tiny", "max_model_len": 2048}, {"id": "alias"}]}
PLANNED = Expected("tiny", 2048)


def answer(status: int, body: t.Any = None, text: str = "", media_type: str = "application/json") -> Answer:
    return Answer(status, text or json.dumps(body), body, media_type)


JUDGEMENTS = [
    (endpoint.answers_200, answer(200), True, "200"),
    (endpoint.answers_200, answer(503, {"error": {"message": "no model"}}), False, "503: no model"),
    (endpoint.serves_metrics, answer(200, text="# TYPE a counter\na 1\n"), True, "1 metrics"),
    (endpoint.serves_metrics, answer(200, text="<html>"), False, "0 metrics"),
    (endpoint.serves_page, answer(200, text="<html>", media_type="text/html"), True, "text/html"),
    (endpoint.serves_page, answer(404, {"detail": "Not Found"}), False, "404: Not Found"),
    (endpoint.lists_model, answer(200, MODELS), True, "tiny, 2048 tokens"),
    (endpoint.lists_model, answer(200, {"data": []}), False, "no model is listed"),
    (endpoint.lists_model, answer(200, {"data": [{"id": "other"}]}), False, "serves other; planned is tiny"),
    (endpoint.lists_model, answer(200, {"data": [{"id": "tiny", "max_model_len": 512}]}), False, "planned are 2048"),
    (endpoint.lists_model, answer(200, {"data": [{"id": "tiny"}]}), True, "tiny"),
    (endpoint.lists_model, answer(502, None, "bad gateway"), False, "502: bad gateway"),
    (endpoint.completes, answer(200, {"choices": [{}], "usage": {"completion_tokens": 8}}), True, "8 tokens"),
    (endpoint.completes, answer(200, {"choices": [{}], "usage": {"completion_tokens": 0}}), False, "no tokens"),
    (endpoint.completes, answer(200, [1]), False, "no tokens"),
    (endpoint.refuses, answer(401, {"error": {"message": "no key", "type": "x"}}), True, "OpenAI's error form"),
    (endpoint.refuses, answer(401, {"detail": "Unauthorized"}), False, "not in OpenAI's error form"),
    (endpoint.refuses, answer(401, None, "<html>"), False, "not in OpenAI's error form"),
    (endpoint.refuses, answer(200, MODELS), False, "wanted is 401"),
    (endpoint.scrapes, answer(200, {"data": {"activeTargets": [{"health": "up"}, {"health": "unknown"}]}}), True, "2 targets, none down"),
    (endpoint.scrapes, answer(200, {"data": {"activeTargets": [{"health": "down", "labels": {"job": "vllm"}}]}}), False, "down: vllm"),
    (endpoint.scrapes, answer(200, {"data": {"activeTargets": []}}), False, "no targets"),
    (endpoint.scrapes, answer(200, "x"), False, "no targets"),
    (endpoint.refuses_plainly, answer(401, {"error": "Unauthorized"}), True, "401"),
    (endpoint.refuses_plainly, answer(200, MODELS), False, "200"),
]


@pytest.mark.parametrize("judge, given, ok, seen", JUDGEMENTS)
def test_judgements(judge: t.Any, given: Answer, ok: bool, seen: str) -> None:
    found_ok, found_seen = judge(given, PLANNED)
    assert found_ok is ok
    assert seen in found_seen


def test_any_model_will_do_without_a_plan() -> None:
    assert endpoint.lists_model(answer(200, MODELS), Expected()) == (True, "tiny, 2048 tokens")


def test_models_of_garbage_is_empty() -> None:
    assert [endpoint.models_of(body) for body in (None, [], {"data": 3}, {"data": [None, {}, {"id": 3}]})] == [{}, {}, {}, {}]


def delta(**delta: t.Any) -> dict[str, t.Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]}


class Gateway:
    """A proxy and a vLLM as they should be; a test replaces what it wants broken."""

    def __init__(self, **broken: t.Any) -> None:
        self.broken = broken

    def routes(self) -> dict[str, t.Any]:
        metrics = http(200, b"# TYPE a counter\na 1\n", "text/plain")
        routes = {
            "/health": http(200, b""),
            "/livez": http(200, {"status": "alive", "generation": 1}),
            "/readyz": http(200, {"status": "ready"}),
            "/metrics": metrics,
            "/-/ready": http(200, b"Prometheus Server is Ready.\n", "text/plain"),
            "/api/v1/targets": http(200, {"data": {"activeTargets": [{"health": "up"}]}}),
            "/docs": http(200, b"<html></html>", "text/html; charset=utf-8"),
            "/v1/models": self._keyed(http(200, MODELS)),
            "/v1/completions": self._keyed(http(200, {"choices": [{"text": "x"}], "usage": {"completion_tokens": 8}})),
            "/v1/chat/completions": self._chat,
        }
        routes.update({"/" + path.replace("__", "/"): script for path, script in self.broken.items()})
        return routes

    def _keyed(self, script: t.Any) -> t.Callable[[Seen], t.Any]:
        refused = http(401, {"error": {"message": "Invalid key", "code": "invalid_api_key"}})
        return lambda seen: script if seen.headers.get("authorization") == f"Bearer {KEY}" else refused

    def _chat(self, seen: Seen) -> t.Any:
        if seen.json().get("stream"):
            return chunked(sse(delta(content="hi"), delta(), "[DONE]"))
        return http(200, {"choices": [{"message": {"content": "hi"}}], "usage": {"completion_tokens": 2}})


def run(gateway: Gateway, expected: Expected = PLANNED) -> tuple[list[dict[str, t.Any]], list[Seen]]:
    with ScriptedServer(gateway.routes()) as there:
        where = server(there.url, KEY, 0.5)
        return check(dict.fromkeys(endpoint.SERVICES, where), expected), there.seen


def test_a_good_host_passes_every_row() -> None:
    rows, seen = run(Gateway())
    assert [row["name"] for row in rows if not row["ok"]] == []
    assert [row["name"] for row in rows] == [probe.name for probe in (*endpoint.PROBES, endpoint.STREAM_PROBE)]
    assert all(row["finding"] is None and row["elapsed_s"] >= 0 for row in rows)
    given = {one.headers.get("authorization") for one in seen if one.path == "/v1/models"}
    assert given == {f"Bearer {KEY}", f"Bearer {endpoint.WRONG_KEY}", None}
    assert KEY not in json.dumps(rows)


BROKEN = [
    pytest.param({"health": http(503, b"")}, "vLLM is healthy", "L75", id="unhealthy"),
    pytest.param({"docs": http(404, {"detail": "Not Found"})}, "vLLM serves its API pages", "L75", id="no-docs"),
    pytest.param({"readyz": http(503, {"status": "not ready", "reason": "x"})}, "Proxy is ready", "L75", id="not-ready"),
    pytest.param({"livez": [60.0]}, "Proxy is alive", "L75", id="hangs"),
    pytest.param({"metrics": []}, "Proxy serves metrics", "L74", id="closes"),
    pytest.param({"v1__models": http(200, MODELS)}, "No key is refused", "L72", id="open-to-all"),
    pytest.param({"v1__completions": http(500, {"error": {"message": "engine died"}})}, "Completion answers", "L75", id="completion-fails"),
    pytest.param(
        {"v1__chat__completions": chunked(sse(delta(content="x", tool_calls=[]), "[DONE]"))}, "Streamed chunks are clean", "L54", id="empty-tool-calls"
    ),
    pytest.param({"v1__chat__completions": http(400, {"error": {"message": "no parser"}})}, "Streamed chunks are clean", "L54", id="no-stream"),
]


@pytest.mark.parametrize("broken, name, finding_id", BROKEN)
def test_what_is_broken_is_found(broken: dict[str, t.Any], name: str, finding_id: str) -> None:
    rows, _seen = run(Gateway(**broken))
    row = next(row for row in rows if row["name"] == name)
    assert row["ok"] is False
    assert (row["finding"]["id"], row["finding"]["severity"]) == (finding_id, "error")
    assert row["seen"] in row["finding"]["seen"]
    assert "{" not in row["finding"]["fix"].replace("%{http_code}", "")


def test_a_target_that_is_down_is_a_warning() -> None:
    rows, _seen = run(Gateway(api__v1__targets=http(200, {"data": {"activeTargets": [{"health": "down", "labels": {"job": "node"}}]}})))
    row = next(row for row in rows if row["name"] == "Prometheus reaches its targets")
    assert (row["ok"], row["finding"]["severity"]) == (False, "warning")


def targets(*health: str, interval: str = "15s") -> t.Any:
    return http(200, {"data": {"activeTargets": [{"health": one, "labels": {"job": "node"}, "scrapeInterval": interval} for one in health]}})


def test_an_exporter_that_has_just_started_is_given_until_the_next_scrape() -> None:
    answers = iter([targets("up", "down"), targets("up", "up")])
    rows, seen = run(Gateway(api__v1__targets=lambda _seen: next(answers)))
    row = next(row for row in rows if row["name"] == "Prometheus reaches its targets")
    assert (row["ok"], row["seen"]) == (True, "2 targets, none down")
    assert sum(one.path.startswith("/api/v1/targets") for one in seen) == 2


def test_one_that_stays_down_is_asked_for_as_long_and_then_said() -> None:
    rows, seen = run(Gateway(api__v1__targets=targets("down", interval="100ms")))
    row = next(row for row in rows if row["name"] == "Prometheus reaches its targets")
    assert (row["ok"], row["seen"]) == (False, "down: node")
    assert sum(one.path.startswith("/api/v1/targets") for one in seen) > 1


@pytest.mark.parametrize("interval, seconds", [("15s", 15), ("1m30s", 60), ("1m", 60), ("500ms", 0.5), ("", 0), ("soon", 0)])
def test_how_long_the_next_scrape_may_take(interval: str, seconds: float) -> None:
    body = {"data": {"activeTargets": [{"health": "down", "scrapeInterval": interval}, {"health": "up", "scrapeInterval": "2h"}]}}
    assert endpoint.until_next_scrape(answer(200, body)) == seconds


def test_nothing_listens_and_every_row_says_so() -> None:
    with ScriptedServer({}) as there:
        where = server(there.url, KEY, 1)
    rows = check({endpoint.PROXY: where}, PLANNED)
    assert len(rows) == sum(probe.side == endpoint.PROXY for probe in endpoint.PROBES) + 1
    assert all("nothing listens there" in row["seen"] for row in rows)
    assert {row["finding"]["fix"] for row in rows} == {"systemctl status inferhost-proxy --no-pager"}


def test_without_a_planned_model_the_served_one_is_asked() -> None:
    _rows, seen = run(Gateway(), Expected())
    asked = {one.json()["model"] for one in seen if one.method == "POST"}
    assert asked == {"tiny"}


def test_rows_can_be_left_out() -> None:
    with ScriptedServer(Gateway().routes()) as there:
        rows = check({endpoint.ENGINE: server(there.url, KEY, 1)}, PLANNED, skip=["vLLM serves its API pages"])
    assert [row["name"] for row in rows] == ["vLLM is healthy", "vLLM serves metrics", "vLLM refuses a wrong key"]
