# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Command lines of services, quoted the way each service manager reads them."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_flags import LISTS


def with_secrets(service: dict[str, Any], root: str) -> list[str]:
    """The argv of a service; one that needs secrets in its environment is started through ``lib/with-secrets``."""
    command = [str(word) for word in service["command"]]
    secrets = service.get("secrets") or {}
    if not secrets:
        return command
    pairs = [f"{name}={file}" for name, file in sorted(secrets.items())]
    return ["/bin/sh", f"{root}/lib/with-secrets", *pairs, "--", *command]


def credential_files(service: dict[str, Any]) -> list[str]:
    """Names below ``etc/secrets`` that a service needs, sorted, each once."""
    return sorted({*(service.get("credentials") or []), *(service.get("secrets") or {}).values()})


def flag_words(flag: dict[str, Any]) -> list[str]:
    """Words of one of vLLM's flags given as ``{key, value}``; null is a flag without one. What is nested is JSON, or several words where it takes them."""
    value = flag["value"]
    if value is None or value is True:
        return [flag["key"]]
    if isinstance(value, list) and flag["key"].removeprefix("--") in LISTS:
        return [flag["key"], *(str(word) for word in value)]
    return [flag["key"], json.dumps(value) if isinstance(value, (dict, list)) else str(value)]


def _quoted(word: str) -> str:
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def systemd_exec(command: list[str]) -> str:
    """Argv as an Exec line: percent and dollar signs are systemd's own (systemd.service(5), "Command lines")."""
    return " ".join(_quoted(str(word).replace("%", "%%").replace("$", "$$")) for word in command)


def supervisor_exec(command: list[str]) -> str:
    """Argv as supervisord's ``command=``: percent expands, and a semicolon after a blank starts a comment."""
    return " ".join(_quoted(str(word).replace("%", "%%")) for word in command)


def supervisor_environment(variables: dict[str, Any]) -> str:
    """Variables as supervisord's ``environment=``, sorted by name."""
    return ",".join(f"{name}={_quoted(str(value).replace('%', '%%'))}" for name, value in sorted(variables.items()))
