# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the look at the machine left: whole, and without anything that names this one machine."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

REPORTS = Path(os.environ.get("INFERHOST_REPORTS") or Path(__file__).resolve().parents[3] / ".reports" / "molecule")


def test_the_outputs_were_captured_without_identifiers() -> None:
    (folder,) = [path.parent for path in (REPORTS / "gpu-captured").glob("*/ORIGIN.md")]
    facts = json.loads((folder / "gpu_info.json").read_text(encoding="utf-8"))
    assert facts["gpus"] and facts["cuda_init"]["outcome"] == "ok"
    assert (folder / "nvidia-smi.xml").is_file() and (folder / "proc" / "version").is_file()
    text = "\n".join(path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file())
    assert set(re.findall(r"(?:GPU|MIG)-([0-9a-f]{8})-[0-9a-f]{4}-", text)) <= {"00000000"}
