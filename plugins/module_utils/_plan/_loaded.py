# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a model's weights take on one GPU once they are loaded: what the engine's log calls "Model loading took". Pure.

More than the files: torch's allocator hands out large blocks in steps, rotary tables are made, and some kernels want their matrices padded.
"""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._formats import tensor_bits
from ansible_collections.inferhost.llm.plugins.module_utils._plan._kv import DTYPE_BYTES
from ansible_collections.inferhost.llm.plugins.module_utils._plan._model_config import Model
from ansible_collections.inferhost.llm.plugins.module_utils._plan._tensors import Tensor

# torch's caching allocator (c10/cuda/CUDACachingAllocator): from 10 MiB on a block comes in steps of 2 MiB, and what is left over is given back
# only when it is more than 1 MiB.
LARGE_BLOCK = 10 << 20
BLOCK_STEP = 2 << 20
KEPT_REST = 1 << 20
SMALL_STEP = 512

# The embedding and output tables are padded to rows of this many a GPU.
TABLE_ROWS = 64
# What the four-bit kernels for microscaled experts pad an expert's width and the model's width to.
MXFP4_WIDTHS = (128, 256)


def loaded_bytes(model: Model, tensor_parallel: int = 1, compute_bytes: t.Optional[int] = None) -> t.Optional[int]:
    """Bytes on one GPU; None where the format's layout is not known. `compute_bytes`: of a number that is not quantised, where not the checkpoint's."""
    number = compute_bytes or DTYPE_BYTES[model.dtype]
    total = 0
    for tensor in model.tensors:
        bits = tensor_bits(model.quantization, tensor, 8 * number)
        if bits is None:
            return None
        elements = _padded(model, tensor).share(tensor_parallel)
        total += block_bytes(int(elements * bits.weight / 8)) + int(elements * bits.scales / 8)
    return total + model.rope_elements * number


def stored_bytes(model: Model) -> t.Optional[int]:
    """Bytes of the same weights in the checkpoint's files; None where the format's layout is not known."""
    total = 0.0
    for tensor in model.tensors:
        bits = tensor_bits(model.quantization, tensor, 8 * DTYPE_BYTES[model.dtype])
        if bits is None:
            return None
        total += 0 if tensor.part == "absorbed" else tensor.elements * bits.total / 8
    return int(total)


def block_bytes(size: int) -> int:
    """What the allocator counts for a tensor of so many bytes."""
    if size < LARGE_BLOCK:
        return -(-size // SMALL_STEP) * SMALL_STEP
    segment = -(-size // BLOCK_STEP) * BLOCK_STEP
    return segment if segment - size <= KEPT_REST else size


def _padded(model: Model, tensor: Tensor) -> Tensor:
    if tensor.part == "table":
        return tensor._replace(rows=-(-tensor.rows // TABLE_ROWS) * TABLE_ROWS)
    if tensor.part != "experts" or model.quantization is None or model.quantization.method != "mxfp4" or model.experts is None:
        return tensor
    width, hidden = MXFP4_WIDTHS
    factor = _ratio(model.experts.intermediate_size, width) * _ratio(model.hidden_size, hidden)
    return tensor._replace(rows=int(tensor.rows * factor))


def _ratio(size: int, step: int) -> float:
    return -(-size // step) * step / size
