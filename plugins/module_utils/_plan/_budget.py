# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the engine divides a GPU's memory at its start, term by term as it measures them. Pure.

    cache = utilisation x total - weights - activation peak - what is not torch's - estimate of the CUDA graphs

Read from vLLM's worker (gpu_worker.py, 0.9.2 to 0.33.0); the constants are from published start-up logs (`make score-plan`).
"""

from __future__ import annotations

import math
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_versions import (
    GRAPHS_COUNTED,
    LOGIT_BYTES,
    NON_TORCH_GIB,
    WORKSPACE_KEPT,
    Version,
    value_for,
)
from ansible_collections.inferhost.llm.plugins.module_utils._plan._kv import gib
from ansible_collections.inferhost.llm.plugins.module_utils._plan._model_config import Model

# Rows of the hidden state that live through the sampler's trial, and those of a layer of the forward pass beside its feed-forward width.
SAMPLER_ROWS = 1.8
LAYER_ROWS = 7

# Of a vision tower's trial image, beside its output: a fixed size, or the largest image of a tower that takes any size.
VISION_BYTES = gib(0.14)
LARGEST_IMAGE_PATCHES = 65536
PATCH_ROWS = 1.8
TOWER_WIDTH = 4304
"""Feed-forward width of the towers that most models have."""

# GPUs that talk over NVSwitch keep large buffers for it; others few.
NVSWITCH_FROM = (9, 0)
PLAIN_GROUP_BYTES = gib(0.2)

# Chips whose memory is the system's too (Orin, Thor, GB10): what else runs there counts as the engine's.
UNIFIED = ((8, 7), (10, 1), (11, 0), (12, 1))
UNIFIED_BYTES = gib(1.0)

# The engine's estimate of its graphs a layer, by the batch sizes it captures: up to twice the sequences, 512 at most.
LARGEST_CAPTURE = 512
GRAPH_BYTES_A_LAYER: t.Tuple[t.Tuple[int, int], ...] = ((16, 1 << 20), (128, 4 << 20), (256, 12 << 20), (LARGEST_CAPTURE, 26 << 20))


class Load(t.NamedTuple):
    """What runs on each GPU."""

    model: Model
    version: Version
    tensor_parallel: int
    # Tokens of a step, and sequences at once.
    batched: int
    sequences: int
    capability: t.Optional[t.Tuple[int, int]] = None
    eager: bool = False


class Budget(t.NamedTuple):
    """Bytes on one GPU."""

    requested: int
    weights: int
    activation: int
    non_torch: int
    graphs: int

    @property
    def cache(self) -> int:
        """What is left for the KV cache; negative where even the weights do not fit."""
        return self.requested - self.weights - self.activation - self.non_torch - self.graphs


def budget(load: Load, total_bytes: int, utilization: float, weights: int) -> Budget:
    """The terms for a card of so many bytes."""
    return Budget(
        requested=math.ceil(total_bytes * utilization),
        weights=weights,
        activation=activation_bytes(load),
        non_torch=non_torch_bytes(load),
        graphs=graph_bytes(load) if value_for(GRAPHS_COUNTED, load.version) else 0,
    )


def activation_bytes(load: Load) -> int:
    """Peak of the engine's trial: a forward pass of the largest batch, or the sampler's rows of logits after it, and what stays allocated through both."""
    model = load.model
    hidden = 2 * load.batched * model.hidden_size
    width = model.intermediate_size or (model.experts.used * model.experts.intermediate_size if model.experts else 0)
    forward = 2 * load.batched * 2 * width // load.tensor_parallel + LAYER_ROWS * hidden
    sampler = int(value_for(LOGIT_BYTES, load.version) * load.sequences * model.vocab_size + SAMPLER_ROWS * hidden)
    kept = workspace_bytes(load)
    if not value_for(WORKSPACE_KEPT, load.version):
        forward, kept = max(forward, kept), 0
    return max(forward, sampler) + kept + (vision_bytes(model) // load.tensor_parallel + hidden if model.vision else 0)


def vision_bytes(model: Model) -> int:
    """Of the tower's trial image."""
    if not model.vision_any_size:
        return VISION_BYTES
    width = max((one.columns for one in model.tensors if one.name.startswith("visual.blocks.")), default=TOWER_WIDTH)
    return int(2 * LARGEST_IMAGE_PATCHES * PATCH_ROWS * width)


def workspace_bytes(load: Load) -> int:
    """Buffers of the fused experts: for every token and expert it uses, the wider side of each of the two products."""
    experts = load.model.experts
    if experts is None:
        return 0
    width, hidden = experts.intermediate_size // load.tensor_parallel, load.model.hidden_size
    return 2 * load.batched * experts.used * (max(width, hidden) + max(2 * width, hidden))


def non_torch_bytes(load: Load) -> int:
    """CUDA's context, cuBLAS and, between several GPUs, NCCL."""
    one, several = value_for(NON_TORCH_GIB, load.version)
    shared = UNIFIED_BYTES if load.capability in UNIFIED else 0
    if load.tensor_parallel == 1:
        return gib(one) + shared
    return shared + (gib(several) if load.capability is None or load.capability >= NVSWITCH_FROM else PLAIN_GROUP_BYTES)


def graph_bytes(load: Load) -> int:
    """What the engine expects of its CUDA graphs; it captures none in eager mode."""
    if load.eager:
        return 0
    captured = min(2 * load.sequences, LARGEST_CAPTURE)
    return load.model.layers * next(size for up_to, size in GRAPH_BYTES_A_LAYER if captured <= up_to)
