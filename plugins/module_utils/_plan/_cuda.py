# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The profile of a host with NVIDIA GPUs. Where the engine's own measurement cannot be foreseen the plan takes the upper end of what logs show."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._budget import Budget, Load, budget
from ansible_collections.inferhost.llm.plugins.module_utils._plan._cuda_sizes import sizes
from ansible_collections.inferhost.llm.plugins.module_utils._plan._devices import Devices
from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_versions import (
    CUDA_BLOCK_TOKENS,
    GROUP_GROWTH,
    LOWEST_CAPABILITY,
    STATE_BLOCKS,
    Version,
    dotted,
    value_for,
)
from ansible_collections.inferhost.llm.plugins.module_utils._plan._geometry import bytes_per_token
from ansible_collections.inferhost.llm.plugins.module_utils._plan._kv import DTYPE_BYTES, KvLayout, KvRules, gib, in_gib, kv_element_bytes, layout
from ansible_collections.inferhost.llm.plugins.module_utils._plan._model_config import Model
from ansible_collections.inferhost.llm.plugins.module_utils._plan._parallel import Split, split
from ansible_collections.inferhost.llm.plugins.module_utils._plan._quantization import compute_dtype, quantization_flags
from ansible_collections.inferhost.llm.plugins.module_utils._plan._types import Document, Outcome, Refusal, Wishes, flag, warning
from ansible_collections.inferhost.llm.plugins.module_utils._plan._weights import Weights, weights_on_a_gpu

# What the prediction of the cache may promise too much: the worst of the published logs does so by 0.24 GiB (`make score-plan`).
PREDICTION_MARGIN = gib(0.25)

# A card of this size or larger is served with larger batches, as the engine itself does by default.
LARGE_CARD = gib(70)
BATCH = {"large": (8192, 64), "small": (2048, 32)}

# An 8-bit cache in the e4m3 format needs Ada; e5m2 works from Ampere on.
FP8_CACHE_FROM = (8, 9)
FP8_E5M2_CACHE_FROM = (8, 0)

# Main memory for the server and for each GPU's worker; a rule of thumb. Weights pass through the page cache, which needs no room of its own.
HOST_BYTES = gib(2)
HOST_BYTES_A_GPU = gib(4)

# What the remedies try.
HIGH_UTILIZATION = 0.95
FEW_SEQUENCES = 8


class Case(t.NamedTuple):
    """What is planned: the model, where it runs and how it is split and batched."""

    model: Model
    weights: Weights
    devices: Devices
    wishes: Wishes
    version: Version
    parallel: Split
    dtype: str
    batched: int
    sequences: int

    @property
    def load(self) -> Load:
        """What runs on each GPU."""
        return Load(self.model, self.version, self.parallel.tensor_parallel, self.batched, self.sequences, self.devices.capability)

    def budget(self, utilization: float) -> Budget:
        """What is left for the cache at this share of the memory."""
        return budget(self.load, self.devices.total_bytes, utilization, self.weights.on_a_gpu)


