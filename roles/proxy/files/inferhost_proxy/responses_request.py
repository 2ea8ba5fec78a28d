# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A request of the Responses API as the conversation that the engine makes of it: only that can be counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Raw

_TEXTS = ("input_text", "output_text", "text")


def counted(members: Mapping[str, Raw]) -> dict[str, Any] | None:
    """Messages and tools for /tokenize; None where the engine alone knows what belongs to the conversation."""
    if _given(members, "previous_response_id") or _given(members, "previous_input_messages"):
        return None
    instructions, asked = _given(members, "instructions"), _given(members, "input")
    messages: list[dict[str, Any]] = [{"role": "system", "content": instructions}] if isinstance(instructions, str) else []
    if isinstance(asked, str):
        messages.append({"role": "user", "content": asked})
    elif isinstance(asked, list):
        for item in asked:
            message = _message(item)
            if message is None:
                return None
            messages.append(message)
    else:
        return None
    tools = _tools(_given(members, "tools") or [])
    return {"messages": messages, **({"tools": tools} if tools else {})}


def _given(members: Mapping[str, Raw], name: str) -> Any:
    return msgspec.json.decode(members[name]) if name in members else None


def _message(item: Any) -> dict[str, Any] | None:
    if not isinstance(item, dict):
        return None
    kind = item.get("type", "message")
    if kind == "function_call":
        function = {"name": str(item.get("name")), "arguments": str(item.get("arguments"))}
        return {"role": "assistant", "content": None, "tool_calls": [{"id": str(item.get("call_id")), "type": "function", "function": function}]}
    if kind == "function_call_output" and isinstance(item.get("output"), str):
        return {"role": "tool", "tool_call_id": str(item.get("call_id")), "content": item["output"]}
    if kind == "reasoning":
        return {"role": "assistant", "content": "", "reasoning": _joined(item.get("content") or item.get("summary") or [])}
    if kind != "message" or "role" not in item:
        return None
    content = item.get("content")
    if isinstance(content, list):
        if any(not isinstance(part, dict) or part.get("type") not in _TEXTS for part in content):
            # An image has tokens that its address does not tell.
            return None
        content = _joined(content)
    return {"role": "system" if item["role"] == "developer" else item["role"], "content": content} if isinstance(content, str) else None


def _joined(parts: Iterable[Any]) -> str:
    return "".join(str(part.get("text", "")) for part in parts if isinstance(part, dict))


def _tools(given: list[Any]) -> list[dict[str, Any]]:
    """The function tools, in the form of chat completions."""
    functions = [tool for tool in given if isinstance(tool, dict) and tool.get("type") == "function"]
    return [{"type": "function", "function": {key: tool[key] for key in ("name", "description", "parameters") if key in tool}} for tool in functions]
