# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Kernels of a host: which one runs, which are installed, for which a module can be built and for which NVIDIA's is there."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._module_files import module_path
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._reader import Reader

IMAGES = ("vmlinuz-", "vmlinux-")
# The rest of a command line is nobody's business: it can hold secrets.
WORDS = re.compile(r"nvidia|nouveau|nomodeset|blacklist|iommu|vfio|^pci|^module\.|lockdown", re.I)


def kernel_facts(reader: Reader) -> t.Dict[str, t.Any]:
    """`installed` has one entry a release that has an image or modules; a folder that a removed kernel left behind has neither."""
    running = reader.word("/proc/sys/kernel/osrelease")
    images = {release for name in reader.names("/boot") for release in [release_of(name)] if release}
    folders = reader.names("/lib/modules")
    found = [_kernel(reader, release, running, release in images) for release in sorted(images.union(folders), key=release_order)]
    return {
        "running": running,
        "command_line": [word for word in (reader.word("/proc/cmdline") or "").split() if WORDS.search(word)],
        "installed": [kernel for kernel in found if kernel["image"] or kernel["modules"]],
        "unsigned_modules_refused": _switch(reader.word("/sys/module/module/parameters/sig_enforce")),
    }


def release_of(image: str) -> t.Optional[str]:
    """`vmlinuz-6.12.48+deb13-amd64` to the release; None for a rescue image or any other file."""
    release = next((image[len(prefix) :] for prefix in IMAGES if image.startswith(prefix)), "")
    return release if release[:1].isdigit() else None


def release_order(release: str) -> t.List[t.Tuple[int, int, str]]:
    """Sorts 6.8.0-9 before 6.8.0-31: runs of digits count as numbers."""
    order: t.List[t.Tuple[int, int, str]] = []
    for part in release.replace("-", ".").replace("+", ".").split("."):
        order.append((1, int(part), "") if part.isdigit() else (0, 0, part))
    return order


def _kernel(reader: Reader, release: str, running: t.Optional[str], image: bool) -> t.Dict[str, t.Any]:
    return {
        "release": release,
        "running": release == running,
        "image": image,
        "modules": reader.is_folder("/lib/modules/%s/kernel" % release),
        "headers": headers(reader, release),
        "nvidia_module": module_path(reader, release),
    }


def headers(reader: Reader, release: str) -> t.Optional[str]:
    """The folder a module is built against. The link of a kernel points nowhere when only its headers were removed."""
    candidates = ("/lib/modules/%s/build" % release, "/usr/src/linux-headers-%s" % release, "/usr/src/kernels/%s" % release)
    return next((path for path in candidates if reader.exists(path + "/Makefile")), None)


def _switch(word: t.Optional[str]) -> t.Optional[bool]:
    return {"Y": True, "N": False}.get(word or "")
