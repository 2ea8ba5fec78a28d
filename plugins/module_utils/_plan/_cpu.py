# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The profile of a host without a GPU: float32, eager, a cache in main memory. For trying things out; the arithmetic is exact all the same."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_versions import (
    CPU_BLOCK_TOKENS,
    CPU_CHUNKED_PREFILL,
    CPU_HEAD_SIZES,
    Version,
    value_for,
)
from ansible_collections.inferhost.llm.plugins.module_utils._plan._kv import KvLayout, KvRules, gib, in_gib, layout
from ansible_collections.inferhost.llm.plugins.module_utils._plan._model_config import Model
from ansible_collections.inferhost.llm.plugins.module_utils._plan._types import (
    Document,
    Outcome,
    PlanInputError,
    Refusal,
    Wishes,
    flag,
    size,
    variable,
    warning,
)

FLOAT32 = 4
GIB = 1 << 30

# Interpreter, torch and the engine's processes. Measured on vLLM 0.32 on the CPU as proportional set size, four requests of full length
# running, cache of 1 GiB: 2.42 GiB with a model of 5 MB in float32, 3.45 GiB with one of 568 MB (12 layers, width 1024, batches of 4,096).
# Planned with the figures below: 3.0 and 3.8 GiB.
RUNTIME_BYTES = gib(2.0)

# Sequences served at once unless asked otherwise: a CPU is busy with one.
DEFAULT_SEQUENCES = 4

# A prompt is read in pieces of this size where the engine can do that.
PREFILL_TOKENS = 4096

# Without a wish the cache may take this much, so that a small machine keeps some memory.
AUTO_KV_BYTES = gib(4)

# Share of the memory that the system and everything else on the host keep.
SYSTEM_SHARE = 0.05

# Float32 logits of a row, their sorted copy and what the sampler keeps beside them.
SAMPLER_COPIES = 4


def plan(model: Model, parameters: int, parameters_source: str, cpu: t.Mapping[str, t.Any], wishes: Wishes, version: Version) -> Outcome:
    """Everything that depends on the device."""
    _refuse_what_the_engine_cannot(model, wishes)
    cache = layout(model.cache, FLOAT32, FLOAT32, CPU_BLOCK_TOKENS, 1, KvRules(0, 1.0, PREFILL_TOKENS))
    weights = parameters * FLOAT32
    capacity, capacity_source = _capacity(cpu)
    sequences = wishes.concurrency or DEFAULT_SEQUENCES
    chunked = str(cpu.get("architecture", "")) in value_for(CPU_CHUNKED_PREFILL, version)
    context, cache_bytes = _context_and_cache(model, cache, wishes, capacity - weights - RUNTIME_BYTES)
    batched = max(min(context, PREFILL_TOKENS) if chunked else context, sequences)
    activation = activation_bytes(model, batched, sequences)
    need = weights + activation + cache_bytes + RUNTIME_BYTES
    limits = {
        "max_model_len": context,
        "max_num_seqs": sequences,
        "max_num_batched_tokens": batched,
        "kv_tokens": cache.tokens(cache_bytes, context),
    }
    return Outcome(
        device={
            "kind": "cpu",
            "name": str(cpu.get("model") or cpu.get("architecture") or "CPU"),
            "count": 1,
            "memory_bytes": cpu.get("memory_bytes"),
            "bandwidth_bytes_per_s": cpu.get("bandwidth_bytes_per_s"),
            "source": capacity_source,
        },
        sizes=[
            size("weights", weights, "bytes", "parameters x 4 bytes (float32); parameters: " + parameters_source),
            size("activation_peak", activation, "bytes", _activation_source(batched, sequences)),
            size("runtime", RUNTIME_BYTES, "bytes", "1.4 GiB measured on vLLM 0.32 for interpreter, torch and the engine's processes, rounded up"),
            size("kv_bytes_per_token", cache.bytes_per_token, "bytes/token", _per_token_source(model)),
            size("kv_cache", cache_bytes, "bytes", "VLLM_CPU_KVCACHE_SPACE, whole GiB"),
            size("kv_tokens", limits["kv_tokens"], "tokens", "whole blocks of %d tokens in the cache" % cache.block_tokens),
            size("concurrency", round(cache.concurrency(cache_bytes, context), 2), "sequences", "blocks of the cache / blocks of one request of max_model_len"),
            size("headroom", capacity - need, "bytes", "usable memory - weights - activation - cache - runtime"),
        ],
        limits=limits,
        flags=_flags(limits, chunked),
        environment=[
            variable(
                "VLLM_CPU_KVCACHE_SPACE",
                cache_bytes // GIB,
                "GiB of the cache; it holds %d tokens of %d bytes" % (limits["kv_tokens"], cache.bytes_per_token),
            )
        ],
        memory_bytes=need,
        # One token reads every weight once; of the input table it reads one row.
        bytes_per_token=weights - (0 if model.tied_embeddings else model.vocab_size * model.hidden_size * FLOAT32),
        bandwidth=cpu.get("bandwidth_bytes_per_s"),
        warnings=_not_free_now(cpu, need),
        alternatives=[],
        refusal=_memory_refusal(model, cache, need, capacity, limits, cache_bytes, wishes) if need > capacity else None,
    )


