# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tests of the proxy in front of real vLLM, with the engine that the demo installed."""

from __future__ import annotations

import os
import pathlib
import sys

from demo import REPO, Demo, run


def test_the_proxy_in_front_of_real_vllm(demo: Demo, tmp_path: pathlib.Path) -> None:
    reports = pathlib.Path(os.environ.get("INFERHOST_REPORTS", tmp_path))
    environment = {name: value for name, value in os.environ.items() if not name.startswith("INFERHOST_TEST_")}
    environment["INFERHOST_VLLM_PYTHON"] = str(demo.root / "venvs/vllm/bin/python")
    environment |= {"PYTHONPYCACHEPREFIX": str(demo.root / "cache/python"), "PYTHONDONTWRITEBYTECODE": ""}
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        *sorted(str(path.relative_to(REPO)) for path in (REPO / "tests/conformance").glob("test_vllm*.py")),
        "--junitxml",
        str(reports / "engine.xml"),
    ]
    done = run(command, cwd=REPO, env=environment)
    assert done.returncode == 0, done.stdout[-5000:]
    assert " skipped" not in done.stdout.strip().splitlines()[-1], done.stdout[-2000:]
