# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What clients want of a plan, against what it has. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._clients import CLIENTS
from ansible_collections.inferhost.llm.plugins.module_utils._plan._types import Document, Outcome, Refusal, Wishes, warning


def client_verdict(wishes: Wishes, context: int, native_context: int) -> t.Tuple[t.Optional[Refusal], t.List[Document]]:
    """Whether the client's requests fit into the context that the plan has: a refusal, or what to warn of."""
    client = CLIENTS[wishes.client]
    if client is None or context >= client.advised_context:
        return None, []
    if context >= client.smallest_context:
        message = "%s works best with a context of %d or more; the plan has %d" % (client.title, client.advised_context, context)
        return None, [warning("context_small_for_client", message)]
    remedies = []
    if native_context < client.smallest_context:
        remedies.append("use a model with a context of %d or more; this one has %d" % (client.smallest_context, native_context))
    elif wishes.context:
        remedies.append("raise context to %d or more" % client.smallest_context)
    else:
        remedies.append("use a smaller or quantised checkpoint, or set kv_cache_dtype to fp8 where the card has it, to make room for the cache")
    remedies.append("set client to none to plan without one")
    message = "%s sends about %d tokens before the user's first word and needs a context of %d; the plan has %d" % (
        client.title,
        client.prompt_tokens,
        client.smallest_context,
        context,
    )
    return Refusal("context_below_client", message, remedies), []


def concurrency_warnings(outcome: Outcome, wishes: Wishes) -> t.List[Document]:
    """Fewer requests of the full length fit at once than were asked for."""
    at_once = next(one["value"] for one in outcome.sizes if one["name"] == "concurrency")
    if at_once >= wishes.concurrency:
        return []
    message = "the cache holds %.1f requests of the full length at once; %d were asked for, the others wait or are shorter" % (at_once, wishes.concurrency)
    return [warning("concurrency_below_wish", message)]
