# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Places outside the folder of secrets and the client files where a secret of the installation is written.  Argument: ROOT

Looked at: command lines, unit files and what systemd shows of them, the journal, and every text file of the installation.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(sys.argv[1])
SKIPPED = (ROOT / "etc" / "secrets", ROOT / "venvs", ROOT / "clients", ROOT / "models")
LARGEST = 20_000_000


def run(*command: str) -> bytes:
    return subprocess.run(command, capture_output=True, check=False).stdout


def places() -> Iterator[tuple[str, bytes]]:
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            yield f"command line of process {entry}", Path("/proc", entry, "cmdline").read_bytes()
        except OSError:
            continue
    for folder in (ROOT, Path("/etc/systemd"), Path("/run/systemd/system")):
        for path in sorted(folder.rglob("*")):
            if not any(path.is_relative_to(skipped) for skipped in SKIPPED) and path.is_file() and path.stat().st_size < LARGEST:
                yield str(path), path.read_bytes()
    yield "systemctl show", run("systemctl", "show", "inferhost-*")
    yield "the journal", run("journalctl", "--no-pager", "--output", "export")


secrets = {path.name: path.read_bytes().strip() for path in (ROOT / "etc" / "secrets").iterdir()}
found = [f"{name} in {place}" for place, text in places() for name, secret in secrets.items() if secret and secret in text]
print(json.dumps({"secrets": sorted(secrets), "found": found}))