def activation_bytes(model: Model, batched: int, sequences: int) -> int:
    """Float32 intermediates of one forward pass, with what the allocator keeps of them, and the sampler's rows of logits."""
    width = model.intermediate_size if model.experts is None else model.experts.used * model.experts.intermediate_size
    return batched * (4 * width + 8 * model.hidden_size) * FLOAT32 + sequences * model.vocab_size * FLOAT32 * SAMPLER_COPIES


def _refuse_what_the_engine_cannot(model: Model, wishes: Wishes) -> None:
    if wishes.kv_cache_dtype != "auto":
        raise Refusal(
            "kv_cache_dtype_unsupported",
            "kv_cache_dtype %s is not possible in the CPU profile, which computes and caches in float32" % wishes.kv_cache_dtype,
            ["set kv_cache_dtype to auto"],
        )
    if model.quantization is not None:
        raise Refusal(
            "not_planned_yet",
            "a %s checkpoint on the CPU is not planned yet: the CPU profile loads float32 weights" % model.quantization.method,
            ["use the unquantised checkpoint of this model", "use a host with an NVIDIA GPU"],
        )
    other = sorted({one.kind for one in model.cache} - {"full"})
    if other:
        raise Refusal(
            "not_planned_yet",
            "a model whose layers keep something else than full attention (%s) is not planned on the CPU" % ", ".join(other),
            ["use a model with full attention only"],
        )
    if model.head_dim not in CPU_HEAD_SIZES:
        raise Refusal(
            "head_size_unsupported",
            "the CPU attention kernel has no head size %d; it has %s" % (model.head_dim, ", ".join(str(one) for one in CPU_HEAD_SIZES)),
            ["use another model, or a host with an NVIDIA GPU"],
        )


def _capacity(cpu: t.Mapping[str, t.Any]) -> t.Tuple[int, str]:
    """What the host could give. Not what is free now: a plan must not change because the service it started is running."""
    total = cpu.get("memory_bytes")
    if isinstance(total, bool) or not isinstance(total, int) or total < 1:
        raise PlanInputError("cpu.memory_bytes: must be the host's memory in bytes as gpu_info returns it, not %r" % (total,))
    return int(total * (1 - SYSTEM_SHARE)), "%s of memory, less %g %% for the system" % (in_gib(total), SYSTEM_SHARE * 100)


def _not_free_now(cpu: t.Mapping[str, t.Any], need: int) -> t.List[Document]:
    free = cpu.get("memory_available_bytes")
    if not isinstance(free, int) or need <= free:
        return []
    return [warning("memory_not_free", "%s of memory are needed and %s are free at the moment" % (in_gib(need), in_gib(free)))]


