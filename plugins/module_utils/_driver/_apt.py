# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan in apt's terms: preferences, and transactions in their order. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._driver._installed import WITHOUT_BRANCH
from ansible_collections.inferhost.llm.plugins.module_utils._driver._packages import NVIDIA_SUFFIXED, REPOSITORY_ORIGIN, Offer, Scheme
from ansible_collections.inferhost.llm.plugins.module_utils._driver._types import CUDA_REPO, PREBUILT, Document

# Above 1000 apt also goes back to an older version.
FORCE = 1001
NEVER = -1
# Beginnings of names that no transaction may install, remove or move: a prebuilt module depends on the exact kernel that it was built for, and Debian's
# headers on the exact kernel of their version.
KERNELS = ("linux-image-",)


def preferences(offer: Offer, scheme: Scheme) -> t.List[Document]:
    """Stanzas that keep the two sources apart, since they use the same names, and the packages without a branch in their name at the driver's branch.

    A pattern here only limits where a package may come from; it removes nothing.
    """
    names = ["libnvidia-*-%s*" % offer.branch, "nvidia-*-%s*" % offer.branch, "xserver-xorg-video-nvidia-%s*" % offer.branch]
    if offer.source != CUDA_REPO:
        if offer.distribution == "ubuntu":
            return [_stanza(names, "origin %s" % REPOSITORY_ORIGIN, NEVER, "the driver comes from Ubuntu's archive alone")]
        return [_stanza(sorted(WITHOUT_BRANCH[scheme.name]), "origin %s" % REPOSITORY_ORIGIN, NEVER, "the driver comes from Debian's archive alone")]
    found = []
    if scheme.name == NVIDIA_SUFFIXED.name:
        found.append(_stanza(names, "release o=Ubuntu", NEVER, "Ubuntu's archive has packages of the same names and other builds"))
    if scheme.floating:
        found.append(_stanza(list(scheme.floating), "version %s.*" % offer.branch, FORCE, "must have the driver's version, and have no branch in their names"))
    return found


def steps(document: Document, scheme: Scheme, pinning: str, packages: t.Sequence[str], fabric: t.Sequence[str]) -> t.List[Document]:
    """Transactions, each a whole: packages to install and packages to remove in the same one, so that the host never stands between two drivers."""
    pins = [row["name"] for row in document["remove"] if row["name"].startswith("nvidia-driver-pinning-")]
    remove = [row["name"] for row in document["remove"] if row["name"] not in pins]
    required = [row["package"] for row in document["kernel_packages"] if row["required"]]
    optional = [row["package"] for row in document["kernel_packages"] if not row["required"]]
    prebuilt = document["modules"] == PREBUILT
    planned = []
    if pinning or pins:
        planned.append(_step("pin", [pinning] if pinning else [], pins, "apt must know the branch before it resolves the driver"))
    if not prebuilt and required + optional:
        planned.append(_step("headers", required, [], "DKMS builds while the driver is installed", optional))
    driver = [*(required if prebuilt else []), *(name for name in packages if name not in fabric)]
    planned.append(_step("driver", driver, remove, "the wanted driver in and the others out, in one transaction", optional if prebuilt else ()))
    planned[-1]["move"] = [row["name"] for row in document["keep"] if row["moves"] and row["name"] not in driver]
    planned[-1]["move_to"] = document["branch"]
    if fabric:
        planned.append(_step("fabric", fabric, [], "once the driver's version is known, because CUDA fails with 802 under another"))
        planned[-1]["same_version"] = [name for name in fabric if name in scheme.floating]
    return planned


def _stanza(packages: t.List[str], pin: str, priority: int, reason: str) -> Document:
    return {"packages": packages, "pin": pin, "priority": priority, "reason": reason}


def _step(name: str, install: t.Sequence[str], remove: t.Sequence[str], reason: str, if_available: t.Sequence[str] = ()) -> Document:
    return {
        "name": name,
        "install": list(install),
        "if_available": list(if_available),
        "remove": list(remove),
        "must_not_change": list(KERNELS),
        # To install in exactly the version that the driver has; the others depend on it themselves.
        "same_version": [],
        # Parts of another branch that have the same names in the wanted one: they come along, or go where the source has no such package in this branch.
        "move": [],
        "move_to": "",
        "reason": reason,
    }
