# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The web search of OpenAI's surfaces: what a request asks of it, and what the engine is asked after each.

Pure functions on the members of requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw, Struct

from . import search, search_text
from .errors import Fault
from .openai_request import Members, decoded, number, with_changes
from .search import Terms

KINDS = ("web_search", "web_search_preview")
"""Types of the tool, also with a date behind."""
MARK = b"web_search"
OPTIONS = "web_search_options"
DEFERRED = "Not executed yet. Call it again if it is still needed, now that the search has its results."
_NOT_JSON = (msgspec.DecodeError, UnicodeError, RecursionError)


class Plan(NamedTuple):
    """A request that the engine is asked with, and what its searches are limited to."""

    members: Members
    terms: Terms
    max_uses: int | None = None
    """What the request itself allows."""


class Called(NamedTuple):
    """A call of the engine."""

    id: str
    name: str
    arguments: str


class _Place(Struct):
    city: str | None = None
    region: str | None = None
    country: str | None = None


class _Location(_Place):
    approximate: _Place | None = None


class _Filters(Struct):
    allowed_domains: list[str] | None = None
    blocked_domains: list[str] | None = None


class _Asked(Struct):
    """The tool, or `web_search_options`."""

    user_location: _Location | None = None
    filters: _Filters | None = None
    external_web_access: bool | None = None


def plan(body: bytes, members: Members | None, always: bool, chat: bool = True) -> Plan | None:
    """The request with the search that it asks for, None where it asks for none. The cheap test comes first."""
    if members is None or (MARK not in body and not always):
        return None
    try:
        return _plan(members, always, chat)
    except msgspec.ValidationError as exc:
        raise Fault("invalid_request", message=f"{search_text.NAME}: {exc}") from exc
    except _NOT_JSON:
        return None
    except ValueError as exc:
        raise Fault("invalid_request", message=f"{search_text.NAME}: filters: {exc}") from exc


def _plan(members: Members, always: bool, chat: bool) -> Plan | None:
    tools = decoded(members.get("tools"))
    listed: list[Any] = tools if isinstance(tools, list) else []
    ours = [tool for tool in listed if _is_search(tool)]
    options = decoded(members.get(OPTIONS)) if chat else None
    explicit = bool(ours) or options is not None
    several = (number(members.get("n")) or 1) > 1
    if not explicit and (not always or several or not _offerable(members, listed)):
        return None
    if several:
        raise Fault("invalid_request", message="n: an answer with a web search has one choice")
    if bytes(members.get("background", Raw(b"false"))) == b"true":
        raise Fault("invalid_request", message="background: an answer with a web search is not made in the background")
    asked = msgspec.convert(ours[0] if ours else options if isinstance(options, dict) else {}, _Asked)
    function = _called(chat, search_text.function(_near(asked)))
    kept = [tool for tool in listed if _is_search(tool) or _name(tool) != search_text.NAME]
    offered = [function if tool is ours[0] else tool for tool in kept if not _is_search(tool) or tool is ours[0]] if ours else [*kept, function]
    changes: dict[str, Raw | None] = {"tools": Raw(msgspec.json.encode(offered)), OPTIONS: None}
    choice = decoded(members.get("tool_choice"))
    if isinstance(choice, dict) and _is_search(choice):
        changes["tool_choice"] = Raw(msgspec.json.encode(_called(chat, {"name": search_text.NAME})))
    most = 0 if asked.external_web_access is False else number(members.get("max_tool_calls"))
    return Plan(with_changes(members, changes), _terms(asked), most)


def _called(chat: bool, function: dict[str, Any]) -> dict[str, Any]:
    """A function as either surface writes it."""
    return {"type": "function", "function": function} if chat else {"type": "function", **function}


def after(members: Members, text: str, thoughts: str, calls: Sequence[Called], results: Sequence[str]) -> Members:
    """The request that continues an answer. A call was demanded of its beginning only, or it would never end."""
    told: dict[str, Any] = {"role": "assistant"}
    if thoughts:
        told["reasoning"] = thoughts
    if text:
        told["content"] = text
    told["tool_calls"] = [{"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}} for call in calls]
    outcomes = [{"role": "tool", "tool_call_id": call.id, "content": result} for call, result in zip(calls, results, strict=True)]
    messages = bytes(members["messages"]).rstrip().removesuffix(b"]")
    # The messages keep their bytes, so the engine finds them in its cache.
    joined = messages + b"".join(b"," + msgspec.json.encode(message) for message in (told, *outcomes)) + b"]"
    return with_changes(members, {"messages": Raw(joined), **freed(members)})


def freed(members: Members) -> dict[str, Raw | None]:
    """The choice of a tool behind the first answer: the model's own."""
    demanded = bytes(members.get("tool_choice", Raw(b'"auto"'))) not in (b'"auto"', b'"none"', b"null")
    return {"tool_choice": Raw(b'"auto"')} if demanded else {}


def total(one: dict[str, Any] | None, other: dict[str, Any] | None) -> dict[str, Any] | None:
    """What two answers took together: each number that either names."""
    if one is None or other is None:
        return one if other is None else other
    return {key: _sum(one.get(key), other.get(key)) for key in (*one, *(key for key in other if key not in one))}


def _sum(one: Any, other: Any) -> Any:
    if isinstance(one, dict) or isinstance(other, dict):
        return total(one if isinstance(one, dict) else None, other if isinstance(other, dict) else None)
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return one + other
    return other if one is None else one


def _is_search(tool: Any) -> bool:
    kind = tool.get("type") if isinstance(tool, dict) else None
    return isinstance(kind, str) and (kind in KINDS or kind.startswith(tuple(f"{known}_20" for known in KINDS)))


def _name(tool: Any) -> str | None:
    if not isinstance(tool, dict):
        return None
    function = tool.get("function")
    return function.get("name") if isinstance(function, dict) else tool.get("name")


def _offerable(members: Members, tools: list[Any]) -> bool:
    """Whether a request that does not ask for the search can be offered it: not where its text has to follow a schema, or no tool may be called."""
    demanded = any(bytes(members.get(name, Raw(b"null"))) != b"null" for name in ("response_format", "structured_outputs"))
    choice = bytes(members.get("tool_choice", Raw(b'"auto"')))
    return not demanded and choice in (b'"auto"', b"null") and all(_name(tool) != search_text.NAME for tool in tools)


def _near(asked: _Asked) -> str | None:
    place = _place(asked)
    return search.near(place.city, place.region, place.country) if place is not None else None


def _place(asked: _Asked) -> _Place | None:
    return asked.user_location and (asked.user_location.approximate or asked.user_location)


def _terms(asked: _Asked) -> Terms:
    place, filters = _place(asked), asked.filters or _Filters()
    country = place.country.lower() if place is not None and place.country else None
    return Terms(search.domains(filters.allowed_domains), search.domains(filters.blocked_domains), country)
