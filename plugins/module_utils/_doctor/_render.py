# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A report as text for a person: worst first, no line wider than a terminal where words allow it."""

from __future__ import annotations

import textwrap
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import SEVERITIES, Finding, NotChecked, Report

WIDTH = 100
_LABEL = 8


def render(report: Report) -> list[str]:
    lines = _wrap("", summary(report), 2)
    for finding in report.findings:
        lines.extend(["", *_finding(finding)])
    if report.not_checked:
        lines.extend(["", "Not checked, so nothing is known about:"])
        for why, ids in _by_reason(report.not_checked).items():
            lines.extend(_wrap(f"  {' '.join(ids)}  ", why, 7))
    clean = [id for id in report.checked if id not in {finding.id for finding in report.findings}]
    if clean:
        lines.extend(["", *_wrap("No finding: ", " ".join(clean), 12)])
    return lines


def summary(report: Report) -> str:
    """One line: the worst, how much of what, how much was looked at."""
    counts = [(severity, sum(finding.severity == severity for finding in report.findings)) for severity in reversed(SEVERITIES)]
    found = ", ".join(f"{count} {_plural(severity, count)}" for severity, count in counts if count) or "no findings"
    blind = len({one.id for one in report.not_checked} - set(report.checked))
    unseen = f", {blind} could not be checked" if blind else ""
    return f"doctor on {report.host}: {found}; {len(report.checked)} checked{unseen}"


def _plural(severity: str, count: int) -> str:
    return severity + "s" if count > 1 and severity in ("warning", "error") else severity


def _finding(finding: Finding) -> list[str]:
    lines = _wrap(f"{finding.severity.upper():<{_LABEL}} ", f"{finding.id}  {finding.title}", _LABEL + 1)
    for label, text in (("seen", finding.seen), ("cause", finding.cause)):
        lines.extend(_wrap(f"  {label:<5} ", text, _LABEL))
    return lines + _command("  fix   ", finding.fix)


def _by_reason(not_checked: t.Sequence[NotChecked]) -> dict[str, list[str]]:
    """One closed door is named once, with everything behind it."""
    reasons: dict[str, list[str]] = {}
    for one in not_checked:
        reasons.setdefault(one.why, []).append(one.id)
    return reasons


def _wrap(first: str, text: str, indent: int) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=first, subsequent_indent=" " * indent, break_on_hyphens=False) or [first.rstrip()]


def _command(label: str, command: str) -> list[str]:
    """What a person pastes has to be the command still: long ones break between words with a backslash, remarks keep lines of their own."""
    indent = " " * _LABEL
    lines: list[str] = []
    for line in command.splitlines():
        words, remark = _words(line)
        whole = " ".join(words) + (f"   # {remark}" if remark else "")
        if len(indent) + len(whole) <= WIDTH:
            lines.append(indent + whole)
            continue
        lines.extend(_broken(words, indent))
        if remark:
            lines.extend(
                textwrap.wrap(remark, WIDTH, initial_indent=indent + "# ", subsequent_indent=indent + "# ", break_long_words=False, break_on_hyphens=False)
            )
    return [label + lines[0][_LABEL:], *lines[1:]] if lines else [label.rstrip()]


def _broken(words: t.Sequence[str], indent: str) -> list[str]:
    lines = [indent + words[0]]
    for word in words[1:]:
        if len(lines[-1]) + 1 + len(word) > WIDTH - 2:
            lines[-1] += " \\"
            lines.append(indent + "  " + word)
        else:
            lines[-1] += " " + word
    return lines


def _words(line: str) -> tuple[list[str], str]:
    """Words of a shell command, quotes kept together, and the remark behind it."""
    words = [""]
    quote = ""
    for at, character in enumerate(line):
        if character == "#" and not quote and not words[-1]:
            return [word for word in words if word], line[at + 1 :].strip()
        if character in "'\"" and quote in ("", character):
            quote = "" if quote else character
        if character == " " and not quote:
            words.append("")
        else:
            words[-1] += character
    return [word for word in words if word], ""
