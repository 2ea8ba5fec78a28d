# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which branch and which flavour of one source serve the cards. Pure; refuses with the reason and never guesses around it."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._driver._branches import (
    BRANCHES,
    CUDA_EVIDENCE,
    CUDA_FLOORS,
    OPEN_DEFAULT_EVIDENCE,
    PREFERRED,
    PREFERRED_BLACKWELL,
    Branch,
    branch_named,
    default_flavour,
    generation_of,
)
from ansible_collections.inferhost.llm.plugins.module_utils._driver._packages import TRANSITIONAL, Offer, offers, releases
from ansible_collections.inferhost.llm.plugins.module_utils._driver._types import (
    AUTO,
    CLOSED,
    CUDA_REPO,
    KNOWN,
    OPEN,
    READ,
    Card,
    Evidence,
    Host,
    Refused,
    Wishes,
)

# A branch that fails several of these is refused for the first.
PROBLEMS = ("branch_too_old", "branch_too_new", "flavour_not_offered", "branch_without_cuda")

SOURCE_NAMES = {CUDA_REPO: "NVIDIA's repository", "distribution": "the distribution's own archive"}

_REQUIRED = Evidence(READ, "the kernel's own refusal, NVIDIA's README of the open modules, metal-stack/metal-images#399")
_IMPOSSIBLE = Evidence(READ, "NVIDIA/open-gpu-kernel-modules README 595.45.04 and #19: Turing and newer only")


class Reasoned(t.NamedTuple):
    """A value and why."""

    value: str
    reason: str
    evidence: Evidence


class Choice(t.NamedTuple):
    """One row of the offers, and why it was taken."""

    offer: Offer
    branch: Reasoned
    flavour: Reasoned
    # Branch that would have been taken if the source had it; empty when it was.
    missed: str = ""


def choose(cards: t.Sequence[Card], host: Host, source: str, wishes: Wishes) -> Choice:
    """The row for these cards. Raises Refused."""
    available = offers(source, host.distribution, host.release)
    if not available:
        raise Refused(
            "unsupported_release",
            "%s %s is not a release that this collection knows driver packages for." % (host.distribution, host.release or "(release not known)"),
            ["Use one of: %s." % ", ".join("%s %s" % row for row in releases())],
        )
    needed = needed_flavour(cards, wishes)
    if wishes.branch != AUTO:
        return _asked(cards, host, available, wishes, needed)
    wanted = preference(cards, available)
    problems: t.List[t.Tuple[int, str, str]] = []
    for name in wanted:
        offer = next((row for row in available if row.branch == name), None)
        if offer is None:
            continue
        problem = _problem(cards, offer, wishes, needed)
        if problem is None:
            missed = wanted[0] if wanted[0] != name and not any(row.branch == wanted[0] for row in available) else ""
            return Choice(offer, _why_branch(cards, offer, missed, source), _flavour(offer, needed), missed)
        problems.append((PROBLEMS.index(problem[0]), problem[0], problem[1]))
    _rank, code, message = min(problems, key=lambda row: row[0])
    raise Refused(code, message)


def preference(cards: t.Sequence[Card], available: t.Sequence[Offer]) -> t.List[str]:
    """Branches in the order `auto` tries them: the preferred ones, then what else the source has, newest first."""
    first = PREFERRED_BLACKWELL if all(card.open_module == "required" for card in cards) and _all_blackwell(cards) else PREFERRED
    return [*first, *sorted((offer.branch for offer in available if offer.branch not in first), reverse=True)]


def needed_flavour(cards: t.Sequence[Card], wishes: Wishes) -> t.Optional[Reasoned]:
    """The flavour that the cards or the user insist on, None when both would do. Raises Refused where they contradict."""
    only_open = [card.name for card in cards if card.open_module == "required"]
    only_closed = [card.name for card in cards if card.open_module == "impossible"]
    if only_open and only_closed:
        raise Refused(
            "mixed_cards",
            "No kernel module serves all cards of this host: %s only work with the open one, %s only with the closed one."
            % (_listed(only_open), _listed(only_closed)),
            ["Take one kind of card out of the host, or give it to a virtual machine."],
        )
    if only_open and wishes.flavour == CLOSED:
        raise Refused(
            "closed_impossible",
            "The closed kernel module refuses %s; nvidia-smi would find no devices." % _listed(only_open),
            ["Ask for the open flavour, or leave the choice to `auto`."],
        )
    if only_closed and wishes.flavour == OPEN:
        raise Refused(
            "open_impossible",
            "The open kernel module cannot drive %s: the chip has no system processor (GSP) for it." % _listed(only_closed),
            ["Ask for the closed flavour, or leave the choice to `auto`."],
        )
    unknown = [card.name for card in cards if card.open_module not in ("required", "recommended", "impossible")]
    if unknown and (wishes.flavour == AUTO or wishes.branch == AUTO):
        raise Refused(
            "card_not_known",
            "The catalogue does not know %s, so neither the branch nor the kernel module can be chosen for it." % _listed(unknown),
            ["Ask for a branch and a flavour that NVIDIA's page for the card names."],
        )
    if only_open:
        return Reasoned(OPEN, "only the open module drives %s" % _listed(only_open), _REQUIRED)
    if only_closed:
        return Reasoned(CLOSED, "the open module needs a system processor (GSP), which is not in %s" % _listed(only_closed), _IMPOSSIBLE)
    if wishes.flavour != AUTO:
        return Reasoned(wishes.flavour, "asked for, and the cards work with both", Evidence(KNOWN, "the user"))
    return None


