# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a host has what an installation needs: pure decisions on plain facts."""

from __future__ import annotations

from typing import Any

from ansible_collections.inferhost.llm.plugins.module_utils._listeners import Listener

Finding = dict[str, str]

GIB = 1024**3
_WILDCARDS = ("0.0.0.0", "0:0:0:0:0:0:0:0")


def gib(size: float) -> str:
    return f"{size / GIB:.1f} GiB"


def _error(code: str, title: str, seen: str, cause: str, fix: str) -> Finding:
    return {"id": code, "severity": "error", "title": title, "seen": seen, "cause": cause, "fix": fix}


def is_ours(listener: Listener, root: str) -> bool:
    """Whether a listener is one of our services: its own or its starter's command line names our folder, or systemd runs it as our unit."""
    return root in listener.command or root in listener.parent or "/inferhost-" in listener.group


def port_findings(wanted: list[dict[str, Any]], found: list[Listener], root: str) -> list[Finding]:
    """A finding for each port that something other than our own services listens on.

    ``wanted``: {service, host, port}. A wildcard listener takes the port on every address.
    """
    findings: list[Finding] = []
    for want in wanted:
        for listener in found:
            same = listener.address == want["host"] or listener.address in _WILDCARDS or want["host"] in ("0.0.0.0", "::")
            if listener.port != want["port"] or not same or is_ours(listener, root):
                continue
            findings.append(
                _error(
                    "port_taken",
                    f"Port {want['port']} for {want['service']} is taken",
                    f"{listener.address}:{listener.port} is held by {listener.describe()}",
                    "another service listens where this one should",
                    f"stop it, or choose another port: -e {want['variable']}=PORT",
                )
            )
            break
    return findings


def space_findings(
    root: str, need: dict[str, int], disk_free: int, disk_present: int, memory_available: int, memory_ours: int, disk_growth: int = 0
) -> list[Finding]:
    """Findings for disk and memory, in bytes. What an earlier run already put there, our services hold, or the disk will gain counts as available."""
    findings: list[Finding] = []
    missing = need["disk_bytes"] - disk_present - disk_free - disk_growth
    if missing > 0:
        findings.append(
            _error(
                "disk_short",
                "Too little disk space",
                f"{root} has {gib(disk_free)} free{f', {gib(disk_growth)} more once grown,' if disk_growth else ''} and {gib(disk_present)} of ours; "
                f"{gib(need['disk_bytes'])} are needed: {gib(missing)} are missing",
                "packages, model and caches do not fit on this filesystem",
                f"free {gib(missing)} there (df -h {root}), or choose another place: -e inferhost_root=/path/with/space",
            )
        )
    missing = need["memory_bytes"] - memory_ours - memory_available
    if missing > 0:
        findings.append(
            _error(
                "memory_short",
                "Too little memory",
                f"{gib(memory_available)} are available and {gib(memory_ours)} held by our services; {gib(need['memory_bytes'])} are "
                f"needed: {gib(missing)} are missing",
                "weights, KV cache and the engine itself do not fit into memory",
                "stop other programs, or plan with less: a smaller context (vllm_context) or model",
            )
        )
    return findings


def network_findings(index_url: str, error: str | None) -> list[Finding]:
    """A finding when packages are needed and the index could not be asked; ``error`` is None when it could."""
    if error is None:
        return []
    return [
        _error(
            "index_unreachable",
            "The Python package index cannot be reached",
            f"{index_url}: {error}",
            "no network, a proxy, or a wrong inferhost_index_url",
            f"try: curl -sI {index_url} ; behind a mirror set inferhost_index_url, offline set inferhost_find_links",
        )
    ]


def manager_findings(manager: str, pid1: str, uid: int, socket: str) -> list[Finding]:
    """Whether the chosen service manager can work: systemd must be process 1 and needs root; a socket path has 107 bytes (unix(7))."""
    findings: list[Finding] = []
    if manager == "systemd" and pid1 != "systemd":
        findings.append(
            _error(
                "no_systemd",
                "systemd does not run here",
                f"process 1 is {pid1!r}",
                "a container, a pod, or another init system",
                "use the process supervisor: -e inferhost_service_manager=supervisor",
            )
        )
    if manager == "systemd" and uid != 0:
        findings.append(
            _error(
                "not_root",
                "Units cannot be installed without root",
                f"the play runs as user id {uid}",
                "become is off",
                "run with --become (and --ask-become-pass if sudo asks), or -e inferhost_service_manager=supervisor",
            )
        )
    if manager == "supervisor" and len(socket.encode()) > 107:
        findings.append(
            _error(
                "path_too_long",
                "The folder's path is too long for a socket",
                f"{socket} has {len(socket.encode())} bytes",
                "the kernel takes at most 107 bytes for the path of a socket",
                "choose a shorter folder: -e inferhost_root=/short/path",
            )
        )
    return findings


def library_findings(missing: list[dict[str, str]], can_install: bool) -> list[Finding]:
    """A finding for libraries that the engine needs, that are missing and that the run cannot install: ``missing`` as in the plan's need."""
    if not missing or can_install:
        return []
    files, packages = (" ".join(row[key] for row in missing) for key in ("file", "debian"))
    return [
        _error(
            "library_missing",
            "The engine's libraries are missing",
            f"the loader does not find {files}",
            "they are not in the wheels, and only root can install the packages that have them",
            f"sudo apt-get install --yes --no-install-recommends {packages}",
        )
    ]
