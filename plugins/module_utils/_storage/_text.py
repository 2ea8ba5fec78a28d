# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A storage plan as people read it."""

from __future__ import annotations

import shlex
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._storage._types import Document, size_text


def render(plan: Document) -> str:
    """The layers, the steps, what is free, and what stands in the way."""
    lines = ["storage of %s" % plan["mount_point"]]
    lines += ["  %-10s %-32s %-6s %s%s" % (row["layer"], row["name"], row["kind"], size_text(row["size_bytes"]), _unused(row)) for row in plan["chain"]]
    lines += _steps(plan["steps"]) or (["nothing to grow"] if not plan["refusal"] else [])
    lines.append(_free(plan["free"]))
    lines += ["NOTE %(code)s: %(message)s" % row for row in plan["notes"]]
    if plan["refusal"]:
        lines += ["REFUSED %(code)s (%(layer)s): %(seen)s" % plan["refusal"], "  - %s" % plan["refusal"]["remedy"]]
    return "\n".join(lines) + "\n"


def _unused(row: Document) -> str:
    return ", %s free" % size_text(row["free_bytes"]) if "free_bytes" in row else ""


def _steps(steps: t.Sequence[Document]) -> t.List[str]:
    lines = []
    for number, step in enumerate(steps, start=1):
        sizes = "%s to %s" % (size_text(step["before_bytes"]), size_text(step["after_bytes"]))
        lines += ["%d. %s" % (number, shlex.join(step["command"])), "   %s: %s" % (sizes, step["reason"])]
    return lines


def _free(free: Document) -> str:
    text = "free for files: %s" % size_text(free["now_bytes"])
    if free["growth_bytes"]:
        text += ", %s once grown" % size_text(free["after_bytes"])
    if free["needed_bytes"] is None:
        return text
    verdict = "that is enough" if free["enough"] else "SHORT BY %s" % size_text(free["short_by_bytes"])
    return "%s; needed: %s, %s" % (text, size_text(free["needed_bytes"]), verdict)
