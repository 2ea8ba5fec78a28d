# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tool-call check against a server: ask whole and streamed, and once more for the raw text when that failed."""

from __future__ import annotations

import time
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._endpoint import _tool_call as tool_call
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._chat_stream import ChatStream, error_text
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._http import HttpError, Response, bearer, request, stream_events
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._tool_call import Message, Outcome, Question
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._tool_call_findings import finding_of

Json = dict[str, t.Any]
WHOLE, STREAMED = False, True
FORMS: t.Mapping[str, tuple[bool, ...]] = {"false": (WHOLE,), "true": (STREAMED,), "both": (WHOLE, STREAMED)}


class Server(t.NamedTuple):
    """Where to ask; the key is kept out of ``repr``."""

    url: str
    key: str | None
    timeout: float
    key_file: str | None = None

    def __repr__(self) -> str:
        return f"Server({self.url})"

    def at(self, path: str) -> str:
        return self.url + path


def server(base_url: str, key: str | None, timeout: float, key_file: str | None = None) -> Server:
    """``base_url`` with or without ``/v1`` at its end, as clients write it either way."""
    url = base_url.rstrip("/")
    return Server(url[:-3] if url.endswith("/v1") else url, key, timeout, key_file)


def first_model(where: Server) -> str | Outcome:
    """The name of the first served model, or why there is none."""
    try:
        answer = request("GET", where.at("/v1/models"), headers=bearer(where.key), timeout=where.timeout)
    except HttpError as error:
        return Outcome("network", error.message)
    body = answer.json()
    if answer.status != 200:
        return tool_call.judge_status(answer.status, error_text(body) if body is not None else answer.text()[:200])
    models = body.get("data") if isinstance(body, dict) else None
    if not isinstance(models, list):
        return Outcome("not_json", f"GET {where.at('/v1/models')}: {answer.text()[:200]}")
    names = [entry["id"] for entry in models if isinstance(entry, dict) and isinstance(entry.get("id"), str)]
    return names[0] if names else Outcome("no_model", f"GET {where.at('/v1/models')} lists none")


def check(where: Server, question: Question, forms: t.Sequence[bool], model: str | None = None) -> Json:
    """Run the check; the result is what the module returns."""
    chosen = model or first_model(where)
    if isinstance(chosen, Outcome):
        return _result("", [_row(chosen, form, 0.0) for form in forms], where)
    rows = []
    outcomes: dict[bool, Outcome] = {}
    raw: Message | None = None
    counts: tuple[int, int] | None = None
    for form in forms:
        started = time.monotonic()
        outcome = _ask_streamed(where, chosen, question) if form else _ask_whole(where, chosen, question)
        elapsed = time.monotonic() - started
        if not outcome.ok and outcome.code != "network":
            raw = raw or _ask_raw(where, chosen, question)
            outcome = tool_call.with_raw_text(outcome, raw)
            if outcome.code == "plain_text":
                counts = counts or _ask_counts(where, chosen, question)
                outcome = tool_call.tools_unseen(outcome, *counts) if counts else outcome
        outcomes[form] = outcome
        if form == STREAMED and WHOLE in outcomes and not tool_call.streams_agree(outcomes[WHOLE], outcome):
            outcome = Outcome("stream_differs", f"whole: {outcomes[WHOLE].detail}; streamed: {outcome.detail}")
        elif form == STREAMED and WHOLE in outcomes and not tool_call.reasoning_agrees(outcomes[WHOLE], outcome):
            forms_of = {True: "with", False: "without"}
            seen = f"whole: the call comes {forms_of[bool(outcomes[WHOLE].reasoning)]} reasoning; streamed: {forms_of[bool(outcome.reasoning)]}"
            outcome = tool_call.with_code(outcome, "reasoning_differs", seen)
        rows.append(_row(outcome, form, elapsed))
    return _result(chosen, rows, where)


