# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan as one page that needs nothing else: the memory bar, and every number, flag and reason."""

from __future__ import annotations

from ansible_collections.inferhost.llm.plugins.module_utils._plan._text import verdict
from ansible_collections.inferhost.llm.plugins.module_utils._report._html import escaped, memory_section, plan_tables, shell
from ansible_collections.inferhost.llm.plugins.module_utils._report._report import Json


def plan_page(plan: Json) -> str:
    """HTML; a refused plan says why, and shows what was computed until then."""
    return shell("Plan of %s" % plan["model"]["name"], [_head(plan), memory_section(plan), _notes(plan), f"<section>{plan_tables(plan)}</section>"])


def _head(plan: Json) -> str:
    model, device, engine = plan["model"], plan["device"], plan["engine"]
    status, word = ("error", "Does not fit") if plan["refusal"] else ("ok", "Fits")
    where = "%d x %s" % (device["count"], device["name"]) if device["name"] else device["kind"]
    kind = model["quantization"] or model["dtype"]
    return (
        f"<header><div><h1>{escaped(model['name'])}</h1>"
        f'<p class="dim">{escaped(kind)} on {escaped(where)}, vLLM {escaped(engine["version"])}</p></div>'
        f'<span class="badge {status}">{word}</span></header>'
        f"<section><p>{escaped(verdict(plan))}</p></section>"
    )


def _notes(plan: Json) -> str:
    notes = [f"<li>{escaped(one['message'])}</li>" for one in plan["warnings"]]
    better = [f"<li><strong>{escaped(one['change'])}</strong>: {escaped(one['effect'])}</li>" for one in plan["alternatives"]]
    parts = [("Warnings", notes), ("What could do better", better)]
    return "".join(f"<section><h2>{title}</h2><ul>{''.join(items)}</ul></section>" for title, items in parts if items)
