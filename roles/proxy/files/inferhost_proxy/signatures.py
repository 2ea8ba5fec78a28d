# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signatures of thinking blocks.

Clients keep a thinking block only with one and send it back with the block. It says who made the block; nothing is
refused because of it, since thinking of another server does no harm here.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Callable, Iterable

Sign = Callable[[Iterable[str]], str]
"""From the parts of a thinking text to its signature."""


def signer(secret: bytes) -> Sign:
    """Signatures that every worker makes alike, before and after a restart."""
    key = hashlib.sha256(b"inferhost thinking\0" + secret).digest()

    def sign(parts: Iterable[str]) -> str:
        mac = hmac.new(key, digestmod=hashlib.sha256)
        for part in parts:
            mac.update(part.encode())
        return b64encode(mac.digest()).decode()

    return sign
