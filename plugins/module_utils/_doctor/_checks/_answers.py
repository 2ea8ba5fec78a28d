# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers: thinking and its switch, the names of reasoning, schemas that are obeyed, and texts that come twice."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._behaviours import SITE, Answer, Endpoint, asked
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts, Outcome, Seen, Unseen
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._registry import check
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._behaviour import SCHEMA, WORDS
from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_families import choose

_NEWEST = (999, 0, 0)
_OPEN, _CLOSE = "<think>", "</think>"
_SHORTEST_REPEAT = 16
# Without a backend named, vLLM 0.32 refuses the setting.
_COMPACT = {"backend": "xgrammar", "disable_any_whitespace": True}


@check("L61", "Thinking cannot be switched", ("info", "warning", "error"), ["endpoints", "behaviour"])
def thinking_switch(facts: Facts) -> t.Iterator[Outcome]:
    for one in asked(facts, "plain"):
        if isinstance(one, Unseen):
            yield one
            continue
        refused, answer = one.refused("thinking_off"), one.ok("thinking_off")
        if refused:
            yield Seen(
                one.severity(),
                f"{one.title} refuses chat_template_kwargs with enable_thinking: {refused}",
                "the server does not hand the switch on to the chat template",
                one.fix(SITE, f"{SITE}   # clients talk to the proxy on port 4000, which hands it on"),
            )
        elif answer is not None and answer["reasoning"] and not answer["content"] and answer["finish"] == "stop":
            yield Seen(
                one.severity("error"),
                f"{one.title}: with thinking switched off, all of the answer comes as reasoning, and the text is empty",
                "the reasoning parser takes everything for reasoning until it sees the end of a thought that never began",
                _parser_fix(one),
            )
        elif answer is not None and thinks(answer):
            dropped = _works_at_the_engine(facts, one, "thinking_off", lambda other: not thinks(other))
            if not dropped:
                yield Seen(
                    "info",
                    f"{one.title}: {one.model} thinks although enable_thinking is false",
                    "its chat template has no such switch: it always thinks",
                    'curl -sS URL/v1/chat/completions -d \'{…, "reasoning_effort": "low"}\'   # or a non-thinking model where answers have to be quick',
                )
        message = one.ok("messages_tool")
        if message is not None and "thinking" in message["blocks"] and answer is not None and not thinks(answer):
            yield Seen(
                one.severity(),
                f"{one.title}: /v1/messages with thinking disabled answers with a thinking block",
                "Anthropic's thinking parameter is not made into the chat template's switch",
                one.fix(SITE, f"{SITE}   # clients talk to the proxy on port 4000, which does it"),
            )


@check("L62", "Clients do not see the reasoning as such", ("info", "warning"), ["endpoints", "behaviour"])
def reasoning_names(facts: Facts) -> t.Iterator[Outcome]:
    for one in asked(facts, "plain"):
        if isinstance(one, Unseen):
            yield one
            continue
        answers = [answer for answer in map(one.ok, ("plain", "streamed", "thinking_on")) if answer]
        if any(_OPEN in answer["content"] or _CLOSE in answer["content"] for answer in answers):
            yield Seen(
                one.severity(),
                f"{one.title}: the text of an answer has {_OPEN} or {_CLOSE} in it",
                "vLLM runs without the model's reasoning parser, so clients take its thoughts for the answer",
                _parser_fix(one),
                "Reasoning is left in the text",
            )
            continue
        names = {name for answer in answers for name in answer["names"]}
        if len(names) == 1 and not one.guarded:
            (name,) = names
            other = "reasoning_content" if name == "reasoning" else "reasoning"
            yield Seen(
                "info",
                f"{one.title}: reasoning comes as `{name}` alone",
                f"vLLM renamed the field, and clients that read `{other}` show nothing",
                one.fix(SITE, f"{SITE}   # clients talk to the proxy on port 4000, which writes both names"),
                "Reasoning under one of its two names",
            )


