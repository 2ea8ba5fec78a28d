# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parameters by the shape of the layers, for when the tensors themselves cannot be counted."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._formats import tensor_bits
from ansible_collections.inferhost.llm.plugins.module_utils._plan._kv import DTYPE_BYTES
from ansible_collections.inferhost.llm.plugins.module_utils._plan._model_config import Model
from ansible_collections.inferhost.llm.plugins.module_utils._plan._tensors import Tensor

# What the engine adds to the checkpoint's, and what a token of text does not touch.
ADDED = "absorbed"
TOWER = "tower"


class Parameters(t.NamedTuple):
    """Counts of the checkpoint: all, and those that one token of text uses."""

    total: int
    active: int


def parameters(model: Model) -> Parameters:
    """Parameters of the model; drafter layers are not in it."""
    stored = [one for one in model.tensors if one.part != ADDED]
    return Parameters(
        sum(one.elements for one in stored),
        sum(one.elements * one.used // one.experts for one in stored if one.part != TOWER),
    )


def bytes_per_token(model: Model, stored: int) -> int:
    """Bytes of weights that one token reads: all but the tower and the input table, and of the experts those it uses.

    `stored`: of the checkpoint, for formats whose bits a weight are not known.
    """
    by_tensor = [(one, tensor_bits(model.quantization, one, 8 * DTYPE_BYTES[model.dtype])) for one in model.tensors if not _unread(model, one)]
    if any(bits is None for _one, bits in by_tensor):
        count = parameters(model)
        return int(stored * count.active / count.total)
    return int(sum(one.elements * bits.total / 8 * one.used / one.experts for one, bits in by_tensor if bits is not None))


def _unread(model: Model, tensor: Tensor) -> bool:
    # Of the input table a token reads one row, unless it is the output table as well.
    return tensor.part in (ADDED, TOWER) or (tensor.name == "embed_tokens" and not model.tied_embeddings)
