# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: inferhost contributors
"""Ask an endpoint to read files it has never heard of, whole and streamed, and count the right tool calls.

``python tools/demo_model/evaluate.py --url http://127.0.0.1:8000/v1 --model inferhost-tiny`` prints one JSON object:
``n``, ``correct_streamed``, ``correct_whole`` and ``failures``. Standard library only.
"""

from __future__ import annotations

import argparse
import json
import sys
import urllib.request
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from tools.demo_model import offers, values

JSON = dict[str, Any]
QUESTIONS = (
    "Read the file {}",
    "Please read {} and tell me what it says.",
    "What is in {}?",
    "Show me the contents of `{}`.",
)


@dataclass(frozen=True)
class Case:
    """One question and the only call that answers it."""

    question: str
    offer: str
    name: str
    arguments: JSON


@dataclass
class Answer:
    """What came back: text, tool calls as (name, arguments as JSON text), and why the model stopped."""

    text: str = ""
    calls: list[tuple[str, str]] = field(default_factory=list)
    finish: str | None = None


def cases(count: int, seed: int, offer: str) -> list[Case]:
    """``count`` questions with paths that training never uses (see ``values.is_held_out``)."""
    wanted = offers.OFFERS[offer]
    paths = values.evaluation_paths(count, seed)
    asked = (QUESTIONS[place % len(QUESTIONS)].format(path) for place, path in enumerate(paths))
    return [Case(text, offer, wanted.reader, {wanted.parameter: path}) for text, path in zip(asked, paths, strict=True)]


def request_body(case: Case, model: str, stream: bool) -> JSON:
    """The chat request of a case."""
    offer = offers.OFFERS[case.offer]
    return {
        "model": model,
        "messages": offer.messages(case.question),
        "tools": offer.definitions(),
        "tool_choice": "auto",
        "temperature": 0,
        "max_tokens": 512,
        "stream": stream,
    }


def whole_answer(body: JSON) -> Answer:
    """Read a response that came in one piece."""
    choice = body["choices"][0]
    message = choice["message"]
    calls = [(call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls") or []]
    return Answer(message.get("content") or "", calls, choice.get("finish_reason"))


def streamed_answer(chunks: Iterable[JSON]) -> Answer:
    """Put the chunks of a stream together."""
    answer = Answer()
    calls: dict[int, list[str]] = {}
    for chunk in chunks:
        for choice in chunk.get("choices") or []:
            delta = choice.get("delta") or {}
            answer.text += delta.get("content") or ""
            answer.finish = choice.get("finish_reason") or answer.finish
            for part in delta.get("tool_calls") or []:
                call = calls.setdefault(part["index"], ["", ""])
                function = part.get("function") or {}
                call[0] += function.get("name") or ""
                call[1] += function.get("arguments") or ""
    answer.calls = [(call[0], call[1]) for _, call in sorted(calls.items())]
    return answer


def fault(case: Case, answer: Answer) -> str | None:
    """What is wrong with an answer, or None where it is exactly the call wanted."""
    if len(answer.calls) != 1:
        return f"{len(answer.calls)} tool calls, text {answer.text!r}"
    name, arguments = answer.calls[0]
    if name != case.name:
        return f"tool {name!r} instead of {case.name!r}"
    try:
        given = json.loads(arguments)
    except json.JSONDecodeError:
        return f"arguments are not JSON: {arguments!r}"
    if given != case.arguments:
        return f"arguments {arguments}"
    if answer.finish != "tool_calls":
        return f"finish_reason {answer.finish!r}"
    return f"text beside the call: {answer.text!r}" if answer.text.strip() else None


def events(lines: Iterable[bytes]) -> Iterator[JSON]:
    """The JSON documents of a server-sent event stream, up to [DONE]."""
    for line in lines:
        if line.startswith(b"data:"):
            data = line[5:].strip()
            if data == b"[DONE]":
                return
            yield json.loads(data)


def ask(url: str, key: str, case: Case, model: str, stream: bool) -> Answer:
    """Send a case to ``url`` (the one that ends in /v1) and read the answer."""
    headers = {"Content-Type": "application/json"}
    if key:
        headers["Authorization"] = f"Bearer {key}"
    data = json.dumps(request_body(case, model, stream)).encode()
    request = urllib.request.Request(f"{url.rstrip('/')}/chat/completions", data, headers)
    with urllib.request.urlopen(request, timeout=300) as response:
        return streamed_answer(events(response)) if stream else whole_answer(json.load(response))


def evaluate(url: str, key: str, model: str, asked: list[Case]) -> JSON:
    """Every case whole and streamed; what was right, and what was wrong with the rest."""
    right = {False: 0, True: 0}
    failures: list[JSON] = []
    for case in asked:
        for stream in (False, True):
            found = fault(case, ask(url, key, case, model, stream))
            right[stream] += found is None
            if found:
                failures.append({"question": case.question, "streamed": stream, "fault": found})
    return {"n": len(asked), "correct_streamed": right[True], "correct_whole": right[False], "failures": failures}


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True, help="the endpoint's base URL, which ends in /v1")
    parser.add_argument("--key-file", type=Path, help="file that holds the API key")
    parser.add_argument("--model", default="inferhost-tiny")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--offer", choices=sorted(offers.OFFERS), default="single", help="the tools offered")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Print the result; status 1 where fewer than 95 in 100 are right either way."""
    given = parse(argv)
    key = given.key_file.read_text().strip() if given.key_file else ""
    result = evaluate(given.url, key, given.model, cases(given.count, given.seed, given.offer))
    print(json.dumps(result, indent=2, ensure_ascii=False))
    return 0 if min(result["correct_streamed"], result["correct_whole"]) >= 0.95 * result["n"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
