# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the proxy is held to, and how it did in the reports of the commit that is checked out: the known failures of gateways and engines, by the ids in the
tests' names (tests/conformance/cases.yml), and the features, each with the tests behind it (features.yml).  Usage: cases.py [--unmet]

Ends with 1 where a test of a case or a feature failed, or a feature has no test that ran.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections import defaultdict
from pathlib import Path

import junit
import yaml
from ledger import NoReports, matcher, reports

ROOT = Path(__file__).resolve().parent.parent
CONFORMANCE = ROOT / "tests" / "conformance"
IDS = re.compile(r"test((?:_(?:[A-E]\d\d[a-d]?|L\d\d))+)_")
"""Rows of the ledger may stand between them."""


def ids(name: str) -> list[str]:
    """The cases that a test shows, by its name: `test_A26c_A14_…` has two."""
    found = IDS.match(name)
    return [each for each in found[1].strip("_").split("_") if not each.startswith("L")] if found else []


def outcome(cases: list[junit.Case]) -> str:
    """Of all tests of one row: the worst."""
    outcomes = {case.outcome for case in cases}
    return next((each for each in (junit.FAILED, junit.SKIPPED, junit.PASSED) if each in outcomes), "no test")


def rows(known: dict[str, str], ran: list[junit.Case]) -> list[tuple[str, str, str]]:
    """Id, outcome and description of each known failure; raises ValueError where a test names one that is not known."""
    shown = defaultdict(list)
    for case in ran:
        for each in ids(case.name):
            shown[each].append(case)
    unknown = sorted(shown.keys() - known.keys())
    if unknown:
        raise ValueError(f"tests name {', '.join(unknown)}, which cases.yml does not have")
    return [(each, outcome(shown[each]), text) for each, text in known.items()]


def features(known: dict[str, list[str]], ran: list[junit.Case]) -> list[tuple[str, str, str]]:
    """Name, outcome and tests of each feature; one whose test did not run has no test."""
    found = []
    for name, patterns in known.items():
        matched = [[case for case in ran if matcher(pattern).fullmatch(case.id)] for pattern in patterns]
        state = outcome([case for cases in matched for case in cases]) if all(matched) and patterns else "no test"
        found.append((name, state, ", ".join(pattern.strip("*") for pattern in patterns)))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--unmet", action="store_true", help="only what did not pass")
    options = parser.parse_args()
    try:
        ran = junit.read_folder(reports())
    except NoReports as error:
        print(f"cases: {error}", file=sys.stderr)
        return 2
    tables = (
        ("known failures", rows(yaml.safe_load((CONFORMANCE / "cases.yml").read_text(encoding="utf-8")), ran)),
        ("features", features(yaml.safe_load((CONFORMANCE / "features.yml").read_text(encoding="utf-8")), ran)),
    )
    for title, table in tables:
        width = max(len(first) for first, _state, _text in table)
        for first, state, text in table:
            if state != junit.PASSED or not options.unmet:
                print(f"{state:<8} {first:<{width}}  {text}")
        print(f"{title}: {sum(state == junit.PASSED for _first, state, _text in table)} of {len(table)} passed\n")
    bad = any(state == junit.FAILED for _title, table in tables for _first, state, _text in table)
    return 1 if bad or any(state == "no test" for _first, state, _text in tables[1][1]) else 0


if __name__ == "__main__":
    sys.exit(main())
