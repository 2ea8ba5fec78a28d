# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a checkpoint stores its numbers: quantization_config to bits a weight, and which matrices it leaves alone. Pure."""

from __future__ import annotations

import fnmatch
import re
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._fields import Config, ModelError
from ansible_collections.inferhost.llm.plugins.module_utils._plan._tensors import QUANTISED_PARTS, Tensor

FLOAT16_BITS = 16
FLOAT32_BITS = 32


# Where the lists of what is left alone are found.
LEFT_ALONE = ("modules_to_not_convert", "ignore", "ignored_layers", "exclude_modules", "llm_int8_skip_modules")

GROUPED = ("auto-round", "auto_round", "autoround", "awq", "gptq")

# Only the experts of these are quantised; attention keeps the model's type.
EXPERTS_ONLY = ("mxfp4",)


class Bits(t.NamedTuple):
    """Of one weight: its own, and its part of scales and zero points, which are matrices of their own."""

    weight: float
    scales: float = 0.0

    @property
    def total(self) -> float:
        """Both."""
        return self.weight + self.scales


# A scale a column, or one a matrix, does not count.
FP8 = Bits(8)
# A scale of one byte for every 16 weights (NVIDIA), for every 32 (OCP's microscaling).
NVFP4 = Bits(4, 8 / 16)
MXFP4 = Bits(4, 8 / 32)
MXFP8 = Bits(8, 8 / 32)
# A float32 scale for every 64 weights, which nested quantisation shrinks to a byte.
BITSANDBYTES = Bits(4, 8 / 64)

NVIDIA = {"FP8": FP8, "NVFP4": NVFP4, "W4A16_NVFP4": NVFP4, "W4A8_AWQ": Bits(4, 16 / 128), "MXFP8": MXFP8, "FP8_PB_WO": FP8}


class Quantization(t.NamedTuple):
    """How the checkpoint's matrices are stored. `weight_bits` is None where it does not follow from the configuration."""

    method: str
    bits: t.Optional[int]
    group_size: t.Optional[int]
    block: t.Optional[t.Tuple[int, int]]
    weight_bits: t.Optional[Bits]
    left_alone: t.Tuple[str, ...]
    # Of the numbers: `int`, `float`, or empty where the method says it.
    kind: str = ""
    # Bits by module, for checkpoints that mix formats.
    mixed: t.Tuple[t.Tuple[str, Bits], ...] = ()


def read_quantization(data: t.Any, where: str) -> t.Optional[Quantization]:
    """The field quantization_config; raises ModelError for one that says no method."""
    if not data:
        return None
    if not isinstance(data, dict) or not (isinstance(data.get("quant_method"), str) or isinstance(data.get("quant_algo"), str)):
        raise ModelError("%s: field quantization_config.quant_method is missing" % where)
    method = str(data.get("quant_method") or "modelopt").lower()
    weights = _first_group(data) if method == "compressed-tensors" else data
    bits, group = _whole(weights, "bits", "num_bits", "w_bit"), _whole(weights, "group_size", "q_group_size")
    block = weights.get("weight_block_size") or weights.get("block_structure")
    return Quantization(
        method=method,
        bits=bits,
        group_size=group,
        block=(int(block[0]), int(block[1])) if isinstance(block, list) and len(block) == 2 else None,
        weight_bits=_weight_bits(method, data, weights, bits, group, block),
        left_alone=tuple(str(one) for name in LEFT_ALONE for one in (data.get(name) or ()) if isinstance(data.get(name), list)),
        kind=str(weights.get("type") or ("float" if "float" in str(weights.get("format") or "") else "")),
        mixed=_mixed(data),
    )


def tensor_bits(quantization: t.Optional[Quantization], tensor: Tensor, model_bits: int) -> t.Optional[Bits]:
    """Of this matrix; None where the format does not say."""
    if quantization is None or tensor.part not in QUANTISED_PARTS:
        return Bits(model_bits)
    if quantization.method in EXPERTS_ONLY and tensor.part != "experts":
        return Bits(model_bits)
    if any(_matches(pattern, tensor.name) for pattern in quantization.left_alone):
        return Bits(model_bits)
    if quantization.mixed:
        return next((bits for pattern, bits in quantization.mixed if _matches(pattern, tensor.name)), Bits(model_bits))
    return quantization.weight_bits


