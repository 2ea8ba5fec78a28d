# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A key out of its file, for one request; no message ever carries it."""

from __future__ import annotations

MAX_BYTES = 8192


class KeyFileError(Exception):
    """The file gives no key. The message names the file and what to do, never its content."""


def read_key(path: str | None) -> str | None:
    """The key in ``path`` (its only line); ``None`` without a path."""
    if not path:
        return None
    try:
        with open(path, "rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise KeyFileError(f"the key file {path} cannot be read ({error.strerror}); run as its owner, or name another with api_key_file") from None
    try:
        key = content.decode("ascii").strip()
    except UnicodeDecodeError:
        raise KeyFileError(f"the key file {path} is not plain text; it must hold the key alone") from None
    if not key:
        raise KeyFileError(f"the key file {path} is empty; it must hold the key alone")
    if len(key.split()) != 1 or len(content) > MAX_BYTES:
        raise KeyFileError(f"the key file {path} has more than one word in it; it must hold the key alone")
    return key
