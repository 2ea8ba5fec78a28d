# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether apt upgrades packages on its own, and which it leaves alone. Of apt's configuration only that is kept: it can hold passwords of proxies."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collector import Collected, Context, collector, unreadable
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts

CONFIGURATION = "/etc/apt/apt.conf"
PROGRAM = "/usr/bin/unattended-upgrade"
TIMER = "/etc/systemd/system/apt-daily-upgrade.timer"
SWITCH = "apt::periodic::unattended-upgrade"
BLACKLIST = "unattended-upgrade::package-blacklist"
ORIGINS = ("unattended-upgrade::allowed-origins", "unattended-upgrade::origins-pattern")

# Strings before comments: an address in quotes has two slashes.
_TOKEN = re.compile(r'"(?P<text>(?:[^"\\]|\\.)*)"|(?P<comment>//[^\n]*|/\*.*?\*/|#(?!clear|include)[^\n]*)|(?P<mark>[{};])|(?P<word>[^\s{};"]+)', re.S)


@collector("apt", root="no", cost="files", timeout_s=5)
def apt(context: Context, facts: Facts) -> Collected:
    gaps: list[str] = []
    settings: dict[str, list[str]] = {}
    for path in _files(context):
        try:
            with open(path, encoding="utf-8", errors="replace") as handle:
                take(settings, handle.read())
        except OSError as error:
            gaps.append(unreadable("/" + os.path.relpath(path, context.fs), error))
    masked = os.path.islink(context.path(TIMER)) and os.readlink(context.path(TIMER)) == "/dev/null"
    value = {
        "unattended": os.path.isfile(context.path(PROGRAM)) and not masked and (settings.get(SWITCH) or ["0"])[-1] not in ("0", "", "false", "no"),
        "blacklist": settings.get(BLACKLIST, []),
        "origins": [origin for name in ORIGINS for origin in settings.get(name, [])],
    }
    return Collected(value, gaps)


def _files(context: Context) -> list[str]:
    """Parts in their order, then the main file, as apt reads them; of other files it takes no notice."""
    folder = context.path(CONFIGURATION + ".d")
    names = [name for name in sorted(os.listdir(folder)) if re.match(r"^[\w.-]+$", name) and ("." not in name or name.endswith(".conf"))]
    return [path for path in [*(os.path.join(folder, name) for name in names), context.path(CONFIGURATION)] if os.path.isfile(path)]


def take(settings: dict[str, list[str]], text: str) -> None:
    """Add what apt.conf(5) says to the settings: lower-case name to values. A later value of a name stands behind the earlier."""
    scopes: list[str] = []
    words: list[str] = []
    for token in _TOKEN.finditer(text):
        if token["comment"] is not None:
            continue
        if token["mark"] is None:
            words.append(token["text"] if token["text"] is not None else token["word"])
            continue
        if token["mark"] == "{":
            scopes.append(words[0] if words else "")
        elif words:
            _set(settings, scopes, words, in_list=bool(scopes) and len(words) == 1)
        if token["mark"] == "}" and scopes:
            scopes.pop()
        words = []


def _set(settings: dict[str, list[str]], scopes: t.Sequence[str], words: t.Sequence[str], in_list: bool) -> None:
    if words[0] == "#clear":
        for name in words[1:]:
            settings.pop("::".join([*scopes, name]).lower(), None)
        return
    name = "::".join(scopes if in_list else [*scopes, words[0]]).lower()
    settings.setdefault(name[:-2] if name.endswith("::") else name, []).append(words[-1] if in_list or len(words) > 1 else "")
