# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Python that runs inside the test host: what it sees there comes back as JSON, so that no secret is in a command line."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).resolve().parent / "scripts"


class Inside:
    """Runs one of the scripts beside this file on the host, with its standard library alone."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __call__(self, script: str, *arguments: str, timeout: float = 300) -> Any:
        done = subprocess.run(
            ["docker", "exec", "--interactive", self._name, "python3", "-", *arguments],
            input=(SCRIPTS / f"{script}.py").read_text(encoding="utf-8"),
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, f"{script} on the host: {done.stderr[-2000:]}"
        return json.loads(done.stdout)
