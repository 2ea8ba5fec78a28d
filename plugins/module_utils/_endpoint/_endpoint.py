# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each endpoint must answer: a table of probes, each with a pure judgement of the answer. No I/O."""

from __future__ import annotations

import re
import typing as t
from dataclasses import dataclass

from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._chat_stream import ChatStream, error_text
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._tool_call import READ_FILE, Question, chat_request

Json = dict[str, t.Any]

PROXY = "proxy"
ENGINE = "engine"
PROMETHEUS = "prometheus"
SERVICES = {PROXY: "inferhost-proxy", ENGINE: "inferhost-vllm", PROMETHEUS: "inferhost-prometheus"}
# A key that is none: what a client sends that was configured with the wrong one.
WRONG_KEY = "sk-this-key-is-wrong"


@dataclass(frozen=True)
class Expected:
    """What the plan says the endpoint serves; ``None`` where it does not say."""

    model: str | None = None
    max_model_len: int | None = None


@dataclass(frozen=True)
class Answer:
    status: int
    text: str
    body: t.Any
    media_type: str = ""


# (whether it is right, what was seen in a few words)
Judgement = tuple[bool, str]


class Probe(t.NamedTuple):
    """``key`` is right, wrong, none, or own: the right one if the side has one."""

    name: str
    side: str
    path: str
    judge: t.Callable[[Answer, Expected], Judgement]
    id: str = "L75"
    key: str = "own"
    body: t.Callable[[str], Json] | None = None
    cause: str = "the service is down, still starting, or another program listens there"
    fix: str = "systemctl status {service} --no-pager"
    severity: str = "error"
    patience: t.Callable[[Answer], float] | None = None
    """Seconds for which an answer that is not right may still become so by itself."""


def _chat_body(model: str) -> Json:
    return {"model": model, "messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 8, "temperature": 0}


def _completion_body(model: str) -> Json:
    return {"model": model, "prompt": "Hello", "max_tokens": 8, "temperature": 0}


def stream_body(model: str) -> Json:
    """Streamed, with a tool on offer: only then does vLLM put empty ``tool_calls`` into chunks."""
    return {**chat_request(model, Question(prompt="Say hello.", tool=READ_FILE, max_tokens=32), streamed=True)}


def answers_200(answer: Answer, _expected: Expected) -> Judgement:
    return answer.status == 200, _status(answer)


def serves_metrics(answer: Answer, _expected: Expected) -> Judgement:
    families = sum(line.startswith("# TYPE ") for line in answer.text.splitlines())
    return answer.status == 200 and families > 0, f"{families} metrics" if answer.status == 200 else _status(answer)


def serves_page(answer: Answer, _expected: Expected) -> Judgement:
    return answer.status == 200 and "html" in answer.media_type, _status(answer) if answer.status != 200 else answer.media_type


def lists_model(answer: Answer, expected: Expected) -> Judgement:
    models = models_of(answer.body)
    if answer.status != 200 or not models:
        return False, _status(answer) if answer.status != 200 else "200, but no model is listed"
    name = expected.model or next(iter(models))
    if name not in models:
        return False, f"serves {', '.join(models)}; planned is {name}"
    length = models[name]
    seen = f"{name}, {length} tokens" if length is not None else name
    if expected.max_model_len is not None and length is not None and length != expected.max_model_len:
        return False, f"{seen}; planned are {expected.max_model_len}"
    return True, seen


def models_of(body: t.Any) -> dict[str, int | None]:
    """Name and context length of each served model, in the order served."""
    entries = body.get("data") if isinstance(body, dict) else None
    found: dict[str, int | None] = {}
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("id"), str):
            length = entry.get("max_model_len")
            found[entry["id"]] = length if isinstance(length, int) else None
    return found


def completes(answer: Answer, _expected: Expected) -> Judgement:
    if answer.status != 200:
        return False, _status(answer)
    choices = answer.body.get("choices") if isinstance(answer.body, dict) else None
    usage = answer.body.get("usage") if isinstance(answer.body, dict) else None
    if not choices or not isinstance(usage, dict) or not usage.get("completion_tokens"):
        return False, f"200, but no tokens: {answer.text[:120]}"
    return True, f"{usage['completion_tokens']} tokens"


def refuses(answer: Answer, _expected: Expected) -> Judgement:
    """401 in the form that OpenAI's clients read; another body makes them show a stack trace."""
    if answer.status != 401:
        return False, f"{_status(answer)}; wanted is 401"
    error = answer.body.get("error") if isinstance(answer.body, dict) else None
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return False, f"401, but not in OpenAI's error form: {answer.text[:120]}"
    return True, "401, in OpenAI's error form"


def refuses_plainly(answer: Answer, _expected: Expected) -> Judgement:
    return answer.status == 401, _status(answer)


def _targets(answer: Answer) -> list[Json]:
    data = answer.body.get("data") if isinstance(answer.body, dict) else None
    targets = data.get("activeTargets") if isinstance(data, dict) else None
    return targets if isinstance(targets, list) else []


