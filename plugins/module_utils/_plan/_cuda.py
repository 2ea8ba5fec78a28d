# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The profile of a host with NVIDIA GPUs. Where the engine's own measurement cannot be foreseen the plan takes the upper end of what logs show."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._devices import Devices
from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_versions import (
    CUDA_BLOCK_TOKENS,
    GROUP_GROWTH,
    LOGIT_BYTES,
    LOWEST_CAPABILITY,
    STATE_BLOCKS,
    Version,
    dotted,
    value_for,
)
from ansible_collections.inferhost.llm.plugins.module_utils._plan._geometry import parameters as count_parameters
from ansible_collections.inferhost.llm.plugins.module_utils._plan._kv import DTYPE_BYTES, KvLayout, KvRules, gib, in_gib, kv_element_bytes, layout
from ansible_collections.inferhost.llm.plugins.module_utils._plan._model_config import Model
from ansible_collections.inferhost.llm.plugins.module_utils._plan._quantization import compute_dtype, quantization_flags
from ansible_collections.inferhost.llm.plugins.module_utils._plan._types import Document, Outcome, Refusal, Wishes, flag, size

# Loaded weights against the checkpoint's: alignment, repacking and buffers add up to 2.4 % on published logs.
WEIGHTS_MARGIN = 0.025

# What CUDA, cuBLAS and NCCL take beside the tensors: logs show up to 0.46 GiB on one GPU and 2.21 GiB on several.
NON_TORCH_BYTES = {"one": gib(0.5), "several": gib(2.25)}

# CUDA graphs by the number of sequences they are captured for; logs show up to 0.75 GiB for 64 and 1.9 GiB for the default list.
GRAPH_BYTES: t.Tuple[t.Tuple[int, int], ...] = ((64, gib(0.75)), (1 << 30, gib(2.0)))

# Router buffers of a mixture of experts, and the encoder batch of a model with a vision tower.
EXPERTS_BYTES = gib(0.7)
VISION_BYTES = gib(0.3)

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
    weight_bytes: int
    weights_source: str
    devices: Devices
    wishes: Wishes
    version: Version
    tensor_parallel: int
    dtype: str
    batched: int
    sequences: int

    @property
    def several(self) -> bool:
        """Whether the figures are for one GPU of several."""
        return self.tensor_parallel > 1


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


def plan(model: Model, weight_bytes: int, weights_source: str, devices: Devices, wishes: Wishes, version: Version) -> Outcome:
    """Everything that depends on the device."""
    _refuse_old_cards(devices, version)
    _refuse_kv_dtype(devices, wishes)
    tensor_parallel = _tensor_parallel(model, devices, wishes)
    quantization, warnings = quantization_flags(model, devices, tensor_parallel)
    batched, sequences = BATCH["large" if devices.total_bytes >= LARGE_CARD else "small"]
    case = Case(
        model=model,
        weight_bytes=weight_bytes,
        weights_source=weights_source,
        devices=devices,
        wishes=wishes,
        version=version,
        tensor_parallel=tensor_parallel,
        dtype=compute_dtype(model, devices),
        batched=batched,
        sequences=max(sequences, wishes.concurrency),
    )
    cache = _layout(case, wishes.kv_cache_dtype)
    budget = _budget(case, wishes.gpu_memory_utilization)
    if wishes.kv_cache_bytes and wishes.kv_cache_bytes > budget.cache:
        raise _cache_too_large(wishes.kv_cache_bytes, budget)
    # With a size of its own the engine ignores the utilisation; the plan keeps to it all the same, so the rest still fits.
    available = wishes.kv_cache_bytes or max(0, budget.cache)
    longest = cache.longest(available, model.native_context)
    context = wishes.context or cache.longest(available, model.native_context, max(1, wishes.concurrency))
    fits = longest >= max(1, context)
    refusal = None if fits else _does_not_fit(case, cache, budget, available, max(1, context))
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
        sizes=_sizes(case, budget, cache, available, limits),
        limits=limits,
        flags=_flags(case, limits) + quantization if fits else [],
        environment=devices.environment(tensor_parallel),
        memory_bytes=HOST_BYTES + HOST_BYTES_A_GPU * tensor_parallel,
        bytes_per_token=_bytes_per_token(model, weight_bytes),
        bandwidth=devices.bandwidth * tensor_parallel if devices.bandwidth else None,
        warnings=warnings + devices.warnings,
        alternatives=_alternatives(case, cache, available, context) if fits else [],
        refusal=refusal,
    )


