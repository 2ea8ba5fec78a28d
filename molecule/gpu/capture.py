# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write what was seen on a GPU machine as fixtures, without what names that one machine.  Usage: capture.py FOLDER <captured.json

Prints the folder that the files are in: FOLDER and the cards' name with the driver's version.
"""

from __future__ import annotations

import datetime
import json
import re
import sys
from pathlib import Path
from typing import Any

# Numbers that tell one card from every other, and the programs of other people.
IDENTIFIER = re.compile(r"\b(?P<kind>GPU|MIG)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)
SERIAL = re.compile(r"(<(?P<tag>serial|board_id|gpu_fabric_guid|clusterUuid|chassis_serial_number|guid)>)(?!N/A)[^<]+(</(?P=tag)>)", re.I)
PROCESSES = re.compile(r"<process_info>.*?</process_info>\s*", re.S)
TIMESTAMP = re.compile(r"(<timestamp>)[^<]*(</timestamp>)")
# A line of `grep -r`: the file, with the address of a card in its path, and what stands in it.
PROC_LINE = re.compile(r"^\./(?P<path>(?:gpus/[0-9a-f]+:[0-9a-f]+:[0-9a-f]+\.[0-9a-f]/)?[^:]+):(?P<text>.*)$", re.I)
NOT_FACTS = ("changed", "failed", "invocation", "warnings", "deprecations", "ansible_facts")


class Scrubber:
    """Replaces identifiers; the same one by the same everywhere, so that what belongs together still does."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def text(self, text: str) -> str:
        text = PROCESSES.sub("", text)
        text = SERIAL.sub(r"\g<1>0\g<3>", text)
        text = TIMESTAMP.sub(r"\g<1>removed\g<2>", text)
        return IDENTIFIER.sub(self._identifier, text)

    def tree(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self.tree(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self.tree(one) for one in value]
        return self.text(value) if isinstance(value, str) else value

    def _identifier(self, match: re.Match[str]) -> str:
        number = len(self._known) + 1
        return self._known.setdefault(match[0].lower(), f"{match['kind'].upper()}-00000000-0000-0000-0000-{number:012d}")


def name_of(facts: dict[str, Any]) -> str:
    """A folder's name: the cards and the driver's version."""
    names = sorted({card["name"] for card in facts["gpus"]})
    version = (facts.get("driver") or {}).get("loaded_version") or "no driver"
    return re.sub(r"[^a-z0-9.]+", "-", f"{len(facts['gpus'])} x {' and '.join(names)} {version}".lower()).strip("-")


def proc_files(lines: str) -> dict[str, str]:
    """Files below /proc/driver/nvidia from what grep printed."""
    found: dict[str, str] = {}
    for line in lines.splitlines():
        match = PROC_LINE.match(line)
        if match:
            found[match["path"]] = found.get(match["path"], "") + match["text"] + "\n"
    return found


def origin(facts: dict[str, Any], today: str) -> str:
    """The note that goes with the files."""
    kernel = (facts.get("kernel") or {}).get("running")
    driver = (facts.get("driver") or {}).get("proc_version") or "no driver loaded"
    return (
        f"# {facts['summary']}\n\n"
        f"Captured on {today} from a real machine by the `gpu` scenario (`molecule/gpu`): {driver}, kernel {kernel}.\n"
        "Serial numbers, identifiers of cards, times and the programs that ran were replaced; nothing else was changed.\n"
    )


def files(captured: dict[str, Any], today: str) -> dict[str, str]:
    """Relative path to content, scrubbed."""
    scrub = Scrubber()
    facts = {key: value for key, value in captured["gpu_info"].items() if key not in NOT_FACTS}
    written = {"gpu_info.json": json.dumps(scrub.tree(facts), indent=1, sort_keys=True) + "\n", "ORIGIN.md": origin(facts, today)}
    for name, source in (("gpu_verify.txt", "gpu_verify"), ("driver_plan.txt", "driver_plan"), ("nvidia-smi.xml", "nvidia_smi")):
        if captured.get(source):
            written[name] = scrub.text(captured[source].rstrip("\n") + "\n")
    # Colons do not go with every file system.
    written.update({f"proc/{path.replace(':', '_')}": scrub.text(text) for path, text in proc_files(captured.get("proc") or "").items()})
    return written


def main() -> None:
    captured = json.load(sys.stdin)
    folder = Path(sys.argv[1]) / name_of(captured["gpu_info"])
    for path, text in files(captured, datetime.date.today().isoformat()).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    print(folder)


if __name__ == "__main__":
    main()
