# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words that the driver decision is made of; `docs/driver.md` explains the document they end up in."""

from __future__ import annotations

import typing as t

SCHEMA = 1

Document = t.Dict[str, t.Any]

# Where a fact comes from. READ: a page of NVIDIA, Ubuntu or Debian. SEEN: public files of other people only.
# KNOWN: common knowledge that nobody looked up for this table.
READ, SEEN, KNOWN = "read", "seen", "known"
MARKS = (READ, SEEN, KNOWN)

CUDA_REPO, DISTRIBUTION, AUTO = "cuda_repo", "distribution", "auto"
SOURCES = (CUDA_REPO, DISTRIBUTION)
OPEN, CLOSED = "open", "closed"
FLAVOURS = (OPEN, CLOSED)
# compute: what NVIDIA calls compute-only or headless. full: with everything a screen needs.
COMPUTE, FULL = "compute", "full"
PROFILES = (COMPUTE, FULL)
DKMS, PREBUILT = "dkms", "prebuilt"


class Evidence(t.NamedTuple):
    """How well a row of a table is known."""

    mark: str
    where: str

    @property
    def verified(self) -> bool:
        """Only what the publisher itself says counts."""
        return self.mark == READ

    def document(self) -> Document:
        """As decisions carry it."""
        return {"mark": self.mark, "where": self.where}


class DriverInputError(ValueError):
    """A fact or a wish that makes no sense; the message names it."""


class Refused(Exception):
    """There is no driver to install that would work. Carries what the document's `refusal` needs."""

    def __init__(self, code: str, message: str, remedies: t.Iterable[str] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedies = list(remedies)

    def document(self) -> Document:
        """As the plan carries it."""
        return {"code": self.code, "message": self.message, "remedies": self.remedies}


class Wishes(t.NamedTuple):
    """What the user asked for; `auto`, 0 and the empty string mean: decide."""

    source: str = CUDA_REPO
    branch: str = AUTO
    flavour: str = AUTO
    profile: str = COMPUTE
    # Major version of CUDA that programs on the host will be built for; 0: any.
    cuda_major: int = 0
    # Year and month, "2026-11", to tell the branches whose support is over; empty: do not look.
    today: str = ""


class Package(t.NamedTuple):
    """One installed package as dpkg names it."""

    name: str
    version: str


class Module(t.NamedTuple):
    """The kernel module that holds the cards now."""

    name: str
    version: str = ""
    flavour: str = ""


class Host(t.NamedTuple):
    """What the decision has to know about the machine."""

    distribution: str
    release: str
    architecture: str = "x86_64"
    running_kernel: str = ""
    packages: t.Tuple[Package, ...] = ()
    held: t.Tuple[str, ...] = ()
    secure_boot: t.Optional[bool] = None
    # Whether the key that DKMS signs with is enrolled in the firmware.
    mok_enrolled: bool = False
    module: t.Optional[Module] = None
    # Whether the cards hang on NVSwitches; None: nobody looked.
    nvswitch: t.Optional[bool] = None


class Card(t.NamedTuple):
    """What the decision has to know about one card; the fields of `gpu_info` with the same names."""

    name: str
    compute_capability: t.Optional[str]
    open_module: str
    driver: t.Optional[str] = None


def branch_of(version: str) -> str:
    """`580` for `580.159.03-0ubuntu0.24.04.1`, with or without an epoch; empty when the version begins with no number."""
    upstream = version.rpartition(":")[2]
    digits = upstream[: len(upstream) - len(upstream.lstrip("0123456789"))]
    return digits if len(digits) == 3 else ""


def warning(code: str, message: str) -> Document:
    """Something that works, but that somebody should know."""
    return {"code": code, "message": message}