def _context_and_cache(model: Model, cache: KvLayout, wishes: Wishes, room: int) -> t.Tuple[int, int]:
    """Context and cache, each from the other where only one is given. The cache counts in whole GiB, at least one."""
    sequences = max(1, wishes.concurrency)
    if wishes.kv_cache_bytes:
        cache_bytes = _whole_gib(wishes.kv_cache_bytes)
        context = wishes.context or cache.longest(cache_bytes, model.native_context, sequences)
        _refuse_a_cache_below(context, cache, cache_bytes, model)
        return context, cache_bytes
    if wishes.context:
        return wishes.context, _whole_gib(cache.bytes_for(wishes.context, sequences))
    budget = max(GIB, min(AUTO_KV_BYTES, room // GIB * GIB))
    context = cache.longest(budget, model.native_context, sequences)
    if context < 1:
        _refuse_a_cache_below(1, cache, budget, model)
    return context, _whole_gib(cache.bytes_for(context, sequences))


def _whole_gib(count: int) -> int:
    return max(1, -(-count // GIB)) * GIB


def _refuse_a_cache_below(context: int, cache: KvLayout, cache_bytes: int, model: Model) -> None:
    needed = cache.bytes_for(max(1, context))
    if context < 1 or needed > cache_bytes:
        longest = cache.longest(cache_bytes, model.native_context)
        raise Refusal(
            "context_does_not_fit",
            "a cache of %s holds %d tokens, fewer than the context of %d" % (in_gib(cache_bytes), longest, context),
            ["raise kv_cache_bytes to %d" % _whole_gib(needed)] + (["lower context to %d" % longest] if longest else []),
            short_by_bytes=needed - cache_bytes,
        )


def _memory_refusal(model: Model, cache: KvLayout, need: int, capacity: int, limits: Document, cache_bytes: int, wishes: Wishes) -> Refusal:
    short = need - capacity
    remedies = []
    smaller = (cache_bytes - short) // GIB * GIB
    if smaller >= GIB:
        sequences = max(1, wishes.concurrency)
        longest = cache.longest(smaller, model.native_context, sequences)
        if longest < limits["max_model_len"]:
            remedies.append("lower context to %d, which needs a cache of %s" % (longest, in_gib(smaller)))
        else:
            remedies.append("lower kv_cache_bytes to %d" % smaller)
    remedies.append("use a host with %s more memory" % in_gib(short))
    remedies.append("use a smaller model")
    return Refusal(
        "memory_short",
        "the model needs %s of memory and the host can give %s: short by %s" % (in_gib(need), in_gib(capacity), in_gib(short)),
        remedies,
        short_by_bytes=short,
    )


def _flags(limits: Document, chunked: bool) -> t.List[Document]:
    batched_reason = (
        "a longer prompt is read in pieces of this size"
        if chunked and limits["max_num_batched_tokens"] < limits["max_model_len"]
        else "as large as the context: this engine refuses to start with a smaller one"
        if not chunked
        else "as large as the context, so a prompt is read in one piece"
    )
    return [
        flag("--dtype", "float32", "the one type that every CPU computes natively"),
        flag("--enforce-eager", None, "compiling costs minutes at each start and gains little on a CPU"),
        flag("--max-model-len", limits["max_model_len"], "what the plan's cache holds, at most the model's own context"),
        flag("--max-num-batched-tokens", limits["max_num_batched_tokens"], batched_reason),
        flag("--max-num-seqs", limits["max_num_seqs"], "requests that share the processor at once"),
    ]


def _activation_source(batched: int, sequences: int) -> str:
    return "%d batched tokens x (4 x intermediate + 8 x hidden) x 4 + %d sequences x vocabulary x 16" % (batched, sequences)


def _per_token_source(model: Model) -> str:
    return "2 (K and V) x %d layers x %d KV heads x %d head size x 4 bytes" % (model.layers, model.kv_heads, model.head_dim)
