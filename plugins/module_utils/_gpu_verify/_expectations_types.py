# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An expectation, its answer, and how the answers of several cards become one."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._facts import Document, Inputs, cards, cards_unread

YES = "yes"
NO = "no"
UNKNOWN = "unknown"


class Answer(t.NamedTuple):
    """Whether an expectation is met, and what was seen."""

    met: str
    seen: str


class Expectation(t.NamedTuple):
    """One that may be asked for. `look` is a command that shows more, `allow` says how an unknown answer becomes known."""

    name: str
    title: str
    check: t.Callable[[Inputs, t.Any], Answer]
    look: str
    allow: str


def judged(met: bool, seen: str) -> Answer:
    """The answer where the facts are known."""
    return Answer(YES if met else NO, seen)


def each(facts: Document, check: t.Callable[[Document], Answer]) -> Answer:
    """Every card has to meet it: one that does not decides, then one that is not known. What is shown are the cards that decided."""
    unread = cards_unread(facts)
    if not cards(facts):
        return Answer(UNKNOWN, unread) if unread else Answer(NO, "no NVIDIA GPU on the PCI bus")
    answers = [(one["pci_address"], check(one)) for one in cards(facts)]
    met = next((met for met in (NO, UNKNOWN) if any(answer.met == met for _address, answer in answers)), YES)
    return Answer(met, "; ".join("%s: %s" % (address, answer.seen) for address, answer in answers if answer.met == met))
