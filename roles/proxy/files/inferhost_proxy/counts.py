# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was done to an answer, and what was seen in it, for the metrics."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

Ending = Literal["sentence", "middle"]
_OPENS = frozenset(',;-\u2013\u2014([{"\u201c/')


@dataclass
class Counts:
    emptied: int = 0
    """Empty `tool_calls`."""
    rescued: Counter[str] = field(default_factory=Counter)
    """Calls, by their notation."""
    thoughts: Counter[str] = field(default_factory=Counter)
    """Where a call of the engine's follows reasoning: how the reasoning ends."""


def ending(thoughts: str) -> Ending:
    """Whether a text ends as a sentence does. Some engines lose the end of the reasoning where a call begins, which nobody can put back."""
    last = thoughts.rstrip()[-1:]
    return "middle" if last.isalnum() or last in _OPENS else "sentence"
