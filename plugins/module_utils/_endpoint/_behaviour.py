# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests that show how an endpoint treats what agents send, and what is kept of the answers. No I/O.

Each request is small: few tokens are asked for, and where many are, the answer is not waited for.
"""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._chat_stream import error_text
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._http import Response
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._tool_call import READ_FILE

Json = dict[str, t.Any]

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
QUESTION = "What is a file? Answer in one sentence."
SYSTEM = "Answer briefly."
WORDS = ("walrus", "zebra")
"""Nothing that a model answers to a greeting of its own will."""
REASONING_NAMES = ("reasoning", "reasoning_content")
SEARCH_TOOL: t.Mapping[str, t.Any] = {"type": "web_search_20250305", "name": "web_search", "max_uses": 1}
SCHEMA: t.Mapping[str, t.Any] = {
    "type": "object",
    "properties": {"animal": {"type": "string", "enum": list(WORDS)}},
    "required": ["animal"],
    "additionalProperties": False,
}
# Prompts longer than this are not sent: a server that did not refuse one would work on it.
LONGEST_PROMPT = 262144


def _user(text: str) -> Json:
    return {"role": "user", "content": text}


_TALK: t.Sequence[Json] = (_user("Say hello."), {"role": "assistant", "content": "Hello."}, {"role": "system", "content": SYSTEM}, _user("Say it again."))


def plain(model: str) -> Json:
    return {"model": model, "messages": [_user(QUESTION)], "max_tokens": 96, "temperature": 0}


def thinking(model: str, on: bool) -> Json:
    return {**plain(model), "chat_template_kwargs": {"enable_thinking": on}}


def system_inside(model: str) -> Json:
    return {"model": model, "messages": list(_TALK), "max_tokens": 1, "temperature": 0}


def guided(model: str, quiet: bool) -> Json:
    """The form that vLLM took until 0.11. ``quiet``: a model that thinks first would use up the tokens."""
    body: Json = {"model": model, "messages": [_user("Say hello.")], "max_tokens": 12, "temperature": 0, "guided_choice": list(WORDS)}
    return {**body, "chat_template_kwargs": {"enable_thinking": False}} if quiet else body


def schema(model: str, quiet: bool) -> Json:
    form = {"type": "json_schema", "json_schema": {"name": "animal", "schema": dict(SCHEMA)}}
    body: Json = {"model": model, "messages": [_user("Say hello.")], "max_tokens": 48, "temperature": 0, "response_format": form}
    return {**body, "chat_template_kwargs": {"enable_thinking": False}} if quiet else body


def large_output(model: str, window: int) -> Json:
    """As many tokens as the whole context has. Streamed, so that the answer can be left."""
    return {"model": model, "messages": [_user("Say hello.")], "max_tokens": window, "stream": True}


def messages_tool(model: str) -> Json:
    """A forced call, with thinking switched off: both get lost between the formats."""
    function = READ_FILE["function"]
    tool = {"name": function["name"], "description": function["description"], "input_schema": function["parameters"]}
    return {
        "model": model,
        "max_tokens": 192,
        "temperature": 0,
        "messages": [_user("Say hello.")],
        "tools": [tool],
        "tool_choice": {"type": "tool", "name": function["name"]},
        "thinking": {"type": "disabled"},
    }


def messages_system(model: str) -> Json:
    return {"model": model, "max_tokens": 1, "messages": list(_TALK)}


def messages_long(model: str, window: int) -> Json:
    """A prompt that cannot fit: a word is a token at the least."""
    return {"model": model, "max_tokens": 1, "stream": True, "messages": [_user("no " * (window + 1))]}


def web_search(model: str) -> Json:
    return {
        "model": model,
        "max_tokens": 256,
        "temperature": 0,
        "messages": [_user("Search the web for: vLLM")],
        "tools": [dict(SEARCH_TOOL)],
        "tool_choice": {"type": "tool", "name": "web_search"},
        "thinking": {"type": "disabled"},
    }


def status_of(response: Response) -> Json:
    """How it was answered, in the words of the server where it refused."""
    body = response.json()
    error = "" if response.status == 200 else error_text(body) if isinstance(body, dict) else response.text()[:300]
    return {"status": response.status, "error": error}


def chat_facts(response: Response) -> Json:
    """A chat's answer: its text, its reasoning, and under which names that comes."""
    body = response.json()
    choices = body.get("choices") if isinstance(body, dict) else None
    first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    given = first.get("message")
    message: Json = given if isinstance(given, dict) else {}
    return {**status_of(response), **_said(message, [message]), "finish": first.get("finish_reason")}


def stream_facts(deltas: t.Sequence[Json], finish: t.Any) -> Json:
    """The same of the deltas of a stream."""
    texts = {name: "".join(str(delta.get(name) or "") for delta in deltas) for name in ("content", *REASONING_NAMES)}
    return {"status": 200, "error": "", **_said(texts, deltas), "finish": finish}


def _said(texts: t.Mapping[str, t.Any], parts: t.Sequence[t.Mapping[str, t.Any]]) -> Json:
    names = [name for name in REASONING_NAMES if any(part.get(name) for part in parts)]
    return {"content": str(texts.get("content") or ""), "reasoning": str(texts.get(names[0]) or "") if names else "", "names": names}


def message_facts(response: Response) -> Json:
    """An Anthropic message: the types of its blocks, and what became of a search."""
    body = response.json()
    content = body.get("content") if isinstance(body, dict) else None
    blocks = [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []
    results = [block.get("content") for block in blocks if block.get("type") == "web_search_tool_result"]
    failures = [str(one.get("error_code")) for one in results if isinstance(one, dict)]
    return {
        **status_of(response),
        "blocks": [str(block.get("type")) for block in blocks],
        "stop": body.get("stop_reason") if isinstance(body, dict) else None,
        "found": sum(len(one) for one in results if isinstance(one, list)),
        "failures": failures,
    }
