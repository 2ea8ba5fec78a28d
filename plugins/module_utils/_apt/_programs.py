# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs of apt and dpkg, run so that their answers can be read and nobody is asked anything."""

from __future__ import annotations

import os
import typing as t

# An apt that somebody else runs is waited for.
LOCK_SECONDS = 300
ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8", "LANGUAGE": "C", "NEEDRESTART_MODE": "l", "APT_LISTCHANGES_FRONTEND": "none"}
OPTIONS = (
    "-q",
    "-y",
    "-o",
    "DPkg::Lock::Timeout=%d" % LOCK_SECONDS,
    "-o",
    "Dpkg::Options::=--force-confdef",
    "-o",
    "Dpkg::Options::=--force-confold",
)
# Where dpkg keeps what it has begun to write into its status file.
UPDATES = "/var/lib/dpkg/updates"

Runner = t.Callable[[t.Sequence[str]], t.Tuple[int, str, str]]


def interrupted(run: Runner) -> str:
    """What dpkg says of packages that an ended run left half done; empty where all is whole."""
    _status, output, errors = run(["dpkg", "--audit"])
    if output.strip() or errors.strip():
        return (output.strip() or errors.strip())[:4000]
    try:
        begun = [name for name in os.listdir(UPDATES) if name.isdigit()]
    except OSError:
        begun = []
    return "dpkg was ended while it wrote its status" if begun else ""


def last_words(output: str, errors: str, limit: int = 12) -> str:
    """The end of what a program said: lines of apt, dpkg and DKMS that say what went wrong, otherwise all of it."""
    everything = output.splitlines() + errors.splitlines()
    telling = [line for line in everything if line.startswith(("E:", "dpkg: error", "Error!"))]
    return "\n".join((telling or everything)[-limit:])
