# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-in for a Python that is too old: the host's own, which says that it is 3.8.  Argument: the folder to put it in"""

from __future__ import annotations

import json
import sys
from pathlib import Path

folder = Path(sys.argv[1])
folder.mkdir()
(folder / "sitecustomize.py").write_text('import platform\nplatform.python_version = lambda: "3.8.20"\n', encoding="utf-8")
interpreter = folder / "python"
interpreter.write_text(f'#!/bin/sh\nPYTHONPATH={folder} exec /usr/bin/python3 "$@"\n', encoding="utf-8")
interpreter.chmod(0o755)
print(json.dumps(str(interpreter)))
