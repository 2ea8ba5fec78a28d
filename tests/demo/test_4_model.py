# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The built-in model does its job on real vLLM: unseen file paths come back as structured tool calls, streamed and not."""

from __future__ import annotations

import json
import sys

from demo import REPO, Demo, run


def test_at_least_95_of_100_unseen_paths_come_back_as_tool_calls(demo: Demo) -> None:
    command = [sys.executable, str(REPO / "tools/demo_model/evaluate.py"), "--url", f"{demo.endpoint}/v1", "--model", "inferhost-tiny"]
    done = run([*command, "--key-file", str(demo.key_file), "--count", "100"])
    assert done.returncode in (0, 1), done.stdout[-3000:]
    result = json.loads(done.stdout)
    assert result["n"] == 100
    assert result["correct_whole"] >= 95, result["failures"]
    assert result["correct_streamed"] >= 95, result["failures"]
