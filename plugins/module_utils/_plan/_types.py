# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pieces a plan is made of; `docs/architecture.md` fixes the document they end up in."""

from __future__ import annotations

import typing as t

SCHEMA = 1

Document = t.Dict[str, t.Any]


class PlanInputError(ValueError):
    """An option or a fact cannot be planned with; the message names it."""


class Refusal(Exception):
    """The plan cannot work. Carries what the document's `refusal` needs."""

    def __init__(self, code: str, message: str, remedies: t.Iterable[str] = (), short_by_bytes: t.Optional[int] = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.remedies = list(remedies)
        self.short_by_bytes = short_by_bytes

    def document(self) -> Document:
        """As the plan carries it."""
        return {"code": self.code, "message": self.message, "short_by_bytes": self.short_by_bytes, "remedies": self.remedies}


class Wishes(t.NamedTuple):
    """What the user asked for; 0, `auto` and the empty string mean: decide."""

    engine_version: str
    engine_build: str = "auto"
    client: str = "none"
    context: int = 0
    concurrency: int = 0
    kv_cache_dtype: str = "auto"
    gpu_memory_utilization: float = 0.9
    kv_cache_bytes: int = 0
    max_output_tokens: int = 0
    tool_parser: str = ""
    # The user's own file with tool parsers. The engine loads one file, so the collection's is not loaded beside it.
    tool_parser_plugin: str = ""
    root: str = "/opt/inferhost"
    reasoning_parser: str = ""
    tensor_parallel: int = 0
    yarn: bool = False


def size(name: str, value: t.Union[int, float], unit: str, source: str) -> Document:
    """One number of the plan."""
    return {"name": name, "value": value, "unit": unit, "source": source}


def flag(name: str, value: t.Optional[t.Union[int, float, str]], reason: str) -> Document:
    """One command-line flag; None for a switch."""
    return {"flag": name, "value": None if value is None else str(value), "reason": reason}


def variable(name: str, value: t.Union[int, str], reason: str) -> Document:
    """One environment variable."""
    return {"name": name, "value": str(value), "reason": reason}


def warning(code: str, message: str) -> Document:
    """Something that works but not well."""
    return {"code": code, "message": message}


class Outcome(t.NamedTuple):
    """What a device profile decided; the rest of the document does not depend on the device."""

    device: Document
    sizes: t.List[Document]
    limits: Document
    flags: t.List[Document]
    environment: t.List[Document]
    memory_bytes: int
    bytes_per_token: int
    bandwidth: t.Optional[int]
    warnings: t.List[Document]
    alternatives: t.List[Document]
    refusal: t.Optional[Refusal]
