# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From PCI ids to what a card is. Pure functions on the catalogue."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._catalogue import (
    ARCHITECTURES,
    BOARD_MAKERS,
    CARDS,
    OPEN_MODULE_OVERRIDES,
    OPEN_MODULE_POSSIBLE_FROM,
    OPEN_MODULE_REQUIRED_FROM,
    RANGES,
    Card,
)

GIB = 1 << 30
MIB = 1 << 20

# What a name may have and need not.
NO_WORDS = frozenset(("nvidia", "gpu", "card", "generation"))


def architecture_of(device_id: str) -> t.Optional[str]:
    """Key of the generation whose id range holds the device id, None when no range does."""
    number = int(device_id, 16)
    return next((key for first, last, key in RANGES if first <= number <= last), None)


def cards_with(device_id: str, subsystem_device_id: t.Optional[str] = None) -> t.List[Card]:
    """Every catalogue card that the ids may be; more than one where cards share a device id."""
    found = [card for card in CARDS if device_id in card.device_ids]
    told_apart = [card for card in found if subsystem_device_id in card.subsystem_ids]
    return told_apart or found


def card_named(name: str) -> t.Optional[Card]:
    """The card that nvidia-smi calls so; older drivers leave the `NVIDIA ` in front away."""
    return next((card for card in CARDS if name in (card.name, card.name.replace("NVIDIA ", "", 1))), None)


def card_called(words: str) -> t.Optional[Card]:
    """The card that people call so (`H100`, `RTX 4000 SFF Ada`): each word is one of its name's. Of several the one with the least memory."""
    wanted = _words(words.split("(")[0]) - NO_WORDS
    found = [card for card in CARDS if wanted and wanted <= _words(card.name)]
    return min(found, key=lambda card: (card.memory_gib, len(_words(card.name)))) if found else None


def _words(name: str) -> t.Set[str]:
    return set(re.findall(r"[a-z0-9]+", name.lower().replace(" gb", "gb")))


def named(name: str) -> t.Optional[t.Dict[str, t.Any]]:
    """What follows from a card's name alone, as `describe` says it; None for a name that is no card's."""
    card = card_named(name) or card_called(name)
    return describe(card.device_ids[0], next(iter(card.subsystem_ids), None)) if card else None


def card_memory(card: Card) -> t.Tuple[int, str]:
    """Bytes and where the figure comes from."""
    if card.memory_mib is not None:
        return card.memory_mib * MIB, "catalogue: as nvidia-smi prints it"
    return int(card.memory_gib * GIB), "catalogue: nominal size"


def describe(device_id: str, subsystem_device_id: t.Optional[str] = None) -> t.Dict[str, t.Any]:
    """Everything that follows from the ids alone."""
    device_id = device_id.lower()
    cards = cards_with(device_id, subsystem_device_id.lower() if subsystem_device_id else None)
    key = cards[0].architecture if cards else architecture_of(device_id)
    architecture = ARCHITECTURES[key] if key else None
    # Of cards that share an id the smallest is assumed: a plan for it also fits the larger one.
    card = min(cards, key=lambda one: one.memory_gib) if cards else None
    memory_bytes, memory_source = card_memory(card) if card else (None, None)
    return {
        "name": " or ".join(one.name for one in cards) if cards else _unlisted_name(device_id, architecture.name if architecture else None),
        "matched_by": "id" if cards else ("range" if architecture else "none"),
        "architecture": architecture.name if architecture else None,
        "compute_capability": architecture.compute_capability if architecture else None,
        "fp8": architecture.fp8 if architecture else "unknown",
        "fp4": architecture.fp4 if architecture else "unknown",
        "open_module": open_module(device_id, architecture.open_module if architecture else None),
        "memory_bytes": memory_bytes,
        "memory_source": memory_source,
        "bandwidth_bytes_per_s": card.bandwidth_gb_s * 10**9 if card else None,
        "figures_verified": card.verified if card else False,
        "note": card.note if card else "",
    }


def open_module(device_id: str, by_architecture: t.Optional[str]) -> str:
    """Whether NVIDIA's open kernel module is required, recommended, possible or impossible for the card."""
    if device_id in OPEN_MODULE_OVERRIDES:
        return OPEN_MODULE_OVERRIDES[device_id]
    if int(device_id, 16) >= OPEN_MODULE_REQUIRED_FROM:
        return "required"
    if by_architecture is None:
        return "possible" if int(device_id, 16) >= OPEN_MODULE_POSSIBLE_FROM else "unknown"
    return by_architecture


def board(device_id: str, subsystem_vendor_id: t.Optional[str], subsystem_device_id: t.Optional[str]) -> t.Dict[str, t.Optional[str]]:
    """Who made the board, and its name where the catalogue knows it by the ids of the board and not of the chip alone."""
    wanted = (subsystem_device_id or "").lower()
    name = next((card.name for card in CARDS if device_id.lower() in card.device_ids and wanted in card.subsystem_ids), None)
    return {"maker": BOARD_MAKERS.get((subsystem_vendor_id or "").lower()), "name": name}


def _unlisted_name(device_id: str, architecture: t.Optional[str]) -> str:
    if architecture:
        return "NVIDIA %s card (10de:%s, not in the catalogue)" % (architecture, device_id)
    return "NVIDIA card (10de:%s, not in the catalogue)" % device_id
