# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The line that tells a person how far a long task is."""

from __future__ import annotations

from typing import Any


def age(seconds: float) -> str:
    """Duration for people: ``42 s``, ``3 min 5 s``."""
    whole = int(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


def progress_line(task: str, seconds: float, report: dict[str, Any] | None, since: float) -> str:
    """One line for a task that runs for ``seconds``. A report older than the task (``since``, unix seconds) is of another one.

    How long is left is shown where the work's total is known and some of it is done: elapsed / done * rest.
    """
    line = f"  ... {task} ({age(seconds)})"
    if not report or float(report.get("since") or 0) < since - 1:
        return line
    line = f"  ... {report.get('what') or task} ({age(seconds)})"
    done, total = report.get("done"), report.get("total")
    if not done or not total:
        return line
    line += f": {done:g} of {total:g} {report.get('unit') or ''}".rstrip()
    if done < total:
        line += f", about {age(seconds / done * (total - done))} left"
    return line
