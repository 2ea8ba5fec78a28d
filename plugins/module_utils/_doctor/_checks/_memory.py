# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Memory of a card: whether weights and context fit beside each other, by the log of an engine and by the plan's arithmetic.

An engine that serves has measured its memory itself; of one that does not, the plan tells. What the plan is not sure of is not said.
"""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._fit import Fit, Subject, fit, has_fp8_cache, remedies, siblings, subjects, with_windows
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts, Outcome, Seen, Unseen
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._registry import check
from ansible_collections.inferhost.llm.plugins.module_utils._plan._geometry import parameters
from ansible_collections.inferhost.llm.plugins.module_utils._plan._kv import in_gib

NEEDS = ("processes", "services", "engine_files", "engine_logs", "gpu_info")
_GIB = 1 << 30
# Of the weights, in files that nothing loads.
_MUCH_BESIDE = 0.1
# A length is called guessed where so many sequences of so many times that length would fit.
_SEQUENCES, _TIMES = 4, 2
# Preemptions are called many from here on; a few are how the engine gets through a peak.
_MANY_PREEMPTIONS = 20
# So many times the context must a smaller checkpoint allow to be worth a word.
_WORTH_A_SIBLING = 1.5
# Blocks do not divide evenly; less than this is rounding.
_ROUNDING = 1.1
_PLAN = "ansible-playbook inferhost.llm.plan   # names each size of a model on this host"
# Where the plan has no figures: the same order without them.
_IN_ORDER = "lower --max-model-len, then raise --gpu-memory-utilization to 0.95, then lower --max-num-seqs, then --enforce-eager"


def fits(facts: Facts) -> t.Iterator[tuple[Subject, Fit] | Unseen]:
    """Every engine on GPUs with what fits, or why that is not known."""
    if not facts["gpu_info"]["gpus"]:
        return
    for one in subjects(facts):
        found = fit(one)
        yield Unseen(found) if isinstance(found, str) else (one, found)


def change(one: Subject, flags: t.Sequence[str]) -> str:
    """The command that opens what the engine is configured in, with one of these settings."""
    return f"{one.engine.edit}   # {', or '.join(flags) if flags else _IN_ORDER}"


@check("L20", "The model's size is another than was thought", ("info", "error"), NEEDS, uses=["containers"])
def sizes(facts: Facts) -> t.Iterator[Outcome]:
    for one in subjects(facts):
        yield from _stored_twice(one)
    for known in fits(facts):
        if isinstance(known, Unseen):
            yield known
            continue
        one, found = known
        if one.serves or not found.no_weights or any(not its.no_weights for _id, its in siblings(one, found)):
            continue
        yield Seen("error", f"{one.engine.where}: {_named(found)}", "parameters, download and memory are three numbers, and only the last decides", _PLAN)


def _named(found: Fit) -> str:
    """Each size by its name."""
    count = parameters(found.model).total / 1e9
    share = found.load.tensor_parallel
    return (
        f"{count:.1f} billion parameters are {in_gib(found.weights.stored)} of files and {in_gib(found.weights.on_a_gpu)} of memory"
        f"{f' on each of {share} GPUs' if share > 1 else ''}; {found.devices.name} offers {in_gib(found.devices.total_bytes)},"
        f" of which the engine may use {in_gib(found.terms.requested)}"
    )


def _stored_twice(one: Subject) -> t.Iterator[Outcome]:
    model = (one.files or {}).get("model")
    if not model or not model["weight_bytes"] or model["other_bytes"] < max(_GIB, _MUCH_BESIDE * model["weight_bytes"]):
        return
    yield Seen(
        "info",
        f"{one.engine.where}: beside the {in_gib(model['weight_bytes'])} of weights that are loaded lie {in_gib(model['other_bytes'])} that are not"
        f" ({', '.join(model['others'])})",
        "the checkpoint has its weights in several formats, so its download is larger than the model",
        "hf download MODEL --include '*.safetensors' '*.json' '*.txt' '*.jinja'   # and remove the others",
    )


@check("L21", "A quantised checkpoint would do better", ("info", "error"), NEEDS, uses=["containers"])
def sibling(facts: Facts) -> t.Iterator[Outcome]:
    for known in fits(facts):
        if isinstance(known, Unseen):
            yield known
            continue
        one, found = known
        length = one.engine.number("--max-model-len") or found.model.native_context
        for name, its in siblings(one, found):
            small = f"{name} takes {in_gib(its.terms.weights)} instead of {in_gib(found.terms.weights)}"
            if not one.serves and found.no_weights and not its.no_weights:
                yield Seen(
                    "error",
                    f"{one.engine.where}: the weights do not fit; {small}, and {its.longest:,} tokens fit beside it",
                    "quantised weights are another checkpoint, with an identity of its own",
                    change(one, [f"--model {name}"]),
                )
            elif one.serves and length < found.model.native_context and its.surely_holds(1) > _WORTH_A_SIBLING * found.longest:
                yield Seen(
                    "info",
                    f"{one.engine.where}: {small}, so {its.longest:,} instead of {found.longest:,} tokens would fit",
                    "the checkpoint is not quantised, or less than another one of the same model",
                    change(one, [f"--model {name}"]),
                )


@check("L26", "Weights and context compete for the card's memory", ("warning", "error"), NEEDS, uses=["containers"])
def competition(facts: Facts) -> t.Iterator[Outcome]:
    told: set[str] = set()
    for one in subjects(facts):
        for outcome in _competition_told(one):
            told.add(one.engine.where)
            yield outcome
    yield from _foreseen(facts, told, explicit=False)
    yield from map(Unseen, facts.gaps.get("engine_logs", ()))


def _competition_told(one: Subject) -> t.Iterator[Outcome]:
    found = fit(one)
    known = isinstance(found, Fit)
    if one.sign("no_room") is not None and not (isinstance(found, Fit) and found.no_weights):
        yield Seen(
            "error",
            f"{one.engine.where}: the log says that no memory is left for the cache",
            "weights, activation and CUDA graphs fill what the engine may use",
            change(one, _without_length(found)),
        )
    short = too_long(one)
    if short is not None and one.engine.number("--max-model-len") is None:
        asked, fitting = short
        yield Seen(
            "error",
            f"{one.engine.where}: the model's own context of {asked:,} tokens does not fit beside its weights{f'; {fitting:,} do' if fitting else ''}",
            "without --max-model-len the engine wants the whole context of the model",
            change(one, [f"--max-model-len {fitting}"] if fitting else remedies(found) if isinstance(found, Fit) else []),
        )
    preemptions = one.sign("preemptions")
    if preemptions is not None and one.serves and int(preemptions[0]) >= _MANY_PREEMPTIONS:
        pays = known and isinstance(found, Fit) and has_fp8_cache(found) and found.kv_dtype == "auto"
        yield Seen(
            "warning",
            f"{one.engine.where}: requests were put back {int(preemptions[0]):,} times since the start because the cache was full",
            "the cache beside the weights is too small for so many requests at once, and each one put back is computed again",
            change(one, (["--kv-cache-dtype fp8"] if pays else []) + ["fewer --max-num-seqs", "a shorter --max-model-len"]),
        )


def _without_length(found: Fit | str) -> list[str]:
    """Where nothing is left a shorter context does not help."""
    return [one for one in remedies(found) if not one.startswith("--max-model-len")] if isinstance(found, Fit) else []


def too_long(one: Subject) -> tuple[int, int] | None:
    """By the log: the length that was asked for, and the one that fits (0 where it does not say)."""
    tokens = one.sign("cache_tokens")
    if tokens is not None:
        return int(tokens[0]), int(tokens[1])
    short, longest = one.sign("cache_short"), one.sign("longest")
    return (int(short[0]), int(longest[0]) if longest else 0) if short is not None else None


def _foreseen(facts: Facts, told: t.Collection[str], explicit: bool) -> t.Iterator[Outcome]:
    """Engines that are not serving and whose length does not fit, by the plan alone."""
    for known in fits(facts):
        if isinstance(known, Unseen):
            yield known
            continue
        one, found = known
        asked = one.engine.number("--max-model-len")
        length = asked or found.model.native_context
        automatic = "--max-model-len" in one.engine.flags and asked is None
        if one.engine.where in told or one.serves or automatic or (asked is not None) is not explicit or found.no_weights or not found.surely_short(length):
            continue
        yield Seen(
            "warning",
            f"{one.engine.where}: {length:,} tokens need a cache of {in_gib(found.cache.bytes_for(length))}, and {in_gib(found.room)} are left beside"
            f" {in_gib(found.terms.weights)} of weights; {found.longest:,} tokens fit",
            "the length was not derived from the card's memory" if explicit else "without --max-model-len the engine wants the whole context of the model",
            change(one, remedies(found)),
        )


@check("L28", "A context that was guessed", ("info", "warning", "error"), NEEDS, uses=["containers"])
def guessed(facts: Facts) -> t.Iterator[Outcome]:
    told: set[str] = set()
    for one in subjects(facts):
        short = too_long(one)
        if short is None or one.engine.number("--max-model-len") is None:
            continue
        told.add(one.engine.where)
        asked, fitting = short
        found = fit(one)
        yield Seen(
            "error",
            f"{one.engine.where}: the log says that {asked:,} tokens do not fit{f', and {fitting:,} do' if fitting else ''}",
            "--max-model-len was guessed and not derived from the card's memory",
            change(one, [f"--max-model-len {fitting}"] if fitting else remedies(found) if isinstance(found, Fit) else []),
        )
    yield from _foreseen(facts, told, explicit=True)
    for known in fits(facts):
        if not isinstance(known, Unseen) and known[0].serves:
            yield from _far_below(*known)
    yield from map(Unseen, facts.gaps.get("engine_logs", ()))


def _far_below(one: Subject, found: Fit) -> t.Iterator[Outcome]:
    asked = one.engine.number("--max-model-len")
    possible = found.surely_holds(_SEQUENCES)
    if asked is not None and possible >= _TIMES * asked:
        yield Seen(
            "info",
            f"{one.engine.where}: --max-model-len {asked}, and {_SEQUENCES} conversations of {possible:,} tokens would fit at once",
            "the length was guessed, or made for another card",
            change(one, [f"--max-model-len {possible}"]),
        )


@check("L31", "More sequences than a hybrid model has state blocks", ("warning", "error"), NEEDS, uses=["containers"])
def state_blocks(facts: Facts) -> t.Iterator[Outcome]:
    told: set[str] = set()
    cause = "each running sequence of a model with recurrent layers holds a block of state, from the same memory as the cache"
    for one in subjects(facts):
        said = one.sign("state_blocks")
        if said is not None:
            told.add(one.engine.where)
            yield Seen(
                "error",
                f"{one.engine.where}: the log says that {said[0]} sequences are more than the {said[1]} blocks of state",
                cause,
                change(one, [f"--max-num-seqs {said[1]}"]),
            )
    for known in fits(facts):
        if isinstance(known, Unseen):
            yield known
            continue
        one, found = known
        if one.engine.where in told or one.serves or found.load.eager or found.no_weights or not any(group.kind == "state" for group in found.cache.groups):
            continue
        blocks = found.cache.blocks(found.room)
        # A tenth more room would not be enough either.
        if blocks * 1.1 < found.load.sequences:
            yield Seen(
                "warning",
                f"{one.engine.where}: {found.load.sequences} sequences, and {blocks} blocks of state fit beside the weights",
                cause,
                change(one, [f"--max-num-seqs {max(1, blocks // found.cache.blocks_for(1))}"]),
            )
    yield from map(Unseen, facts.gaps.get("engine_logs", ()))


@check("L36", "Out of memory", ("error",), NEEDS, uses=["containers"])
def out_of_memory(facts: Facts) -> t.Iterator[Outcome]:
    for one in subjects(facts):
        found = fit(one)
        if not (isinstance(found, Fit) and found.no_weights and not one.serves):
            yield from _out_of_memory(one, found)
    yield from map(Unseen, facts.gaps.get("engine_logs", ()))


def _out_of_memory(one: Subject, found: Fit | str) -> t.Iterator[Outcome]:
    occupied, sampler, memory = one.sign("occupied"), one.sign("sampler"), one.sign("out_of_memory")
    if occupied is not None:
        free, total, asked, wanted = occupied
        share = int(float(free) / float(total) * 100) / 100
        yield Seen(
            "error",
            f"{one.engine.where}: {free} of {total} GiB were free on the card, and --gpu-memory-utilization {asked} wants {wanted} GiB",
            "another process holds memory of the card, often what a killed engine left behind",
            f"nvidia-smi --query-compute-apps=pid,used_memory,name --format=csv   # end it, or --gpu-memory-utilization {share:g}",
        )
    elif sampler is not None:
        yield Seen(
            "error",
            f"{one.engine.where}: out of memory while the sampler was tried with {sampler[0]} sequences",
            "each sequence has a row of logits as wide as the vocabulary",
            change(one, [f"--max-num-seqs {max(1, int(sampler[0]) // 4)}"]),
        )
    elif memory is not None:
        asked = f" (it wanted {memory[0]} more)" if memory[0] else ""
        yield Seen(
            "error",
            f"{one.engine.where}: the log has an out-of-memory error of CUDA{asked}",
            "the card's memory is smaller than what the engine was told to use, or something else uses it too",
            change(one, remedies(found) if isinstance(found, Fit) else []),
        )


@check("L39", "Every layer keeps every token", ("warning",), NEEDS, uses=["containers"])
def windows_kept(facts: Facts) -> t.Iterator[Outcome]:
    for known in fits(facts):
        if isinstance(known, Unseen):
            yield known
            continue
        one, found = known
        length = one.engine.number("--max-model-len") or found.model.native_context
        kept, freed = found.cache.bytes_for(length), with_windows(found).cache.bytes_for(length)
        if kept > _ROUNDING * freed:
            yield Seen(
                "warning",
                f"{one.engine.where}: {length:,} tokens take {in_gib(kept)} of cache instead of {in_gib(freed)}",
                "--disable-hybrid-kv-cache-manager makes layers with a window keep all tokens, as if they attended to all of them",
                change(one, ["without --disable-hybrid-kv-cache-manager"]),
            )
