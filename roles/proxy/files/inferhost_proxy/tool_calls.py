# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removal of empty `tool_calls` arrays from JSON bytes.

vLLM writes `"tool_calls":[]` into answers without a tool call, and clients take the key's presence for a call.
The removal works on the bytes: what stays is untouched to the last digit. It is exact, because inside a JSON string
every quote carries a backslash, so the pattern can only be a key with an empty array.
"""

from __future__ import annotations

import re

from . import sse

_ITEM = rb'"tool_calls"\s*:\s*\[\s*\]'
_KEY = b'"tool_calls"'
# As vLLM writes it; found in a tenth of the time that the expression takes.
_USUAL = b',"tool_calls":[]'
_EMPTY = re.compile(rb"(?:,\s*" + _ITEM + rb")+|(\{\s*)(?:" + _ITEM + rb"\s*,?\s*)+")


def strip_empty(data: bytes) -> tuple[bytes, int]:
    """The bytes without empty `tool_calls` members, and how many places had them."""
    if _KEY not in data:
        return data, 0
    usual = data.count(_USUAL)
    if usual and usual == data.count(_KEY):
        return data.replace(_USUAL, b""), usual
    return _EMPTY.subn(rb"\1", data)


def strip_empty_events(block: bytes) -> tuple[bytes, int]:
    """The same for a block of complete events. The cheap test comes first: most chunks have nothing to remove."""
    if _KEY not in block:
        return block, 0
    usual = block.replace(_USUAL, b"")
    if _KEY not in usual:
        return usual, (len(block) - len(usual)) // len(_USUAL)
    if sse.has_split_data(block):
        block = sse.join_data_lines(block)
    return strip_empty(block)
