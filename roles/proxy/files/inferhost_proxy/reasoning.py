# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reasoning under both of its names.

vLLM renamed `reasoning_content` to `reasoning`; clients know one or the other. The copy is made in the bytes, and is
exact: inside a JSON string each quote carries a backslash, so the pattern can only be a key with a text.
"""

from __future__ import annotations

import re

NAMES = ("reasoning", "reasoning_content")
_KEY = b'"reasoning'
_MEMBER = re.compile(rb'"reasoning(_content)?"(\s*:\s*"[^"\\]*+(?:\\.[^"\\]*+)*+")', re.DOTALL)
_OBJECT = re.compile(rb'"(?:delta|message)"\s*:\s*\{')


def both(document: bytes) -> bytes:
    """One JSON document with each reasoning text under both names. The cheap test comes first."""
    number = document.count(_KEY)
    if number == 0:
        return document
    if number == 1:
        return _doubled(document)
    parts = [document]
    starts = [match.start() for match in _OBJECT.finditer(document)]
    if len(starts) > 1:
        # Each choice on its own: one may have both names already and another one only.
        parts = [document[start:end] for start, end in zip([0, *starts], [*starts, len(document)], strict=True)]
    return b"".join(map(_doubled, parts))


def _doubled(part: bytes) -> bytes:
    match = _MEMBER.search(part)
    if match is None:
        return part
    suffix, value = match.groups()
    other = b'"reasoning"' if suffix else b'"reasoning_content"'
    if other not in part:
        end = match.end()
        return b"%b,%b%b%b" % (part[:end], other, value, part[end:])
    return re.sub(other + rb"\s*:\s*null", lambda _match: other + value, part, count=1)
