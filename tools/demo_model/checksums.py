# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: inferhost contributors
"""SHA256SUMS of a model folder: ``python tools/demo_model/checksums.py DIR`` writes it anew."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

NAME = "SHA256SUMS"


def lines(folder: Path) -> list[str]:
    """One line a file, as ``sha256sum`` prints it, in the order of the names."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != NAME)
    return [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in files]


def write(folder: Path) -> None:
    """Write the folder's SHA256SUMS."""
    (folder / NAME).write_text("\n".join(lines(folder)) + "\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
