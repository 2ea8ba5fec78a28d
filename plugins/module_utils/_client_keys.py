# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the proxy keeps of its clients' keys: lines of `sha256:HEX [EXPIRES]`, the key in use first, earlier ones with their end."""

from __future__ import annotations

import datetime
import hashlib


def digest(key: bytes) -> str:
    """Of a key as it is sent: white space around it is not part of it."""
    return "sha256:" + hashlib.sha256(key.strip()).hexdigest()


def stamp(moment: float) -> str:
    return datetime.datetime.fromtimestamp(int(moment), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def _still_valid(line: str, now: float) -> bool:
    words = line.split()
    # Stamps of one form: their order as text is their order in time.
    return len(words) == 2 and words[1] > stamp(now)


def lines(current: str, present: list[str], now: float) -> list[str]:
    """The lines while one key is in use: it, and what an earlier rotation left valid."""
    return [current] + [line for line in present if line.split()[0] != current and _still_valid(line, now)]


def ended_by(present: list[str], moment: float) -> list[str]:
    """The lines with no end later than a moment; the key in use has none."""
    return [" ".join([line.split()[0], min(line.split()[1], stamp(moment))]) if len(line.split()) == 2 else line for line in present]


def rotated(new: str, current: str, present: list[str], now: float, overlap_seconds: int) -> list[str]:
    """The lines when a new key takes over. A rotation that was interrupted before does not give the old key more time."""
    earlier = [line for line in present if line.split()[0] not in (new, current)]
    ending = [line for line in present if line.split()[0] == current and len(line.split()) == 2]
    if not ending and overlap_seconds > 0:
        ending = [f"{current} {stamp(now + overlap_seconds)}"]
    return [new] + [line for line in ending + earlier if _still_valid(line, now)]
