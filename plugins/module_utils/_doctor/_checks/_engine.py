# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How vLLM is started: flags, context, the processor it runs on."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._engines import Engine, engines
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts, Outcome, Seen, Unseen
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._registry import check
from ansible_collections.inferhost.llm.plugins.module_utils._plan._clients import CLIENTS
from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_command import gone_or_going, unknown_flag
from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_versions import EngineError, parse_version

# vLLM's --dtype, and what people put there that belongs elsewhere.
DTYPES = ("auto", "half", "float16", "bfloat16", "float", "float32")
_FEW_CORES = 4


@check("L27", "Context too small for coding agents", ("info", "warning"), ["processes", "services", "endpoints"], uses=["containers"])
def context_for_agents(facts: Facts) -> t.Iterator[Outcome]:
    served = [(one["url"], one["models"]["max_model_len"]) for one in facts["endpoints"] if one["models"] and one["models"]["max_model_len"]]
    lengths = served or [(one.where, one.number("--max-model-len")) for one in engines(facts)]
    clients = sorted({client for client in CLIENTS.values() if client}, key=lambda client: (client.prompt_tokens, client.title))
    for where, length in lengths:
        left_out = [client for client in clients if length is not None and length < client.smallest_context]
        if not left_out:
            continue
        needs = ", ".join(f"{client.title} ({client.smallest_context:,})" for client in left_out)
        everyone = len(left_out) == len(clients)
        yield Seen(
            "warning" if everyone else "info",
            f"{where} serves a context of {length:,} tokens; {'every coding agent needs' if everyone else 'these need'} more at the least: {needs}",
            "an agent's system prompt and tool definitions alone fill it, so ordinary requests are refused",
            "ansible-playbook inferhost.llm.plan   # shows the largest context that fits; then raise --max-model-len",
        )
    if not lengths:
        yield Unseen("no vLLM is running, configured or reachable here")


@check("L29", "Batched tokens below the context length", ("info", "error"), ["processes", "services"], uses=["containers"])
def batched_tokens(facts: Facts) -> t.Iterator[Outcome]:
    for one in engines(facts):
        if not _batch_too_small(one) or ((one.running or one.ours) and not _chunking_is_off(one)):
            continue
        batched, length = one.number("--max-num-batched-tokens"), one.number("--max-model-len")
        refused = _chunking_is_off(one)
        yield Seen(
            "error" if refused else "info",
            f"{one.where}: --max-num-batched-tokens {batched} is smaller than --max-model-len {length}",
            "without chunked prefill vLLM refuses to start like this" if refused else "vLLM before 0.9 refuses to start like this unless chunked prefill is on",
            f"{one.edit}   # --max-num-batched-tokens {length}",
        )


def _batch_too_small(one: Engine) -> bool:
    batched, length = one.number("--max-num-batched-tokens"), one.number("--max-model-len")
    return batched is not None and length is not None and batched < length


def _chunking_is_off(one: Engine) -> bool:
    """With chunked prefill, the default since 0.9, a prompt may be longer than a batch."""
    return one.is_off("--enable-chunked-prefill")


@check("L30", "Flags that vLLM does not take", ("warning", "error"), ["processes", "services"], uses=["containers", "venvs"])
def flags(facts: Facts) -> t.Iterator[Outcome]:
    for one in engines(facts):
        yield from _flags_of_its_release(one, facts)
        value = one.flags.get("--dtype")
        if value is not None and value not in DTYPES:
            yield Seen(
                "error",
                f"{one.where}: --dtype {value}",
                f"--dtype takes {', '.join(DTYPES)}; an 8- or 4-bit format comes from the checkpoint's own config.json, or from --quantization",
                f"{one.edit}   # --dtype auto",
            )