def _ask_whole(where: Server, model: str, question: Question) -> Outcome:
    try:
        body = tool_call.chat_request(model, question, streamed=False)
        answer = request("POST", where.at("/v1/chat/completions"), body, bearer(where.key), where.timeout)
    except HttpError as error:
        return Outcome("network", error.message)
    parsed = answer.json()
    if answer.status != 200:
        return tool_call.judge_status(answer.status, error_text(parsed) if parsed is not None else answer.text()[:200])
    message = tool_call.message_of(parsed)
    if message is None:
        return Outcome("not_json", f"HTTP 200: {answer.text()[:200]}")
    return tool_call.judge(message, question)


def _ask_streamed(where: Server, model: str, question: Question) -> Outcome:
    stream = ChatStream()
    body = tool_call.chat_request(model, question, streamed=True)
    try:
        events = stream_events(where.at("/v1/chat/completions"), body, bearer(where.key), where.timeout, where.timeout)
        for _when, data in events:
            stream.feed(data)
            if stream.done or stream.error is not None:
                break
    except HttpError as error:
        if error.response is not None:
            return _refused_stream(error.response, error.message)
        if stream.chunks:
            return Outcome("stream_cut", error.message, stream.content)
        return Outcome("network", error.message)
    return tool_call.judge_stream(stream, question)


def _refused_stream(answer: Response, why: str) -> Outcome:
    parsed = answer.json()
    text = error_text(parsed) if parsed is not None else answer.text()[:200]
    if answer.status == 200:
        return Outcome("not_json", f"{why}: {text}")
    return tool_call.judge_status(answer.status, text)


def _ask_raw(where: Server, model: str, question: Question) -> Message | None:
    """What the model writes when nothing parses it; ``None`` where the server will not say."""
    try:
        body = tool_call.raw_request(model, question)
        answer = request("POST", where.at("/v1/chat/completions"), body, bearer(where.key), where.timeout)
    except HttpError:
        return None
    return tool_call.message_of(answer.json()) if answer.status == 200 else None


def _ask_counts(where: Server, model: str, question: Question) -> tuple[int, int] | None:
    """Tokens of the prompt without the tool and with it; ``None`` where the server does not count."""
    body = {"model": model, "messages": [{"role": "user", "content": question.prompt}]}
    counts = []
    for more in ({}, {"tools": [dict(question.tool)]}):
        try:
            answer = request("POST", where.at("/tokenize"), {**body, **more}, bearer(where.key), where.timeout)
        except HttpError:
            return None
        parsed = answer.json()
        count = parsed.get("count") if answer.status == 200 and isinstance(parsed, dict) else None
        if not isinstance(count, int):
            return None
        counts.append(count)
    return counts[0], counts[1]


def _row(outcome: Outcome, streamed: bool, elapsed: float) -> Json:
    return {"streamed": streamed, "outcome": outcome, "elapsed_s": round(elapsed, 3)}


def _result(model: str, rows: t.Sequence[Json], where: Server) -> Json:
    answers = []
    findings: t.List[t.Mapping[str, str]] = []
    for row in rows:
        outcome: Outcome = row["outcome"]
        finding = finding_of(outcome, where.url, row["streamed"], where.key_file)
        # Both forms failing alike are one fault.
        if finding is not None and not any(_alike(finding, other) for other in findings):
            findings.append(finding)
        answers.append(
            {
                "streamed": row["streamed"],
                "ok": outcome.ok,
                "code": outcome.code,
                "detail": outcome.detail,
                "raw_text": outcome.raw_text,
                "call": dict(outcome.call) if outcome.call else None,
                "markup": outcome.markup,
                "parser": outcome.parser,
                "elapsed_s": row["elapsed_s"],
            }
        )
    ok = bool(answers) and all(answer["ok"] for answer in answers)
    return {"ok": ok, "model": model, "answers": answers, "findings": findings}


def _alike(one: t.Mapping[str, str], other: t.Mapping[str, str]) -> bool:
    return all(one[name] == other[name] for name in ("id", "seen", "fix"))