def _asked(cards: t.Sequence[Card], host: Host, available: t.Sequence[Offer], wishes: Wishes, needed: t.Optional[Reasoned]) -> Choice:
    offer = next((row for row in available if row.branch == wishes.branch), None)
    if offer is None:
        there = ", ".join(row.branch for row in available)
        became = TRANSITIONAL.get(host.release, {}).get(wishes.branch) if available[0].source != CUDA_REPO else None
        raise Refused(
            "branch_not_offered",
            "%s has no branch %s for %s %s%s; it has %s."
            % (
                _capital(SOURCE_NAMES[available[0].source]),
                wishes.branch,
                host.distribution,
                host.release,
                " (its packages of that name only pull %s)" % became if became else "",
                there,
            ),
            ["Ask for one of: %s." % there],
        )
    problem = _problem(cards, offer, wishes, needed)
    if problem:
        raise Refused(*problem)
    return Choice(offer, Reasoned(offer.branch, "asked for", Evidence(KNOWN, "the user")), _flavour(offer, needed))


def _problem(cards: t.Sequence[Card], offer: Offer, wishes: Wishes, needed: t.Optional[Reasoned]) -> t.Optional[t.Tuple[str, str]]:
    number = int(offer.branch)
    where = "%s %s: %s" % (offer.distribution, offer.release, SOURCE_NAMES[offer.source])
    for card in cards:
        generation = generation_of(card.compute_capability, card.open_module)
        if generation and generation.oldest_branch and number < generation.oldest_branch:
            return "branch_too_old", "%s needs branch %d or newer; %s has %s." % (card.name, generation.oldest_branch, where, offer.branch)
        if generation and generation.newest_branch and number > generation.newest_branch:
            return "branch_too_new", "%s is not supported after branch %d (%s); %s has %s." % (
                card.name,
                generation.newest_branch,
                generation.name,
                where,
                offer.branch,
            )
    if needed and needed.value not in offer.flavours:
        packaged = " and ".join(offer.flavours)
        return "flavour_not_offered", "Branch %s is packaged with the %s kernel module only, not with the %s one (%s)." % (
            offer.branch,
            packaged,
            needed.value,
            needed.reason,
        )
    branch = _row(offer.branch)
    if wishes.cuda_major and branch.cuda_major is not None and wishes.cuda_major > branch.cuda_major:
        floor = CUDA_FLOORS.get(wishes.cuda_major)
        return "branch_without_cuda", "CUDA %d needs driver %s or newer; %s has %s." % (wishes.cuda_major, floor or "(not known)", where, offer.branch)
    return None


def _why_branch(cards: t.Sequence[Card], offer: Offer, missed: str, source: str) -> Reasoned:
    branch = _row(offer.branch)
    lasting = ", supported until %s" % branch.ends if branch.ends else ""
    described = branch.kind if branch.kind != "not known" else "a branch of unknown class"
    if missed:
        return Reasoned(
            offer.branch, "%s has no %s for this release; the next choice (%s%s)" % (SOURCE_NAMES[source], missed, described, lasting), offer.evidence
        )
    generations = [(card.name, generation_of(card.compute_capability, card.open_module)) for card in cards]
    capped = [(name, generation) for name, generation in generations if generation and generation.newest_branch == int(offer.branch)]
    if capped:
        return Reasoned(offer.branch, "the last branch for %s" % _listed([name for name, _generation in capped]), capped[0][1].evidence)
    if offer.branch == PREFERRED_BLACKWELL[0]:
        return Reasoned(offer.branch, "all cards are Blackwell: the newest branch with a long life (%s%s)" % (described, lasting), branch.evidence)
    if offer.branch == PREFERRED[0]:
        return Reasoned(offer.branch, "the default: %s%s" % (described, lasting), branch.evidence)
    return Reasoned(offer.branch, "what %s has (%s%s)" % (SOURCE_NAMES[source], described, lasting), offer.evidence)


def _flavour(offer: Offer, needed: t.Optional[Reasoned]) -> Reasoned:
    if needed:
        return needed
    value = default_flavour(offer.branch)
    if value not in offer.flavours:
        value = offer.flavours[0]
    if value == OPEN:
        return Reasoned(value, "the default for cards that work with both", OPEN_DEFAULT_EVIDENCE)
    return Reasoned(value, "before 545 the open module serves only data-centre cards unless an option is set", OPEN_DEFAULT_EVIDENCE)


def cuda_reason(wishes: Wishes) -> Reasoned:
    """What a wish for a CUDA major means for the driver."""
    return Reasoned(str(wishes.cuda_major), "needs driver %s or newer" % CUDA_FLOORS.get(wishes.cuda_major, "(not known)"), CUDA_EVIDENCE)


def _row(name: str) -> Branch:
    found = branch_named(name)
    # Every offered branch has a row: the tables are tested for it.
    return found if found else Branch(name, "not known", None, None, (OPEN,), BRANCHES[-1].evidence)


def _all_blackwell(cards: t.Sequence[Card]) -> bool:
    """Grace Hopper needs the open module too, but is no Blackwell."""
    found = [generation_of(card.compute_capability, card.open_module) for card in cards]
    return all(generation is not None and generation.oldest_branch is not None for generation in found)


def _listed(names: t.Sequence[str]) -> str:
    return " and ".join(dict.fromkeys(names))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
