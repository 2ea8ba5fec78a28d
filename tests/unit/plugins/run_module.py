# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a module as Ansible does: a process of its own that reads its options and prints one JSON object."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t


def run_module(name: str, options: t.Dict[str, t.Any], check: bool = False, environment: t.Optional[t.Dict[str, str]] = None) -> t.Dict[str, t.Any]:
    """What the module returned; `failed` and `msg` where it failed."""
    arguments = json.dumps({"ANSIBLE_MODULE_ARGS": {"_ansible_check_mode": check, **options}})
    done = subprocess.run(
        [sys.executable, "-m", "ansible_collections.inferhost.llm.plugins.modules." + name],
        input=arguments,
        capture_output=True,
        encoding="utf-8",
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **(environment or {})},
    )
    assert done.stdout, done.stderr
    result: t.Dict[str, t.Any] = json.loads(done.stdout)
    return result
