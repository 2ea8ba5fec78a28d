# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Whether a service is as wanted: decisions on texts that were read."""

from __future__ import annotations

import re
from typing import Mapping, Optional, Sequence


def differences(wanted: Mapping[str, str], found: Mapping[str, Optional[str]]) -> list[str]:
    """A line for each file (by path) whose content is not the wanted one; None stands for a file that is not there.

    White space at the end does not count: it means nothing in a unit, in a program's definition or after a digest.
    """
    lines = []
    for path, content in wanted.items():
        text = found.get(path)
        if text is None:
            lines.append(f"{path} is not there")
        elif text.rstrip() != content.rstrip():
            lines.append(f"{path} has other content")
    return lines


def not_running(expected: Sequence[str], status: int, output: str) -> list[str]:
    """A line for a status command that failed, or one for each expression that no line of its output matches."""
    said = " ".join(output.split()) or "nothing"
    if status != 0:
        return [f"its status command ended with {status} and says: {said}"]
    return [f"expected {line!r}, its status is: {said}" for line in expected if not re.search(line, output, re.MULTILINE)]
