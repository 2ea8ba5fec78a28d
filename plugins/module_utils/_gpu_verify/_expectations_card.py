# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks of the cards' own state: how many, their memory's errors, their links, whether they stay initialised, how fast their memory was measured."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._expectations_types import NO, UNKNOWN, YES, Answer, each, judged
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._facts import Document, Inputs, cards, cards_unread, part

NO_STATE = "nvidia-smi did not report the card's state"

# Path below the state, what it is called. Any value but none, zero and false is an error.
MEMORY_ERRORS: t.Tuple[t.Tuple[t.Tuple[str, ...], str], ...] = (
    (("ecc", "volatile", "uncorrected"), "uncorrected errors since the driver was loaded"),
    (("ecc", "aggregate", "uncorrected"), "uncorrected errors in the card's life"),
    (("ecc", "sram_threshold_exceeded"), "static memory above its threshold of errors"),
    (("remapped_rows", "uncorrected"), "rows replaced after uncorrected errors"),
    (("remapped_rows", "pending"), "row replacement pending"),
    (("remapped_rows", "failed"), "row replacement failed"),
    (("retired_pages", "double_bit"), "pages retired after double bit errors"),
    (("retired_pages", "pending"), "page retirement pending"),
)


def gpu_count(inputs: Inputs, wanted: int) -> Answer:
    """Counted on the PCI bus; cards of an unreadable bus are not zero."""
    unread = cards_unread(inputs.facts)
    found = cards(inputs.facts)
    if unread and not found:
        return Answer(UNKNOWN, unread)
    return judged(len(found) == wanted, "%d on the PCI bus%s" % (len(found), "".join("; %s %s" % (one["pci_address"], one["name"]) for one in found)))


def ecc_clean(inputs: Inputs, _wanted: bool) -> Answer:
    return each(inputs.facts, _ecc)


def _ecc(card: Document) -> Answer:
    state = card.get("state")
    if state is None:
        return Answer(UNKNOWN, NO_STATE)
    if state.get("failures"):
        return Answer(NO, "nvidia-smi says: %s" % ", ".join(state["failures"]))
    found = {path: part(state, *path) for path, _what in MEMORY_ERRORS}
    bad = ["%s%s" % (what, ": %d" % found[path] if found[path] is not True else "") for path, what in MEMORY_ERRORS if found[path]]
    if bad:
        return Answer(NO, ", ".join(bad))
    if not part(state, "ecc", "enabled"):
        return Answer(UNKNOWN, "ECC is off, so nothing counts errors" if part(state, "ecc", "enabled") is False else "the card reports no ECC")
    if found[("ecc", "volatile", "uncorrected")] is None or found[("ecc", "aggregate", "uncorrected")] is None:
        return Answer(UNKNOWN, "ECC is on, but the card does not report its counters")
    return Answer(YES, "ECC is on and counted no uncorrected error")


def pcie_link(inputs: Inputs, _wanted: bool) -> Answer:
    """Only the width decides: it is settled when the machine starts, while a card at rest lowers its speed and raises it under load."""

    def check(card: Document) -> Answer:
        width, most = _width(card), part(card, "pcie", "max_width") or part(card, "state", "pcie", "max_width")
        return (
            judged(width >= most, "%s of x%d%s" % ("x%d" % width, most, _speed(card))) if width and most else Answer(UNKNOWN, "the link's width is not known")
        )

    return each(inputs.facts, check)


def min_pcie_width(inputs: Inputs, wanted: int) -> Answer:
    def check(card: Document) -> Answer:
        width = _width(card)
        return judged(width >= wanted, "x%d%s" % (width, _speed(card))) if width else Answer(UNKNOWN, "the link's width is not known")

    return each(inputs.facts, check)


def _width(card: Document) -> t.Optional[int]:
    width: t.Optional[int] = part(card, "pcie", "width") or part(card, "state", "pcie", "width")
    return width


def _speed(card: Document) -> str:
    speed, most = part(card, "pcie", "speed"), part(card, "pcie", "max_speed")
    if not speed or not most:
        return ""
    return ", %s" % speed if speed == most else ", %s of %s (a card at rest lowers the speed; it rises under load, so the speed is not judged)" % (speed, most)


def persistence(inputs: Inputs, _wanted: bool) -> Answer:
    daemon = part(inputs.facts, "persistence_daemon", "unit", "active")

    def check(card: Document) -> Answer:
        mode = part(card, "state", "persistence_mode")
        if mode is None:
            return Answer(UNKNOWN, "%s; nvidia-persistenced is %s" % (NO_STATE, daemon or "not known"))
        return judged(mode, "persistence mode is %s, nvidia-persistenced is %s" % ("on" if mode else "off", daemon or "not known"))

    return each(inputs.facts, check)


def min_bandwidth_percent(inputs: Inputs, wanted: float) -> Answer:
    """What was measured elsewhere, of one card's memory, against the data sheet."""
    measured = inputs.bandwidth_bytes_per_s
    if measured is None:
        return Answer(UNKNOWN, "nothing was measured: bandwidth_bytes_per_s is not given")

    def check(card: Document) -> Answer:
        sheet = card.get("bandwidth_bytes_per_s")
        if not sheet:
            return Answer(UNKNOWN, "the catalogue has no figure for %s" % card["name"])
        doubt = "" if card.get("figures_verified") else ", a figure that was not verified"
        share = 100.0 * measured / sheet
        return judged(share >= wanted, "%.1f %% (%.0f of %.0f GB/s%s)" % (share, measured / 1e9, sheet / 1e9, doubt))

    return each(inputs.facts, check)