def _budget(case: Case, utilization: float) -> Budget:
    return Budget(
        requested=int(case.devices.total_bytes * utilization),
        weights=int(case.weight_bytes / case.tensor_parallel * (1 + WEIGHTS_MARGIN)),
        activation=activation_bytes(case.model, case.batched, case.sequences, case.tensor_parallel, case.version),
        non_torch=NON_TORCH_BYTES["several" if case.several else "one"],
        graphs=next(amount for up_to, amount in GRAPH_BYTES if case.sequences <= up_to),
    )


def activation_bytes(model: Model, batched: int, sequences: int, tensor_parallel: int, version: Version) -> int:
    """Peak of the engine's trial run: one forward pass of the largest batch, then the sampler's rows of logits."""
    width = model.intermediate_size if model.experts is None else model.experts.used * model.experts.intermediate_size
    forward = batched * (2 * width // tensor_parallel + 3 * model.hidden_size) * 2
    logits = int(value_for(LOGIT_BYTES, version) * sequences * model.vocab_size)
    return forward + logits + (EXPERTS_BYTES if model.experts else 0) + (VISION_BYTES if model.vision else 0)


def _layout(case: Case, kv_cache_dtype: str) -> KvLayout:
    rules = KvRules(value_for(STATE_BLOCKS, case.version), value_for(GROUP_GROWTH, case.version), case.batched)
    number_bytes = kv_element_bytes(kv_cache_dtype, case.dtype)
    return layout(case.model.cache, number_bytes, DTYPE_BYTES[case.model.dtype], CUDA_BLOCK_TOKENS, case.tensor_parallel, rules)


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


def _tensor_parallel(model: Model, devices: Devices, wishes: Wishes) -> int:
    """GPUs a model is split over: as asked, or the largest number found by which its heads can be divided."""
    if wishes.tensor_parallel > devices.number:
        raise Refusal(
            "not_enough_gpus",
            "tensor_parallel is %d and the host has %d such GPUs" % (wishes.tensor_parallel, devices.number),
            ["set tensor_parallel to %d or less" % devices.number],
        )
    possible = [count for count in range(1, devices.number + 1) if _divides(model, count)]
    if wishes.tensor_parallel and wishes.tensor_parallel not in possible:
        raise Refusal(
            "heads_not_divisible",
            "%d attention heads and %d KV heads cannot be divided over %d GPUs" % (model.heads, model.kv_heads, wishes.tensor_parallel),
            ["set tensor_parallel to one of %s" % ", ".join(str(count) for count in possible)],
        )
    return wishes.tensor_parallel or possible[-1]


def _divides(model: Model, count: int) -> bool:
    kv_fits = model.kv_heads % count == 0 or count % model.kv_heads == 0
    linear_fits = model.linear is None or (model.linear.key_heads % count == 0 and model.linear.value_heads % count == 0)
    return model.heads % count == 0 and kv_fits and linear_fits


def _bytes_per_token(model: Model, weight_bytes: int) -> int:
    """Weights that one token reads: all but the input table, and of the experts those it uses."""
    count = count_parameters(model)
    tables = 1 if model.tied_embeddings else 2
    # Embedding and output tables stay in the model's own type, two bytes; one of them is read in full.
    table_bytes = count.embedding * 2
    rest = weight_bytes - table_bytes * tables
    in_tables = count.embedding * tables
    return int(rest * (count.active - in_tables) / (count.total - in_tables)) + table_bytes


def _cache_too_large(wanted: int, budget: Budget) -> Refusal:
    short = wanted - budget.cache
    return Refusal(
        "memory_short",
        "a cache of %s was asked for and %s are left beside weights, activation and graphs: short by %s"
        % (in_gib(wanted), in_gib(max(0, budget.cache)), in_gib(short)),
        ["lower kv_cache_bytes to %d" % budget.cache] if budget.cache > 0 else ["use a smaller or quantised checkpoint"],
        short_by_bytes=short,
    )


def _does_not_fit(case: Case, cache: KvLayout, budget: Budget, available: int, context: int) -> Refusal:
    """The refusal and what would help: shorter context, utilisation, fewer sequences, eager, in that order, each with its number."""
    native = case.model.native_context
    longest = cache.longest(available, native)
    remedies = ["lower context to %d" % longest] if longest else []
    if not case.wishes.kv_cache_bytes:
        fewer = case._replace(sequences=min(case.sequences, FEW_SEQUENCES))
        changes = (
            ("raise gpu_memory_utilization to %g" % HIGH_UTILIZATION, _budget(case, max(HIGH_UTILIZATION, case.wishes.gpu_memory_utilization))),
            ("plan for %d sequences instead of %d" % (fewer.sequences, case.sequences), _budget(fewer, case.wishes.gpu_memory_utilization)),
            ("run without CUDA graphs", budget._replace(graphs=0)),
        )
        rooms = [(change, cache.longest(max(0, changed.cache), native)) for change, changed in changes]
        remedies += ["%s: then %d tokens fit" % (change, room) for change, room in rooms if room > longest]
    if case.wishes.kv_cache_dtype == "auto" and _has_fp8_cache(case):
        room = _layout(case, "fp8").longest(available, native)
        remedies += ["set kv_cache_dtype to fp8: then %d tokens fit" % room] if room > longest else []
    if budget.weights > budget.requested * 0.6:
        remedies.append("use a smaller or quantised checkpoint: the weights take %s" % in_gib(budget.weights))
        remedies.append("use a card with more memory, or several")
    # Before the cache is clipped at nothing, a negative rest is what the weights are short by.
    short = cache.bytes_for(context) - (case.wishes.kv_cache_bytes or budget.cache)
    if longest:
        numbers = (context, in_gib(cache.bytes_for(context)), in_gib(available), in_gib(short))
        message = "a context of %d tokens needs a cache of %s and %s are left: short by %s" % numbers
        return Refusal("context_does_not_fit", message, remedies, short_by_bytes=short)
    message = "weights, activation and graphs need %s on the card and the engine may use %s: short by %s even for the shortest cache" % (
        in_gib(budget.requested - budget.cache),
        in_gib(budget.requested),
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
    if case.several:
        flags.append(flag("--tensor-parallel-size", case.tensor_parallel, "GPUs found by which the heads can be divided"))
    return flags


def _sizes(case: Case, budget: Budget, cache: KvLayout, available: int, limits: Document) -> t.List[Document]:
    model, context = case.model, max(1, limits["max_model_len"])
    per_gpu = ", a GPU" if case.several else ""
    per_token = "2 (K and V) x %d full-attention layers x %d KV heads x %d head size x %d bytes" % (
        model.full_layers,
        max(1, model.kv_heads // case.tensor_parallel),
        model.head_dim,
        kv_element_bytes(case.wishes.kv_cache_dtype, case.dtype),
    )
    activation = "%d batched tokens x (2 x intermediate + 3 x hidden) x 2 + %g x %d sequences x vocabulary%s%s" % (
        case.batched,
        value_for(LOGIT_BYTES, case.version),
        case.sequences,
        " + experts" if model.experts else "",
        " + vision" if model.vision else "",
    )
    held = cache.state_bytes_per_sequence // cache.block_bytes
    state = "%d blocks of %d bytes for the recurrent layers, whatever the length" % (held, cache.block_bytes)
    sizes = [
        size("gpu_memory", budget.requested, "bytes", "share of the memory that the engine takes%s" % per_gpu),
        size("weights", budget.weights, "bytes", "%s, + %g %% for repacking and buffers%s" % (case.weights_source, WEIGHTS_MARGIN * 100, per_gpu)),
        size("activation_peak", budget.activation, "bytes", activation),
        size("cuda_graphs", budget.graphs, "bytes", "upper end of published logs for so many sequences"),
        size("non_torch", budget.non_torch, "bytes", "upper end of published logs: CUDA context, cuBLAS%s" % (", NCCL" if case.several else "")),
        size("kv_bytes_per_token", cache.bytes_per_token, "bytes/token", per_token + per_gpu),
    ]
    if cache.state_bytes_per_sequence:
        sizes.append(size("state_per_sequence", cache.state_bytes_per_sequence, "bytes", state))
    return [
        *sizes,
        size("kv_cache", available, "bytes", "utilisation x memory - weights - activation - graphs - non-torch%s" % per_gpu),
        size("kv_tokens", limits["kv_tokens"], "tokens", "whole blocks of %d tokens in the cache" % cache.block_tokens),
        size("concurrency", round(cache.concurrency(available, context), 2), "sequences", "requests of max_model_len that fit at once"),
        size("headroom", budget.cache - cache.bytes_for(context), "bytes", "cache left beside one request of max_model_len%s" % per_gpu),
    ]
