# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The driver decision for every card and release, as a table that people can read; the golden file holds it."""

from __future__ import annotations

import typing as t
from pathlib import Path

from ansible_collections.inferhost.llm.plugins.module_utils._driver import _packages as driver_packages
from ansible_collections.inferhost.llm.plugins.module_utils._driver._branches import generation_of
from ansible_collections.inferhost.llm.plugins.module_utils._driver._plan import decide
from ansible_collections.inferhost.llm.plugins.module_utils._driver._types import AUTO, CUDA_REPO, FULL, SOURCES, Card, Host, Wishes
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._catalogue import CARDS, RANGES
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._lookup import describe

GOLDEN = Path(__file__).parent / "golden" / "driver_decisions.md"

# What `uname -r` says on a fresh host.
FRESH_KERNELS = {
    ("ubuntu", "22.04"): "5.15.0-160-generic",
    ("ubuntu", "24.04"): "6.8.0-117-generic",
    ("ubuntu", "26.04"): "7.0.0-30-generic",
    ("debian", "12"): "6.1.0-40-amd64",
    ("debian", "13"): "6.12.57+deb13-amd64",
}
SOURCE_TITLES = {CUDA_REPO: "NVIDIA's repository (`cuda_repo`)", "distribution": "its own archive (`distribution`)"}

HEADING = """\
# Which driver each card gets

Written by `tools/driver_table.py` from the decision itself; a unit test compares. Do not edit.

A fresh host with one kind of card, x86_64, no Secure Boot, no NVSwitch, no driver yet, everything left to `auto`.
"With CUDA 13" is the same wish with `cuda_major: 13`. Where a code stands in place of a branch, the plan refuses with it.
What follows only the kernel that happens to run, and what the packages depend on, is left out.
"""


def catalogue() -> t.List[Card]:
    """Every card of the catalogue, and one of each generation that it knows by ranges only."""
    found = [_card(card.name, card.device_ids[0]) for card in CARDS]
    known = {card.architecture for card in CARDS}
    for first, _last, architecture in RANGES:
        if architecture not in known:
            known.add(architecture)
            found.append(_card("any %s card" % architecture.capitalize(), "%04x" % first))
    return found


def fresh(distribution: str, release: str, **more: t.Any) -> Host:
    """A host that nobody has touched."""
    return Host(distribution, release, running_kernel=FRESH_KERNELS[distribution, release], nvswitch=False)._replace(**more)


def table() -> str:
    """The whole file."""
    groups = _groups()
    lines = [HEADING, "## Cards with the same decision everywhere", "", "| group | cards |", "|---|---|"]
    lines += ["| %s | %s |" % (label, ", ".join(sorted(card.name for card in cards))) for label, cards in groups.items()]
    for distribution, release in driver_packages.releases():
        for source in SOURCES:
            lines += ["", "## %s %s, %s" % (distribution.capitalize(), release, SOURCE_TITLES[source]), ""]
            lines += ["| cards | branch | module | built | packages | with CUDA 13 |", "|---|---|---|---|---|---|"]
            for label, cards in groups.items():
                plain = _cells(cards[0], fresh(distribution, release), Wishes(source=source))
                newer = _outcome(cards[0], fresh(distribution, release), Wishes(source=source, cuda_major=13))
                lines.append("| %s | %s | %s |" % (label, " | ".join(plain), "same" if newer == plain[0] else newer))
    lines += _special(groups)
    return "\n".join(lines) + "\n"


def _special(groups: t.Dict[str, t.List[Card]]) -> t.List[str]:
    """What one more fact or wish changes."""
    ada = next(card for card in catalogue() if card.name == "NVIDIA RTX 4000 SFF Ada Generation")
    lines = [
        "",
        "## The source left to `auto`",
        "",
        "| cards | %s |" % " | ".join("%s %s" % row for row in driver_packages.releases()),
        "|---|---|---|---|---|---|",
    ]
    for label, cards in groups.items():
        plans = [decide(cards[:1], fresh(*row), Wishes(source=AUTO)) for row in driver_packages.releases()]
        lines.append(
            "| %s | %s |" % (label, " | ".join("%s %s" % (plan["source"], plan["branch"]) if plan["branch"] else plan["refusal"]["code"] for plan in plans))
        )
    rows = [(row, source) for row in driver_packages.releases() for source in SOURCES]
    lines += [
        "",
        "## One %s" % ada.name,
        "",
        "| release | source | Secure Boot on | with a screen (`profile: full`) | branches on offer |",
        "|---|---|---|---|---|",
    ]
    for row, source in rows:
        secure = _outcome(ada, fresh(*row, secure_boot=True), Wishes(source=source))
        screen = _cells(ada, fresh(*row), Wishes(source=source, profile=FULL))[3]
        there = ", ".join("%s (%s)" % (offer.branch, offer.evidence.mark) for offer in driver_packages.offers(source, *row))
        lines.append("| %s %s | `%s` | %s | %s | %s |" % (*row, source, secure, screen, there))
    lines += ["", "## Boards with NVSwitches", "", "| release | source | H200 | B200 |", "|---|---|---|---|"]
    boards = [next(card for card in catalogue() if card.name == name) for name in ("NVIDIA H200", "NVIDIA B200")]
    for row, source in rows:
        cells = [_cells(card, fresh(*row, nvswitch=True), Wishes(source=source)) for card in boards]
        lines.append("| %s %s | `%s` | %s |" % (*row, source, " | ".join(cell[3] or cell[0] for cell in cells)))
    return lines


def _groups() -> t.Dict[str, t.List[Card]]:
    """Cards by what is decided for them on every release, source and CUDA wish."""
    alike: t.Dict[t.Tuple[t.Tuple[str, ...], ...], t.List[Card]] = {}
    for card in catalogue():
        hosts = [fresh(*row) for row in driver_packages.releases()]
        everywhere = tuple(_cells(card, host, Wishes(source=source, cuda_major=cuda)) for host in hosts for source in SOURCES for cuda in (0, 12, 13))
        alike.setdefault(everywhere, []).append(card)
    return {_label(cards): cards for cards in alike.values()}


def _label(cards: t.List[Card]) -> str:
    if len(cards) == 1:
        return cards[0].name.replace("NVIDIA ", "")
    generations = [generation_of(card.compute_capability, card.open_module) for card in cards]
    ordered = sorted({(row.first, row.name) for row in generations if row})
    return ", ".join(name for _first, name in ordered)


def _cells(card: Card, host: Host, wishes: Wishes) -> t.Tuple[str, ...]:
    """Branch or refusal, module, how it is built, packages with the archive's components."""
    plan = decide([card], host, wishes)
    if plan["refusal"]:
        return (plan["refusal"]["code"], "", "", "")
    follows = [row["package"] for row in plan["kernel_packages"] if row["required"]]
    packages = " ".join(follows + [row["name"] for row in plan["install"]])
    components = "+".join(plan["apt"]["components"])
    return (plan["branch"], plan["flavour"], plan["modules"], "%s%s" % (packages, " (%s)" % components if components else ""))


def _outcome(card: Card, host: Host, wishes: Wishes) -> str:
    return _cells(card, host, wishes)[0]


def _card(name: str, device_id: str) -> Card:
    facts = describe(device_id)
    return Card(name, facts["compute_capability"], facts["open_module"])
