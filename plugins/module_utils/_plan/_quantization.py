# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a card can run a checkpoint's number format, and what to tell the engine about it."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._devices import Devices
from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_versions import dotted
from ansible_collections.inferhost.llm.plugins.module_utils._plan._formats import FP8, GROUPED, MXFP4, NVFP4, Quantization
from ansible_collections.inferhost.llm.plugins.module_utils._plan._model_config import Model
from ansible_collections.inferhost.llm.plugins.module_utils._plan._types import Document, Refusal, flag, warning

Capability = t.Tuple[int, int]
Verdict = t.Tuple[t.List[Document], t.List[Document]]

# bfloat16 needs Ampere; the engine refuses it below.
BFLOAT16_FROM: Capability = (8, 0)


class Kernels(t.NamedTuple):
    """The cards that have kernels for a format: any from `lowest` on, those for its own arithmetic from `native` on."""

    title: str
    lowest: Capability
    native: Capability
    # Code and words of the warning between the two.
    code: str
    otherwise: str


THROUGH_MARLIN = "runs %s weights through Marlin kernels: less memory, not more speed"
KERNELS: t.Dict[str, Kernels] = {
    "four_bit": Kernels("four-bit", (7, 0), (8, 0), "no_marlin", "has no Marlin kernels for %s: expect a fraction of the speed"),
    "fp8": Kernels("FP8", (7, 5), (8, 9), "fp8_weight_only", THROUGH_MARLIN),
    "mxfp4": Kernels("MXFP4", (8, 0), (9, 0), "fp4_weight_only", THROUGH_MARLIN),
    "nvfp4": Kernels("NVFP4", (8, 0), (10, 0), "fp4_weight_only", THROUGH_MARLIN),
}
FLOAT8 = ("fbgemm_fp8", "fp8")
# Formats whose fast kernels must be named: the engine takes the slow ones for them in some releases.
MARLIN_FLAGS = ("awq", "gptq")


def compute_dtype(model: Model, devices: Devices) -> str:
    """The type the engine computes in; an older card falls back to float16, and float32 checkpoints are served in half the size."""
    if model.dtype == "bfloat16" and devices.capability is not None and devices.capability < BFLOAT16_FROM:
        return "float16"
    if model.dtype == "float32":
        return "bfloat16" if devices.capability is not None and devices.capability >= BFLOAT16_FROM else "float16"
    return model.dtype


def quantization_flags(model: Model, devices: Devices) -> Verdict:
    """Flags and warnings; raises Refusal for what the card cannot do."""
    quantization = model.quantization
    if quantization is None:
        return [], []
    kernels = KERNELS.get(kernels_of(quantization))
    if kernels is None:
        message = "which cards have kernels for %s is not known to the plan, so it is not checked" % quantization.method
        return [], [warning("kernels_not_checked", message)]
    if devices.capability is None:
        return [], [warning("capability_unknown", "the card's compute capability is not known, so its support for %s is not checked" % quantization.method)]
    return _on_a_card(quantization, kernels, devices.name, devices.capability)


def kernels_of(quantization: Quantization) -> str:
    """Which kernels a format wants: a key of KERNELS, or the method's own name."""
    bits = quantization.weight_bits
    if bits in (NVFP4, MXFP4):
        return "nvfp4" if bits == NVFP4 else "mxfp4"
    if quantization.method in GROUPED or (quantization.method == "compressed-tensors" and quantization.bits == 4):
        return "four_bit"
    floating = quantization.method in FLOAT8 or (quantization.method == "modelopt" and bits == FP8) or quantization.kind == "float"
    return "fp8" if floating else quantization.method


def _on_a_card(quantization: Quantization, kernels: Kernels, name: str, capability: Capability) -> Verdict:
    if capability < kernels.lowest:
        raise Refusal(
            "quantization_unsupported",
            "%s checkpoints need compute capability %s; %s has %s" % (kernels.title, dotted(kernels.lowest), name, dotted(capability)),
            ["use the model's AWQ or GPTQ checkpoint"],
        )
    if capability < kernels.native:
        said = kernels.otherwise % (quantization.method if kernels.title == "four-bit" else kernels.title)
        return [], [warning(kernels.code, "%s (compute capability %s) %s" % (name, dotted(capability), said))]
    if quantization.method in MARLIN_FLAGS:
        reason = "the fast kernels for this format; without them a token costs many times its bytes"
        return [flag("--quantization", quantization.method + "_marlin", reason)], []
    return [], []
