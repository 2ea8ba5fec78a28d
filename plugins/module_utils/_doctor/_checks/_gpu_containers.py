# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""GPUs in containers: does Docker know them, and do containers keep them."""

from __future__ import annotations

import datetime
import re
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts, Outcome, Seen, Unseen
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._registry import check
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._facts import Document, Inputs, cards, cards_unread, numbers, part
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._fixes import words
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._verify import causes

_REFRESH = "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"
_INSTEAD = "make the containers again with --device nvidia.com/gpu=all in place of --gpus or --runtime=nvidia"
# From this one on `--gpus` looks for CDI devices first.
_DOCKER_WITH_CDI = (29,)
# From this one on the runtime `nvidia` writes devices into the container's specification, unless it is told to use the hook.
_TOOLKIT_WITH_CDI = (1, 18)


@check("L05", "Docker does not know the GPU", ("info", "warning", "error"), ["gpu_info"], uses=["containers", "docker_info"])
def docker_without_gpu(facts: Facts) -> t.Iterator[Outcome]:
    document = facts["gpu_info"]
    if not cards(document):
        yield from map(Unseen, filter(None, [cards_unread(document)]))
        return
    if part(document, "containers") is None:
        yield Unseen("what Docker is told about GPUs could not be read")
        return
    severity = _weight(facts)
    found = [one for one in causes(Inputs(document), ()) if one.cause.id == "L05"]
    for one in found:
        yield Seen(severity, one.seen, one.cause.cause, one.cause.fix.format(**words(document)), one.cause.title)
    if not found:
        yield from _not_restarted(facts, severity)


@check("L09", "Containers that lose the GPU at a daemon-reload", ("warning", "error"), ["gpu_info"], uses=["containers", "docker_info"])
def daemon_reload(facts: Facts) -> t.Iterator[Outcome]:
    document = facts["gpu_info"]
    if not cards(document):
        yield from map(Unseen, filter(None, [cards_unread(document)]))
        return
    for name in ("containers", "docker_info"):
        if name not in facts.values:
            yield Unseen(facts.missing.get(name, f"no facts about {name}"))
            return
    engine = facts["docker_info"]
    if engine is None or engine["cgroup_driver"] != "systemd":
        return
    hooked = [one for one in facts["containers"] if one["running"] and _by_hook(one["gpu"], engine, document)]
    lost = [one["name"] for one in hooked if _reloaded_since(one["started"], engine["units_loaded"])]
    safe = [one["name"] for one in hooked if one["name"] not in lost]
    cause = (
        "the hook lets a container at the card behind systemd's back, so at the next `systemctl daemon-reload` systemd takes the card away again"
        " (`Failed to initialize NVML: Unknown Error`); devices of CDI stay"
    )
    if lost:
        yield Seen(
            "error",
            f"systemd has read its units anew since {', '.join(lost)} started, and their GPU was given by a hook",
            cause,
            f"docker restart {' '.join(lost)}   # for good: {_REFRESH}; then {_INSTEAD}",
        )
    if safe:
        yield Seen(
            "warning",
            f"{', '.join(safe)} got the GPU by a hook, and Docker leaves cgroups to systemd",
            cause,
            f"{_REFRESH}   # then {_INSTEAD}",
        )


def _weight(facts: Facts) -> str:
    """Docker that no container asks for a GPU may do without."""
    if "containers" not in facts.values:
        return "warning"
    return "error" if any(one["gpu"] for one in facts["containers"]) else "info"


def _not_restarted(facts: Facts, severity: str) -> t.Iterator[Outcome]:
    """What daemon.json says counts from Docker's next start on."""
    if "docker_info" not in facts.values:
        if part(facts["gpu_info"], "containers", "docker", "installed"):
            yield Unseen(facts.missing.get("docker_info", "no facts about docker_info"))
        return
    engine = facts["docker_info"]
    wanted = set(part(facts["gpu_info"], "containers", "docker", "runtimes") or {})
    lacking = sorted(wanted - set(engine["runtimes"])) if engine else []
    if lacking:
        yield Seen(
            severity,
            f"/etc/docker/daemon.json names the runtime {', '.join(lacking)}; Docker, which runs, knows {', '.join(engine['runtimes'])}",
            "Docker reads that file when it starts, and it was not restarted since",
            "sudo systemctl restart docker" + ("" if engine["live_restore"] else "   # restarts every container"),
            "Docker was not restarted after it was configured",
        )


def _by_hook(access: str | None, engine: t.Mapping[str, t.Any], document: Document) -> bool:
    """Whether a container got its GPU in a way that systemd is not told of."""
    if access == "flag":
        return not (numbers(engine["version"]) >= _DOCKER_WITH_CDI and engine["gpus"])
    if access != "runtime":
        return False
    version = next((one["version"] or "" for one in part(document, "packages", "containers") or [] if one["name"].startswith("nvidia-container-toolkit")), "")
    mode = part(document, "containers", "toolkit", "mode") or "auto"
    return mode == "legacy" or (mode == "auto" and numbers(version)[:2] < _TOOLKIT_WITH_CDI)


def _reloaded_since(started: str, units_loaded: float | None) -> bool:
    """Docker tells nanoseconds, Python reads microseconds."""
    match = re.match(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,6})?\d*Z$", started)
    if match is None or units_loaded is None:
        return False
    moment = datetime.datetime.strptime(match[1], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=datetime.timezone.utc).timestamp() + float(match[2] or 0)
    return units_loaded > moment
