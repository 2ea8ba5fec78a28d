# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The configuration of LiteLLM, as far as lines tell without a YAML parser: what it drops, and where its models are."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect._client_file import LOOPBACK, address_of
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect._service import read
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collector import Collected, Context, collector
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts
from ansible_collections.inferhost.llm.plugins.module_utils._listeners import listeners

_SETTING = re.compile(r"^\s*(?:-\s*)?(drop_params|api_base)\s*:\s*([^#]*)")


@collector("litellm", root="helps", cost="files", timeout_s=10, after=["processes", "services"])
def litellm(context: Context, facts: Facts) -> Collected:
    """One row a configuration file; a flag on the command line counts as line 0."""
    gaps: list[str] = []
    found: dict[str, dict[str, t.Any]] = {}
    ports = {one.port for one in listeners(context.path("/proc"))}
    for one in [*facts["services"], *facts["processes"]]:
        if one["kind"] != "litellm":
            continue
        argv = one["argv"]
        name = argv[argv.index("--config") + 1] if "--config" in argv[:-1] else ""
        path = os.path.join(one.get("cwd") or "/", name) if name else ""
        text = read(context, context.path(path), gaps) if path else ""
        ours = path.startswith(context.root.rstrip("/") + "/")
        row = found.setdefault(path, {**settings(path, text or "", ports), "ours": ours})
        if "--drop_params" in argv:
            row["drop_params"].append(0)
    return Collected(list(found.values()), gaps)


def settings(path: str, text: str, ports: t.AbstractSet[int]) -> dict[str, t.Any]:
    drops: list[int] = []
    dead: list[dict[str, t.Any]] = []
    for number, line in enumerate(text.splitlines(), 1):
        match = _SETTING.match(line)
        if match is None:
            continue
        value = match[2].strip().strip("\"'")
        if match[1] == "drop_params" and value.lower() in ("true", "yes", "on"):
            drops.append(number)
        if match[1] == "api_base":
            address = address_of(value)
            if address and address[0] in LOOPBACK and address[1] not in ports:
                dead.append({"line": number, "url": f"{address[0]}:{address[1]}"})
    return {"path": path, "drop_params": drops, "dead": dead}
