# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which upstream a request goes to: a function of plain data."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

SLACK = 4
"""So many more requests than the least busy upstream are not worth a lost prefix: engines batch, so a few more slow each
other down a little, while a conversation that moves is computed again from its first token."""


class Candidate(NamedTuple):
    name: str
    healthy: bool
    models: frozenset[str] | None
    """None: not known yet."""
    in_flight: int


def choose(candidates: Sequence[Candidate], model: str | None, affinity: bytes | None, turn: bytes = b"") -> str | None:
    """The upstream's name; None when no healthy one can serve the model.

    With an affinity, each conversation has an order of the upstreams that is its own (rendezvous hashing), so it finds the
    same one again without anything being remembered, in every worker, and only the conversations of an upstream that goes
    are moved. It goes to the first in its order that is not markedly busier than the least busy; what overflows has a
    second home where its prefix is cached from then on. Without one, the least busy is taken, and `turn` spreads ties.

    A model that nobody serves goes to anybody healthy: the refusal is the engine's to word.
    """
    able = [one for one in candidates if one.healthy and _may_serve(one, model)]
    if not able and not any(_may_serve(one, model) for one in candidates):
        able = [one for one in candidates if one.healthy]
    if not able:
        return None
    least = min(one.in_flight for one in able)
    limit = least if affinity is None else bound(least)
    return max((one for one in able if one.in_flight <= limit), key=lambda one: _weight(one.name, turn if affinity is None else affinity)).name


def bound(least: int) -> int:
    """The load above which a conversation leaves its upstream, by the load of the least busy one."""
    return least + max(SLACK, least // 2)


def _may_serve(one: Candidate, model: str | None) -> bool:
    return model is None or one.models is None or model in one.models


def _weight(name: str, key: bytes) -> bytes:
    return hashlib.blake2b(name.encode(), key=key[:64], digest_size=8).digest()