def scrapes(answer: Answer, _expected: Expected) -> Judgement:
    """A target that was not asked yet is `unknown`, which is no fault right after a start."""
    targets = _targets(answer)
    if answer.status != 200 or not targets:
        return False, _status(answer) if answer.status != 200 else "no targets"
    down = sorted(str(target.get("labels", {}).get("job", "?")) for target in targets if target.get("health") == "down")
    return not down, f"down: {', '.join(down)}" if down else f"{len(targets)} targets, none down"


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
LONGEST_WAIT = 60.0


def until_next_scrape(answer: Answer) -> float:
    """An exporter that started after Prometheus asked for it counts as down until it is asked again: `scrapeInterval` of the targets API, at most a minute."""
    intervals = [str(target.get("scrapeInterval", "")) for target in _targets(answer) if target.get("health") == "down"]
    seconds = [sum(float(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|s|m|h)", one)) for one in intervals]
    return min(max(seconds, default=0.0), LONGEST_WAIT)


def judge_stream(stream: ChatStream) -> Judgement:
    if stream.error is not None:
        return False, stream.error
    if not stream.done:
        return False, f"{stream.chunks} chunks, no [DONE]"
    if stream.chunks_with_empty_tool_calls:
        return False, f"{stream.chunks_with_empty_tool_calls} of {stream.chunks} chunks carry an empty tool_calls"
    return stream.fragments > 0, f"{stream.chunks} chunks, none with an empty tool_calls"


def _status(answer: Answer) -> str:
    if answer.status == 200:
        return "200"
    what = error_text(answer.body) if isinstance(answer.body, dict) else answer.text[:120]
    return f"{answer.status}: {what}" if what else str(answer.status)


_OPEN = "the key check is off: {service} serves anybody who reaches its port"
_SEE_LOG = "journalctl -u inferhost-vllm -u inferhost-proxy -n 100 --no-pager"

PROBES: tuple[Probe, ...] = (
    Probe("vLLM is healthy", ENGINE, "/health", answers_200),
    Probe("vLLM serves metrics", ENGINE, "/metrics", serves_metrics, id="L74"),
    Probe(
        "vLLM serves its API pages",
        ENGINE,
        "/docs",
        serves_page,
        cause="vLLM runs with --disable-fastapi-docs, or another program listens there",
        fix="curl -sS -o /dev/null -w '%{{http_code}}' {url}/docs",
    ),
    Probe(
        "vLLM refuses a wrong key",
        ENGINE,
        "/v1/models",
        refuses_plainly,
        id="L72",
        key="wrong",
        cause="vLLM runs without a key, so every local user can go past the proxy",
        fix="ansible-playbook inferhost.llm.site",
    ),
    Probe("Proxy is alive", PROXY, "/livez", answers_200, key="none"),
    Probe(
        "Proxy is ready",
        PROXY,
        "/readyz",
        answers_200,
        key="none",
        cause="the proxy runs, but vLLM does not answer it or serves another model",
        fix="systemctl status inferhost-vllm --no-pager; curl -sS {url}/readyz",
    ),
    Probe("Proxy serves metrics", PROXY, "/metrics", serves_metrics, id="L74"),
    Probe(
        "Model is the planned one",
        PROXY,
        "/v1/models",
        lists_model,
        cause="vLLM was started with other flags than the plan's",
        fix="ansible-playbook inferhost.llm.site",
    ),
    Probe("Chat answers", PROXY, "/v1/chat/completions", completes, body=_chat_body, cause="see the text of the answer", fix=_SEE_LOG),
    Probe("Completion answers", PROXY, "/v1/completions", completes, body=_completion_body, cause="see the text of the answer", fix=_SEE_LOG),
    Probe("No key is refused", PROXY, "/v1/models", refuses, id="L72", key="none", cause=_OPEN, fix="ansible-playbook inferhost.llm.site"),
    Probe("A wrong key is refused", PROXY, "/v1/models", refuses, id="L72", key="wrong", cause=_OPEN, fix="ansible-playbook inferhost.llm.site"),
    Probe("Prometheus is ready", PROMETHEUS, "/-/ready", answers_200, id="L74"),
    Probe(
        "Prometheus reaches its targets",
        PROMETHEUS,
        "/api/v1/targets?state=active",
        scrapes,
        id="L74",
        severity="warning",
        cause="an exporter is down; Prometheus was asked until its next scrape",
        fix="curl -sS '{url}/api/v1/targets?state=active'",
        patience=until_next_scrape,
    ),
)
# Not in the table, for its answer is a stream.
STREAM_PROBE = Probe(
    "Streamed chunks are clean",
    PROXY,
    "/v1/chat/completions",
    answers_200,
    id="L54",
    body=stream_body,
    cause="clients talk to vLLM directly, or to a gateway that passes empty tool_calls on",
    fix="point the client at the proxy: {url}/v1",
)


def finding_of(probe: Probe, seen: str, url: str, reached: bool) -> dict[str, str]:
    """A probe that was not answered as it must be, as a finding. Where nothing answered, that is the cause."""
    words = {"service": SERVICES[probe.side], "url": url}
    general = Probe._field_defaults
    return {
        "id": probe.id,
        "severity": probe.severity if reached else "error",
        "title": f"Failed: {probe.name}",
        "seen": f"{url}{probe.path}: {seen}",
        "cause": (probe.cause if reached else general["cause"]).format(**words),
        "fix": (probe.fix if reached else general["fix"]).format(**words),
    }
