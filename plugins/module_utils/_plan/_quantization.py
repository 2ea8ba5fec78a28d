# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a card can run a checkpoint's number format, and what to tell the engine about it."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._devices import Devices
from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_versions import dotted
from ansible_collections.inferhost.llm.plugins.module_utils._plan._model_config import Model, Quantization
from ansible_collections.inferhost.llm.plugins.module_utils._plan._types import Document, Refusal, flag, warning

Capability = t.Tuple[int, int]

PLANNED = ("awq", "gptq", "fp8")

# bfloat16 needs Ampere; the engine refuses it below.
BFLOAT16_FROM: Capability = (8, 0)
MARLIN_FROM: Capability = (8, 0)
FP8_WEIGHT_ONLY_FROM: Capability = (7, 5)
FP8_NATIVE_FROM: Capability = (8, 9)


def compute_dtype(model: Model, devices: Devices) -> str:
    """The type the engine computes in; an older card falls back to float16, and float32 checkpoints are served in half the size."""
    if model.dtype == "bfloat16" and devices.capability is not None and devices.capability < BFLOAT16_FROM:
        return "float16"
    if model.dtype == "float32":
        return "bfloat16" if devices.capability is not None and devices.capability >= BFLOAT16_FROM else "float16"
    return model.dtype


def refuse_unplanned(model: Model) -> None:
    """Formats whose kernels and sizes are not in the plan are refused rather than guessed."""
    if model.quantization is not None and model.quantization.method not in PLANNED:
        raise Refusal(
            "not_planned_yet",
            "checkpoints quantised with %s are not planned yet" % model.quantization.method,
            ["use the model's AWQ, GPTQ or FP8 checkpoint, or the unquantised one"],
        )


def quantization_flags(model: Model, devices: Devices, tensor_parallel: int) -> t.Tuple[t.List[Document], t.List[Document]]:
    """Flags and warnings; raises Refusal for what the card or the split cannot do."""
    quantization = model.quantization
    if quantization is None:
        return [], []
    if devices.capability is None:
        return [], [warning("capability_unknown", "the card's compute capability is not known, so its support for %s is not checked" % quantization.method)]
    if quantization.method == "fp8":
        return _fp8(model, quantization, devices, devices.capability, tensor_parallel)
    return _four_bit(quantization, devices, devices.capability)


def _four_bit(quantization: Quantization, devices: Devices, capability: Capability) -> t.Tuple[t.List[Document], t.List[Document]]:
    if capability >= MARLIN_FROM:
        name = quantization.method + "_marlin"
        return [flag("--quantization", name, "the fast kernels for this format; without them a token costs many times its bytes")], []
    message = "%s (compute capability %s) has no Marlin kernels for %s: expect a fraction of the speed" % (
        devices.name,
        dotted(capability),
        quantization.method,
    )
    return [], [warning("no_marlin", message)]


def _fp8(
    model: Model, quantization: Quantization, devices: Devices, capability: Capability, tensor_parallel: int
) -> t.Tuple[t.List[Document], t.List[Document]]:
    if capability < FP8_WEIGHT_ONLY_FROM:
        raise Refusal(
            "quantization_unsupported",
            "FP8 checkpoints need compute capability %s; %s has %s" % (dotted(FP8_WEIGHT_ONLY_FROM), devices.name, dotted(capability)),
            ["use the model's AWQ or GPTQ checkpoint"],
        )
    width = model.experts.intermediate_size if model.experts else model.intermediate_size
    if quantization.block and tensor_parallel > 1 and (width % tensor_parallel or width // tensor_parallel % quantization.block[0]):
        raise Refusal(
            "quantization_block_not_divisible",
            "blocks of %d weights do not divide the layer width %d over %d GPUs" % (quantization.block[0], width, tensor_parallel),
            ["set tensor_parallel to a smaller number", "use the unquantised checkpoint"],
        )
    if capability < FP8_NATIVE_FROM:
        message = "%s (compute capability %s) runs FP8 weights through Marlin kernels: less memory, not more speed" % (devices.name, dotted(capability))
        return [], [warning("fp8_weight_only", message)]
    return [], []
