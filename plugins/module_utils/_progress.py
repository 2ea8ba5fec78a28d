# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Progress of a long step, written where a person's terminal can pick it up (see the callback `inferhost.llm.progress`)."""

from __future__ import annotations

import json
import os
import time


class Progress:
    """Writes one JSON object a report to a file, replacing it whole; without a file it does nothing.

    The object is ``{what: str, done: number|null, total: number|null, unit: str, since: unix seconds}``.
    """

    def __init__(self, path: str | None, what: str, unit: str = "") -> None:
        self._path = path or None
        self._what = what
        self._unit = unit
        self._since = time.time()

    def report(self, done: float | None = None, total: float | None = None, what: str | None = None) -> None:
        if self._path is None:
            return
        line = json.dumps(
            {
                "what": what or self._what,
                "done": done,
                "total": total,
                "unit": self._unit,
                "since": self._since,
            }
        )
        partial = f"{self._path}.{os.getpid()}"
        try:
            with open(partial, "w", encoding="utf-8") as stream:
                stream.write(line + "\n")
            os.replace(partial, self._path)
        except OSError:
            # Progress is a courtesy: a folder that went away must not fail the step it reports on.
            self._path = None

    def clear(self) -> None:
        """The step is over: what it said last must not be shown beside the next one."""
        if self._path is not None and os.path.exists(self._path):
            os.unlink(self._path)
