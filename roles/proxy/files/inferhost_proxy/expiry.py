# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a key ends: RFC 3339, as a moment or as a day."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

DAY_SECONDS = 86400
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
# Python would read more than RFC 3339 has.
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})")


def parse(text: str) -> float:
    """Seconds since the epoch. A day alone is meant to its end, in UTC; a moment needs its offset. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    if _DAY.fullmatch(text):
        moment = moment.replace(tzinfo=UTC) + timedelta(days=1)
    if moment.tzinfo is None:
        raise ValueError("no offset from UTC")
    return moment.timestamp()
