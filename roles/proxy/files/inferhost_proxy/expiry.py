# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a key ends: RFC 3339, as a moment or as a day."""

from __future__ import annotations

import re
from datetime import UTC, datetime

DAY_SECONDS = 86400
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
# Python would read more than RFC 3339 has.
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})")


def parse(text: str) -> float:
    """Seconds since the epoch. A day alone is meant to its end, in UTC; a moment needs its offset. Raises ValueError."""
    if _DAY.fullmatch(text):
        return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() + DAY_SECONDS
    if not _MOMENT.fullmatch(text):
        raise ValueError("not a date of RFC 3339")
    return datetime.fromisoformat(text.upper()).timestamp()
