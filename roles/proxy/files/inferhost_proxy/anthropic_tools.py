# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The request's tools, and how they may be chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .anthropic_content import invalid
from .anthropic_types import Tool, ToolChoice

ServerTools = Mapping[str, dict[str, Any]]
"""Tools that the gateway executes itself: from the beginning of a tool's type (`web_search_`) to the function that the
model is offered for it."""

NO_SERVER_TOOLS: ServerTools = {}


def convert(tools: list[Tool] | None, choice: ToolChoice | None, served: ServerTools) -> dict[str, Any]:
    """The members of a chat request that the tools give. Their order stays: it is part of the cached prompt."""
    functions = [function for tool in tools or [] if (function := _function(tool, served)) is not None]
    functions = _distinct(functions, [function for function in served.values() if function in functions])
    if not functions:
        if tools:
            raise invalid(_unserved(tools[0]))
        return {}
    body: dict[str, Any] = {"tools": [{"type": "function", "function": function} for function in functions]}
    names = {function["name"] for function in functions}
    return {**body, **_choice(choice, names, tools or [])}


def _function(tool: Tool, served: ServerTools) -> dict[str, Any] | None:
    """The function a model is offered; None for a tool that only Anthropic's own servers have."""
    if tool.input_schema is None:
        return next((function for kind, function in served.items() if (tool.type or "").startswith(kind)), None)
    if not tool.name:
        raise invalid("tools: every tool needs a name")
    function: dict[str, Any] = {"name": tool.name}
    if tool.description:
        function["description"] = tool.description
    schema = {"type": "object", **tool.input_schema}
    function["parameters"] = schema if schema["type"] != "object" or "properties" in schema else {**schema, "properties": {}}
    if tool.strict is not None:
        function["strict"] = tool.strict
    return function


def _distinct(functions: list[dict[str, Any]], ours: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Ours are there once, and a client's tool of the same name gives way: a call could not be told apart."""
    names = {function["name"] for function in ours}
    return [function for index, function in enumerate(functions) if function["name"] not in names or (function in ours and function not in functions[:index])]


def _unserved(tool: Tool) -> str:
    return (
        f"tools: `{tool.name or tool.type}` (type `{tool.type or 'custom'}`) has no input_schema, so it would have to be executed by the server, "
        "and this server does not have it; offer a tool with an input_schema that the client executes"
    )


def _choice(choice: ToolChoice | None, names: set[str], tools: list[Tool]) -> dict[str, Any]:
    if choice is None:
        return {"tool_choice": "auto"}
    if choice.type == "none":
        return {"tool_choice": "none"}
    if choice.type == "tool":
        if choice.name not in names:
            missing = next((tool for tool in tools if tool.name == choice.name), None)
            raise invalid(_unserved(missing) if missing else f"tool_choice: there is no tool `{choice.name}` in tools")
        chosen: object = {"type": "function", "function": {"name": choice.name}}
    elif choice.type in ("auto", "any"):
        chosen = "required" if choice.type == "any" else "auto"
    else:
        raise invalid(f"tool_choice.type: `{choice.type}` is none of auto, any, tool, none")
    single = {"parallel_tool_calls": False} if choice.disable_parallel_tool_use else {}
    return {"tool_choice": chosen, **single}
