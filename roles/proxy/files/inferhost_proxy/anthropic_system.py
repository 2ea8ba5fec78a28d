# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""System texts: the prompt's own, and those that clients put between the messages.

Claude Code adds a system message to almost every turn. Moved to the front, each changes the prompt's first tokens and
the engine's prefix cache is worth nothing; left in place, many templates refuse them. Folded into the text beside them
they do neither. Whatever the way, a request must begin with the same bytes as the one before it.
"""

from __future__ import annotations

from collections.abc import Iterable

from .anthropic_types import Block

SYSTEM_ROLES = frozenset({"system", "developer"})
BILLING = "x-anthropic-billing-header:"
SEPARATOR = "\n\n"
REMINDER = "<system-reminder>\n%s\n</system-reminder>"
"""Claude Code's own mark of what stands in the user's text and is not the user's; models meet it in every session."""


def without_billing(text: str) -> str:
    """Without Claude Code's first line of accounting, whose number differs in each request."""
    return text.partition("\n")[2] if text.startswith(BILLING) else text


def system_text(content: str | list[Block] | None) -> str:
    """The text of a system prompt or message."""
    if content is None:
        return ""
    texts = [content] if isinstance(content, str) else [block.text or "" for block in content if block.type == "text"]
    return join(without_billing(text) for text in texts)


def folded(text: str) -> str:
    """A system text that stands in somebody else's."""
    return text if text.startswith("<system-reminder>") else REMINDER % text


def join(texts: Iterable[str]) -> str:
    """Texts that are none of each other's, so they do not grow together."""
    return SEPARATOR.join(text for text in texts if text)
