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


@collector("docker_names", root="helps", cost="files", timeout_s=10, after=["containers"])
def docker_names(context: Context, facts: Facts) -> Collected:
    gaps: list[str] = []
    found: list[dict[str, t.Any]] = []
    for container in facts["containers"]:
        for path in _files(context, container):
            text = read(context, path, gaps) or ""
            lines = [number for number, line in enumerate(text.splitlines(), 1) if NAME in line.partition("#")[0] and "host-gateway" not in line]
            if lines:
                shown = "/" + os.path.relpath(path, context.fs)
                found.append({"container": container["name"], "file": shown, "lines": lines, "resolves": NAME in container["host_names"]})
    return Collected(found, gaps)


def _files(context: Context, container: t.Mapping[str, t.Any]) -> list[str]:
    paths = [context.path(path) for path in container["compose_files"]]
    for mount in container["mounts"]:
        source = context.path(mount["source"])
        paths += [source] if os.path.isfile(source) else sorted(glob.glob(os.path.join(source, "*.y*ml")))
    return [path for path in dict.fromkeys(paths) if path.endswith((".yml", ".yaml")) and os.path.isfile(path)]
