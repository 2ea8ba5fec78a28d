# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What fits on the cards of a host with the flags that an engine was given: the plan's own arithmetic, and the engine's defaults for flags that are not there.

Pure.
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._engines import Engine, engines
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._log_signs import Start, last
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts
from ansible_collections.inferhost.llm.plugins.module_utils._plan import _catalogue as catalogue
from ansible_collections.inferhost.llm.plugins.module_utils._plan import _devices as plan_devices
from ansible_collections.inferhost.llm.plugins.module_utils._plan import _engine_versions as versions
from ansible_collections.inferhost.llm.plugins.module_utils._plan._budget import Budget, Load, budget
from ansible_collections.inferhost.llm.plugins.module_utils._plan._cuda import FEW_SEQUENCES, FP8_CACHE_FROM, HIGH_UTILIZATION, PREDICTION_MARGIN
from ansible_collections.inferhost.llm.plugins.module_utils._plan._fields import ModelError
from ansible_collections.inferhost.llm.plugins.module_utils._plan._kv import DTYPE_BYTES, KvLayout, KvRules, kv_element_bytes, layout
from ansible_collections.inferhost.llm.plugins.module_utils._plan._model_config import Model, read_config
from ansible_collections.inferhost.llm.plugins.module_utils._plan._plan import KV_CACHE_DTYPES
from ansible_collections.inferhost.llm.plugins.module_utils._plan._quantization import compute_dtype, quantization_flags
from ansible_collections.inferhost.llm.plugins.module_utils._plan._types import PlanInputError, Refusal
from ansible_collections.inferhost.llm.plugins.module_utils._plan._weights import Weights, weights_on_a_gpu

# What the engine takes by itself (vllm's arg_utils.py and config/cache.py, 0.9.2 to 0.33.0).
_LARGE_CARD = 70 << 30
_SMALL_BATCHES = ("A100", "GB10")
_BATCHES = {"large": (8192, 1024), "small": (2048, 256)}
_UTILIZATION = (((0, 20, 0), 0.92), ((0, 9, 0), 0.9))
# "Does not fit" is said only where it would not with so much more memory for the cache: the plan is rather under than over.
_GENEROUS = 1.1

# Flags that change what the plan counts in ways that it does not follow.
_NOT_FOLLOWED = (
    "--config",
    "--cpu-offload-gb",
    "--data-parallel-size",
    "--enable-lora",
    "--hf-overrides",
    "--kv-cache-memory-bytes",
    "--load-format",
    "--num-gpu-blocks-override",
    "--pipeline-parallel-size",
    "--rope-scaling",
    "--speculative-config",
)


@dataclass(frozen=True)
class Subject:
    """An engine with what is known of it. `files` and `start` are None where nothing is; `cards` are those that it may use."""

    engine: Engine
    files: t.Mapping[str, t.Any] | None
    start: Start | None
    version: versions.Version | None
    cards: t.Sequence[t.Mapping[str, t.Any]]
    all_cards: t.Sequence[t.Mapping[str, t.Any]]

    def sign(self, name: str) -> list[str] | None:
        """What the log says under this name at the start that tells."""
        found: list[str] | None = self.start["signs"].get(name) if self.start else None
        return found

    @property
    def serves(self) -> bool:
        """Whether the engine got through its start, as far as is known."""
        return self.start["ready"] if self.start and self.start["arguments"] is not None else self.engine.running

    @property
    def tensor_parallel(self) -> int:
        return self.engine.number("--tensor-parallel-size") or 1

    @property
    def model(self) -> Model | None:
        """By its configuration on disk, or by the catalogue; None where neither tells."""
        found = (self.files or {}).get("model")
        if not found:
            return None
        try:
            if found["config"] is not None:
                return read_config(found["config"])
            return read_config(catalogue.config_of(self.published), None) if self.published else None
        except ModelError:
            return None

    @property
    def published(self) -> catalogue.Published | None:
        """The checkpoint of the catalogue, by its identity or by the name of its folder."""
        found = (self.files or {}).get("model")
        try:
            return catalogue.published(found["id"] or found["name"]) if found else None
        except ModelError:
            return None


def subjects(facts: Facts) -> list[Subject]:
    """Every engine that is meant to run on GPUs."""
    cards = (facts.values.get("gpu_info") or {}).get("gpus") or []
    files = {one["where"]: one for one in facts.values.get("engine_files", ())}
    logs = {one["where"]: one for one in facts.values.get("engine_logs", ())}
    found = []
    for one in engines(facts):
        if (one.env or {}).get("VLLM_TARGET_DEVICE") == "cpu" or one.flags.get("--device") == "cpu":
            continue
        log = logs.get(one.where)
        version = (files.get(one.where) or {}).get("version") or (log or {}).get("version")
        found.append(Subject(one, files.get(one.where), last(log) if log else None, _version(version), visible(one, cards), cards))
    return found


