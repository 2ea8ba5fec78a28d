# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A streamed chat answer, put together again: the events' data in, one message out."""

from __future__ import annotations

import json
import typing as t

DONE = "[DONE]"


class ChatStream:
    """Reducer over the chunks of one answer (first choice only)."""

    def __init__(self) -> None:
        self.content = ""
        self.reasoning = ""
        self.tool_calls: list[dict[str, str]] = []
        self.finish_reason: str | None = None
        self.usage: t.Mapping[str, t.Any] | None = None
        self.error: str | None = None
        self.done = False
        self.chunks = 0
        self.chunks_with_empty_tool_calls = 0
        self.fragments = 0

    def feed(self, data: str) -> bool:
        """Take one event; true when it carried a piece of the answer (and not only a role or a usage)."""
        if data.strip() == DONE:
            self.done = True
            return False
        try:
            chunk = json.loads(data)
        except ValueError:
            chunk = None
        if not isinstance(chunk, dict):
            self.error = f"an event is not a JSON object: {data[:200]}"
            return False
        if "error" in chunk:
            self.error = error_text(chunk)
            return False
        self.chunks += 1
        if isinstance(chunk.get("usage"), dict):
            self.usage = chunk["usage"]
        choices = chunk.get("choices") or []
        if not choices:
            return False
        self.finish_reason = choices[0].get("finish_reason") or self.finish_reason
        return self._take(choices[0].get("delta") or {})

    def _take(self, delta: t.Mapping[str, t.Any]) -> bool:
        content = delta.get("content") or ""
        reasoning = delta.get("reasoning") or delta.get("reasoning_content") or ""
        self.content += content
        self.reasoning += reasoning
        calls = delta.get("tool_calls")
        if calls == []:
            self.chunks_with_empty_tool_calls += 1
        for call in calls or []:
            self._take_call(call)
        carried = bool(content or reasoning or calls)
        self.fragments += carried
        return carried

    def _take_call(self, call: t.Mapping[str, t.Any]) -> None:
        index = call.get("index")
        position = index if isinstance(index, int) else len(self.tool_calls)
        while len(self.tool_calls) <= position:
            self.tool_calls.append({"id": "", "name": "", "arguments": ""})
        entry = self.tool_calls[position]
        function = call.get("function") or {}
        entry["id"] = entry["id"] or call.get("id") or ""
        entry["name"] += function.get("name") or ""
        entry["arguments"] += function.get("arguments") or ""


def error_text(answer: t.Any) -> str:
    """The message of an error body in OpenAI's form, or what else is there, cut short."""
    error = answer.get("error") if isinstance(answer, dict) else answer
    if isinstance(error, dict) and isinstance(error.get("message"), str):
        return str(error["message"])[:500]
    if isinstance(answer, dict) and isinstance(answer.get("detail"), str):
        return str(answer["detail"])[:500]
    return str(error)[:500]
