# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What checks and causes ask of the document of `gpu_info`, in one place. Pure; a fact that is not there is None or empty, never an exception."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._driver._installed import names_a_branch
from ansible_collections.inferhost.llm.plugins.module_utils._driver._types import branch_of

Document = t.Dict[str, t.Any]

# Facts that a document must have to be one of gpu_info.
KEYS = ("gpus", "driver", "kernel_log", "nvidia_smi", "cuda_init", "unread")
# What is noted as unread when the list of cards itself is in doubt.
CARD_SOURCES = ("PCI bus", "/sys/bus/pci/devices", "gpus")

# Packages that carry a kernel module or libraries, so that two branches of them cannot both be right. Others keep versions of their own.
CORE = re.compile(
    r"^(?:libnvidia-(?:compute|cfg1|common|decode|encode|extra|gl)|libcuda1$|libnvidia-ml1$|nvidia-smi$"
    r"|nvidia-dkms|nvidia-kernel-(?:dkms|open-dkms|common-\d|source)|nvidia-open-kernel-dkms"
    r"|nvidia-(?:compute-)?utils|nvidia-headless|nvidia-driver(?!-pinning)|nvidia-firmware|firmware-nvidia-gsp|linux-modules-nvidia)"
)
DRIVER_VERSION = re.compile(r"^(?:\d+:)?\d{3}\.\d+")
BRANCH_IN_NAME = re.compile(r"-(\d{3})(?:-|$)")
# The last branch of Debian's own archive, whose names differ from those of NVIDIA's repository for Debian.
DEBIAN_ARCHIVE_LAST = 550
# States in which dpkg was interrupted.
WHOLE = ("installed", "config-files")


class Inputs(t.NamedTuple):
    """Everything a verification decides on: the document, and what was measured elsewhere."""

    facts: Document
    container_cuda: t.Optional[Document] = None
    baseline: t.Optional[Document] = None
    bandwidth_bytes_per_s: t.Optional[float] = None


def missing_keys(facts: Document) -> t.List[str]:
    """Keys whose absence shows that this is no document of gpu_info."""
    return [key for key in KEYS if key not in facts]


def part(facts: Document, *path: str) -> t.Any:
    """A fact by its path, None where a step of it is missing or None."""
    value: t.Any = facts
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def cards(facts: Document) -> t.List[Document]:
    """The cards; empty also when they could not be read, which `cards_unread` tells."""
    return facts.get("gpus") or []


def cards_unread(facts: Document) -> t.Optional[str]:
    """Why the list of cards is in doubt, None when it is not."""
    return next(("%s: %s" % (one["what"], one["why"]) for one in facts.get("unread") or [] if one["what"] in CARD_SOURCES), None)


def why_unread(facts: Document, *words: str) -> str:
    """What the document says about facts that are missing; a plain sentence where it says nothing."""
    found = ["%s: %s" % (one["what"], one["why"]) for one in facts.get("unread") or [] if any(word in one["what"] for word in words)]
    return "; ".join(found) or "gpu_info has no value for it"


def events(facts: Document, *kinds: str) -> t.List[Document]:
    """Messages of the kernel of the given kinds, all when none is given."""
    return [event for event in part(facts, "kernel_log", "events") or [] if not kinds or event["kind"] in kinds]


def loaded(facts: Document) -> bool:
    """Whether NVIDIA's kernel module is loaded."""
    return part(facts, "driver", "loaded") is True


def libraries(facts: Document, name: str = "") -> t.List[Document]:
    """The driver's user space, without libraries of forward compatibility."""
    return [one for one in part(facts, "driver", "user_space") or [] if not one["compat"] and one["library"].startswith(name)]


def cuda_works(facts: Document) -> bool:
    """Whether CUDA itself said so. That nvidia-smi works is no proof."""
    return part(facts, "cuda_init", "outcome") == "ok" and bool(part(facts, "cuda_init", "device_count"))


def installed(facts: Document, pattern: str) -> t.List[str]:
    """Names of installed NVIDIA packages that a pattern fits at their beginning."""
    return [one["name"] for one in part(facts, "packages", "nvidia") or [] if one["state"] == "installed" and re.match(pattern, one["name"])]


def core_packages(facts: Document) -> t.List[Document]:
    """Packages that carry the driver, in whatever state short of removed."""
    return [one for one in part(facts, "packages", "nvidia") or [] if one["state"] != "config-files" and CORE.match(one["name"])]


def package_branch(package: Document) -> str:
    """Branch by the version, since an old name may have become an empty package of a newer one; by the name where the version is a kernel's."""
    version = package["version"] or ""
    if DRIVER_VERSION.match(version):
        return branch_of(version)
    match = BRANCH_IN_NAME.search(package["name"])
    return match[1] if match else ""


def branches(facts: Document) -> t.Dict[str, t.List[str]]:
    """Names of the packages that belong to a branch of the driver, by branch: those that carry it, and those that have it in their names."""
    found: t.Dict[str, t.List[str]] = {}
    for package in part(facts, "packages", "nvidia") or []:
        if package["state"] == "config-files" or not (CORE.match(package["name"]) or names_a_branch(package["name"])):
            continue
        branch = package_branch(package)
        if branch:
            found.setdefault(branch, []).append(package["name"])
    return found


def from_distribution(package: Document) -> bool:
    """Whether a package of the driver came from Ubuntu's or Debian's archive and not from NVIDIA's repository, by its version."""
    version = package["version"] or ""
    branch = package_branch(package)
    return "-0ubuntu" in version or "+deb" in version or (branch.isdigit() and int(branch) <= DEBIAN_ARCHIVE_LAST and "ubuntu" not in version)


def kept_branch(facts: Document) -> str:
    """The branch that a repair keeps: what the kernel loaded or would load, else the newest that is installed; empty when there is none."""
    version = part(facts, "driver", "loaded_version") or part(facts, "driver", "on_disk", "version")
    return branch_of(version) if version else max(branches(facts), default="")


def running_kernel(facts: Document) -> t.Optional[Document]:
    """The entry of the kernel that runs."""
    return next((one for one in part(facts, "kernel", "installed") or [] if one["running"]), None)


def numbers(version: str) -> t.Tuple[int, ...]:
    """`580.159.03` as numbers that compare: `580.95` is older than `580.159`. Trailing zeros do not count."""
    found = [int(digits) for digits in re.findall(r"\d+", version)]
    while found and found[-1] == 0:
        found.pop()
    return tuple(found)