def _whole(data: Config, *names: str) -> t.Optional[int]:
    return next((data[name] for name in names if isinstance(data.get(name), int) and not isinstance(data[name], bool)), None)


def _first_group(data: Config) -> t.Dict[str, t.Any]:
    """The weights of the one group that all linear layers are in; checkpoints with several are told apart by `_mixed`."""
    groups = data.get("config_groups")
    if isinstance(groups, dict) and groups:
        first = next(iter(groups.values()))
        weights = first.get("weights") if isinstance(first, dict) else None
        if isinstance(weights, dict):
            return {"format": data.get("format"), **weights}
    return dict(data)


def _weight_bits(method: str, data: Config, weights: Config, bits: t.Optional[int], group: t.Optional[int], block: t.Any) -> t.Optional[Bits]:
    if method in GROUPED and bits:
        # A float16 scale and a zero point for each group; a group of -1 is a whole column.
        return Bits(bits, (FLOAT16_BITS + bits) / group if group and group > 0 else 0.0)
    if method in ("fp8", "fbgemm_fp8"):
        return Bits(8, FLOAT32_BITS / (block[0] * block[1])) if isinstance(block, list) and len(block) == 2 else FP8
    if method == "mxfp4":
        return MXFP4
    if method == "bitsandbytes":
        return FP8 if data.get("load_in_8bit") else BITSANDBYTES
    if method == "modelopt":
        return NVIDIA.get(str(data.get("quant_algo") or "").upper())
    if method == "compressed-tensors":
        return _compressed(weights, bits, group)
    return None


def _compressed(weights: Config, bits: t.Optional[int], group: t.Optional[int]) -> t.Optional[Bits]:
    kind, form = str(weights.get("type") or ""), str(weights.get("format") or "")
    if "mxfp4" in form:
        return MXFP4
    if "nvfp4" in form or (kind == "float" and bits == 4):
        return NVFP4
    if bits is None:
        return None
    # Integers of four bits carry a 16-bit scale a group; those of eight, and FP8, one a column.
    return Bits(bits, FLOAT16_BITS / group if group and group > 0 else 0.0)


def _mixed(data: Config) -> t.Tuple[t.Tuple[str, Bits], ...]:
    """Module and bits of a mixture: NVIDIA names each module, compressed-tensors gives several groups."""
    layers = data.get("quantized_layers")
    if isinstance(layers, dict):
        found = [(name, NVIDIA.get(str(one.get("quant_algo") or "").upper())) for name, one in layers.items() if isinstance(one, dict)]
        return tuple((name, bits) for name, bits in found if bits is not None)
    groups = data.get("config_groups")
    if not isinstance(groups, dict) or len(groups) < 2:
        return ()
    made: t.List[t.Tuple[str, Bits]] = []
    for one in groups.values():
        weights = one.get("weights") if isinstance(one, dict) else None
        if not isinstance(weights, dict):
            continue
        bits = _compressed({"format": one.get("format") or data.get("format"), **weights}, _whole(weights, "num_bits"), _whole(weights, "group_size"))
        made += [(target, bits) for target in one.get("targets") or () if bits is not None and isinstance(target, str)]
    return tuple(made)


def _matches(pattern: str, name: str) -> bool:
    """Whether a list's entry means this matrix: an expression (`re:`), a wildcard, a class of layers, a full name, or a part of names."""
    if pattern.startswith("re:"):
        try:
            return any(re.match(pattern[3:], prefix + name) for prefix in ("model.", "model.language_model.", "language_model.model."))
        except re.error:
            return False
    if pattern == "Linear":
        return True
    bare = pattern[pattern.find("layers.") :] if "layers." in pattern else pattern
    if "*" in pattern:
        return fnmatch.fnmatchcase(name, bare) or fnmatch.fnmatchcase(name, bare + ".*") or fnmatch.fnmatchcase("model." + name, pattern)
    if bare.startswith("layers."):
        return name == bare or name.startswith(bare + ".")
    return ".%s." % bare in ".%s." % name
