# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: inferhost contributors
"""Training examples: a chat request and the answer wanted, made from a random generator and nothing else."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field, replace
from typing import Any

from tools.demo_model import tables, values

JSON = dict[str, Any]
QUOTES = ("", "", "", "", "'", '"', "`")


@dataclass(frozen=True)
class Task:
    """One example. ``messages`` and ``tools`` are as in a chat request; ``answer`` is the text the model must produce."""

    messages: list[JSON]
    answer: str
    tools: list[JSON] = field(default_factory=list)


@dataclass(frozen=True)
class Level:
    """How hard the examples are.

    ``copy_share``: requests that only want a string said again, which is how copying is learned fastest;
    ``most_tools``: the most tools offered; ``filler_share``: requests with other text around the question;
    ``twice_share``: paths to read that contain a piece of themselves again; ``again_share``: whose last component begins
    as an earlier one does; ``sum_share``: sums of two digits;
    ``drill``: more of what is rare otherwise: kinds of tools other than reading, relative paths, JSON results, counting,
    parameters that share a word with their tool.
    """

    copy_share: float
    most_tools: int
    filler_share: float
    twice_share: float = 0.0
    sum_share: float = 0.0
    drill: bool = False
    again_share: float = 0.0


def level_at(progress: float) -> Level:
    """The level when ``progress`` (0 to 1) of the training is done: copying, then one tool, then many and filler."""
    grown = min(1.0, max(0.0, (progress - 0.08) / 0.22))
    copying = 0.8 * max(0.0, 1.0 - progress / 0.03)
    return Level(copy_share=copying, most_tools=1 + round(23 * grown), filler_share=0.35 * grown)


HARDEST = Level(copy_share=0.0, most_tools=24, filler_share=0.35, twice_share=0.2, sum_share=0.04)
# What a model trained so far still gets wrong.
WEAK_SPOTS = replace(HARDEST, twice_share=0.4, sum_share=0.2, drill=True)
# Everything in its usual share again, so that what was drilled does not push out the rest.
SETTLED = replace(HARDEST, twice_share=0.15, sum_share=0.08, again_share=0.25)


def tool(name: str, parameter: str) -> JSON:
    """A tool definition with one string parameter, or none where ``parameter`` is empty."""
    known = {parameter: {"type": "string"}} if parameter else {}
    schema = {"type": "object", "properties": known, "required": list(known)}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


def call_text(name: str, arguments: JSON) -> str:
    """A tool call as the Hermes format writes it."""
    body = json.dumps({"name": name, "arguments": arguments}, ensure_ascii=False)
    return f"<tool_call>\n{body}\n</tool_call>"


def make_task(rng: random.Random, level: Level) -> Task:
    """One example of any kind, in the proportions the model is trained on."""
    if rng.random() < level.copy_share:
        words = _result_line(rng, 1).strip() or "x"
        return Task([_user(rng.choice(tables.SAY_ASKS).format(v=words))], words)
    if level.sum_share and rng.random() < level.sum_share:
        return _with_system(rng, _sum_task(rng, level))
    if level.drill and rng.random() < 0.05:
        return _with_system(rng, _count_task(rng))
    draw = rng.random()
    if draw < 0.56:
        task = _call_task(rng, level)
    elif draw < 0.68:
        task = _result_task(rng, level)
    elif draw < 0.79:
        task = _say_task(rng, level)
    elif draw < 0.94:
        task = _chat_task(rng, level)
    else:
        task = _unknown_task(rng, level)
    return _with_system(rng, task)


@dataclass(frozen=True)
class _Question:
    """What the user asks, the tool it needs, the arguments wanted, and whether no other tool may stand beside it.

    ``kind`` is a key of ``tables.TOOL_NAMES``, or empty for a tool that the question names.
    """

    text: str
    right: JSON
    arguments: JSON
    kind: str
    alone: bool = False


def _call_task(rng: random.Random, level: Level) -> Task:
    question = _question(rng, level)
    if question.kind and rng.random() < 0.03:
        return Task([_user(question.text)], tables.NO_TOOL_ANSWER, _offer_without(rng, level, question.kind))
    answer = call_text(question.right["function"]["name"], question.arguments)
    return Task([_user(question.text)], answer, _offer(rng, level, question))


def _question(rng: random.Random, level: Level) -> _Question:
    draw = rng.random()
    if draw < 0.02:
        right = tool(rng.choice(tables.TOOL_NAMES["time"]), "")
        return _Question(_finish(rng, level, "What time is it", "?"), right, {}, "time")
    kind = rng.choice(("read",) * (5 if level.drill else 9) + ("list", "weather", "weather", "run", "search", "fetch", "time"))
    if draw < 0.12:
        right = _unknown_tool(rng, level) if rng.random() < 0.6 else _known_tool(rng, kind)
        return _asked(rng, level, rng.choice(tables.NAMED_ASKS), right, kind, named=True)
    # A tool of an unknown name can only be the right one where no other is offered.
    alone = rng.random() < (0.4 if level.most_tools == 1 else 0.12)
    right = _unknown_tool(rng, level) if alone else _known_tool(rng, kind)
    return replace(_asked(rng, level, rng.choice(tables.ASKS[kind]), right, kind), alone=alone)


def _asked(rng: random.Random, level: Level, ask: str, right: JSON, kind: str, named: bool = False) -> _Question:
    """The question that ``ask`` makes with a new value."""
    value = values.training_value(rng, kind)
    if kind == "read" and level.twice_share and rng.random() < level.twice_share:
        value = values.twice(rng, value)
    if kind == "read" and level.drill and rng.random() < 0.25:
        value = values.relative(rng, value)
    if kind == "read" and level.again_share and rng.random() < level.again_share:
        value = values.again(rng, value)
    parameter = right["function"]["parameters"]["required"][0]
    mark = rng.choice(QUOTES)
    text = ask.format(v=f"{mark}{value}{mark}", t=right["function"]["name"], p=parameter)
    if rng.random() < 0.1 and not text.startswith(value):
        text = text[0].lower() + text[1:]
    # Without a quotation mark nothing tells where a command ends, so nothing may follow it.
    if mark or kind not in ("run", "search"):
        closing = "?" if text.lower().startswith(("what", "can", "could", "which", "how", "is ")) else "."
        text = _finish(rng, level, text, closing)
    return _Question(text, right, {parameter: value}, "" if named else kind)


def _finish(rng: random.Random, level: Level, question: str, closing: str) -> str:
    """The question with an ending, and at times with other text before and after it or in quotation marks."""
    draw = rng.random()
    if draw < 0.3:
        question += closing
    elif draw < 0.55:
        question += rng.choice(tables.ASK_ENDINGS)
    elif draw < 0.65:
        question += rng.choice((" and ", ", then ", ". ", " so that ", ".\n")) + values.phrase(rng, 1, 6)
    if rng.random() < level.filler_share:
        question = _surround(rng, question)
    if rng.random() < 0.03:
        question = f'"{question}"'
    return question


def _surround(rng: random.Random, question: str) -> str:
    before, after = _filler(rng), _filler(rng)
    draw = rng.random()
    if draw < 0.45:
        return before + rng.choice(("\n", "\n\n", " ")) + question
    if draw < 0.75:
        return question + rng.choice(("\n", "\n\n")) + after
    return f"{before}\n{question}\n{after}"


def _filler(rng: random.Random) -> str:
    lines = []
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3))):
        head = rng.choice(tables.FILLER_HEADS).format(path=values.training_path(rng))
        lines.append(f"{head} {values.phrase(rng, 0, 6)}{rng.choice(('', '.', ':'))}" if rng.random() < 0.8 else head)
    return "\n".join(lines)[: rng.randint(10, 180)]


def _known_tool(rng: random.Random, kind: str) -> JSON:
    return tool(rng.choice(tables.TOOL_NAMES[kind]), rng.choice(tables.PARAMETERS[kind]))


def _unknown_name(rng: random.Random) -> str:
    words = [rng.choice(tables.WORDS) for _ in range(rng.randint(1, 3))]
    style = rng.random()
    if style < 0.5:
        return "_".join(words)
    if style < 0.7:
        return words[0] + "".join(word.capitalize() for word in words[1:])
    if style < 0.85:
        return "mcp__" + "__".join(words)
    return values.random_name(rng, 12).encode("ascii", "ignore").decode() or "x"


def _unknown_tool(rng: random.Random, level: Level | None = None) -> JSON:
    if level and level.drill and rng.random() < 0.4:
        words = [rng.choice(tables.WORDS) for _ in range(rng.randint(2, 3))]
        return tool("_".join(words), rng.choice(words) + rng.choice(("_id", "_name", "", "Id", "_path", "s")))
    parameter = rng.choice(tables.PARAMETERS["read"]) if rng.random() < 0.4 else _unknown_name(rng).removeprefix("mcp__")
    return tool(_unknown_name(rng), parameter)


def _offer(rng: random.Random, level: Level, question: _Question) -> list[JSON]:
    """The tools of a request: the right one and others, none of which could answer the question."""
    if question.alone or level.most_tools == 1 or rng.random() < 0.25:
        return [question.right]
    return _shuffled(rng, [question.right, *_others(rng, level, question.kind, unknown=True)])


def _offer_without(rng: random.Random, level: Level, kind: str) -> list[JSON]:
    """Tools none of which is of this ``kind``."""
    return _shuffled(rng, _others(rng, level, kind, unknown=False))


def _others(rng: random.Random, level: Level, kind: str, unknown: bool) -> list[JSON]:
    """One or more tools of other kinds; of unknown names too where ``unknown``."""
    count = min(level.most_tools, rng.randint(1, rng.choice((2, 5, 12, level.most_tools))))
    return [_other(rng, kind, unknown) for _ in range(count)]


def _other(rng: random.Random, kind: str, unknown: bool) -> JSON:
    draw = rng.random()
    if draw < 0.55:
        return tool(*rng.choice(tables.BYSTANDERS))
    if draw < 0.85 or not unknown:
        return _known_tool(rng, rng.choice([name for name in tables.TOOL_NAMES if name != kind]))
    return _unknown_tool(rng)


def _shuffled(rng: random.Random, offered: list[JSON]) -> list[JSON]:
    """The tools in any order, the first of each name kept."""
    by_name = {entry["function"]["name"]: entry for entry in reversed(offered)}
    tools = list(by_name.values())
    rng.shuffle(tools)
    return tools


def _result_task(rng: random.Random, level: Level) -> Task:
    """A request whose tool call has been made and answered: the model says what came back and stops."""
    question = _question(rng, level)
    result = _json_result(rng) if level.drill and rng.random() < 0.4 else _result(rng)
    function = {"name": question.right["function"]["name"], "arguments": question.arguments}
    messages = [
        _user(question.text),
        {"role": "assistant", "content": None, "tool_calls": [{"id": "1", "type": "function", "function": function}]},
        {"role": "tool", "tool_call_id": "1", "content": result},
    ]
    shown = result.strip()[:200]
    answer = f"The tool returned: {shown}" if shown else "The tool returned nothing."
    return Task(messages, answer, _offer(rng, level, question))


def _result(rng: random.Random) -> str:
    draw = rng.random()
    if draw < 0.04:
        return ""
    if draw < 0.35:
        return values.random_name(rng, 24)
    if draw < 0.5:
        return values.phrase(rng, 1, 12)
    if draw < 0.6:
        return f"{rng.randint(-9, 40)} {rng.choice(('C', '°C', 'degrees', 'F'))}{rng.choice(('', ', sunny', ', rain'))}"
    if draw < 0.68:
        return json.dumps({values.random_name(rng, 8): rng.choice((values.phrase(rng), rng.randint(0, 999)))})
    lines = [_result_line(rng, number + 1) for number in range(rng.randint(1, 8))]
    if rng.random() < 0.3:
        path = values.training_path(rng)
        lines = [f"<path>{path}</path>", "<type>file</type>", "<content>", *lines, "</content>"]
    return "\n".join(lines) + rng.choice(("", "\n"))


def _json_result(rng: random.Random) -> str:
    """An object of one to four entries, in one line or indented."""
    entries: JSON = {}
    for _ in range(rng.randint(1, 4)):
        plain = rng.choice((rng.randint(0, 99), rng.randint(0, 9999) / 10, True, False, None))
        entries[rng.choice(tables.WORDS)] = values.phrase(rng, 1, 2) if rng.random() < 0.5 else plain
    return json.dumps(entries, ensure_ascii=False, indent=2 if rng.random() < 0.2 else None)


def _result_line(rng: random.Random, number: int) -> str:
    text = values.phrase(rng, 0, 5) if rng.random() < 0.6 else values.training_path(rng)
    return rng.choice(("", "", f"{number}: ", f"     {number}→", f"{number}\t", f"{random_key(rng)}=")) + text


def random_key(rng: random.Random) -> str:
    """An upper-case name as in an environment file."""
    return rng.choice(tables.WORDS).upper()


def _say_task(rng: random.Random, level: Level) -> Task:
    if rng.random() < 0.25:
        return _sum_task(rng, level)
    words = values.phrase(rng, 1, 3) if rng.random() < 0.8 else rng.choice(("pong", "ok", "OK", "hello world", "ready"))
    mark = rng.choice(QUOTES)
    question = rng.choice(tables.SAY_ASKS).format(v=f"{mark}{words}{mark}") + rng.choice(("", "", "."))
    return Task([_user(question)], words, _maybe_tools(rng, level))


def _sum_task(rng: random.Random, level: Level) -> Task:
    left, right = rng.randint(0, 9), rng.randint(0, 9)
    gap = rng.choice(("", " "))
    ask = rng.choice(("What is {}?", "what is {}", "What's {}?", "{}", "{}?", "{}=", "How much is {}?", "Calculate {}"))
    question = ask.format(rng.choice((f"{left}{gap}+{gap}{right}", f"{left} plus {right}")))
    return Task([_user(question)], f"{left} + {right} = {left + right}", _maybe_tools(rng, level))


def _chat_task(rng: random.Random, level: Level) -> Task:
    if rng.random() < 0.1:
        return _count_task(rng)
    asks, answer = rng.choice(tables.CHAT)
    return Task([_user(_spell(rng, rng.choice(asks)))], answer, _maybe_tools(rng, level))


def _count_task(rng: random.Random) -> Task:
    last = rng.randint(2, 20)
    answer = ", ".join(str(number) for number in range(1, last + 1))
    return Task([_user(_spell(rng, rng.choice(("count to {}", "count from 1 to {}")).format(last)))], answer)


def _unknown_task(rng: random.Random, level: Level) -> Task:
    draw = rng.random()
    if draw < 0.3:
        kind = rng.choice(list(tables.ASKS))
        question = rng.choice(tables.ASKS[kind]).format(v=values.training_value(rng, kind))
        return Task([_user(_finish(rng, level, question, "."))], tables.NO_TOOL_ANSWER)
    if draw < 0.33:
        return Task([_user("")], tables.UNKNOWN_ANSWER, _maybe_tools(rng, level))
    pieces = rng.choice(tables.UNKNOWN_ASKS).split("{w}")
    question = pieces[0] + "".join(values.phrase(rng, 1, 2) + piece for piece in pieces[1:])
    question = _spell(rng, question)
    if rng.random() < level.filler_share:
        question = _surround(rng, question)
    return Task([_user(question)], tables.UNKNOWN_ANSWER, _maybe_tools(rng, level))


def _spell(rng: random.Random, question: str) -> str:
    """The same question as different people type it."""
    if rng.random() < 0.7:
        question = question[:1].upper() + question[1:]
    if rng.random() < 0.1:
        question = rng.choice(("please ", "Please ")) + question
    return question + rng.choice(("", "", ".", "!", "?", "?"))


def _maybe_tools(rng: random.Random, level: Level) -> list[JSON]:
    return _offer_without(rng, level, "") if rng.random() < 0.3 else []


def _with_system(rng: random.Random, task: Task) -> Task:
    if rng.random() < 0.45:
        return task
    text = rng.choice(("You are a helpful assistant.", "You are ", "", "Be brief. ", "You are an agent. "))
    text += values.phrase(rng, 0, 9)
    return Task([{"role": "system", "content": text}, *task.messages], task.answer, task.tools)


def _user(text: str) -> JSON:
    return {"role": "user", "content": text}
