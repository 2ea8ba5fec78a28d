# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: inferhost contributors
"""The chat template as the server will run it: same text, same Jinja settings."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tools.demo_model.tasks import Task

TEMPLATE_FILE = Path(__file__).parent / "chat_template.jinja"


@cache
def _template() -> Template:
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment.from_string(TEMPLATE_FILE.read_text())


def render(messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None = None, full_prompt: bool = False) -> str:
    """The prompt for a chat request, up to where the model's answer begins."""
    return _template().render(messages=messages, tools=tools, full_prompt=full_prompt, add_generation_prompt=True)


def training_text(task: Task) -> tuple[str, str]:
    """A task's prompt and its answer with the end marker."""
    return render(task.messages, task.tools), task.answer + "<|end|>"
