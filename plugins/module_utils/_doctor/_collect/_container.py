# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Containers and their engine, asked from the engine's own socket, so that no client program is needed."""

from __future__ import annotations

import errno
import http.client
import json
import os
import socket
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collector import Collected, Context, Unavailable, collector, unreadable
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._redact import split_secrets

SOCKETS = ("/var/run/docker.sock", "/run/podman/podman.sock")
_CONFIG_FILES_LABEL = "com.docker.compose.project.config_files"
_CDI_KIND = "nvidia.com/gpu"
# systemd touches it whenever it has read its units, so also after a daemon-reload; the container's clock is the same one.
UNITS_LOADED = "/run/systemd/systemd-units-load"


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=5)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


@collector("containers", root="helps", cost="requests", timeout_s=20)
def containers(context: Context, facts: Facts) -> Collected:
    """Every container, stopped ones too: a crash loop is a finding. No engine, no containers."""
    found: list[dict[str, t.Any]] = []
    for path in SOCKETS:
        place = context.path(path)
        if not os.path.exists(place):
            continue
        try:
            for short in _get(place, "/containers/json?all=true"):
                found.append(describe(_get(place, f"/containers/{short['Id']}/json")))
        except (http.client.HTTPException, ValueError, KeyError) as error:
            raise Unavailable(f"{path} gives no list of containers ({type(error).__name__})") from None
        except ConnectionRefusedError:
            # A socket that nobody listens on is a container engine that is not running.
            continue
        except OSError as error:
            raise Unavailable(unreadable(f"the list of containers from {path}", error)) from None
    return Collected(found)


@collector("docker_info", root="helps", cost="requests", timeout_s=10)
def docker_info(context: Context, facts: Facts) -> Collected:
    """What Docker says of itself, None where none runs, and when systemd last read its units."""
    place = context.path(SOCKETS[0])
    if not os.path.exists(place):
        return Collected(None)
    try:
        answer = _get(place, "/info")
    except ConnectionRefusedError:
        return Collected(None)
    except OSError as error:
        raise Unavailable(unreadable(f"Docker's settings from {SOCKETS[0]}", error)) from None
    except (http.client.HTTPException, ValueError) as error:
        raise Unavailable(f"{SOCKETS[0]} gives no settings ({type(error).__name__})") from None
    return Collected({**describe_engine(answer), "units_loaded": _changed(context.path(UNITS_LOADED))})


def describe_engine(answer: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The parts of its answer that checks read."""
    devices = [str(one.get("ID", "")) for one in answer.get("DiscoveredDevices") or []]
    return {
        "version": str(answer.get("ServerVersion") or ""),
        "cgroup_driver": answer.get("CgroupDriver"),
        "runtimes": sorted(answer.get("Runtimes") or {}),
        "gpus": [device for device in devices if device.startswith(_CDI_KIND)],
        "live_restore": bool(answer.get("LiveRestoreEnabled")),
    }


def _changed(path: str) -> float | None:
    try:
        return os.stat(path).st_mtime
    except OSError:
        return None


def log_of(context: Context, name: str, lines: int) -> bytes:
    """The end of a container's log; raises OSError where no engine gives one."""
    for path in SOCKETS:
        place = context.path(path)
        if os.path.exists(place):
            try:
                return unframed(_read(place, f"/containers/{name}/logs?stdout=1&stderr=1&tail={lines}"))
            except (http.client.HTTPException, ConnectionRefusedError):
                continue
    raise FileNotFoundError(errno.ENOENT, "no container engine gives its log")


def unframed(content: bytes) -> bytes:
    """Without a terminal each piece has a header of eight bytes: its stream, three zeros, its length."""
    parts = []
    at = 0
    while content[at : at + 1] in (b"\0", b"\1", b"\2") and content[at + 1 : at + 4] == b"\0\0\0":
        length = int.from_bytes(content[at + 4 : at + 8], "big")
        parts.append(content[at + 8 : at + 8 + length])
        at += 8 + length
    return b"".join(parts) if parts else content


def _get(path: str, target: str) -> t.Any:
    return json.loads(_read(path, target))


def _read(path: str, target: str) -> bytes:
    connection = _UnixConnection(path)
    try:
        connection.request("GET", target)
        answer = connection.getresponse()
        content = answer.read()
    finally:
        connection.close()
    if answer.status != 200:
        raise http.client.HTTPException(f"status {answer.status}")
    return content


def describe(inspected: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """The parts of an inspection that checks read. Environment: names only."""
    config = inspected.get("Config") or {}
    host = inspected.get("HostConfig") or {}
    labels = config.get("Labels") or {}
    clean, carriers = split_secrets([str(inspected.get("Path") or ""), *(inspected.get("Args") or [])])
    files = [path for path in str(labels.get(_CONFIG_FILES_LABEL, "")).split(",") if path]
    return {
        "name": str(inspected.get("Name", "")).lstrip("/"),
        "image": str(config.get("Image", "")),
        "running": bool((inspected.get("State") or {}).get("Running")),
        "argv": clean,
        "secret_args": carriers,
        "environment_names": sorted(str(entry).partition("=")[0] for entry in config.get("Env") or []),
        "gpu": gpu_access(host),
        "started": (inspected.get("State") or {}).get("StartedAt") or "",
        "host_network": host.get("NetworkMode") == "host",
        "host_names": [str(entry).partition(":")[0] for entry in host.get("ExtraHosts") or []],
        "compose_files": files,
        "mounts": [{"source": str(mount.get("Source", "")), "destination": str(mount.get("Destination", ""))} for mount in inspected.get("Mounts") or []],
    }


def gpu_access(host: t.Mapping[str, t.Any]) -> str | None:
    """How a container asks for GPUs: `cdi`, a device by its CDI name; `flag`, --gpus or a reservation; `runtime`, NVIDIA's; None where it does not."""
    requests = host.get("DeviceRequests") or []
    names = [str(name) for request in requests for name in request.get("DeviceIDs") or []]
    if any(name.startswith(_CDI_KIND) for name in names):
        return "cdi"
    capabilities = [str(word) for request in requests for group in request.get("Capabilities") or [] for word in group]
    if "gpu" in capabilities or any(request.get("Driver") == "nvidia" for request in requests):
        return "flag"
    return "runtime" if host.get("Runtime") == "nvidia" else None