def _version(text: str | None) -> versions.Version | None:
    try:
        return versions.parse_version(text) if text else None
    except versions.EngineError:
        return None


def visible(one: Engine, cards: t.Sequence[t.Mapping[str, t.Any]]) -> t.Sequence[t.Mapping[str, t.Any]]:
    """The cards that an engine may use: all, or those that its environment counts out."""
    chosen = chosen_cards(one)
    if chosen is None:
        return cards
    numbers = [int(part) for part in chosen if part.isdigit()]
    return [cards[number] for number in numbers if number < len(cards)] if len(numbers) == len(chosen) else cards[: len(chosen)]


def chosen_cards(one: Engine) -> list[str] | None:
    """As CUDA_VISIBLE_DEVICES or a container's variable names them; None where all are open."""
    for name in ("CUDA_VISIBLE_DEVICES", "NVIDIA_VISIBLE_DEVICES"):
        value = (one.env or {}).get(name, "")
        if value and value not in ("all", "void", "none"):
            return [part.strip() for part in value.split(",") if part.strip()]
    return None


@dataclass(frozen=True)
class Fit:
    """An engine's memory on each of its cards, as the plan counts it."""

    model: Model
    devices: plan_devices.Devices
    weights: Weights
    load: Load
    utilization: float
    kv_dtype: str
    terms: Budget
    cache: KvLayout

    @property
    def room(self) -> int:
        return max(0, self.terms.cache)

    @property
    def longest(self) -> int:
        """Tokens of the longest sequence that fits."""
        return self.cache.longest(self.room, self.model.native_context)

    def surely_short(self, tokens: int) -> bool:
        """Whether a sequence of this length would not fit with a good deal more room either."""
        return self.cache.bytes_for(tokens) > int(self.terms.cache * _GENEROUS) + PREDICTION_MARGIN

    def surely_holds(self, sequences: int) -> int:
        """The longest length at which so many sequences fit, margins left."""
        return self.cache.longest(max(0, self.room - PREDICTION_MARGIN), self.model.native_context, sequences)

    @property
    def no_weights(self) -> bool:
        """Whether already the weights and what the engine needs beside them are more than it may use."""
        return self.terms.cache < -PREDICTION_MARGIN


def fit(one: Subject) -> Fit | str:
    """What fits; or why that is not known."""
    where = one.engine.where
    if one.model is None:
        return f"the model of {where} is not known here, so what fits beside it is not"
    if one.model.not_planned is not None:
        return f"the memory of {where} is not foreseen: its model has {one.model.not_planned}"
    if one.version is None:
        return f"the vLLM version of {where} is not known, so what fits is not"
    followed = _not_followed(one)
    if followed:
        return f"the memory of {where} is not foreseen: the plan does not follow {followed}"
    try:
        return _fit(one, one.model, one.version, (one.files or {}).get("model", {}).get("weight_bytes"))
    except (Refusal, PlanInputError) as error:
        return f"the memory of {where} is not foreseen: {error}"


def _not_followed(one: Subject) -> str:
    """The first flag that leads away from what the plan counts."""
    flags = one.engine.flags
    found = next((name for name in _NOT_FOLLOWED if flags.get(name, "1") != "1"), "")
    asked = flags.get("--quantization", "")
    own = one.model.quantization.method if one.model is not None and one.model.quantization else ""
    if not found and asked and not (own and asked.replace("_marlin", "") == own.replace("_marlin", "")):
        # Weights that are quantised while they are loaded.
        found = f"--quantization {asked}"
    kv_dtype = flags.get("--kv-cache-dtype", "auto")
    return found or ("" if kv_dtype in KV_CACHE_DTYPES else f"--kv-cache-dtype {kv_dtype}")


