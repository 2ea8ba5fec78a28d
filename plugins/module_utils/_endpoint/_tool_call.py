# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tool-call check: the request, and the judgement of what came back. No I/O."""

from __future__ import annotations

import json
import typing as t
from dataclasses import dataclass, field

from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._chat_stream import ChatStream
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._tool_markup import Markup, find_markup

Json = dict[str, t.Any]

DEFAULT_PATH = "/srv/data/report-2041.txt"
DEFAULT_PROMPT = f"Read the file {DEFAULT_PATH}"
READ_FILE: t.Mapping[str, t.Any] = {
    "type": "function",
    "function": {
        "name": "read_file",
        "description": "Read a file and return its content.",
        "parameters": {
            "type": "object",
            "properties": {"path": {"type": "string", "description": "Path of the file"}},
            "required": ["path"],
        },
    },
}


@dataclass(frozen=True)
class Question:
    """What is asked with which tool; ``values`` are the arguments the call should carry word for word."""

    prompt: str = DEFAULT_PROMPT
    tool: t.Mapping[str, t.Any] = field(default_factory=lambda: READ_FILE)
    values: t.Mapping[str, t.Any] = field(default_factory=lambda: {"path": DEFAULT_PATH})
    max_tokens: int = 512

    @property
    def name(self) -> str:
        return str(self.tool["function"]["name"])

    @property
    def required(self) -> t.Sequence[str]:
        return list(self.tool["function"].get("parameters", {}).get("required", []))


@dataclass(frozen=True)
class Message:
    """An answer in one form, whether it was streamed or not. ``calls`` are {id, name, arguments}."""

    content: str
    reasoning: str
    calls: tuple[t.Mapping[str, str], ...]
    finish_reason: str | None


@dataclass(frozen=True)
class Outcome:
    code: str
    detail: str = ""
    raw_text: str = ""
    call: t.Mapping[str, t.Any] | None = None
    markup: str = ""
    parser: str | None = None
    note: str = ""
    reasoning: int = 0  # characters

    @property
    def ok(self) -> bool:
        return self.code in ("ok", "other_argument", "reasoning_differs")


def tool_problem(tool: t.Any) -> str | None:
    """Why ``tool`` is not an OpenAI tool definition; ``None`` when it is one."""
    function = tool.get("function") if isinstance(tool, dict) else None
    if not isinstance(function, dict) or tool.get("type") != "function":
        return 'a tool is {"type": "function", "function": {"name": …, "parameters": …}}'
    if not isinstance(function.get("name"), str) or not function["name"]:
        return "function.name is missing"
    if not isinstance(function.get("parameters", {}), dict):
        return "function.parameters must be a JSON schema object"
    return None


def chat_request(model: str, question: Question, streamed: bool) -> Json:
    body: Json = {
        "model": model,
        "messages": [{"role": "user", "content": question.prompt}],
        "tools": [dict(question.tool)],
        "tool_choice": "auto",
        "temperature": 0,
        "max_tokens": question.max_tokens,
    }
    if streamed:
        body.update(stream=True, stream_options={"include_usage": True})
    return body


def raw_request(model: str, question: Question) -> Json:
    """The same question with nothing read out of the answer: markup and special tokens stay in the text."""
    return {**chat_request(model, question, streamed=False), "tool_choice": "none", "skip_special_tokens": False}


