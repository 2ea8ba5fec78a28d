# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which of the host's GPUs the plan uses, and how much memory CUDA will offer on them."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._lookup import named
from ansible_collections.inferhost.llm.plugins.module_utils._plan._kv import gib, in_gib
from ansible_collections.inferhost.llm.plugins.module_utils._plan._types import Document, PlanInputError, Refusal, variable, warning

# CUDA offers less than nvidia-smi prints: 0 to 2.9 % on published logs. Without CUDA's own figure the plan takes this much off.
CUDA_RESERVE = 0.03

# What CUDA was seen to offer on a card, in GiB: published start-up logs of vLLM.
CUDA_GIB = {
    "NVIDIA A100 80GB PCIe": 79.15,
    "NVIDIA A100-PCIE-40GB": 39.39,
    "NVIDIA A100-SXM4-40GB": 39.39,
    "NVIDIA A100-SXM4-80GB": 79.25,
    "NVIDIA GB10": 119.0,
    "NVIDIA GeForce RTX 3090": 23.58,
    "NVIDIA GeForce RTX 4090": 23.5,
    "NVIDIA H100 80GB HBM3": 79.18,
    "NVIDIA H100 PCIe": 79.11,
    "Tesla T4": 14.56,
}


class Devices(t.NamedTuple):
    """Equal GPUs; bytes are for one of them."""

    name: str
    number: int
    memory_bytes: int
    total_bytes: int
    bandwidth: t.Optional[int]
    capability: t.Optional[t.Tuple[int, int]]
    fp8: str
    fp4: str
    source: str
    indexes: t.Tuple[int, ...]
    all_number: int
    warnings: t.List[Document]

    def environment(self, used: int) -> t.List[Document]:
        """Nothing where all GPUs are used; otherwise which ones, in the order of the bus."""
        if used == self.all_number:
            return []
        indexes = ",".join(str(index) for index in self.indexes[:used])
        return [
            variable("CUDA_DEVICE_ORDER", "PCI_BUS_ID", "numbers the GPUs as the bus does, which is how the plan counts them"),
            variable("CUDA_VISIBLE_DEVICES", indexes, "the plan uses %d of the host's %d GPUs" % (used, self.all_number)),
        ]


def select(gpus: t.Sequence[t.Mapping[str, t.Any]]) -> Devices:
    """The largest set of equal GPUs by memory in all; the others are left out with a warning."""
    groups: t.Dict[t.Tuple[str, t.Any], t.List[int]] = {}
    for index, gpu in enumerate(gpus):
        name = gpu.get("name")
        if not isinstance(name, str) or not name:
            raise PlanInputError("gpus[%d].name: must be the card's name, not %r" % (index, name))
        groups.setdefault((name, _memory(gpu, index)), []).append(index)
    known = {key: indexes for key, indexes in groups.items() if key[1] is not None}
    if not known:
        names = ", ".join(sorted({name for name, _bytes in groups}))
        raise Refusal(
            "card_memory_unknown",
            "the memory of %s is not known: it is not in the catalogue and no driver reports it" % names,
            ["install the driver and run gpu_info again", "give gpus[].memory_bytes and gpus[].compute_capability yourself"],
        )
    (name, memory), indexes = max(known.items(), key=lambda item: item[0][1] * len(item[1]))
    gpu = gpus[indexes[0]]
    total, source = _total(gpu, indexes, gpus, memory)
    left_out = sorted({one.get("name", "") for number, one in enumerate(gpus) if number not in indexes})
    return Devices(
        name=name,
        number=len(indexes),
        memory_bytes=memory,
        total_bytes=total,
        bandwidth=gpu.get("bandwidth_bytes_per_s"),
        capability=_capability(gpu, indexes[0]),
        fp8=str(gpu.get("fp8") or "unknown"),
        fp4=str(gpu.get("fp4") or "unknown"),
        source=source,
        indexes=tuple(indexes),
        all_number=len(gpus),
        warnings=[warning("gpus_left_out", "GPUs of another kind are left out: %s" % ", ".join(left_out))] if left_out else [],
    )


def completed(gpus: t.Sequence[t.Mapping[str, t.Any]]) -> t.List[t.Mapping[str, t.Any]]:
    """Cards of which only the name is given, with what the catalogue knows of them; raises PlanInputError for a name that is no card's."""
    return [_completed(gpu, index) for index, gpu in enumerate(gpus)]


def _completed(gpu: t.Mapping[str, t.Any], index: int) -> t.Mapping[str, t.Any]:
    if set(gpu) != {"name"} or not isinstance(gpu["name"], str):
        return gpu
    found = named(gpu["name"])
    if found is None:
        raise PlanInputError(
            "gpus[%d].name: no card of the catalogue is called %r; use a name such as 'H100' or 'RTX 4000 SFF Ada',"
            " or give memory_bytes and compute_capability too" % (index, gpu["name"])
        )
    return found


def _memory(gpu: t.Mapping[str, t.Any], index: int) -> t.Optional[int]:
    value = gpu.get("memory_bytes")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise PlanInputError("gpus[%d].memory_bytes: must be a whole number of bytes, not %r" % (index, value))
    return value


def _total(gpu: t.Mapping[str, t.Any], indexes: t.List[int], gpus: t.Sequence[t.Mapping[str, t.Any]], memory: int) -> t.Tuple[int, str]:
    measured = [gpus[index].get("cuda_memory_bytes") for index in indexes]
    if all(isinstance(value, int) and value > 0 for value in measured):
        smallest = min(value for value in measured if value)
        return smallest, "CUDA reports %s a card" % in_gib(smallest)
    name = str(gpu.get("name"))
    if name in CUDA_GIB:
        return cuda_bytes(name, memory), "CUDA offers %s on such a card" % in_gib(cuda_bytes(name, memory))
    total = cuda_bytes(name, memory)
    return total, "%s (%s), less %g %% that CUDA does not offer" % (in_gib(memory), gpu.get("memory_source") or "given", CUDA_RESERVE * 100)


def cuda_bytes(name: str, memory_bytes: int) -> int:
    """What CUDA offers of a card's memory where nobody has asked it on the host."""
    return gib(CUDA_GIB[name]) if name in CUDA_GIB else int(memory_bytes * (1 - CUDA_RESERVE))


def _capability(gpu: t.Mapping[str, t.Any], index: int) -> t.Optional[t.Tuple[int, int]]:
    value = gpu.get("compute_capability")
    if value is None:
        return None
    parts = str(value).split(".")
    if len(parts) != 2 or not all(part.isdigit() for part in parts):
        raise PlanInputError("gpus[%d].compute_capability: must be a text such as '8.9', not %r" % (index, value))
    return int(parts[0]), int(parts[1])
