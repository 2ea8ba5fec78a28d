# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NVIDIA's driver branches and what the chip generations ask of them. Data, and two questions about it.

Lifetimes, classes and CUDA majors of 535, 580, 595 and 610: NVIDIA's page "Supported Drivers and CUDA Toolkit Versions" as of the 615 branch.
"""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._driver._types import CLOSED, FLAVOURS, KNOWN, OPEN, READ, SEEN, Evidence


class Branch(t.NamedTuple):
    """One line of releases that get fixes together."""

    name: str
    kind: str
    # Last month of support, "2028-06"; None: not known.
    ends: t.Optional[str]
    # Newest CUDA major that programs may be built for; None: not known.
    cuda_major: t.Optional[int]
    # Kernel modules that are packaged.
    flavours: t.Tuple[str, ...]
    evidence: Evidence


_LIFETIMES = Evidence(READ, "NVIDIA, Supported Drivers and CUDA Toolkit Versions, 615 branch")

BRANCHES: t.Tuple[Branch, ...] = (
    Branch("535", "long-term support", "2026-06", 12, FLAVOURS, _LIFETIMES),
    Branch("550", "production", None, 12, FLAVOURS, Evidence(KNOWN, "Debian 13 still packages it; its lifetime was not looked up")),
    Branch("570", "production", "2026-02", 12, FLAVOURS, Evidence(KNOWN, "lifetime and CUDA major not looked up")),
    Branch("580", "long-term support", "2028-06", 13, FLAVOURS, _LIFETIMES),
    Branch(
        "590",
        "superseded by 595",
        None,
        13,
        FLAVOURS,
        Evidence(READ, "packages.ubuntu.com: the 590 packages are transitional to 595; CUDA major not looked up"),
    ),
    Branch("595", "production", "2027-03", 13, FLAVOURS, _LIFETIMES),
    Branch("610", "new feature", "2026-08", 13, FLAVOURS, _LIFETIMES),
    # The closed modules end here: NVIDIA/gpu-driver-container gives up on them from 615 on, and Ubuntu's nvidia-dkms-615-server is a transitional package.
    Branch("615", "not known", None, 13, (OPEN,), Evidence(SEEN, "closed modules gone (read); class, lifetime and CUDA major: public files only")),
    Branch(
        "620", "not known", None, None, (OPEN,), Evidence(READ, "NVIDIA's driver installation guide 620 describes open modules only; no package of it was seen")
    ),
)

# What `auto` tries, in this order, before anything else that the source offers.
PREFERRED = ("580", "595")
PREFERRED_BLACKWELL = ("595", "580")

# Before 545 the open module asked for an option to serve anything but data-centre cards, so it is not the default there.
OPEN_BY_DEFAULT_FROM = 545
OPEN_DEFAULT_EVIDENCE = Evidence(
    READ, "NixOS/nixpkgs#499412 and NVIDIA/open-gpu-kernel-modules#495: NVreg_OpenRmEnableUnsupportedGpus without effect since 545.23.06"
)


class Generation(t.NamedTuple):
    """Branches that serve the compute capabilities from `first` to `last`."""

    name: str
    first: t.Tuple[int, int]
    last: t.Tuple[int, int]
    # None: every branch of the table is new enough, or not too new.
    oldest_branch: t.Optional[int]
    newest_branch: t.Optional[int]
    evidence: Evidence


_LAST_580 = Evidence(READ, "NixOS wiki, legacy_580, and NVIDIA/ansible-role-nvidia-driver#89: R580 is the last branch for Maxwell, Pascal and Volta")
_ANY = Evidence(KNOWN, "supported long before 535")

GENERATIONS: t.Tuple[Generation, ...] = (
    Generation("Maxwell", (5, 0), (5, 3), None, 580, _LAST_580),
    Generation("Pascal", (6, 0), (6, 2), None, 580, _LAST_580),
    Generation("Volta", (7, 0), (7, 2), None, 580, _LAST_580),
    Generation("Turing", (7, 5), (7, 5), None, None, _ANY),
    Generation("Ampere", (8, 0), (8, 8), None, None, _ANY),
    Generation("Ada Lovelace", (8, 9), (8, 9), None, None, _ANY),
    Generation("Hopper", (9, 0), (9, 0), None, None, _ANY),
    Generation("Blackwell (data centre)", (10, 0), (10, 2), 570, None, Evidence(KNOWN, "Blackwell begins with 570")),
    Generation(
        "Blackwell Ultra", (10, 3), (10, 3), 580, None, Evidence(SEEN, "580 is the oldest branch seen on a B300; whether 575 would do was not looked up")
    ),
    Generation("Blackwell", (12, 0), (12, 0), 570, None, Evidence(KNOWN, "Blackwell begins with 570")),
    Generation("GB10", (12, 1), (12, 1), 580, None, Evidence(SEEN, "580 is the oldest branch seen on a GB10")),
)
# A newer chip than the table knows.
UNKNOWN_BLACKWELL = Generation("newer than the table", (99, 0), (99, 9), 570, None, Evidence(KNOWN, "device ids from 0x2900 on are Blackwell or newer"))

# Oldest branch for each CUDA major (minor-version compatibility).
CUDA_FLOORS: t.Dict[int, int] = {11: 450, 12: 525, 13: 580}
CUDA_EVIDENCE = Evidence(READ, "NVIDIA, CUDA compatibility, minor version compatibility")

# Cards that are also sold on boards with NVSwitches; on such a board CUDA fails with 802 until the fabric manager of the same version runs.
NVSWITCH_CARDS = ("A100-SXM4", "H100 80GB HBM3", "H20", "H200", "B200", "B300")
# The ones whose fabric manager also needs the NVLink subnet manager (NVLink 5).
NVLINK5_CAPABILITIES = ("10.0", "10.3")


def branch_named(name: str) -> t.Optional[Branch]:
    """The row of a branch."""
    return next((branch for branch in BRANCHES if branch.name == name), None)


def generation_of(compute_capability: t.Optional[str], open_module: str) -> t.Optional[Generation]:
    """The row that serves a card; None for a chip that neither its compute capability nor its id tells."""
    if compute_capability:
        major, _dot, minor = compute_capability.partition(".")
        pair = (int(major), int(minor or 0))
        found = next((row for row in GENERATIONS if row.first <= pair <= row.last), None)
        if found:
            return found
    return UNKNOWN_BLACKWELL if open_module == "required" else None


def default_flavour(branch: str) -> str:
    """The flavour for cards that both serve."""
    return OPEN if int(branch) >= OPEN_BY_DEFAULT_FROM else CLOSED