@check("L64", "Structured output is silently ignored", ("info", "warning", "error"), ["endpoints", "behaviour"])
def structured_output(facts: Facts) -> t.Iterator[Outcome]:
    for one in asked(facts, "guided", "schema"):
        if isinstance(one, Unseen):
            yield one
            continue
        schema, guided = one.ok("schema"), one.ok("guided")
        if schema is not None and _told(schema):
            if cut_off(schema):
                yield Seen(
                    one.severity(),
                    f"{one.title}: {one.model} obeys the schema, and did not come to its end: {schema['content'][:80]!r}",
                    "white space is allowed between the parts of a JSON document, and the model goes on with it until max_tokens",
                    one.fix(
                        f"{SITE} -e '{json.dumps({'vllm_extra_flags': {'--structured-outputs-config': _COMPACT}})}'",
                        f"restart vLLM with: --structured-outputs-config '{json.dumps(_COMPACT)}'",
                    ),
                    "Structured output runs away in white space",
                )
            elif not follows(schema) and not _works_at_the_engine(facts, one, "schema", follows):
                yield Seen(
                    one.severity("error"),
                    f"{one.title}: response_format with a schema was answered with {schema['content'][:80]!r}",
                    "the server, or a hop before the engine, drops response_format",
                    one.fix(SITE, "restart the server without what drops parameters (LiteLLM: drop_params), or ask vLLM directly"),
                )
        elif schema is not None:
            yield Unseen(f"{one.url}: {one.model} was still thinking when an answer by schema was cut off")
        if guided is not None and _told(guided) and guided["content"].strip() not in WORDS:
            yield Seen(
                one.severity(),
                f"{one.title}: guided_choice was answered with {guided['content'][:80]!r}, without an error",
                "vLLM ignores guided_json, guided_regex, guided_choice and guided_grammar since 0.12",
                one.fix(SITE, "send response_format or structured_outputs instead; or let clients talk to the proxy of this collection, which translates them"),
            )


@check("L65", "Answers come twice", ("info", "warning"), ["endpoints", "behaviour"])
def said_twice(facts: Facts) -> t.Iterator[Outcome]:
    for one in asked(facts, "plain", "streamed"):
        if isinstance(one, Unseen):
            yield one
            continue
        whole, streamed = one.ok("plain"), one.ok("streamed")
        if whole is not None and is_twice(whole["content"]):
            yield Seen(
                one.severity(),
                f"{one.title}: an answer says everything twice: {whole['content'][:160]!r}",
                "the model repeats itself: small or heavily quantised models do, and a chat template that adds the answer's beginning again makes them",
                one.fix(SITE, 'send "repetition_penalty": 1.05; or use a larger or less quantised model'),
            )
        elif streamed is not None and is_twice(streamed["content"]):
            yield Seen(
                one.severity(),
                f"{one.title}: a streamed answer comes twice, the same answer whole only once: {streamed['content'][:160]!r}",
                "a hop repeats the whole text in its last chunk",
                one.fix(SITE, f"{SITE}   # clients talk to the proxy on port 4000, without that hop"),
            )


def is_twice(text: str) -> bool:
    """Whether a text is some text and the same again."""
    words = " ".join(text.split())
    middles = (len(words) // 2, (len(words) - 1) // 2)
    return any(middle >= _SHORTEST_REPEAT and words[:middle].strip() == words[middle:].strip() for middle in middles)


def thinks(answer: Answer) -> bool:
    return bool(answer["reasoning"]) or _OPEN in answer["content"]


def _told(answer: Answer) -> bool:
    """Whether there is an answer to judge, and not only thoughts that were cut off."""
    return bool(answer["content"]) or answer["finish"] != "length"


def follows(answer: Answer) -> bool:
    """Whether an answer obeys the schema that was asked for, as far as it goes."""
    try:
        document = json.loads(answer["content"])
    except ValueError:
        return cut_off(answer)
    return isinstance(document, dict) and set(document) == set(SCHEMA["required"]) and document["animal"] in WORDS


def cut_off(answer: Answer) -> bool:
    """Whether an answer is the beginning of a document by the schema, and ended for want of tokens. No document has a space in a word."""
    text = "".join(answer["content"].split())
    whole = (json.dumps({"animal": word}, separators=(",", ":")) for word in WORDS)
    return answer["finish"] == "length" and any(one != text and one.startswith(text) for one in whole)


def _works_at_the_engine(facts: Facts, one: Endpoint, name: str, right: t.Callable[[Answer], bool]) -> bool:
    """Whether LiteLLM loses what the engine behind it does: then the hop is at fault (L66), not the model."""
    return one.kind == "litellm" and bool(engines_that(facts, name, right))


def engines_that(facts: Facts, name: str, right: t.Callable[[Answer], bool]) -> list[str]:
    """Addresses of engines that give the right answer to a question."""
    rows = [(row, row["answers"].get(name)) for row in facts["behaviour"] if row["kind"] == "vllm"]
    return [str(row["url"]) for row, answer in rows if answer and answer["status"] == 200 and right(answer)]


def _parser_fix(one: Endpoint) -> str:
    """The parser for the model's family, where its name tells."""
    parser = choose(one.model, "", "", _NEWEST).reasoning_parser
    return one.fix(
        f"{SITE} -e vllm_reasoning_parser={parser or 'PARSER'}",
        f"restart vLLM with: --reasoning-parser {parser or 'PARSER'}" + ("" if parser else "   # vllm serve --help lists them"),
    )
