# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host has to show of its GPUs for a plan to hold: in the words of gpu_verify's `expect`."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._devices import CUDA_RESERVE
from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_versions import CUDA_MAJOR, Version, value_for
from ansible_collections.inferhost.llm.plugins.module_utils._plan._types import Document


def expectations(gpus: t.Sequence[t.Mapping[str, t.Any]], version: Version) -> Document:
    """The cards that were planned with, a working CUDA, and one new enough for the engine's build. The same before a driver is there and afterwards."""
    names = {str(gpu["name"]) for gpu in gpus if _named(gpu)}
    memory = [gpu["memory_bytes"] for gpu in gpus if gpu.get("memory_bytes")]
    return {
        "gpu_count": len(gpus),
        "model": names.pop() if len(names) == 1 and all(_named(gpu) for gpu in gpus) else None,
        # The figures of a data sheet and of a driver differ by what the driver keeps.
        "min_memory_bytes": int(min(memory) * (1 - CUDA_RESERVE)) if memory else None,
        "cuda_init": True,
        "cuda_major": value_for(CUDA_MAJOR, version),
    }


def _named(gpu: t.Mapping[str, t.Any]) -> bool:
    """Whether the name is one card's, by its id or by a driver; ids that several cards share have several names."""
    by_somebody = gpu.get("matched_by") == "id" or bool(gpu.get("driver_version"))
    return by_somebody and " or " not in str(gpu.get("name"))
