# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A driver plan as people read it."""

from __future__ import annotations

import textwrap
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._driver._types import Document

WIDTH = 100


def render(plan: Document) -> str:
    """The plan, or why there is none."""
    lines = ["driver plan for %(distribution)s %(release)s, kernel %(running_kernel)s" % plan["host"]]
    lines += ["  %d x %s" % (gpu["count"], gpu["name"]) for gpu in plan["gpus"]]
    if plan["state"] == "nothing_to_do":
        return "\n".join([*lines, "no NVIDIA card: nothing to do"]) + "\n"
    if plan["refusal"]:
        return "\n".join([*lines, *_refusal(plan["refusal"])]) + "\n"
    lines += ["", *("%-10s %-14s %s (%s)" % (row["what"], row["value"], row["reason"], row["evidence"]["mark"]) for row in plan["decisions"])]
    if plan["state"] == "ready":
        lines += ["", "all of it is installed: nothing to do"]
    else:
        lines += ["", *_steps(plan)]
    lines += ["held after it: %s" % " ".join(row["name"] for row in plan["holds"])]
    reboot = plan["reboot"]
    lines += ["reboot: %s" % ("; ".join(reboot["reasons"]) if reboot["needed"] else "not needed, unless the module does not load")]
    lines += [text for row in plan["warnings"] for text in _wrapped("WARNING %s: " % row["code"], row["message"])]
    return "\n".join(lines) + "\n"


def _steps(plan: Document) -> t.List[str]:
    lines = []
    components = plan["apt"]["components"]
    if components:
        lines.append("%s's components: %s" % (plan["host"]["distribution"], " ".join(components)))
    if plan["repository"]:
        lines.append("repository: %s" % plan["repository"]["url"])
    for number, step in enumerate(plan["steps"], start=1):
        lines += _wrapped("%d. %-8s" % (number, step["name"]), "%s" % " ".join([*step["install"], *("%s (if there)" % name for name in step["if_available"])]))
        lines += _wrapped("   remove  ", " ".join(step["remove"])) if step["remove"] else []
    return lines


def _refusal(refusal: Document) -> t.List[str]:
    lines = ["", *_wrapped("REFUSED %s: " % refusal["code"], refusal["message"])]
    return lines + [text for remedy in refusal["remedies"] for text in _wrapped("  - ", remedy)]


def _wrapped(first: str, text: str) -> t.List[str]:
    return textwrap.wrap(first + text, WIDTH, subsequent_indent=" " * len(first), break_on_hyphens=False, break_long_words=False)
