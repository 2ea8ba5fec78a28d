# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether an account may do something with a file, by owners and modes. Where a list of access rights decides, the answer is yes: nothing is claimed then."""

from __future__ import annotations

import os
import pwd
import stat
import typing as t

_ACL = "system.posix_acl_access"


def groups(uid: int) -> tuple[int, ...]:
    """Of an account, as far as this host knows it."""
    try:
        entry = pwd.getpwuid(uid)
        return tuple(os.getgrouplist(entry.pw_name, entry.pw_gid))
    except (KeyError, OSError):
        return ()


def may(path: str, uid: int, gids: t.Collection[int], wanted: int) -> bool:
    """`wanted` of R_OK, W_OK; the way to it must be open too. What is closed to us, or is not there, counts as allowed."""
    if uid == 0:
        return True
    folder = os.path.dirname(path)
    while folder not in ("", "/"):
        if not _allowed(folder, uid, gids, os.X_OK):
            return False
        folder = os.path.dirname(folder)
    return _allowed(path, uid, gids, wanted)


def _allowed(path: str, uid: int, gids: t.Collection[int], wanted: int) -> bool:
    try:
        figures = os.stat(path)
        if hasattr(os, "listxattr") and _ACL in os.listxattr(path):
            return True
    except OSError:
        return True
    mode = stat.S_IMODE(figures.st_mode)
    bits = mode >> 6 if figures.st_uid == uid else mode >> 3 if figures.st_gid in gids else mode
    return bits & 7 & wanted == wanted
