# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and write JUnit XML, as far as our gates need it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"
# Characters that XML 1.0 cannot carry, such as the escape that begins a colour.
UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Case:
    """One test that ran, or was skipped."""

    classname: str
    name: str
    outcome: str
    seconds: float = 0.0
    detail: str = ""

    @property
    def id(self) -> str:
        return f"{self.classname}::{self.name}"


def write(path: Path, suite: str, cases: list[Case]) -> None:
    """One file with one suite."""
    root = ET.Element("testsuites")
    node = ET.SubElement(root, "testsuite", name=suite, tests=str(len(cases)))
    for outcome, attribute in ((FAILED, "failures"), (SKIPPED, "skipped")):
        node.set(attribute, str(sum(case.outcome == outcome for case in cases)))
    for case in cases:
        child = ET.SubElement(node, "testcase", classname=case.classname, name=case.name, time=f"{case.seconds:.3f}")
        if case.outcome == FAILED:
            ET.SubElement(child, "failure", message=_first_line(case.detail)).text = UNPRINTABLE.sub("", case.detail)
        elif case.outcome == SKIPPED:
            ET.SubElement(child, "skipped", message=_first_line(case.detail))
    path.parent.mkdir(parents=True, exist_ok=True)
    ET.ElementTree(root).write(path, encoding="utf-8", xml_declaration=True)


def read(path: Path) -> list[Case]:
    """All cases of a file; raises ValueError where it is not JUnit XML."""
    try:
        root = ET.parse(path).getroot()
    except ET.ParseError as error:
        raise ValueError(f"{path}: not readable as JUnit XML: {error}") from error
    return [_case(node) for node in root.iter("testcase")]


def read_folder(folder: Path) -> list[Case]:
    """All cases below a folder."""
    return [case for path in sorted(folder.rglob("*.xml")) for case in read(path)]


def counts(cases: list[Case]) -> dict[str, int]:
    """How many cases ended how."""
    return {outcome: sum(case.outcome == outcome for case in cases) for outcome in (PASSED, FAILED, SKIPPED)}


def _case(node: ET.Element) -> Case:
    outcome, detail = PASSED, ""
    for child in node:
        if child.tag in ("failure", "error"):
            outcome, detail = FAILED, child.get("message") or child.text or ""
        elif child.tag == "skipped" and outcome == PASSED:
            outcome, detail = SKIPPED, child.get("message") or child.text or ""
    return Case(node.get("classname", ""), node.get("name", ""), outcome, float(node.get("time") or 0), detail)


def _first_line(text: str) -> str:
    lines = UNPRINTABLE.sub("", text).strip().splitlines()
    return lines[0][:300] if lines else ""
