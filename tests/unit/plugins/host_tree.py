# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the files of a host below a folder, and a reader on them. Everything is constructed after the documented formats."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._process import Ended
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._reader import Reader

RELEASE = "6.12.48+deb13-amd64"
LINK = "link to "
FOLDER = "folder"

Programs = t.Dict[str, t.Union[str, Ended]]


def put(root: Path, files: t.Dict[str, str]) -> Path:
    """Files by their path on the host. `link to X` makes a symbolic link, `folder` a folder; all else is the file's text."""
    for name, content in files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        if content == FOLDER:
            path.mkdir(exist_ok=True)
        elif content.startswith(LINK):
            path.symlink_to(content[len(LINK) :])
        else:
            path.write_text(content, encoding="utf-8")
    return root


def reader(root: Path, files: t.Dict[str, str], programs: t.Optional[Programs] = None) -> Reader:
    """A reader on the files; `programs` is what those that exist print, or how they end."""
    put(root, files)

    def run(command: t.Sequence[str]) -> Ended:
        answer = (programs or {}).get(os.path.basename(command[0]))
        if answer is None:
            return Ended("not_started", 0, "", "", "no such program")
        return answer if isinstance(answer, Ended) else Ended("exit", 0, answer, "", "")

    return Reader(str(root), run=run if programs is not None else None)


def failed(status: int, errors: str) -> Ended:
    return Ended("exit", status, "", errors, "")
