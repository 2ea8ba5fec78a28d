# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that hold keys or should not: modes, owners, and the names of the variables. The values are never kept."""

from __future__ import annotations

import glob
import os
import shlex
import stat
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect._service import joined_lines, read
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collector import Collected, Context, collector, unreadable
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._redact import assigned_secret, split_secrets

COMMON_FILES = ("/etc/environment", "/etc/default/vllm", "/etc/default/litellm", "/etc/vllm.env", "/etc/litellm.env", "/etc/profile.d/*.sh")


@collector("secret_files", root="helps", cost="files", timeout_s=10, after=["processes", "services"], maybe=["containers"])
def secret_files(context: Context, facts: Facts) -> Collected:
    gaps: list[str] = []
    found: list[dict[str, t.Any]] = []
    for folder in ("etc/secrets", "clients"):
        path = context.path(os.path.join(context.root, folder))
        try:
            names = sorted(os.listdir(path))
        except FileNotFoundError:
            continue
        except OSError as error:
            gaps.append(unreadable(os.path.join(context.root, folder), error))
            continue
        found.extend(_record(context, os.path.join(path, name), ["a key"]) for name in names if os.path.isfile(os.path.join(path, name)))
    for path in _suspects(context, facts):
        if os.path.exists(path) and _open_to_others(path):
            names = secrets_in(joined_lines(read(context, path, gaps) or ""))
            if names:
                found.append(_record(context, path, names))
    return Collected(found, gaps)


def _suspects(context: Context, facts: Facts) -> list[str]:
    paths = [path for pattern in COMMON_FILES for path in sorted(glob.glob(context.path(pattern)))]
    for service in facts["services"]:
        paths += [context.path(path) for path in [service["file"], *service["environment_files"]] if path.startswith("/")]
    for one in [*facts["services"], *facts["processes"]]:
        if one["kind"] == "litellm" and "--config" in one["argv"][:-1]:
            config = one["argv"][one["argv"].index("--config") + 1]
            paths.append(context.path(os.path.join(one.get("cwd") or "/", config)))
    for container in facts.values.get("containers", []):
        for path in container["compose_files"]:
            paths += [context.path(path), context.path(os.path.join(os.path.dirname(path), ".env"))]
    return list(dict.fromkeys(paths))


def secrets_in(lines: t.Iterable[str]) -> list[str]:
    """Names of what is set to a literal secret in an environment file, a unit, a supervisor program, a compose or a LiteLLM file."""
    names: list[str] = []
    for line in lines:
        stripped = line.strip()
        if stripped.startswith(("#", ";")):
            continue
        key, _equals, rest = stripped.partition("=")
        if key.strip().lower() == "environment":
            pieces = _words(rest.replace(",", " "))
        elif key.strip() in ("ExecStart", "command"):
            names += split_secrets(_words(rest))[1]
            continue
        else:
            pieces = [stripped]
        names += [name for name in map(assigned_secret, pieces) if name]
    return list(dict.fromkeys(names))


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _open_to_others(path: str) -> bool:
    return bool(os.stat(path).st_mode & stat.S_IROTH)


def _record(context: Context, path: str, names: t.Sequence[str]) -> dict[str, t.Any]:
    figures = os.stat(path)
    return {
        "path": "/" + os.path.relpath(path, context.fs),
        "mode": stat.S_IMODE(figures.st_mode),
        "uid": figures.st_uid,
        "names": list(names),
        "own": path.startswith(context.path(context.root) + os.sep),
    }
