# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of containers that speak of `host.docker.internal`, a name that Linux does not know by itself."""

from __future__ import annotations

import glob
import os
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect._service import read
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collector import Collected, Context, collector
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts

NAME = "host.docker.internal"


# Programs of the host itself that people copy a container's configuration to.
OWN_FILES = ("/etc/prometheus/*.y*ml", "/etc/grafana/provisioning/*/*.y*ml")
# Below a folder that a container mounts: what Prometheus and Grafana read there.
_MOUNTED = ("*.y*ml", "datasources/*.y*ml", "provisioning/*/*.y*ml")


@collector("docker_names", root="helps", cost="files", timeout_s=10, maybe=["containers"])
def docker_names(context: Context, facts: Facts) -> Collected:
    gaps = [facts.missing["containers"]] if "containers" in facts.missing else []
    found: list[dict[str, t.Any]] = []
    containers = facts.values.get("containers", [])
    for container in containers:
        for path in _files(context, container):
            found += _mentions(context, path, container["name"], NAME in container["host_names"], gaps)
    seen = {one["file"] for one in found}
    own = [path for pattern in OWN_FILES for path in sorted(glob.glob(context.path(pattern)))]
    known = NAME in (read(context, context.path("/etc/hosts"), []) or "") if own else False
    for path in own:
        if _shown(context, path) not in seen:
            found += _mentions(context, path, "", known, gaps)
    return Collected(found, gaps)


def _mentions(context: Context, path: str, container: str, resolves: bool, gaps: list[str]) -> list[dict[str, t.Any]]:
    text = read(context, path, gaps) or ""
    lines = [number for number, line in enumerate(text.splitlines(), 1) if NAME in line.partition("#")[0] and "host-gateway" not in line]
    return [{"container": container, "file": _shown(context, path), "lines": lines, "resolves": resolves}] if lines else []


def _files(context: Context, container: t.Mapping[str, t.Any]) -> list[str]:
    paths = [context.path(path) for path in container["compose_files"]]
    for mount in container["mounts"]:
        source = context.path(mount["source"])
        paths += [source] if os.path.isfile(source) else [path for pattern in _MOUNTED for path in sorted(glob.glob(os.path.join(source, pattern)))]
    return [path for path in dict.fromkeys(paths) if path.endswith((".yml", ".yaml")) and os.path.isfile(path)]


def _shown(context: Context, path: str) -> str:
    return "/" + os.path.relpath(path, context.fs)
