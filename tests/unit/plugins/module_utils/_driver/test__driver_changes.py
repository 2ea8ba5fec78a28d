# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan that was carried out leaves nothing to do, and from any driver there is a way to any other."""

from __future__ import annotations

import itertools
import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._driver._packages import OFFERS, offers, releases
from ansible_collections.inferhost.llm.plugins.module_utils._driver._plan import decide
from ansible_collections.inferhost.llm.plugins.module_utils._driver._types import PROFILES, SOURCES, Card, Host, Module, Package, Wishes
from ansible_collections.inferhost.llm.tests.unit.plugins.driver_table import catalogue, fresh

CARDS = {card.name: card for card in catalogue()}
ADA = CARDS["NVIDIA RTX 4000 SFF Ada Generation"]
Plan = t.Dict[str, t.Any]


def carried_out(plan: Plan, host: Host) -> Host:
    """The host as apt and a reboot would leave it: what was removed is gone, what is wanted is there in the wanted branch."""
    version = "%s.10.01-1" % plan["branch"]
    gone = {row["name"] for row in plan["remove"]}
    kept = {row["name"] for row in plan["keep"]}
    packages = {package.name: package.version for package in host.packages if package.name not in gone}
    for name in packages:
        if name in kept:
            packages[name] = version
    for step in plan["steps"]:
        assert not set(step["install"]) & set(step["remove"]), step
        packages.update(dict.fromkeys(step["install"], version))
    module = Module("nvidia", "%s.10.01" % plan["branch"], plan["flavour"])
    return host._replace(packages=tuple(Package(*row) for row in packages.items()), module=module)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("row", releases(), ids=" ".join)
def test_a_second_run_changes_nothing(row: t.Tuple[str, str], source: str, profile: str) -> None:
    for card, switches in itertools.product(CARDS.values(), (False, True)):
        host, wishes = fresh(*row, nvswitch=switches), Wishes(source=source, profile=profile)
        first = decide([card], host, wishes)
        if first["refusal"]:
            continue
        second = decide([card], carried_out(first, host), wishes)
        assert (second["state"], second["remove"]) == ("ready", []), (card.name, second["remove"], second["install"])


def drivers(distribution: str, release: str) -> t.List[Wishes]:
    """Every driver that can be asked for on a release."""
    found = [(source, offer.branch, flavour) for source in SOURCES for offer in offers(source, distribution, release) for flavour in offer.flavours]
    return [Wishes(source=source, branch=branch, flavour=flavour, profile=profile) for source, branch, flavour in found for profile in PROFILES]


@pytest.mark.parametrize("row", releases(), ids=" ".join)
def test_from_any_driver_to_any_other(row: t.Tuple[str, str]) -> None:
    host = fresh(*row)
    ways = 0
    for before, after in itertools.permutations(drivers(*row), 2):
        there = carried_out(decide([ADA], host, before), host)
        change = decide([ADA], there, after)
        assert change["refusal"] is None
        arrived = decide([ADA], carried_out(change, there), after)
        assert (arrived["state"], arrived["remove"]) == ("ready", []), (before, after, change["remove"], arrived["remove"], arrived["reboot"])
        if (before.branch, before.flavour) != (after.branch, after.flavour):
            assert change["reboot"]["needed"], (before, after)
        ways += 1
    assert ways > 10


@pytest.mark.parametrize("row", releases(), ids=" ".join)
def test_nothing_of_another_branch_survives_by_name(row: t.Tuple[str, str]) -> None:
    host = fresh(*row)
    for before, after in itertools.permutations(drivers(*row), 2):
        there = carried_out(decide([ADA], host, before), host)
        arrived = carried_out(decide([ADA], there, after), there)
        others = {offer.branch for offer in OFFERS} - {after.branch}
        left = [package.name for package in arrived.packages if any("-%s" % branch in package.name for branch in others)]
        assert left == [], (before, after)


@pytest.mark.parametrize("card", [CARDS["Tesla V100-SXM2-32GB"], ADA], ids=lambda card: t.cast(Card, card).name)
def test_fragments_beside_a_good_driver_are_found(card: Card) -> None:
    host = fresh("ubuntu", "24.04")
    good = carried_out(decide([card], host, Wishes()), host)
    broken = good._replace(packages=(*good.packages, Package("libnvidia-gl-535", "535.183.01-0ubuntu0.24.04.1"), Package("cuda-toolkit-12-4", "12.4.1-1")))
    plan = decide([card], broken, Wishes())
    assert (plan["state"], [row["name"] for row in plan["remove"]]) == ("change", ["libnvidia-gl-535"])
