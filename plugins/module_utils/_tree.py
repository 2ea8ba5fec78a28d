# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A folder of files as a manifest: what is there, and how two of them differ."""

from __future__ import annotations

import hashlib
import os

# What an interpreter writes beside our files is neither shipped nor removed.
_SKIP = {"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache"}


def digest(path: str) -> str:
    """SHA-256 of a file, as hexadecimal text."""
    with open(path, "rb") as stream:
        checksum = hashlib.sha256()
        while chunk := stream.read(1 << 20):
            checksum.update(chunk)
    return checksum.hexdigest()


def manifest(folder: str) -> dict[str, str]:
    """SHA-256 by path relative to ``folder``, for every file below it."""
    found: dict[str, str] = {}
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(set(folders) - _SKIP)
        for name in sorted(names):
            path = os.path.join(parent, name)
            found[os.path.relpath(path, folder)] = digest(path)
    return found


def difference(wanted: dict[str, str], present: dict[str, str]) -> tuple[list[str], list[str]]:
    """Paths to bring (missing or with other content) and paths that are there but not wanted."""
    bring = sorted(path for path, checksum in wanted.items() if present.get(path) != checksum)
    return bring, sorted(set(present) - set(wanted))


def tree_digest(wanted: dict[str, str]) -> str:
    """One SHA-256 for a whole manifest."""
    return hashlib.sha256("".join(f"{path}\0{checksum}\n" for path, checksum in sorted(wanted.items())).encode()).hexdigest()


def write_file(path: str, content: bytes, mode: int) -> None:
    """Put a file in place in one step, so that nobody ever reads half of it, or reads it before its mode is set."""
    partial = f"{path}.partial"
    if os.path.lexists(partial):
        os.unlink(partial)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
        stream.write(content)
    os.chmod(partial, mode)
    os.replace(partial, path)
