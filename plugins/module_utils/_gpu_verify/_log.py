# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which messages of the kernel are new since a baseline, and what the numbers of Xids mean.

Numbers: nverror.h of NVIDIA's open kernel modules, and NVIDIA's catalogue of Xid errors.
"""

from __future__ import annotations

import typing as t

Event = t.Dict[str, t.Any]

# Kinds that are no complaint.
HARMLESS = ("module_loaded", "unsigned_module_loaded")

APPLICATION = "application"
DRIVER = "driver"
HARDWARE = "hardware"

# Number, where it comes from, what it says.
XIDS: t.Dict[int, t.Tuple[str, str]] = {
    13: (APPLICATION, "a program made the card fault"),
    31: (APPLICATION, "a program touched memory of the card that is not its own"),
    43: (APPLICATION, "a program's channel was reset"),
    45: (APPLICATION, "a program was removed from the card, often because it was killed"),
    48: (HARDWARE, "an error of the card's memory that could not be corrected"),
    62: (HARDWARE, "the card's power controller halted"),
    63: (HARDWARE, "a row or page of the card's memory was taken out of use"),
    64: (HARDWARE, "a row or page of the card's memory could not be taken out of use"),
    74: (HARDWARE, "an error of an NVLink"),
    79: (HARDWARE, "the card fell off the bus"),
    92: (HARDWARE, "many corrected errors of the card's memory"),
    94: (HARDWARE, "a memory error that hit one program"),
    95: (HARDWARE, "a memory error that may have hit every program"),
    119: (DRIVER, "the card's system processor does not answer"),
    120: (DRIVER, "the card's system processor failed"),
    143: (DRIVER, "the card could not be initialised"),
    154: (DRIVER, "the driver says what to do with the card to recover it"),
    171: (HARDWARE, "an error of the card's memory that could not be corrected"),
    172: (HARDWARE, "an error of the card's static memory that could not be corrected"),
}


def new_events(now: t.List[Event], baseline: t.Optional[t.List[Event]]) -> t.List[Event]:
    """Complaints that the baseline does not have. Without one every complaint since the kernel's start counts."""
    complaints = [event for event in now if event["kind"] not in HARMLESS]
    if baseline is None:
        return complaints
    before = {_key(event): event for event in baseline}
    return [event for event in complaints if not _same(event, before.get(_key(event)))]


def _same(event: Event, old: t.Optional[Event]) -> bool:
    """Neither newer nor of a later boot. The first time may differ when the log's ring has overwritten it, then the last is the same."""
    if old is None or event["count"] > old["count"]:
        return False
    return bool(event["last_s"] == old["last_s"] or (event["first_s"] == old["first_s"] and event["count"] == old["count"]))


def _key(event: Event) -> t.Tuple[t.Any, ...]:
    return event["kind"], event["pci_address"], tuple(event["codes"])


def words(event: Event) -> str:
    """One line: what came, how often, and what its number means."""
    meaning = XIDS.get(event["xid"] or 0)
    often = " (%d times)" % event["count"] if event["count"] > 1 else ""
    return str(event["text"]) + often + (" [Xid %d: %s]" % (event["xid"], meaning[1]) if meaning else "")


def origin(event: Event) -> str:
    """Where an Xid comes from; of one that the table does not know the driver is to be asked."""
    known = XIDS.get(event["xid"] or 0)
    return known[0] if known else DRIVER
