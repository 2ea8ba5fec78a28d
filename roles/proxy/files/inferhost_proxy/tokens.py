# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counting a prompt's tokens: the model server renders and tokenizes it, as it does for the answer."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct

from .errors import Fault

TAKEN = ("model", "messages", "tools", "add_generation_prompt", "continue_final_message", "chat_template_kwargs")


class Count(Struct):
    count: int
    max_model_len: int


def tokenize_body(chat: dict[str, Any]) -> dict[str, Any]:
    """The body for /tokenize that renders the same prompt as this chat request."""
    body = {name: chat[name] for name in TAKEN if name in chat}
    effort = chat.get("reasoning_effort")
    if effort is not None:
        # /tokenize has no such member; the template gets it in the same way from both.
        body["chat_template_kwargs"] = {**body.get("chat_template_kwargs", {}), "reasoning_effort": effort}
    return body


def parse(body: bytes) -> Count:
    """The answer of /tokenize. The list of tokens in it is skipped."""
    try:
        return msgspec.json.decode(body, type=Count)
    except msgspec.DecodeError as exc:
        raise Fault("count_unavailable", "not an answer of /tokenize") from exc
