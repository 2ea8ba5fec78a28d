# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machine: its processor, its NVIDIA cards, its Python interpreters."""

from __future__ import annotations

import os
import re

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collector import Collected, Context, collector
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts
from ansible_collections.inferhost.llm.plugins.module_utils._gpu import _host as gpu_host
from ansible_collections.inferhost.llm.plugins.module_utils._gpu import _lookup as gpu_lookup
from ansible_collections.inferhost.llm.plugins.module_utils._gpu import _pci as pci

# In this order: a workstation line has cards made for servers, and old workstation cards share letters with server cards.
_MARKETS = (
    (re.compile(r"Server Edition|\bTesla\b"), "data_center"),
    (re.compile(r"GeForce|TITAN|Quadro|\b[GR]TX\b"), "workstation"),
    (re.compile(r"\b(?:[ABHLV]|G[BH])\d{1,3}[A-Z]?\b|\bT4G?\b"), "data_center"),
)


def market(name: str) -> str:
    """What a card is sold for, from its name. A name that could mean several cards counts only if they agree."""
    kinds = {next((kind for pattern, kind in _MARKETS if pattern.search(one)), "unknown") for one in name.split(" or ")}
    return kinds.pop() if len(kinds) == 1 else "unknown"


@collector("cpu", root="no", cost="files", timeout_s=5)
def cpu(context: Context, facts: Facts) -> Collected:
    return Collected(gpu_host.cpu_facts(context.path("/proc"), context.path("/sys")))


@collector("gpus", root="no", cost="files", timeout_s=10)
def gpus(context: Context, facts: Facts) -> Collected:
    """NVIDIA cards on the bus, driver or not."""
    found = []
    for device in pci.read_devices(context.path("/sys")):
        if device.vendor_id == pci.NVIDIA and device.class_id in pci.NVIDIA_GPU_CLASSES:
            name = gpu_lookup.describe(device.device_id, device.subsystem_device_id)["name"]
            found.append({"address": device.address, "name": name, "market": market(name), "driver": device.driver})
    return Collected(found)


@collector("interpreters", root="no", cost="files", timeout_s=5)
def interpreters(context: Context, facts: Facts) -> Collected:
    """The distribution's Pythons, and whether each can make a virtual environment (Debian packs that part apart)."""
    folder = context.path("/usr/bin")
    default = os.path.basename(os.path.realpath(os.path.join(folder, "python3")))
    found = []
    for name in sorted(os.listdir(folder)):
        match = re.match(r"^python(3\.\d+)$", name)
        if match is None:
            continue
        library = context.path("/usr/lib/python" + match[1])
        found.append(
            {
                "path": "/usr/bin/" + name,
                "version": match[1],
                "default": name == default,
                "venv": all(os.path.isfile(os.path.join(library, part, "__init__.py")) for part in ("venv", "ensurepip")),
            }
        )
    return Collected({"found": found, "uv": os.path.isfile(context.path(os.path.join(context.root, "bin/uv")))})
