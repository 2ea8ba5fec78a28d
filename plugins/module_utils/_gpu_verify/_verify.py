# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares a host with what is expected of its GPUs, and names why where they differ. Pure: facts and expectations in, verdict out.

Facts are crossed: a symptom such as `No devices were found` is evidence of a cause and never the finding itself.
"""

from __future__ import annotations

import re
import textwrap
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._causes import CAUSES, CRITICAL, ERROR, Cause
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._expectations import EXPECTATIONS
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._expectations_types import NO, UNKNOWN, YES, Answer, Expectation
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._facts import Inputs
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._fixes import words

Finding = t.Dict[str, str]

WARNING = "warning"
SEVERITIES = ("ok", "info", WARNING, ERROR, CRITICAL)
# False asks for these; of every other switch it means that nothing is asked.
BOTH_WAYS = ("open_module", "secure_boot")
# Texts that are compared as numbers, and how they have to look.
FORMS = {
    "compute_capability": r"\d+(\.\d+)?",
    "min_compute_capability": r"\d+(\.\d+)?",
    "min_driver_version": r"\d{3}(\.\d+)*",
    "max_driver_version": r"\d{3}(\.\d+)*",
    "driver_branch": r"\d{3}",
}
WIDTH = 140


class Found(t.NamedTuple):
    """A cause that the facts show, and the unmet expectations that it explains."""

    cause: Cause
    seen: str
    explained: t.Tuple[str, ...]


def verify(inputs: Inputs, asked: t.Dict[str, t.Any]) -> t.Dict[str, t.Any]:
    """Everything the module returns. Only an expectation that was asked for can be unmet; what else was found is a warning."""
    answers = [(row, asked[row.name], row.check(inputs, asked[row.name])) for row in EXPECTATIONS if is_asked(row.name, asked.get(row.name))]
    unmet = [row.name for row, _wanted, answer in answers if answer.met == NO]
    found = causes(inputs, unmet)
    findings = [_of_cause(one, words(inputs.facts), answers) for one in found]
    explained = {name for one in found for name in one.explained}
    for row, wanted, answer in answers:
        if answer.met == NO and row.name not in explained:
            findings.append(_unexplained(row, wanted, answer))
        elif answer.met == UNKNOWN:
            findings.append(_unknown(row, answer, found))
    findings.sort(key=lambda finding: -SEVERITIES.index(finding["severity"]))
    expectations = [
        {
            "name": row.name,
            "asked": wanted,
            "seen": answer.seen,
            "met": answer.met,
            "explained_by": [one.cause.id for one in found if row.name in one.explained],
        }
        for row, wanted, answer in answers
    ]
    document = {
        "ok": all(answer.met == YES for _row, _wanted, answer in answers),
        "worst": findings[0]["severity"] if findings else "ok",
        "findings": findings,
        "expectations": expectations,
    }
    return dict(document, text=text(document))


def misspelt(asked: t.Dict[str, t.Any]) -> t.List[str]:
    """Expectations whose text is no version, and so would compare with nothing."""
    return ["%s: %s" % (name, asked[name]) for name, form in FORMS.items() if is_asked(name, asked.get(name)) and not re.match(form + "$", asked[name])]


def is_asked(name: str, wanted: t.Any) -> bool:
    """Zero cards can be asked for; an empty text or list and a switch that is off ask for nothing."""
    if wanted is None or (isinstance(wanted, (str, list)) and not wanted):
        return False
    return wanted is not False or name in BOTH_WAYS


def causes(inputs: Inputs, unmet: t.Sequence[str]) -> t.List[Found]:
    """Those that the facts show, in the table's order. A contributing one explains only what no other does."""
    seen = [(cause, cause.find(inputs)) for cause in CAUSES]
    there = [(cause, evidence) for cause, evidence in seen if evidence]
    main = {name for cause, _evidence in there if not cause.contributing for name in cause.explains}
    return [
        Found(cause, evidence, tuple(name for name in unmet if name in cause.explains and not (cause.contributing and name in main)))
        for cause, evidence in there
    ]


def text(document: t.Dict[str, t.Any]) -> str:
    """For people: the verdict, what is wrong, what was asked."""
    rows = document["expectations"]
    met = len([row for row in rows if row["met"] == YES])
    lines = ["%d of %d expectations met; worst: %s" % (met, len(rows), document["worst"])]
    for finding in document["findings"]:
        lines += ["", *_wrapped("%s %s: " % (finding["severity"].upper(), finding["id"]), finding["title"])]
        lines += _wrapped("  seen:  ", finding["seen"]) + _wrapped("  cause: ", finding["cause"]) + ["  fix:   %s" % finding["fix"]]
    if rows:
        lines.append("")
    for row in rows:
        lines += _wrapped("%-8s%-24s" % (row["met"], row["name"]), "asked %s; seen %s" % (_plain(row["asked"]), row["seen"]))
    return "\n".join(lines) + "\n"


def _of_cause(found: Found, names: t.Dict[str, str], answers: t.Sequence[t.Tuple[Expectation, t.Any, Answer]]) -> Finding:
    cause = found.cause
    symptoms = ["%s: %s" % (row.name, answer.seen) for row, _wanted, answer in answers if row.name in found.explained]
    return {
        "id": cause.id,
        "severity": cause.severity if found.explained else WARNING,
        "title": cause.title,
        "seen": found.seen + ("; so not met: %s" % "; ".join(symptoms) if symptoms else ""),
        "cause": cause.cause,
        "fix": cause.fix.format(**names),
    }


def _unexplained(row: Expectation, wanted: t.Any, answer: Answer) -> Finding:
    return {
        "id": row.name,
        "severity": ERROR,
        "title": row.title,
        "seen": "asked: %s; seen: %s" % (_plain(wanted), answer.seen),
        "cause": "The host differs from what was asked for; no other fault was found that would explain it.",
        "fix": row.look,
    }


def _unknown(row: Expectation, answer: Answer, found: t.Sequence[Found]) -> Finding:
    faults = [one.cause.title for one in found if one.cause.severity == CRITICAL]
    return {
        "id": row.name + "_unknown",
        "severity": ERROR,
        "title": "Could not be checked: %s" % row.name,
        "seen": answer.seen,
        "cause": "It was asked for and could not be read, so it counts as not met. To have it known: %s.%s"
        % (row.allow, " What stands in the way may be: %s." % "; ".join(faults) if faults else ""),
        "fix": row.look,
    }


def _plain(wanted: t.Any) -> str:
    if isinstance(wanted, list):
        return ", ".join(str(one) for one in wanted)
    return {True: "yes", False: "no"}[wanted] if isinstance(wanted, bool) else str(wanted)


def _wrapped(first: str, content: str) -> t.List[str]:
    return textwrap.wrap(first + content, WIDTH, subsequent_indent=" " * len(first), break_on_hyphens=False, break_long_words=False)
