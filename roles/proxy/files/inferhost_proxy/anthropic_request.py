# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A request of /v1/messages as one of /v1/chat/completions."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from . import anthropic_history, anthropic_tools, mistral
from .anthropic_content import invalid
from .anthropic_tools import ServerTools
from .anthropic_types import MessagesRequest
from .call_readers import Tool as OfferedTool
from .config import InlineSystem
from .openai_request import TEXT_MEMBERS, Options, text_rules
from .rescue import Offer
from .text_stream import TextRules

SAME = ("temperature", "top_p", "top_k", "vllm_xargs", "cache_salt")
"""Members that mean the same on both sides."""

TOO_DEEP = "The body is nested too deeply."

EFFORTS = {"low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
"""What every engine version in use takes: the steps above `high` are newer than the rest."""

_ESCAPE = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[dD][89a-fA-F][0-9a-fA-F]{2}|\\.", re.DOTALL)
"""Escapes in JSON; of those with six bytes, each is half of a pair without the other."""

_decode = msgspec.json.Decoder(MessagesRequest).decode


def parse(body: bytes) -> MessagesRequest:
    """The decoded body; raises the error that tells the client which member is wrong."""
    try:
        request = _decoded(body)
    except msgspec.ValidationError as exc:
        raise invalid(_explain(str(exc))) from exc
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise invalid("The body is not valid JSON.") from exc
    except RecursionError as exc:
        raise invalid(TOO_DEEP) from exc
    if not request.messages:
        raise invalid("messages: at least one message is required")
    return request


def _decoded(body: bytes) -> MessagesRequest:
    try:
        return _decode(body)
    except msgspec.ValidationError:
        raise
    except msgspec.DecodeError:
        # A client that cuts a text inside a character sends half of one, and again in each turn of that session.
        mended = _ESCAPE.sub(lambda match: b"\\ufffd" if len(match[0]) == len(b"\\ud800") else match[0], body)
        if mended == body:
            raise
        return _decode(mended)


def chat(request: MessagesRequest, inline: InlineSystem, served: ServerTools | None = None, mistral_form: bool = False) -> dict[str, Any]:
    """The chat request's members that decide the prompt: enough to count it."""
    body: dict[str, Any] = {"model": request.model}
    try:
        messages, prefill = anthropic_history.convert(request.system, request.messages, inline)
    except RecursionError as exc:
        raise invalid(TOO_DEEP) from exc
    body["messages"] = list(map(mistral.adapted_message, messages)) if mistral_form else messages
    if prefill:
        body |= {"continue_final_message": True, "add_generation_prompt": False}
    body |= anthropic_tools.convert(request.tools, request.tool_choice, served or anthropic_tools.NO_SERVER_TOOLS)
    return body | _thinking(request)


def complete(request: MessagesRequest, body: dict[str, Any], max_output: int | None) -> dict[str, Any]:
    """The same with what decides the answer."""
    if request.max_tokens is None:
        raise invalid("max_tokens: field required")
    if request.max_tokens < 1:
        raise invalid("max_tokens: must be at least 1")
    body = body | {"max_tokens": min(request.max_tokens, max_output or request.max_tokens)}
    body |= {name: value for name in SAME if (value := getattr(request, name)) is not None}
    if request.stop_sequences:
        body["stop"] = request.stop_sequences
    wanted = request.output_config.format if request.output_config is not None else None
    wanted = wanted or request.output_format
    if wanted is not None:
        if wanted.type != "json_schema" or wanted.schema is None:
            raise invalid("output_config.format: only `json_schema` with a `schema` is supported")
        schema = {"name": "answer", "schema": wanted.schema, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    if request.stream:
        body["stream"] = True
        # The first chunk then has the prompt's size, which message_start has to tell.
        body["stream_options"] = {"include_usage": True, "continuous_usage_stats": True}
    return body


def texts(body: dict[str, Any], options: Options) -> tuple[dict[str, Any], TextRules]:
    """What is done to the answer's text here, and the request without what the engine is not to do then."""
    rules = text_rules({name: msgspec.Raw(encode(body[name])) for name in TEXT_MEMBERS if name in body}, options)
    return {name: value for name, value in body.items() if name != "stop" or not rules.stops}, rules


def offered(body: dict[str, Any]) -> Offer | None:
    """The tools whose calls may be looked for in the text; None when there are none, or when the text was asked for as data."""
    choice = body.get("tool_choice")
    if "tools" not in body or choice == "none" or "response_format" in body:
        return None
    functions = [tool["function"] for tool in body["tools"]]
    if isinstance(choice, dict):
        functions = [function for function in functions if function["name"] == choice["function"]["name"]]
    known = {function["name"]: OfferedTool(function["name"], msgspec.Raw(msgspec.json.encode(function["parameters"]))) for function in functions}
    return Offer(known, body.get("parallel_tool_calls", True))


def encode(body: Any) -> bytes:
    """The bytes of a request to the engine."""
    try:
        return msgspec.json.encode(body)
    except RecursionError as exc:
        raise invalid(TOO_DEEP) from exc


def _thinking(request: MessagesRequest) -> dict[str, Any]:
    """Whether the model is to think, in the words of its template. Where the client says nothing, the model decides."""
    kind = request.thinking.type if request.thinking is not None else None
    effort = request.output_config.effort if request.output_config is not None else None
    if effort is not None and effort not in EFFORTS:
        raise invalid(f"output_config.effort: `{effort}` is none of {', '.join(EFFORTS)}")
    if kind not in (None, "enabled", "disabled", "adaptive"):
        raise invalid(f"thinking.type: `{kind}` is none of enabled, disabled, adaptive")
    kwargs: dict[str, Any] = {}
    body: dict[str, Any] = {}
    if kind == "disabled":
        kwargs["enable_thinking"] = False
    elif kind == "enabled" or effort is not None:
        kwargs["enable_thinking"] = True
        if effort is not None:
            body["reasoning_effort"] = EFFORTS[effort]
    kwargs |= request.chat_template_kwargs or {}
    return body | ({"chat_template_kwargs": kwargs} if kwargs else {})


def _explain(message: str) -> str:
    """msgspec's message, with the place first as Anthropic's errors have it."""
    what, _at, place = message.partition(" - at `$")
    place = place.rstrip("`").lstrip(".").replace("[", ".").replace("]", "")
    return f"{place}: {what}" if place else what
