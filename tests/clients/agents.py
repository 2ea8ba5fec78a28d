# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real coding agents from the npm registry, pinned with hashes in package-lock.json, and a call of one."""

from __future__ import annotations

import fcntl
import hashlib
import json
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parents[1] / ".cache" / "clients"
UNREACHABLE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ETIMEDOUT", "ENETUNREACH")
ARCHITECTURES = {"x86_64": "x64", "aarch64": "arm64"}
CLAUDE_CODE = "@anthropic-ai/claude-code-linux-{architecture}/claude"
OPENCODE = "opencode-linux-{architecture}/bin/opencode"
QUIET_OPENCODE = {"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1"}


def program(binary: str) -> Path:
    """The agent's program, installed where it is not there; skips the test where it cannot be had."""
    packages = _installed()
    found = packages / binary.format(architecture=ARCHITECTURES.get(platform.machine(), platform.machine()))
    package = str(found.relative_to(packages))
    if not any(package.startswith(name) for name in json.loads((HERE / "package.json").read_text(encoding="utf-8"))["optionalDependencies"]):
        pytest.skip(f"package-lock.json has no agent for {platform.machine()}: {package}")
    # npm leaves an optional package out in silence where it cannot be had.
    assert found.exists(), f"npm did not install {package}; remove {FOLDER} and try again"
    return found


def _installed() -> Path:
    """node_modules with the locked agents: the packages that hold the programs, so there are no install scripts to run."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed, so the real agents cannot be had")
    FOLDER.mkdir(parents=True, exist_ok=True)
    # Several test runs side by side may want them.
    with (FOLDER / "lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
        stamp = FOLDER / "installed"
        if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, FOLDER / name)
            done = subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=FOLDER, capture_output=True, text=True, check=False)
            if any(sign in done.stderr for sign in UNREACHABLE):
                pytest.skip(f"the npm registry cannot be reached: {done.stderr.splitlines()[-1]}")
            assert done.returncode == 0, done.stderr
            stamp.write_text(wanted, encoding="utf-8")
    return FOLDER / "node_modules"


def run(agent: Path, arguments: list[str], folder: Path, home: Path, **environment: str) -> list[dict[str, Any]]:
    """What an agent prints, one event a line, when it works in a folder and has nothing in its home but what is there already."""
    done = subprocess.run(
        [str(agent), *arguments],
        cwd=folder,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
