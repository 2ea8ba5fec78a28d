# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the same model in another format, under an identity of its own, would do better on this host. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._kv import in_gib
from ansible_collections.inferhost.llm.plugins.module_utils._plan._types import Document

# What a smaller checkpoint can help against.
HELPED = frozenset(("memory_short", "context_does_not_fit", "context_below_client"))


def advised(plan: Document, others: t.Sequence[Document]) -> Document:
    """The plan with what the plans of its siblings show: remedies where it is refused, alternatives where it works."""
    smaller = [one for one in others if one["refusal"] is None and _of(one, "weights") < (_of(plan, "weights") or float("inf"))]
    refusal = plan["refusal"]
    if refusal is not None:
        if refusal["code"] not in HELPED or not smaller:
            return plan
        remedies = ["use %s: its weights take %s, and %d tokens fit" % _figures(one) for one in smaller]
        return {**plan, "refusal": {**refusal, "remedies": remedies + refusal["remedies"]}}
    return {**plan, "alternatives": plan["alternatives"] + [_alternative(plan, one) for one in smaller]}


def _alternative(plan: Document, other: Document) -> Document:
    tokens, others_tokens = plan["limits"]["kv_tokens"], other["limits"]["kv_tokens"]
    effect = "weights of %s instead of %s; the cache holds %d instead of %d tokens" % (
        in_gib(_of(other, "weights")),
        in_gib(_of(plan, "weights")),
        others_tokens,
        tokens,
    )
    return {"change": "the checkpoint %s" % other["model"]["id"], "effect": effect}


def _figures(plan: Document) -> t.Tuple[str, str, int]:
    return plan["model"]["id"], in_gib(_of(plan, "weights")), plan["limits"]["max_model_len"]


def _of(plan: Document, name: str) -> float:
    return next((one["value"] for one in plan["sizes"] if one["name"] == name), 0)
