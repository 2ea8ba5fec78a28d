# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets as they are made, and where one is written out instead of named."""

from __future__ import annotations

import re
import secrets
import string
import typing as t

LETTERS = string.ascii_letters + string.digits
LENGTH = 48  # of 62 letters each: 285 bits
MODE = 0o600

_SECRET_NAME = re.compile(r"(?i)(^|_)(key|secret|token|password|credentials)$")
# An environment variable in LiteLLM's notation, or a file.
_NAMED = ("os.environ/", "/")


def new_secret(prefix: str = "") -> bytes:
    return (prefix + "".join(secrets.choice(LETTERS) for place in range(LENGTH))).encode("ascii")


def written_secrets(document: t.Any, where: str = "") -> list[str]:
    """Paths of the members whose names say that they are secret, and whose texts are the secret itself.

    A text that names an environment variable (``os.environ/NAME``) or a file (``/…``) is none.
    """
    if isinstance(document, dict):
        found: list[str] = []
        for name, value in document.items():
            path = f"{where}.{name}" if where else str(name)
            # Not every text is a str: what comes from a vault is a kind of its own.
            text = "" if value is None or isinstance(value, (bool, int, float, dict, list, tuple)) else str(value)
            if text and _SECRET_NAME.search(str(name)) and not text.startswith(_NAMED):
                found.append(path)
            found += written_secrets(value, path)
        return found
    if isinstance(document, (list, tuple)):
        return [path for number, value in enumerate(document) for path in written_secrets(value, f"{where}[{number}]")]
    return []
