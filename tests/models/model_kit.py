# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the tests call the module, with the real huggingface_hub from its lock."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

from ansible_collections.inferhost.llm.tests.unit.plugins.model_hub import MODEL, ModelHub

REPOSITORY = Path(__file__).resolve().parents[2]
RUNNER = REPOSITORY / "roles" / "model" / "files" / "lib" / "model_fetch.py"
PYTHON = Path(os.environ.get("INFERHOST_HUB_PYTHON") or REPOSITORY / ".cache" / "venvs" / "hub" / "bin" / "python")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(REPOSITORY / ".collections"), "PYTHONDONTWRITEBYTECODE": "1"}
SHARD = 512 * 1024
BLOCK = 128 * 1024


def command(module: str = "model_download") -> list[str]:
    return [sys.executable, "-m", f"ansible_collections.inferhost.llm.plugins.modules.{module}"]


def arguments(hub: ModelHub, path: Path, check: bool = False, **options: t.Any) -> str:
    """What the module reads on its standard input."""
    given = {"path": str(path), "model": MODEL, "endpoint": hub.url, "headroom_bytes": 0, "tries": 3, "python": str(PYTHON), "runner": str(RUNNER)}
    return json.dumps({"ANSIBLE_MODULE_ARGS": {"_ansible_check_mode": check, **given, **options}})


def download(hub: ModelHub, path: Path, check: bool = False, **options: t.Any) -> dict[str, t.Any]:
    """What the module returned."""
    done = subprocess.run(command(), input=arguments(hub, path, check, **options), capture_output=True, text=True, check=False, env=ENVIRONMENT)
    assert done.stdout, done.stderr
    result: dict[str, t.Any] = json.loads(done.stdout)
    return result


def begin(hub: ModelHub, path: Path, **options: t.Any) -> subprocess.Popen[str]:
    """The module at work."""
    process = subprocess.Popen(command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
    assert process.stdin
    process.stdin.write(arguments(hub, path, **options))
    process.stdin.close()
    return process


def end(process: subprocess.Popen[str]) -> dict[str, t.Any]:
    """What it returned when it was through."""
    assert process.stdout
    result: dict[str, t.Any] = json.loads(process.stdout.read())
    process.wait()
    return result


def shard(number: int, of: int = 40) -> str:
    return f"model-{number:05}-of-{of:05}.safetensors"


def content(path: Path) -> dict[str, bytes]:
    """The model's files."""
    return {str(one.relative_to(path)): one.read_bytes() for one in path.rglob("*") if one.is_file() and ".inferhost" not in one.parts}


def published(hub: ModelHub) -> dict[str, bytes]:
    """What of the model is fetched by default."""
    return {name: body for name, body in hub.files.items() if not name.endswith(".bin")}
