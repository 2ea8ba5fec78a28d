# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: inferhost contributors
"""Sets of tools that evaluation offers: one tool, and what agent clients offer, with their bulk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

JSON = dict[str, Any]
DESCRIPTION = "Does what its name says. Follow the rules of the project, and ask before anything is removed. " * 12


@dataclass(frozen=True)
class Offer:
    """Tools as (name, required parameters), which of them reads a file, and the system prompt's length in characters."""

    tools: tuple[tuple[str, tuple[str, ...]], ...]
    reader: str
    system_characters: int = 0

    @property
    def parameter(self) -> str:
        """The parameter that takes the path."""
        return dict(self.tools)[self.reader][0]

    def definitions(self) -> list[JSON]:
        """The tools as a chat request carries them; long descriptions where the system prompt is long."""
        return [self._definition(name, required) for name, required in self.tools]

    def _definition(self, name: str, required: tuple[str, ...]) -> JSON:
        text = DESCRIPTION if self.system_characters else name
        known: JSON = {key: {"type": "array" if key in ("todos", "questions") else "string"} for key in required}
        if self.system_characters:
            known["limit"] = {"type": "number", "description": "The most entries to return"}
        schema = {"type": "object", "properties": known, "required": list(required), "additionalProperties": False}
        return {"type": "function", "function": {"name": name, "description": text, "parameters": schema}}

    def messages(self, question: str) -> list[JSON]:
        """The request's messages: the question, after a system prompt where the client sends one."""
        asked: list[JSON] = [{"role": "user", "content": question}]
        if not self.system_characters:
            return asked
        rule = "You are a coding agent. Keep answers short, follow the conventions of the code around you, test. "
        system = (rule * (self.system_characters // len(rule) + 1))[: self.system_characters]
        return [{"role": "system", "content": system}, *asked]


OFFERS: dict[str, Offer] = {
    "single": Offer((("read_file", ("path",)),), "read_file"),
    "three": Offer((("get_weather", ("city",)), ("write_file", ("path", "content")), ("open_file", ("file",))), "open_file"),
    "opencode": Offer(
        (
            ("bash", ("command", "description")), ("read", ("filePath",)), ("glob", ("pattern",)),
            ("grep", ("pattern",)), ("edit", ("filePath", "oldString", "newString")), ("write", ("content", "filePath")),
            ("task", ("description", "prompt", "subagent_type")), ("webfetch", ("url", "format")),
            ("todowrite", ("todos",)), ("skill", ("name",)),
        ),
        "read",
        18_000,
    ),
    "claude-code": Offer(
        (
            ("Agent", ("description", "prompt")), ("AskUserQuestion", ("questions",)), ("Bash", ("command",)),
            ("CronCreate", ("cron", "prompt")), ("CronDelete", ("id",)), ("CronList", ()),
            ("Edit", ("file_path", "old_string", "new_string")), ("EnterPlanMode", ()), ("EnterWorktree", ()),
            ("ExitPlanMode", ()), ("ExitWorktree", ("action",)), ("Glob", ("pattern",)), ("Grep", ("pattern",)),
            ("NotebookEdit", ("notebook_path", "new_source")), ("Read", ("file_path",)), ("ScheduleWakeup", ("reason",)),
            ("Skill", ("skill",)), ("TaskOutput", ("task_id",)), ("TaskStop", ()), ("TodoWrite", ("todos",)),
            ("ToolSearch", ("query",)), ("WebFetch", ("url", "prompt")), ("WebSearch", ("query",)),
            ("Write", ("file_path", "content")),
        ),
        "Read",
        40_000,
    ),
}  # fmt: skip
