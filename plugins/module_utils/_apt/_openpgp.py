# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fingerprints of OpenPGP keys (RFC 4880, version 4), computed here because a fresh host may have no gpg. Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import typing as t

PUBLIC_KEY = 6
_ARMOUR = re.compile(rb"-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[^\r\n]+: [^\r\n]*\r?\n)*\r?\n(?P<body>.*?)-----END PGP PUBLIC KEY BLOCK-----", re.S)


class NotAKey(ValueError):
    """The bytes are no public key; the message says why."""


def fingerprints(content: bytes) -> t.List[str]:
    """Of each primary key in a key file, armoured or not, in capitals without spaces."""
    found = [_fingerprint(body) for tag, body in _packets(dearmoured(content)) if tag == PUBLIC_KEY]
    if not found:
        raise NotAKey("no public key in it")
    return found


def dearmoured(content: bytes) -> bytes:
    """The packets themselves."""
    blocks = [match["body"] for match in _ARMOUR.finditer(content)]
    if not blocks:
        if not content or not content[0] & 0x80:
            raise NotAKey("neither an armoured nor a binary OpenPGP key")
        return content
    try:
        # The line that begins with = is the armour's own checksum.
        return b"".join(base64.b64decode(b"".join(line for line in block.split() if not line.startswith(b"=")), validate=True) for block in blocks)
    except binascii.Error as error:
        raise NotAKey("its armour is damaged: %s" % error) from error


def _fingerprint(body: bytes) -> str:
    if body[:1] != b"\x04":
        raise NotAKey("a key of version %d; only version 4 is known" % (body[0] if body else 0))
    return hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body).hexdigest().upper()


def _packets(content: bytes) -> t.Iterator[t.Tuple[int, bytes]]:
    at = 0
    while at < len(content):
        head = content[at]
        if not head & 0x80:
            raise NotAKey("damaged at byte %d" % at)
        tag, length, begin = _new(content, at) if head & 0x40 else _old(content, at)
        if begin + length > len(content):
            raise NotAKey("it ends in the middle of a packet")
        yield tag, content[begin : begin + length]
        at = begin + length


def _old(content: bytes, at: int) -> t.Tuple[int, int, int]:
    size = {0: 1, 1: 2, 2: 4}.get(content[at] & 3)
    if size is None:
        raise NotAKey("a packet of no given length")
    return (content[at] >> 2) & 15, int.from_bytes(content[at + 1 : at + 1 + size], "big"), at + 1 + size


def _new(content: bytes, at: int) -> t.Tuple[int, int, int]:
    tag, first = content[at] & 63, content[at + 1] if at + 1 < len(content) else 0
    if first < 192:
        return tag, first, at + 2
    if first < 224:
        return tag, ((first - 192) << 8) + content[at + 2] + 192, at + 3
    if first == 255:
        return tag, int.from_bytes(content[at + 2 : at + 6], "big"), at + 6
    raise NotAKey("a packet in parts")
