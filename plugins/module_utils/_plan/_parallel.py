# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Over how many GPUs a model is split, and whether its experts are dealt out whole. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._model_config import Model
from ansible_collections.inferhost.llm.plugins.module_utils._plan._types import Document, Refusal, flag


class Split(t.NamedTuple):
    """GPUs that share each matrix; with `expert_parallel` each of them holds whole experts instead of a part of every one."""

    tensor_parallel: int
    expert_parallel: bool = False

    def flags(self) -> t.List[Document]:
        """None for a single GPU."""
        if self.tensor_parallel == 1:
            return []
        made = [flag("--tensor-parallel-size", self.tensor_parallel, "GPUs found by which the heads can be divided")]
        if self.expert_parallel:
            made.append(flag("--enable-expert-parallel", None, "blocks of weights share a scale, and a part of an expert would hold parts of blocks"))
        return made


def split(model: Model, number: int, wanted: int) -> Split:
    """As asked, or the largest that works; raises Refusal where what was asked for does not."""
    if wanted > number:
        raise Refusal(
            "not_enough_gpus",
            "tensor_parallel is %d and the host has %d such GPUs" % (wanted, number),
            ["set tensor_parallel to %d or less" % number],
        )
    heads = [count for count in range(1, number + 1) if _heads_divide(model, count)]
    possible = [one for one in (_split(model, count) for count in heads) if one is not None]
    found = next((one for one in possible if one.tensor_parallel == wanted), possible[-1] if not wanted else None)
    if found is not None:
        return found
    counts = ", ".join(str(one.tensor_parallel) for one in possible)
    if wanted not in heads:
        raise Refusal(
            "heads_not_divisible",
            "%d attention heads and %d KV heads cannot be divided over %d GPUs" % (model.heads, model.kv_heads, wanted),
            ["set tensor_parallel to one of %s" % counts],
        )
    width = uneven(model, wanted, False)
    raise Refusal(
        "quantization_block_not_divisible",
        "blocks of %d weights do not divide the layer width %d over %d GPUs" % (_block(model), width, wanted),
        ["set tensor_parallel to one of %s" % counts, "use the unquantised checkpoint"],
    )


def _split(model: Model, count: int) -> t.Optional[Split]:
    """How it works with so many GPUs; None where it does not."""
    if not uneven(model, count, False):
        return Split(count)
    whole = model.experts is not None and model.experts.total % count == 0
    return Split(count, True) if whole and not uneven(model, count, True) else None


def uneven(model: Model, count: int, expert_parallel: bool) -> int:
    """A width whose blocks cannot be divided over so many GPUs; 0 where all can. A block shares a scale, so no GPU may get a part of one."""
    block = _block(model)
    if not block or count == 1:
        return 0
    parts = ("linear",) if expert_parallel else ("linear", "experts")
    widths = {one.columns for one in model.tensors if one.part in parts and one.name.endswith("down_proj")}
    return next((width for width in sorted(widths) if width % count or width // count % block), 0)


def _block(model: Model) -> int:
    quantization = model.quantization
    return quantization.block[0] if quantization is not None and quantization.block else 0


def _heads_divide(model: Model, count: int) -> bool:
    kv_fits = model.kv_heads % count == 0 or count % model.kv_heads == 0
    linear_fits = model.linear is None or (model.linear.key_heads % count == 0 and model.linear.value_heads % count == 0)
    return model.heads % count == 0 and kv_fits and linear_fits
