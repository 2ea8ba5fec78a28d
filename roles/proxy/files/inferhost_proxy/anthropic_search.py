# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The web search of /v1/messages: what a request asks of it, and how the conversation goes on after each.

Pure functions on requests and blocks. What the engine is asked next is made of the blocks that the client was sent, by
the same conversion as when the client sends them back, so each request begins with the one before it.
"""

from __future__ import annotations

from typing import Any

import msgspec

from . import search, search_text
from .anthropic_content import invalid
from .anthropic_system import SYSTEM_ROLES
from .anthropic_types import AnswerBlock, Block, MessagesRequest, Tool, ToolChoice, Turn
from .search import Terms

PREFIX = "web_search_"
DEMANDS = ("Perform a web search for the query:",)
"""How agents ask for one search and nothing else. Without a call they show that they made none, so there has to be one."""


def tool(request: MessagesRequest) -> Tool | None:
    """The web search that the server is to execute."""
    return next((one for one in request.tools or [] if (one.type or "").startswith(PREFIX) and one.input_schema is None), None)


def served(one: Tool) -> dict[str, dict[str, Any]]:
    """The function that the model is offered for it."""
    place = one.user_location
    near = search.near(place.city, place.region, place.country) if place is not None else None
    return {PREFIX: search_text.function(near)}


def terms(one: Tool) -> Terms:
    if one.allowed_domains and one.blocked_domains:
        raise invalid("tools: `allowed_domains` and `blocked_domains` cannot be used together")
    country = one.user_location.country if one.user_location is not None else None
    try:
        allowed, blocked = search.domains(one.allowed_domains), search.domains(one.blocked_domains)
    except ValueError as exc:
        raise invalid(f"tools: {exc}") from exc
    return Terms(allowed, blocked, country.lower() if country else None)


def first(request: MessagesRequest) -> MessagesRequest:
    """The request, with a call demanded where its words demand one."""
    choice = request.tool_choice
    free = choice is None or choice.type == "auto"
    if not free or len(request.tools or []) != 1 or not _demands(request.messages):
        return request
    return msgspec.structs.replace(request, tool_choice=ToolChoice("tool", search_text.NAME))


def next_one(request: MessagesRequest, content: list[AnswerBlock], left: int) -> MessagesRequest:
    """The request that continues an answer with what is left of its tokens. A call was demanded of its beginning only, or it would never end."""
    blocks = msgspec.convert(msgspec.to_builtins(content), list[Block])
    choice = request.tool_choice
    if choice is not None and choice.type in ("any", "tool"):
        choice = ToolChoice("auto", disable_parallel_tool_use=choice.disable_parallel_tool_use)
    return msgspec.structs.replace(request, messages=[*request.messages, Turn("assistant", blocks)], tool_choice=choice, max_tokens=max(1, left))


def _demands(turns: list[Turn]) -> bool:
    said = [turn for turn in turns if turn.role not in SYSTEM_ROLES]
    content = said[0].content if len(said) == 1 else ""
    texts = [content] if isinstance(content, str) else [block.text or "" for block in content if block.type == "text"]
    return any(text.lstrip().startswith(DEMANDS) for text in texts)
