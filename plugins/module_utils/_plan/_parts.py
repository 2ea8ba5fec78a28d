# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies side by side in the memory of one device, by a plan, and a bar of it for terminals. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._kv import in_gib
from ansible_collections.inferhost.llm.plugins.module_utils._plan._types import Document

# Sizes of the plan, in the order in which they are shown, with a word and a letter for each.
PARTS: t.Tuple[t.Tuple[str, str, str], ...] = (
    ("weights", "Weights", "W"),
    ("kv_cache", "KV cache", "K"),
    ("activation_peak", "Activations", "A"),
    ("cuda_graphs", "CUDA graphs", "G"),
    ("non_torch", "CUDA context", "C"),
    ("runtime", "Runtime", "R"),
)
FREE = "free"
BAR_WIDTH = 72


class Part(t.NamedTuple):
    """One of them; bytes."""

    name: str
    label: str
    letter: str
    value: float


def parts(plan: Document) -> t.List[Part]:
    """What fills the memory of one device, and last what is left of it."""
    sizes = {one["name"]: one["value"] for one in plan["sizes"] if one["unit"] == "bytes"}
    made = [Part(name, label, letter, float(sizes[name])) for name, label, letter in PARTS if sizes.get(name)]
    left = (plan["device"]["memory_bytes"] or 0) - sum(part.value for part in made)
    return [*made, Part(FREE, "Left free", ".", left)] if left > 0 else made


def memory_bar(plan: Document) -> t.List[str]:
    """A line of letters in proportion, and one that says what they mean. Nothing where the parts do not fit into the device."""
    shown = parts(plan)
    if not shown or shown[-1].name != FREE:
        return []
    total = sum(part.value for part in shown)
    # Ends are rounded and not widths, so that the letters always fill the line.
    ends = [round(BAR_WIDTH * sum(part.value for part in shown[: number + 1]) / total) for number in range(len(shown))]
    letters = "".join(part.letter * (end - start) for part, start, end in zip(shown, [0, *ends], ends))
    return ["|%s|" % letters, "  ".join("%s %s %s" % (part.letter, part.label, in_gib(part.value)) for part in shown)]
