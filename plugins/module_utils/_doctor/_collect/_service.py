# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configured services, running or not: systemd units and supervisor programs that start an engine, a proxy or an exporter."""

from __future__ import annotations

import configparser
import glob
import os
import re
import shlex
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect._process import KEPT_VARIABLES, kind_of
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collector import Collected, Context, collector, unreadable
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._redact import assigned_secret, split_secrets

UNIT_FOLDERS = ("/etc/systemd/system", "/usr/local/lib/systemd/system", "/run/systemd/system")
SUPERVISOR_FILES = ("/etc/supervisor/conf.d/*.conf", "/etc/supervisor/supervisord.conf", "/etc/supervisord.conf", "/etc/supervisord.d/*.ini")
OWN_SUPERVISOR_FILES = ("etc/supervisord.conf", "etc/supervisor.d/*.ini")
_MAX_BYTES = 256 * 1024


@collector("services", root="helps", cost="files", timeout_s=10)
def services(context: Context, facts: Facts) -> Collected:
    found: list[dict[str, t.Any]] = []
    gaps: list[str] = []
    for folder in UNIT_FOLDERS:
        for path in sorted(glob.glob(context.path(folder) + "/*.service")):
            text = "\n".join(filter(None, (read(context, part, gaps) for part in [path, *sorted(glob.glob(path + ".d/*.conf"))])))
            name = os.path.basename(path)
            wanted = any(glob.glob(f"{context.path(folder)}/*.{link}/{name}") for folder in UNIT_FOLDERS for link in ("wants", "requires"))
            found.extend(_described("systemd", name, _shown(context, path), unit_settings(text), wanted))
    patterns = [context.path(pattern) for pattern in SUPERVISOR_FILES]
    patterns += [context.path(os.path.join(context.root, pattern)) for pattern in OWN_SUPERVISOR_FILES]
    for path in sorted(path for pattern in patterns for path in glob.glob(pattern)):
        for name, settings in supervisor_programs(read(context, path, gaps) or "").items():
            found.extend(_described("supervisor", name, _shown(context, path), settings, enabled=True))
    return Collected(found, gaps)


def read(context: Context, path: str, gaps: list[str]) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            return handle.read(_MAX_BYTES)
    except OSError as error:
        gaps.append(unreadable(_shown(context, path), error))
        return None


def _shown(context: Context, path: str) -> str:
    return "/" + os.path.relpath(path, context.fs)


class Settings(t.NamedTuple):
    """What a service definition says: command lines, environment, files with more environment, its account and the file that its output goes to."""

    commands: list[list[str]]
    environment: list[str]
    environment_files: list[str]
    user: str | None = None
    log: str | None = None


def unit_settings(text: str) -> Settings:
    """ExecStart, Environment and EnvironmentFile of a unit with its drop-ins behind it; an empty value resets, as in systemd."""
    settings = Settings([], [], [])
    for line in joined_lines(text):
        key, equals, value = line.strip().partition("=")
        targets: dict[str, list[t.Any]] = {
            "ExecStart": settings.commands,
            "Environment": settings.environment,
            "EnvironmentFile": settings.environment_files,
        }
        target = targets.get(key.strip()) if equals else None
        if target is None:
            continue
        words = _split(value.strip().lstrip("@-:+!|") if key == "ExecStart" else value)
        if not words:
            target.clear()
        elif key == "ExecStart":
            target.append(words)
        else:
            target.extend(word.lstrip("-") for word in words)
    return settings._replace(user=_last(text, "User"), log=_output_file(_last(text, "StandardOutput")))


def _last(text: str, key: str) -> str | None:
    values = [line.partition("=")[2].strip() for line in text.splitlines() if line.partition("=")[0].strip() == key]
    return values[-1] or None if values else None


def _output_file(target: str | None) -> str | None:
    """`append:/var/log/x` and the like; anything else is the journal."""
    kind, _colon, path = (target or "").partition(":")
    return path if kind in ("file", "append", "truncate") and path.startswith("/") else None


def joined_lines(text: str) -> list[str]:
    """Lines of a unit, those that end in a backslash with the next."""
    return re.sub(r"\\\n\s*", " ", text).splitlines()


def supervisor_programs(text: str) -> dict[str, Settings]:
    parser = configparser.RawConfigParser(strict=False, inline_comment_prefixes=(";",))
    try:
        parser.read_string(text)
    except configparser.Error:
        return {}
    programs = {}
    for section in parser.sections():
        if section.startswith("program:"):
            environment = re.findall(r"[A-Za-z_]\w*=(?:\"[^\"]*\"|'[^']*'|[^,\s]+)", parser.get(section, "environment", fallback=""))
            log = parser.get(section, "stdout_logfile", fallback="")
            user = parser.get(section, "user", fallback="") or None
            programs[section[8:]] = Settings([_split(parser.get(section, "command", fallback=""))], environment, [], user, log if log.startswith("/") else None)
    return programs


def _split(value: str) -> list[str]:
    try:
        return shlex.split(value)
    except ValueError:
        return value.split()


def _described(manager: str, name: str, path: str, settings: Settings, enabled: bool) -> t.Iterator[dict[str, t.Any]]:
    for command in settings.commands:
        at = next((at for at in range(len(command)) if kind_of(command[at:])), None)
        if at is None:
            continue
        clean, carriers = split_secrets(command)
        pairs = [pair.partition("=")[::2] for pair in settings.environment]
        yield {
            "manager": manager,
            "name": name,
            "file": path,
            "enabled": enabled,
            "kind": kind_of(command[at:]),
            "argv": clean[at:],
            "secret_args": carriers,
            "secret_environment": [variable for variable in map(assigned_secret, settings.environment) if variable],
            "env": {variable: value.strip("\"'") for variable, value in pairs if variable in KEPT_VARIABLES},
            "environment_files": settings.environment_files,
            "user": settings.user,
            "log": settings.log,
        }
