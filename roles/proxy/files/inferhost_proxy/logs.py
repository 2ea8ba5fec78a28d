# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log lines as JSON on stderr. What a line may hold is decided where it is written: never a key, never a prompt."""

from __future__ import annotations

import logging
import time
from typing import Any

import msgspec

LOG = logging.getLogger("inferhost_proxy")


class JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line: dict[str, Any] = {
            "time": f"{stamp}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


def setup(level: str) -> None:
    """Send our own lines of `level` and everybody's warnings to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    LOG.setLevel(level.upper())


def event(level: int, name: str, **fields: Any) -> None:
    """Write one line."""
    if LOG.isEnabledFor(level):
        LOG.log(level, name, extra={"fields": fields})
