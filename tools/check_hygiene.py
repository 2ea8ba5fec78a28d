# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must not be in the repository: keys, local paths in lock files, files that switch a gate off, templates that say another thing each time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LARGEST = 1_000_000

KEYS = {
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----"),
    "a Hugging Face token": re.compile(r"\bhf_[A-Za-z0-9]{30,}\b"),
    "an Anthropic key": re.compile(r"\bsk-ant-[A-Za-z0-9_-]{20,}"),
    "an API key": re.compile(r"\bsk-[A-Za-z0-9_]{40,}"),
    "a GitHub token": re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36}\b"),
    "an AWS key": re.compile(r"\bAKIA[0-9A-Z]{16}\b"),
}
LOCAL_SOURCE = re.compile(r"file://|@ /|(?<!\S)--(?:find-links|index-url|extra-index-url)\b|(?<!\S)/\S+\.whl")
UNORDERED = re.compile(r"\|\s*(?:difference|intersect|symmetric_difference|union)\(")
"""Filters of Ansible that go through a Python set: what they return is in another order in the next run."""
TEMPLATED = (".yml", ".yaml", ".j2")
SWITCHES = re.compile(r"(?:^|/)(?:tests/sanity/ignore[^/]*\.txt|\.ansible-lint-ignore|\.config/ansible-lint-ignore\.txt)$")


def findings(name: str, text: str) -> list[str]:
    """What is wrong with one file, each line saying where."""
    found = [f"{name}: switches a gate off; mend what the gate found instead"] if SWITCHES.search(name) else []
    local, templated = name.endswith(".lock"), name.endswith(TEMPLATED)
    for number, line in enumerate(text.splitlines(), start=1):
        found += [f"{name}:{number}: looks like {what}; take it out and revoke it" for what, pattern in KEYS.items() if pattern.search(line)]
        if local and LOCAL_SOURCE.search(line):
            found.append(f"{name}:{number}: a source that only one machine has: {line.strip()[:80]}; lock again without it")
        if templated and UNORDERED.search(line):
            found.append(f"{name}:{number}: a filter with another order in every run; take `reject('in', …)` or `unique`, which keep it")
    return found


def main() -> int:
    listed = subprocess.run(["git", "ls-files", "-coz", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True).stdout
    names = [name for name in os.fsdecode(listed).split("\0") if name]
    found, read = [], 0
    for name in names:
        path = ROOT / name
        if path.is_symlink() or not path.is_file() or (path.stat().st_size > LARGEST and not name.endswith(".lock")):
            continue
        found += findings(name, path.read_bytes().decode("utf-8", "replace"))
        read += 1
    print("\n".join(found) or f"{read} files are clean")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
