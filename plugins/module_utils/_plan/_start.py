# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the engine may take from its start to its first answer. A deadline and no forecast: what ends before costs nothing, one that is too short does."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._types import Document, size

# What the model's size does not change: processes, imports, the first answer. Seen with vLLM 0.32 on two busy cores: 157 and 232 s.
PROCESSES_SECONDS = 900

# Of the published start-ups whose log says how long loading took, most are far faster; from a slow network volume some read 48 to 70 MB/s.
READ_BYTES_PER_SECOND = 50_000_000

# With empty caches: torch.compile, and kernels that are compiled for the card. Published: 43 and 210 s together on a card that has no kernels built for it.
COMPILE_SECONDS = 600

# Published: 1 to 45 s in 70 of 71 start-ups.
GRAPHS_SECONDS = 60


def start(file_bytes: int, build: str) -> Document:
    """The deadline as a size of the plan."""
    read = -(-file_bytes // READ_BYTES_PER_SECOND)
    terms = [(PROCESSES_SECONDS, "processes and imports"), (read, "reading the weights at %d MB/s" % (READ_BYTES_PER_SECOND // 10**6))]
    if build == "cuda":
        terms += [(COMPILE_SECONDS, "compiling with empty caches"), (GRAPHS_SECONDS, "CUDA graphs")]
    return size("start", sum(seconds for seconds, _what in terms), "seconds", _source(terms))


def _source(terms: t.Sequence[t.Tuple[int, str]]) -> str:
    return "at most: " + " + ".join("%d for %s" % term for term in terms)
