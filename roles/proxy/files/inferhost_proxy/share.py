# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a worker process has in common with the others, as the first process tells it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class Share(NamedTuple):
    folder: Path | None
    """Where counts are kept; None for a process that works alone."""
    slot: int
    """The worker's own place in that folder."""
    generation: int
    """How often the code was exchanged since the service was started, plus one."""


ALONE = Share(None, 0, 1)