def _flags_of_its_release(one: Engine, facts: Facts) -> t.Iterator[Outcome]:
    """Of one that runs, only what it takes and will not for long: it would not run with anything else."""
    text = one.version(facts)
    if text is None:
        return
    try:
        version = parse_version(text)
    except EngineError:
        return
    for flag in one.flags:
        if not flag.startswith("--"):
            continue
        refused, going = unknown_flag(flag, version), gone_or_going(flag[2:], version)
        if refused and not one.running:
            yield Seen("error", f"{one.where}: {flag}", refused, f"{one.edit}   # {refused.partition('; ')[2]}")
        elif going and not refused:
            yield Seen("warning", f"{one.where}: {flag}", going, f"{one.edit}   # {going.partition('; ')[2]}", "Flags that vLLM will not take for long")


@check("L37", "vLLM on the processor with settings for a GPU", ("info", "warning", "error"), ["processes", "services", "cpu", "gpus"], uses=["containers"])
def cpu_profile(facts: Facts) -> t.Iterator[Outcome]:
    found = [one for one in engines(facts) if on_cpu(one, facts)]
    for one in found:
        hard, soft = _differences(one)
        if one.env is None:
            yield Unseen(f"the environment of {one.where} is not readable, so VLLM_CPU_KVCACHE_SPACE is not known; run with --become to see it")
        if hard or soft:
            yield Seen(
                "warning" if hard else "info",
                f"{one.where} runs on the processor: {'; '.join(hard + soft)}",
                "vLLM's defaults are made for a GPU",
                f"{one.edit}   # --dtype bfloat16 --enforce-eager, VLLM_CPU_KVCACHE_SPACE=4 (GiB), --max-num-batched-tokens = --max-model-len",
            )
    if found:
        yield from _slow(facts["cpu"])


def on_cpu(one: Engine, facts: Facts) -> bool:
    target = (one.env or {}).get("VLLM_TARGET_DEVICE") or one.flags.get("--device")
    return target == "cpu" or not facts["gpus"]


def _differences(one: Engine) -> tuple[list[str], list[str]]:
    """What surely hurts, and what may."""
    hard: list[str] = []
    soft: list[str] = []
    value = one.flags.get("--dtype", "auto")
    if value in ("half", "float16"):
        hard.append(f"--dtype {value} (16-bit floats without bfloat16 are slow or refused there)")
    elif value == "auto":
        soft.append("no --dtype, so a float16 checkpoint stays float16")
    if one.env is not None and not one.env.get("VLLM_CPU_KVCACHE_SPACE"):
        hard.append("VLLM_CPU_KVCACHE_SPACE is not set, so the size of the KV cache is left to chance")
    if _batch_too_small(one) and _chunking_is_off(one):
        hard.append("--max-num-batched-tokens is below --max-model-len, without chunked prefill")
    if "--enforce-eager" not in one.flags or one.is_off("--enforce-eager"):
        soft.append("no --enforce-eager, so each start compiles the model first")
    return hard, soft


def _slow(cpu: t.Mapping[str, t.Any]) -> t.Iterator[Outcome]:
    if cpu["architecture"] == "x86_64" and "avx2" not in cpu["isa"]:
        yield Seen(
            "error",
            f"{cpu['model'] or 'the processor'} has no AVX2",
            "vLLM's CPU kernels are built for AVX2 at the least and stop with an illegal instruction",
            "lscpu | grep -i flags   # use another machine, or pass the host's processor through to the guest (-cpu host)",
        )
    elif cpu["architecture"] == "x86_64" and "avx512f" not in cpu["isa"]:
        yield Seen(
            "info", f"{cpu['model'] or 'the processor'} has no AVX-512", "vLLM on the CPU is several times slower without it", "lscpu | grep -o 'avx[^ ]*'"
        )
    if cpu["cores"] < _FEW_CORES:
        yield Seen(
            "info",
            f"{cpu['cores']} processor cores for the engine",
            "good for trying things out, slow for work",
            "nproc   # give the machine more cores, or use a GPU",
        )
