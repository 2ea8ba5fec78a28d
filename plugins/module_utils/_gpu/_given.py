# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of a machine's cards a container was given: the PCI bus in /sys shows all of them, the container's device nodes only those.

On a machine itself a card without a node, or one that nvidia-smi does not list, is a failure and stays in sight.
"""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._reader import Reader

# What Docker and Podman put into a container's root; containerd puts nothing there.
MARKS = ("/.dockerenv", "/run/.containerenv")
# Process 1 of a machine; a live system has a root on an overlay as well.
INITS = ("systemd", "init")

Card = t.Dict[str, t.Any]


def in_container(reader: Reader) -> bool:
    """Whether the host that is read is a container, by its root."""
    if any(reader.exists(mark) for mark in MARKS):
        return True
    mounts = (line.split() for line in (reader.text("/proc/mounts") or "").splitlines())
    overlaid = any(len(words) > 2 and words[1] == "/" and words[2] == "overlay" for words in mounts)
    return overlaid and reader.word("/proc/1/comm") not in INITS


def split(cards: t.List[Card], listed: t.Container[str], reader: Reader) -> t.Tuple[t.List[Card], t.List[Card]]:
    """The cards that the host has, and those of the machine around it that it was not given.

    A card is given when nvidia-smi lists its address or its device node is there. Where neither is true of any card, nothing is known and all stay.
    """
    if not in_container(reader):
        return cards, []
    given = [card for card in cards if card["pci_address"] in listed or _node(card, reader)]
    return (given, [card for card in cards if card not in given]) if given else (cards, [])


def _node(card: Card, reader: Reader) -> bool:
    minor = (card.get("information") or {}).get("minor")
    return minor is not None and reader.exists("/dev/nvidia%d" % minor)