def plan(model: Model, file_bytes: t.Optional[int], files_source: str, devices: Devices, wishes: Wishes, version: Version) -> Outcome:
    """Everything that depends on the device. `file_bytes`: of the checkpoint's weights, None where its files are not known."""
    _refuse_old_cards(devices, version)
    _refuse_kv_dtype(devices, wishes)
    parallel = split(model, devices.number, wishes.tensor_parallel)
    tensor_parallel = parallel.tensor_parallel
    quantization, warnings = quantization_flags(model, devices)
    batched, sequences = BATCH["large" if devices.total_bytes >= LARGE_CARD else "small"]
    dtype = compute_dtype(model, devices)
    case = Case(
        model=model,
        weights=weights_on_a_gpu(model, file_bytes, files_source, tensor_parallel, DTYPE_BYTES[dtype]),
        devices=devices,
        wishes=wishes,
        version=version,
        parallel=parallel,
        dtype=dtype,
        batched=batched,
        sequences=max(sequences, wishes.concurrency),
    )
    cache = _layout(case, wishes.kv_cache_dtype)
    terms = case.budget(wishes.gpu_memory_utilization)
    if wishes.kv_cache_bytes and wishes.kv_cache_bytes > terms.cache:
        raise _cache_too_large(wishes.kv_cache_bytes, terms)
    # With a size of its own the engine ignores the utilisation; the plan keeps to it all the same, so the rest still fits.
    available = wishes.kv_cache_bytes or max(0, terms.cache)
    longest = cache.longest(available, model.native_context)
    context = wishes.context or cache.longest(_certain(case, available), model.native_context, max(1, wishes.concurrency))
    fits = longest >= max(1, context)
    refusal = None if fits else _does_not_fit(case, cache, terms, available, max(1, context))
    limits = {
        "max_model_len": context,
        # Each running sequence of a hybrid model holds state blocks from the same pool, and at least one block that grows.
        "max_num_seqs": min(case.sequences, cache.blocks(available) // cache.blocks_for(1)),
        "max_num_batched_tokens": batched,
        "kv_tokens": cache.tokens(available, max(1, context)),
    }
    return Outcome(
        device={
            "kind": "cuda",
            "name": devices.name,
            "count": tensor_parallel,
            "memory_bytes": devices.memory_bytes,
            "bandwidth_bytes_per_s": devices.bandwidth,
            "source": devices.source,
        },
        sizes=sizes(case.load, terms, case.weights.source, cache, available, max(1, context)),
        limits=limits,
        flags=_flags(case, limits) + quantization if fits else [],
        environment=devices.environment(tensor_parallel),
        memory_bytes=HOST_BYTES + HOST_BYTES_A_GPU * tensor_parallel,
        bytes_per_token=bytes_per_token(model, case.weights.stored),
        bandwidth=devices.bandwidth * tensor_parallel if devices.bandwidth else None,
        warnings=warnings + devices.warnings + (_tight(case, cache, available, context) if fits else []),
        alternatives=_alternatives(case, cache, available, context) if fits else [],
        refusal=refusal,
    )


def _certain(case: Case, available: int) -> int:
    """What the plan may promise of the cache. Nothing is uncertain about one whose size is given."""
    return available if case.wishes.kv_cache_bytes else max(0, available - PREDICTION_MARGIN)


def _tight(case: Case, cache: KvLayout, available: int, context: int) -> t.List[Document]:
    """A length that was asked for may fit by less than what the prediction is uncertain by."""
    if cache.longest(_certain(case, available), context) >= context:
        return []
    message = "a context of %d fits by less than the %s that the prediction is uncertain by; the engine may refuse to start" % (
        context,
        in_gib(PREDICTION_MARGIN),
    )
    return [warning("context_tight", message)]


def _layout(case: Case, kv_cache_dtype: str) -> KvLayout:
    rules = KvRules(value_for(STATE_BLOCKS, case.version), value_for(GROUP_GROWTH, case.version), case.batched)
    number_bytes = kv_element_bytes(kv_cache_dtype, case.dtype)
    return layout(case.model.cache, number_bytes, DTYPE_BYTES[case.model.dtype], CUDA_BLOCK_TOKENS, case.parallel.tensor_parallel, rules)


def _refuse_old_cards(devices: Devices, version: Version) -> None:
    lowest = value_for(LOWEST_CAPABILITY, version)
    if devices.capability is not None and devices.capability < lowest:
        raise Refusal(
            "card_too_old",
            "%s has compute capability %s; the builds of vLLM %s start at %s" % (devices.name, dotted(devices.capability), dotted(version), dotted(lowest)),
            ["use vLLM 0.19.1, the last release whose builds carry code for it" if devices.capability >= (7, 0) else "use another card"],
        )


def _refuse_kv_dtype(devices: Devices, wishes: Wishes) -> None:
    if not wishes.kv_cache_dtype.startswith("fp8") or devices.capability is None:
        return
    lowest = FP8_E5M2_CACHE_FROM if wishes.kv_cache_dtype == "fp8_e5m2" else FP8_CACHE_FROM
    if devices.capability < lowest:
        raise Refusal(
            "kv_cache_dtype_unsupported",
            "kv_cache_dtype %s needs compute capability %s; %s has %s" % (wishes.kv_cache_dtype, dotted(lowest), devices.name, dotted(devices.capability)),
            ["set kv_cache_dtype to auto"],
        )


def _cache_too_large(wanted: int, terms: Budget) -> Refusal:
    short = wanted - terms.cache
    return Refusal(
        "memory_short",
        "a cache of %s was asked for and %s are left beside weights, activation and graphs: short by %s"
        % (in_gib(wanted), in_gib(max(0, terms.cache)), in_gib(short)),
        ["lower kv_cache_bytes to %d" % terms.cache] if terms.cache > 0 else ["use a smaller or quantised checkpoint"],
        short_by_bytes=short,
    )


def _does_not_fit(case: Case, cache: KvLayout, terms: Budget, available: int, context: int) -> Refusal:
    """The refusal and what would help: shorter context, utilisation, fewer sequences, eager, in that order, each with its number."""
    native = case.model.native_context
    longest = cache.longest(available, native)
    remedies = ["lower context to %d" % longest] if longest else []
    if not case.wishes.kv_cache_bytes:
        fewer = case._replace(sequences=min(case.sequences, FEW_SEQUENCES))
        changes = (
            ("raise gpu_memory_utilization to %g" % HIGH_UTILIZATION, case.budget(max(HIGH_UTILIZATION, case.wishes.gpu_memory_utilization))),
            ("plan for %d sequences instead of %d" % (fewer.sequences, case.sequences), fewer.budget(case.wishes.gpu_memory_utilization)),
            ("run without CUDA graphs", terms._replace(graphs=0)),
        )
        rooms = [(change, cache.longest(max(0, changed.cache), native)) for change, changed in changes]
        remedies += ["%s: then %d tokens fit" % (change, room) for change, room in rooms if room > longest]
    if case.wishes.kv_cache_dtype == "auto" and _has_fp8_cache(case):
        room = _layout(case, "fp8").longest(available, native)
        remedies += ["set kv_cache_dtype to fp8: then %d tokens fit" % room] if room > longest else []
    if terms.weights > terms.requested * 0.6:
        remedies.append("use a smaller or quantised checkpoint: the weights take %s" % in_gib(terms.weights))
        remedies.append("use a card with more memory, or several")
    # Before the cache is clipped at nothing, a negative rest is what the weights are short by.
    short = cache.bytes_for(context) - (case.wishes.kv_cache_bytes or terms.cache)
    if longest:
        numbers = (context, in_gib(cache.bytes_for(context)), in_gib(available), in_gib(short))
        message = "a context of %d tokens needs a cache of %s and %s are left: short by %s" % numbers
        return Refusal("context_does_not_fit", message, remedies, short_by_bytes=short)
    message = "weights, activation and graphs need %s on the card and the engine may use %s: short by %s even for the shortest cache" % (
        in_gib(terms.requested - terms.cache),
        in_gib(terms.requested),
        in_gib(short),
    )
    return Refusal("memory_short", message, remedies, short_by_bytes=short)


def _has_fp8_cache(case: Case) -> bool:
    return case.devices.capability is not None and case.devices.capability >= FP8_CACHE_FROM


def _alternatives(case: Case, cache: KvLayout, available: int, context: int) -> t.List[Document]:
    """An 8-bit cache, where the card has it."""
    if case.wishes.kv_cache_dtype != "auto" or not _has_fp8_cache(case):
        return []
    smaller = _layout(case, "fp8")
    longest, longest_fp8 = (one.longest(available, case.model.native_context) for one in (cache, smaller))
    effect = "%.1f instead of %.1f requests of %d tokens at once" % (
        smaller.concurrency(available, context),
        cache.concurrency(available, context),
        context,
    )
    if longest_fp8 > longest:
        effect += "; longest context %d instead of %d" % (longest_fp8, longest)
    return [{"change": "--kv-cache-dtype fp8", "effect": effect}]


def _flags(case: Case, limits: Document) -> t.List[Document]:
    wishes = case.wishes
    flags = [
        flag("--max-model-len", limits["max_model_len"], "what fits into the cache beside the weights, at most the model's own context"),
        flag("--max-num-seqs", limits["max_num_seqs"], "bounds the sampler's memory, the CUDA graphs and, for hybrid models, the state blocks"),
        flag("--max-num-batched-tokens", limits["max_num_batched_tokens"], "size of a prefill piece; the planned activation peak is for this one"),
    ]
    if wishes.kv_cache_bytes:
        flags.append(flag("--kv-cache-memory-bytes", wishes.kv_cache_bytes, "asked for; the engine then does not measure"))
    else:
        flags.append(flag("--gpu-memory-utilization", wishes.gpu_memory_utilization, "share of the card's total memory that the engine may use"))
    if case.dtype != case.model.dtype:
        flags.append(flag("--dtype", case.dtype, "the checkpoint's %s is not what this card is served with" % case.model.dtype))
    if wishes.kv_cache_dtype != "auto":
        flags.append(flag("--kv-cache-dtype", wishes.kv_cache_dtype, "asked for"))
    return flags + case.parallel.flags()
