# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Words that a repair's command needs from the host: which package, which kernel. Pure.

Package names: packages.ubuntu.com and packages.debian.org; those of NVIDIA's repository as `_driver/_packages.py` has them.
"""

from __future__ import annotations

import re
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._facts import (
    DEBIAN_ARCHIVE_LAST,
    WHOLE,
    Document,
    branches,
    cards,
    core_packages,
    kept_branch,
    libraries,
    part,
    running_kernel,
)

Rows = t.Tuple[t.Tuple[str, str], ...]

# What chooses branch, flavour and packages where a single command cannot.
PLAN = "ansible localhost --become --module-name inferhost.llm.driver_plan"

# The first branch that drives Blackwell.
BLACKWELL_FIRST = 570

# Installed package, and what brings the other flavour of the module, or the library, in the same packaging. The first row that fits counts.
OPEN: Rows = (
    (r"^linux-modules-nvidia-(\d{3})(-server)?-(?!open-|server-)(.+)$", r"linux-modules-nvidia-\1\2-open-\3"),
    (r"^nvidia-dkms-(\d{3})(-server)?$", r"nvidia-dkms-\1\2-open"),
    (r"^nvidia-dkms$", "nvidia-dkms-open"),
    (r"^nvidia-kernel-dkms$", "nvidia-kernel-open-dkms"),
)
CLOSED: Rows = (
    (r"^linux-modules-nvidia-(\d{3})(-server)?-open-(.+)$", r"linux-modules-nvidia-\1\2-\3"),
    (r"^nvidia-dkms-(\d{3})(-server)?-open$", r"nvidia-dkms-\1\2"),
    (r"^nvidia-dkms-open$", "nvidia-dkms"),
    (r"^nvidia-(?:kernel-open|open-kernel)-dkms$", "nvidia-kernel-dkms"),
)
LIBRARY: Rows = (
    (r"^nvidia-(?:dkms|utils|headless|headless-no-dkms|kernel-common)-(\d{3})(-server)?(?:-open)?$", r"libnvidia-compute-\1\2"),
    (r"^linux-modules-nvidia-(\d{3})(-server)?-.*$", r"libnvidia-compute-\1\2"),
    (r"^nvidia-dkms(?:-open)?$", "libnvidia-compute"),
    (r"^nvidia-kernel-open-dkms$", "nvidia-driver-cuda"),
    (r"^nvidia-(?:open-kernel|kernel)-dkms$", "libcuda1"),
)
# Kernel metapackages, whose headers follow each new kernel.
IMAGE = re.compile(r"^linux-image-((?!unsigned-|uc-)[a-z][\w.-]*)$")
FLAVOUR = re.compile(r"-((?:cloud-|rt-)?[a-z][a-z0-9]*)$")


def words(facts: Document) -> t.Dict[str, str]:
    """Everything that a fix of the table may name."""
    kernel = (running_kernel(facts) or {}).get("release") or part(facts, "kernel", "running") or "$(uname -r)"
    others = [one["release"] for one in part(facts, "kernel", "installed") or [] if not one["running"] and not one["nvidia_module"]]
    return {
        "kernel": kernel,
        "headers": " ".join(_unique(["linux-headers-%s" % kernel, *headers(facts, kernel)])),
        "other_kernels": PLAN
        if not part(facts, "dkms")
        else " && ".join(
            "sudo apt-get install %s && sudo dkms autoinstall -k %s" % (" ".join(_unique(["linux-headers-%s" % one, *headers(facts, one)])), one)
            for one in others
        )
        or PLAN,
        "followers": " ".join(unfollowed(facts)),
        "branch": kept_branch(facts) or "580",
        "to_open": _change(facts, OPEN, needs_blackwell=any(one.get("open_module") == "required" for one in cards(facts))),
        "to_closed": _change(facts, CLOSED),
        "library": _install(named(facts, LIBRARY)),
        "clean": clean(facts),
        "module": part(facts, "driver", "on_disk", "path") or "/lib/modules/%s" % kernel,
        "address": next((one["pci_address"] for one in cards(facts)), "0000:01:00.0"),
        "paths": " ".join(one["path"] for one in libraries(facts)),
        "plan": PLAN,
    }


def named(facts: Document, rows: Rows) -> t.Optional[str]:
    """The package that goes with what is installed, None when nothing there is known."""
    names = [one["name"] for one in core_packages(facts)]
    # Debian's archive and NVIDIA's repository share a name for the closed module.
    if rows is OPEN and "nvidia-kernel-dkms" in names and int(kept_branch(facts) or 0) <= DEBIAN_ARCHIVE_LAST:
        return "nvidia-open-kernel-dkms"
    return next((re.sub(pattern, replacement, name) for pattern, replacement in rows for name in names if re.match(pattern, name)), None)


def unfollowed(facts: Document) -> t.List[str]:
    """Metapackages of headers that are not there, of kernels whose own metapackage is: the next kernel will come without headers."""
    there = {one["name"] for one in part(facts, "packages", "kernel") or [] if one["state"] == "installed"}
    matches = [match for match in map(IMAGE.match, sorted(there)) if match]
    return [name for name in ("linux-headers-%s" % match[1] for match in matches) if name not in there]


def headers(facts: Document, kernel: str) -> t.List[str]:
    """The metapackages of the installed kernels' headers; guessed by the kernel's name where none is installed."""
    images = [IMAGE.match(one["name"]) for one in part(facts, "packages", "kernel") or [] if one["state"] == "installed"]
    found = ["linux-headers-%s" % match[1] for match in images if match]
    guess = FLAVOUR.search(kernel)
    return found or (["linux-headers-%s" % guess[1]] if guess else [])


def clean(facts: Document) -> str:
    """Removes what other branches left, each package by its name, and lets dpkg finish. Nothing is removed by a pattern."""
    kept = kept_branch(facts)
    others = sorted(name for branch, names in branches(facts).items() if branch != kept for name in names)
    stale = [one for one in part(facts, "dkms") or [] if kept and not one["version"].startswith(kept)]
    unfinished = any(one["state"] not in WHOLE for one in core_packages(facts))
    commands = ["sudo dpkg --configure -a"] if unfinished else []
    commands += ["sudo apt-get purge %s" % " ".join(others)] if others else []
    commands += ["sudo dkms remove %s/%s --all" % (one["module"], one["version"]) for one in stale]
    return " && ".join(commands) or PLAN


def _change(facts: Document, rows: Rows, needs_blackwell: bool = False) -> str:
    package, branch = named(facts, rows), kept_branch(facts)
    too_old = needs_blackwell and bool(branch) and int(branch) < BLACKWELL_FIRST
    return "%s && sudo reboot" % _install(package) if package and not too_old else PLAN


def _install(package: t.Optional[str]) -> str:
    return "sudo apt-get install %s" % package if package else PLAN


def _unique(names: t.List[str]) -> t.List[str]:
    return list(dict.fromkeys(names))