def _fit(one: Subject, model: Model, version: versions.Version, file_bytes: int | None) -> Fit:
    devices = plan_devices.select(one.cards)
    tensor_parallel = one.tensor_parallel
    utilization = _decimal(one.engine.flags.get("--gpu-memory-utilization"), versions.value_for(_UTILIZATION, version))
    large = devices.total_bytes >= _LARGE_CARD and not any(name in devices.name for name in _SMALL_BATCHES)
    batched, sequences = _BATCHES["large" if large else "small"]
    eager = "--enforce-eager" in one.engine.flags and not one.engine.is_off("--enforce-eager")
    load = Load(
        model,
        version,
        tensor_parallel,
        one.engine.number("--max-num-batched-tokens") or batched,
        one.engine.number("--max-num-seqs") or sequences,
        devices.capability,
        eager,
    )
    dtype = compute_dtype(model, devices)
    weights = weights_on_a_gpu(model, file_bytes, "the files on disk", tensor_parallel, DTYPE_BYTES[dtype])
    kv_dtype = one.engine.flags.get("--kv-cache-dtype", "auto")
    hybrid = "--disable-hybrid-kv-cache-manager" not in one.engine.flags or one.engine.is_off("--disable-hybrid-kv-cache-manager")
    terms = budget(load, devices.total_bytes, utilization, weights.on_a_gpu)
    return Fit(model, devices, weights, load, utilization, kv_dtype, terms, _layout(load, kv_dtype, dtype, hybrid))


def _layout(load: Load, kv_dtype: str, dtype: str, hybrid: bool) -> KvLayout:
    rules = KvRules(
        versions.value_for(versions.STATE_BLOCKS, load.version), versions.value_for(versions.GROUP_GROWTH, load.version), load.batched, hybrid=hybrid
    )
    block = versions.CUDA_BLOCK_TOKENS
    return layout(load.model.cache, kv_element_bytes(kv_dtype, dtype), DTYPE_BYTES[load.model.dtype], block, load.tensor_parallel, rules)


def with_windows(found: Fit) -> Fit:
    """The same engine with the hybrid cache manager, which frees windows as they pass."""
    return _changed(found, cache=_layout(found.load, found.kv_dtype, compute_dtype(found.model, found.devices), True))


def _decimal(text: str | None, default: float) -> float:
    try:
        return float(text) if text else default
    except ValueError:
        return default


def remedies(found: Fit) -> list[str]:
    """Settings that make room, in the guide's order, each with what fits then; those that do not help are left out."""
    native, longest = found.model.native_context, found.longest
    sized = []
    if longest:
        sized.append(f"--max-model-len {longest}")
    if found.utilization < HIGH_UTILIZATION:
        sized += _effect(found, f"--gpu-memory-utilization {HIGH_UTILIZATION}", _budget(found, utilization=HIGH_UTILIZATION))
    if found.load.sequences > FEW_SEQUENCES:
        sized += _effect(found, f"--max-num-seqs {FEW_SEQUENCES}", _budget(found, load=found.load._replace(sequences=FEW_SEQUENCES)))
    if not found.load.eager:
        sized += _effect(found, "--enforce-eager", _budget(found, load=found.load._replace(eager=True)))
    if has_fp8_cache(found) and found.kv_dtype == "auto":
        room = _layout(found.load, "fp8", compute_dtype(found.model, found.devices), found.cache.rules.hybrid).longest(found.room, native)
        sized += [f"--kv-cache-dtype fp8 ({room:,} tokens fit)"] if room > longest else []
    return sized


def has_fp8_cache(found: Fit) -> bool:
    return found.devices.capability is not None and found.devices.capability >= FP8_CACHE_FROM


def _effect(found: Fit, change: str, terms: Budget) -> list[str]:
    room = found.cache.longest(max(0, terms.cache), found.model.native_context)
    return [f"{change} ({room:,} tokens fit)"] if room > found.longest else []


def _budget(found: Fit, utilization: float | None = None, load: Load | None = None) -> Budget:
    return budget(load or found.load, found.devices.total_bytes, utilization or found.utilization, found.weights.on_a_gpu)


def _changed(found: Fit, cache: KvLayout) -> Fit:
    return Fit(found.model, found.devices, found.weights, found.load, found.utilization, found.kv_dtype, found.terms, cache)


def siblings(one: Subject, found: Fit) -> list[tuple[str, Fit]]:
    """The same model in smaller formats of the catalogue, each on the same cards with the same flags."""
    known = one.published
    if known is None or one.version is None or read_config(catalogue.config_of(known)).hidden_size != found.model.hidden_size:
        return []
    smaller = []
    for other in catalogue.siblings(known):
        try:
            its = _fit(one, read_config(catalogue.config_of(other)), one.version, None)
            quantization_flags(its.model, its.devices)
        except (Refusal, PlanInputError, ModelError):
            continue
        if its.terms.weights < found.terms.weights:
            smaller.append((other.id, its))
    return smaller
