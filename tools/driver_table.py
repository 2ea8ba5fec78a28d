# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write the golden table of driver decisions from the decision function.  --check only compares."""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    sys.path.insert(0, str(ROOT / ".collections"))
    module = importlib.import_module("ansible_collections.inferhost.llm.tests.unit.plugins.driver_table")
    text, path = module.table(), Path(module.GOLDEN)
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        print(f"{path.relative_to(path.parents[4])} is current")
        return 0
    if check:
        print("the golden table differs from the decisions; run tools/driver_table.py and read the difference")
        return 1
    path.write_text(text, encoding="utf-8")
    print(f"wrote {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
