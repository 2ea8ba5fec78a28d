# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What coding agents send before the user has typed a word. Data from field reports and from the clients' own requests."""

from __future__ import annotations

import typing as t


class Client(t.NamedTuple):
    """Tokens of system prompt, tools and chat template, and the smallest and the advisable context."""

    title: str
    prompt_tokens: int
    smallest_context: int
    advised_context: int


# Smallest: the prompt and an answer of 1,024 tokens. Advised: room for a few files and tool results as well.
CLIENTS: t.Dict[str, t.Optional[Client]] = {
    "none": None,
    "openai": None,
    "victor": Client("Victor", 6500, 7524, 16384),
    "opencode": Client("OpenCode", 13000, 14024, 32768),
    # Measured requests are above 20,000 tokens, and its own compaction needs room beside them.
    "claude_code": Client("Claude Code", 20000, 24576, 65536),
    # Its prompt was not measured here; the figure is that of the largest measured agent.
    "hermes": Client("Hermes Agent", 20000, 24576, 65536),
}