def message_of(body: t.Any) -> Message | None:
    """The message of a whole answer; ``None`` where there is none."""
    choices = body.get("choices") if isinstance(body, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return None
    message = choices[0].get("message")
    if not isinstance(message, dict):
        return None
    calls = []
    for call in message.get("tool_calls") or []:
        function = call.get("function") or {}
        calls.append({"id": call.get("id") or "", "name": function.get("name") or "", "arguments": function.get("arguments") or ""})
    reasoning = message.get("reasoning") or message.get("reasoning_content") or ""
    return Message(message.get("content") or "", reasoning, tuple(calls), choices[0].get("finish_reason"))


def message_of_stream(stream: ChatStream) -> Message:
    return Message(stream.content, stream.reasoning, tuple(stream.tool_calls), stream.finish_reason)


def judge_status(status: int, error: str) -> Outcome:
    """What an answer other than 200 means."""
    if status in (401, 403):
        return Outcome("unauthorized", f"HTTP {status}: {error}")
    if status == 400 and "tool choice requires" in error.replace("_", " "):
        return Outcome("http_400_no_parser", f"HTTP 400: {error}")
    if status == 404:
        return Outcome("unknown_model", f"HTTP 404: {error}")
    return Outcome("http_error", f"HTTP {status}: {error}")


def judge_stream(stream: ChatStream, question: Question) -> Outcome:
    if stream.error is not None:
        return Outcome("stream_error", stream.error, stream.content)
    if stream.fragments == 0:
        return Outcome("empty_stream", f"{stream.chunks} chunks, none with text or a call")
    if not stream.done:
        return Outcome("stream_cut", "the stream ended without [DONE]", stream.content)
    return judge(message_of_stream(stream), question)


def judge(message: Message, question: Question) -> Outcome:
    """Whether the message is the one structured call that was asked for."""
    return _with(_judge(message, question), reasoning=len(message.reasoning))


def _judge(message: Message, question: Question) -> Outcome:
    if not message.calls:
        return _judge_text(message)
    call = message.calls[0]
    name, text = call["name"], call["arguments"]
    seen = f"{name}({text})"
    if name != question.name:
        return Outcome("wrong_tool", f"{seen}; offered was only {question.name}", message.content)
    try:
        arguments = json.loads(text)
    except ValueError:
        arguments = None
    if not isinstance(arguments, dict):
        return Outcome("bad_json", f"the arguments are not a JSON object: {text[:200]}", text)
    missing = [key for key in question.required if key not in arguments]
    if missing:
        return Outcome("missing_argument", f"{seen}; missing: {', '.join(missing)}", text)
    found: Json = {"id": call["id"], "name": name, "arguments": arguments}
    if not call["id"]:
        return Outcome("no_call_id", seen, text, found)
    if message.finish_reason != "tool_calls":
        return Outcome("wrong_finish_reason", f"{seen}; finish_reason is {message.finish_reason}", text, found)
    other = [key for key, value in question.values.items() if arguments.get(key) != value]
    if other:
        return Outcome("other_argument", f"{seen}; asked for {dict(question.values)}", text, found)
    return Outcome("ok", seen, text, found)


def _judge_text(message: Message) -> Outcome:
    """No call: is it in the text or the reasoning, cut off, or not there at all."""
    for text in (message.content, message.reasoning):
        markup = find_markup(text)
        if markup is not None and markup.broken_in(text):
            return Outcome("bad_json", f"{markup.name} with something else than JSON in it", text, None, markup.name, markup.parser, markup.note)
        if markup is not None:
            code, place = _left_in(markup, text is message.content)
            return Outcome(code, f"the call is in the {place}, written as {markup.name}", text, None, markup.name, markup.parser, markup.note)
    text = message.content or message.reasoning
    if message.finish_reason == "length":
        return Outcome("cut_off", "the answer reached max_tokens before a call", text)
    if not text:
        return Outcome("no_answer", f"neither text nor a call, finish_reason is {message.finish_reason}")
    return Outcome("plain_text", "the model answered with text", text)


def _left_in(markup: Markup, content: bool) -> tuple[str, str]:
    """The outcome of a call that nobody read. In the reasoning no parser looks for one, whatever its notation."""
    return (markup.code, "text") if content else ("call_in_reasoning", "reasoning")


def with_raw_text(outcome: Outcome, raw: Message | None) -> Outcome:
    """Complete a failure by what the model really wrote, asked for without any parser."""
    if raw is None or outcome.code not in ("http_400_no_parser", "plain_text", "no_answer", "empty_stream", "bad_json"):
        return outcome
    markup = find_markup(raw.content) or find_markup(raw.reasoning)
    if markup is None:
        return outcome if outcome.raw_text else _with(outcome, raw_text=raw.content)
    code = outcome.code
    if code not in ("http_400_no_parser", "bad_json"):
        code = "bad_json" if markup.broken_in(raw.content) else _left_in(markup, find_markup(raw.content) is not None)[0]
    return _with(outcome, code=code, raw_text=raw.content or raw.reasoning, markup=markup.name, parser=markup.parser, note=markup.note)


def tools_unseen(outcome: Outcome, without: int, with_tools: int) -> Outcome:
    """A model that answers with text, and whose prompt has as many tokens with tools as without, was never shown them."""
    if outcome.code != "plain_text" or with_tools > without:
        return outcome
    return _with(outcome, code="tools_unseen", detail=f"{outcome.detail}; its prompt has {without} tokens with the tool and without it")


def with_code(outcome: Outcome, code: str, detail: str) -> Outcome:
    return _with(outcome, code=code, detail=detail)


def _with(outcome: Outcome, **changes: t.Any) -> Outcome:
    return Outcome(**{**outcome.__dict__, **changes})


def reasoning_agrees(whole: Outcome, streamed: Outcome) -> bool:
    """Whether a call came with the model's reasoning in both forms, or in neither."""
    return whole.call is None or streamed.call is None or bool(whole.reasoning) == bool(streamed.reasoning)


def streams_agree(whole: Outcome, streamed: Outcome) -> bool:
    """Whether both forms gave the same call; ids are made anew each time, so they do not count."""
    if whole.call is None or streamed.call is None:
        return True
    return (whole.call["name"], whole.call["arguments"]) == (streamed.call["name"], streamed.call["arguments"])
