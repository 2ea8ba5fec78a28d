# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which rows of tests/ledger.yml are proven by the reports that `make test` left for the commit that is checked out.

A row counts when it says where it is prevented and which doctor check names it (a wish needs no check), and every test it names ran and passed.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import junit
import yaml

ROOT = Path(__file__).resolve().parent.parent
KEYS = frozenset({"title", "prevented", "doctor", "tests", "wish"})


@dataclass(frozen=True)
class Row:
    """One failure or wish of the field, and what we have against it."""

    id: str
    title: str
    prevented: str
    doctor: str
    tests: tuple[str, ...]
    wish: bool


def parse(document: dict[str, Any]) -> list[Row]:
    """The rows; raises ValueError naming what is wrong with one."""
    rows = []
    for row_id, entry in document.items():
        unknown = sorted(entry.keys() - KEYS)
        if unknown:
            raise ValueError(f"{row_id}: unknown key {', '.join(unknown)}; there are {', '.join(sorted(KEYS))}")
        if not entry.get("title"):
            raise ValueError(f"{row_id}: has no title")
        tests = tuple(entry.get("tests") or ())
        wrong = [test for test in tests if "::" not in test]
        if wrong:
            raise ValueError(f"{row_id}: {wrong[0]!r} is not of the form classname::name")
        rows.append(Row(str(row_id), entry["title"], entry.get("prevented") or "", entry.get("doctor") or "", tests, bool(entry.get("wish"))))
    return rows


def matcher(pattern: str) -> re.Pattern[str]:
    """A test id in which * stands for anything; brackets mean themselves, they are pytest's parameters."""
    return re.compile(".*".join(re.escape(part) for part in pattern.split("*")), re.DOTALL)


def missing(row: Row, cases: list[junit.Case], checks: frozenset[str]) -> list[str]:
    """What the row lacks to be proven; nothing when it is."""
    lacks = []
    if not row.prevented:
        lacks.append("not prevented")
    if not row.wish and not row.doctor:
        lacks.append("no doctor check")
    elif row.doctor and row.doctor not in checks:
        lacks.append(f"doctor has no check {row.doctor}")
    if not row.tests:
        lacks.append("no test")
    for pattern in row.tests:
        found = [case for case in cases if matcher(pattern).fullmatch(case.id)]
        bad = Counter(case.outcome for case in found if case.outcome != junit.PASSED)
        if not found:
            lacks.append(f"did not run: {pattern}")
        elif bad:
            lacks.append(f"{', '.join(f'{count} {outcome}' for outcome, count in bad.items())}: {pattern}")
    return lacks


def table(rows: list[Row], cases: list[junit.Case], checks: frozenset[str]) -> str:
    """A line a row, and last the count."""
    lines, proven = [], 0
    for row in rows:
        lacks = missing(row, cases, checks)
        proven += not lacks
        lines.append(f"{row.id}  {row.title:<58}  {'; '.join(lacks) or 'proven'}")
    return "\n".join([*lines, f"proven {proven}/{len(rows)}"])


def refusal(head: str, changed: str, record: dict[str, Any] | None) -> str:
    """Why the reports cannot speak for what is checked out; empty when they can."""
    if changed:
        return f"the working tree differs from {head[:12]}:\n{changed}\ncommit it and run 'make test'"
    if record is None:
        return f"there are no reports for {head[:12]}; run 'make test'"
    if record.get("commit") != head or record.get("dirty"):
        found = str(record.get("commit"))[:12] + (" with changes" if record.get("dirty") else "")
        return f"the reports are of {found}, checked out is {head[:12]}; run 'make test'"
    return ""


def doctor_checks(folder: Path) -> frozenset[str]:
    """The ids in the doctor's registry, read from the source: importing needs the collection's loader."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.py")))
    return frozenset(re.findall(r'^@check\(\s*"([^"]+)"', text, re.MULTILINE))


def git(*arguments: str) -> str:
    """The output of a git command."""
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


class NoReports(Exception):
    """There is nothing that speaks for what is checked out; the message says what to run."""


def reports() -> Path:
    """The folder of what `make test` left for the commit that is checked out."""
    head = git("rev-parse", "HEAD")
    folder = ROOT / ".reports" / head
    record = json.loads((folder / "run.json").read_text(encoding="utf-8")) if (folder / "run.json").is_file() else None
    why = refusal(head, git("status", "--porcelain"), record)
    if why:
        raise NoReports(why)
    return folder


def main() -> int:
    try:
        folder = reports()
        rows = parse(yaml.safe_load((ROOT / "tests" / "ledger.yml").read_text(encoding="utf-8")))
    except NoReports as error:
        print(f"ledger: {error}", file=sys.stderr)
        return 2
    except ValueError as error:
        print(f"ledger: tests/ledger.yml: {error}", file=sys.stderr)
        return 2
    print(table(rows, junit.read_folder(folder), doctor_checks(ROOT / "plugins" / "module_utils" / "_doctor")))
    return 0


if __name__ == "__main__":
    sys.exit(main())
