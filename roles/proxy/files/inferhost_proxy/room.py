# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many tokens a model takes: what the configuration says of the planned model is not said of those that other upstreams serve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .config import Limits


class Room(NamedTuple):
    """Both in tokens; None where it is not known, and then nothing is done about it."""

    window: int | None = None
    """Prompt and answer together."""
    output: int | None = None

    @property
    def most(self) -> int | None:
        """More than this can never be written, because a prompt has at least one token."""
        return self.window - 1 if self.window is not None else None


def room(model: str | None, planned: Sequence[str], limits: Limits, windows: Sequence[object]) -> Room:
    """`windows`: the `max_model_len` of this model with each upstream that serves it, where there are several upstreams."""
    told = [window for window in windows if isinstance(window, int) and window > 0]
    if not planned or model is None or model in planned:
        configured = [limits.max_model_len] if limits.max_model_len is not None else []
        return Room(min([*configured, *told], default=None), limits.max_output_tokens)
    return Room(min(told, default=None))
