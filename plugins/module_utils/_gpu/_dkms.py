# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What DKMS has made of NVIDIA's module for each kernel, out of its tree: the program is slow and may not be there."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._reader import Reader

TREE = "/var/lib/dkms"
LOG = "make.log"


def dkms_facts(reader: Reader) -> t.List[t.Dict[str, t.Any]]:
    """One entry a registered version of a module whose name begins with nvidia."""
    modules = [name for name in reader.names(TREE) if name.startswith("nvidia")]
    return [
        _version(reader, module, version) for module in modules for version in reader.names("%s/%s" % (TREE, module)) if _is_version(reader, module, version)
    ]


def _is_version(reader: Reader, module: str, name: str) -> bool:
    """Beside the versions there are links to what is installed, and a folder with the modules of the kernel that were displaced."""
    path = "%s/%s/%s" % (TREE, module, name)
    return name != "original_module" and reader.link(path) is None and reader.is_folder(path)


def _version(reader: Reader, module: str, version: str) -> t.Dict[str, t.Any]:
    folder = "%s/%s/%s" % (TREE, module, version)
    installed = _installed(reader, module)
    kernels = []
    for release in reader.names(folder):
        if release in ("source", "build"):
            continue
        for architecture in reader.names("%s/%s" % (folder, release)):
            built = any(name.split(".")[1:2] == ["ko"] for name in reader.names("%s/%s/%s/module" % (folder, release, architecture)))
            if built:
                state = "installed" if "%s/%s/%s" % (version, release, architecture) in installed else "built"
                kernels.append({"kernel": release, "architecture": architecture, "state": state})
    failed = reader.exists("%s/build/%s" % (folder, LOG))
    return {
        "module": module,
        "version": version,
        "source": reader.is_folder(folder + "/source"),
        "kernels": kernels,
        # DKMS takes the folder away when a build ends well.
        "failed_build_log": "%s/build/%s" % (folder, LOG) if failed else None,
    }


def _installed(reader: Reader, module: str) -> t.List[str]:
    """Targets `VERSION/KERNEL/ARCHITECTURE` of the links `kernel-KERNEL-ARCHITECTURE`."""
    folder = "%s/%s" % (TREE, module)
    targets = (reader.link("%s/%s" % (folder, name)) for name in reader.names(folder) if name.startswith("kernel-"))
    return ["/".join(target.rstrip("/").split("/")[-3:]) for target in targets if target]
