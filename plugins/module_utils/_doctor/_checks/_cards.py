# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cards and kernels: whether a card runs a checkpoint's numbers, how fast it does, and whether all cards have work."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._checks._memory import NEEDS, change
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._fit import Fit, Subject, chosen_cards, fit, subjects
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts, Outcome, Seen, Unseen
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._registry import check
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._throughput import Roofline, Speed, finding_of, judge
from ansible_collections.inferhost.llm.plugins.module_utils._plan._devices import Devices, select
from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_versions import dotted
from ansible_collections.inferhost.llm.plugins.module_utils._plan._geometry import bytes_per_token
from ansible_collections.inferhost.llm.plugins.module_utils._plan._model_config import Model
from ansible_collections.inferhost.llm.plugins.module_utils._plan._parallel import split
from ansible_collections.inferhost.llm.plugins.module_utils._plan._quantization import KERNELS, MARLIN_FLAGS, kernels_of
from ansible_collections.inferhost.llm.plugins.module_utils._plan._types import PlanInputError, Refusal

_FLOATS = ("fp8", "mxfp4", "nvfp4")
# A pair of statistics may be odd; a wrong kernel is slow in all of them.
_FEWEST_RATES = 3


class OnCard(t.NamedTuple):
    """An engine whose model and card are known."""

    subject: Subject
    model: Model
    devices: Devices

    @property
    def where(self) -> str:
        return self.subject.engine.where


def _on_cards(facts: Facts) -> t.Iterator[OnCard | Unseen]:
    if not facts["gpu_info"]["gpus"]:
        return
    for one in subjects(facts):
        if one.model is None:
            yield Unseen(f"the model of {one.engine.where} is not known here")
            continue
        try:
            yield OnCard(one, one.model, select(one.cards))
        except (Refusal, PlanInputError, ValueError) as error:
            yield Unseen(f"the cards of {one.engine.where} are not known: {error}")


@check("L32", "8- and 4-bit floats on a card without them", ("info", "error"), NEEDS, uses=["containers"])
def float_formats(facts: Facts) -> t.Iterator[Outcome]:
    for one in subjects(facts):
        block = one.sign("uneven_block")
        if block is not None:
            yield Seen(
                "error",
                f"{one.engine.where}: the log says that blocks of {block[0]} weights cannot be divided over {one.tensor_parallel} GPUs",
                "weights of a block share a scale, so no GPU may get a part of one",
                change(one, ["another --tensor-parallel-size", "--enable-expert-parallel for a mixture of experts"]),
            )
    for known in _on_cards(facts):
        if isinstance(known, Unseen):
            yield known
        elif not known.subject.sign("uneven_block"):
            yield from _capability(known, _FLOATS)
            yield from _blocks(known)


def _capability(known: OnCard, formats: t.Container[str]) -> t.Iterator[Outcome]:
    """What the card's generation means for the checkpoint's format."""
    name = kernels_of(known.model.quantization) if known.model.quantization else ""
    capability = known.devices.capability
    if name not in formats or capability is None:
        return
    kernels, card = KERNELS[name], f"{known.devices.name} (compute capability {dotted(capability)})"
    if capability < kernels.lowest and not known.subject.serves:
        yield Seen(
            "error",
            f"{known.where}: a {kernels.title} checkpoint on {card}",
            f"the engine has kernels for {kernels.title} from compute capability {dotted(kernels.lowest)} on",
            change(known.subject, ["the model's AWQ or GPTQ checkpoint"] if name != "four_bit" else ["the unquantised checkpoint"]),
        )
    elif kernels.lowest <= capability < kernels.native:
        slow = name == "four_bit"
        yield Seen(
            "warning" if slow else "info",
            f"{known.where}: a {kernels.title} checkpoint on {card}, which has no arithmetic of its own for it",
            kernels.otherwise % (known.model.quantization.method if slow and known.model.quantization else kernels.title),
            change(known.subject, ["the unquantised checkpoint" if slow else "an AWQ checkpoint, which is as fast there and smaller"]),
        )


def _blocks(known: OnCard) -> t.Iterator[Outcome]:
    wanted = known.subject.tensor_parallel
    if wanted > known.devices.number or known.subject.serves:
        return
    try:
        made = split(known.model, known.devices.number, wanted)
    except Refusal as refusal:
        if refusal.code == "quantization_block_not_divisible":
            yield Seen("error", f"{known.where}: {refusal.message}", "weights of a block share a scale", change(known.subject, refusal.remedies))
        return
    if made.expert_parallel and "--enable-expert-parallel" not in known.subject.engine.flags:
        yield Seen(
            "error",
            f"{known.where}: blocks of weights do not divide an expert over {wanted} GPUs",
            "weights of a block share a scale, so experts have to be dealt out whole",
            change(known.subject, ["--enable-expert-parallel"]),
        )


@check("L33", "4-bit weights without the fast kernels", ("warning", "error"), NEEDS, uses=["containers"])
def marlin(facts: Facts) -> t.Iterator[Outcome]:
    for one in subjects(facts):
        if one.sign("no_image") is not None:
            yield Seen(
                "error",
                f"{one.engine.where}: no kernel image is available for execution on the device",
                "the wheel or image carries no code for the architecture of this card",
                "nvidia-smi --query-gpu=name,compute_cap --format=csv   # then a vLLM release, or a build, that names this architecture",
            )
    for known in _on_cards(facts):
        if isinstance(known, Unseen):
            yield known
            continue
        asked = known.subject.engine.flags.get("--quantization", "")
        fast = known.devices.capability is not None and known.devices.capability >= KERNELS["four_bit"].native
        if asked in MARLIN_FLAGS and fast:
            yield Seen(
                "warning",
                f"{known.where}: --quantization {asked} on {known.devices.name}",
                "the flag asks for the plain kernels, a fraction as fast as the Marlin kernels that this card has",
                change(known.subject, [f"--quantization {asked}_marlin", "no --quantization: the engine chooses"]),
            )
        yield from _capability(known, ("four_bit",))
    yield from map(Unseen, facts.gaps.get("engine_logs", ()))


@check("L34", "Decoding is far slower than the memory allows", ("warning", "error"), NEEDS, uses=["containers"])
def decoding(facts: Facts) -> t.Iterator[Outcome]:
    for known in _on_cards(facts):
        if isinstance(known, Unseen):
            yield known
            continue
        start = known.subject.start
        rates = start["decoding"] if start else []
        if len(rates) < _FEWEST_RATES:
            continue
        yield from _slow(known, max(rates), fit(known.subject))
    yield from map(Unseen, facts.gaps.get("engine_logs", ()))


def _slow(known: OnCard, rate: float, found: Fit | str) -> t.Iterator[Outcome]:
    """The best of what the log shows against what one request alone should get."""
    if isinstance(found, str) or not known.devices.bandwidth:
        yield Unseen(found if isinstance(found, str) else f"the memory bandwidth of {known.devices.name} is not known")
        return
    roofline = Roofline(
        "cuda",
        known.devices.name,
        bytes_per_token(known.model, found.weights.stored),
        known.devices.bandwidth * known.subject.tensor_parallel,
        known.model.quantization.method if known.model.quantization else None,
    )
    verdict = judge(Speed(1, "", 0.0, rate, None, None, 0.0), roofline, 1)
    finding = finding_of(verdict, roofline) if verdict.verdict == "fallback" else None
    if finding is not None:
        yield Seen("error", f"{known.where}, at its best while it only decoded: {finding['seen']}", finding["cause"], finding["fix"], finding["title"])


@check("L38", "GPUs without work", ("info", "error"), NEEDS, uses=["containers"])
def several_gpus(facts: Facts) -> t.Iterator[Outcome]:
    cards = facts["gpu_info"]["gpus"]
    found = subjects(facts) if cards else []
    for one in found:
        yield from _too_many(one)
    running = [one for one in found if one.engine.running]
    if running and not any(chosen_cards(one.engine) for one in running) and not any(_world(one) is None for one in running):
        idle = len(cards) - sum(_world(one) or 0 for one in running)
        if idle > 0:
            yield _idle(running, idle, cards)


def _world(one: Subject) -> int | None:
    """Cards that an engine takes; None where its flags do not say."""
    flags = [one.engine.flags.get(name) for name in ("--tensor-parallel-size", "--pipeline-parallel-size", "--data-parallel-size")]
    if any(flag is not None and not flag.isdigit() for flag in flags):
        return None
    count = 1
    for flag in flags:
        count *= int(flag or 1)
    return count


def _too_many(one: Subject) -> t.Iterator[Outcome]:
    wanted = one.tensor_parallel
    heads = one.sign("uneven_heads")
    model = one.model
    if heads is None and model is not None and not one.serves and model.heads % wanted:
        heads = [str(model.heads), str(wanted)]
    if heads is not None:
        fitting = [str(count) for count in range(1, len(one.cards) + 1) if int(heads[0]) % count == 0]
        yield Seen(
            "error",
            f"{one.engine.where}: {heads[0]} attention heads cannot be divided over {heads[1]} GPUs",
            "each GPU gets whole heads",
            change(one, [f"--tensor-parallel-size {fitting[-1] if fitting else 1}", f"--pipeline-parallel-size {heads[1]}"]),
        )
    elif wanted > len(one.cards) and not one.serves:
        yield Seen(
            "error",
            f"{one.engine.where}: --tensor-parallel-size {wanted}, and it may use {len(one.cards)} GPUs",
            "the flag is for another machine, or CUDA_VISIBLE_DEVICES hides the others",
            change(one, [f"--tensor-parallel-size {len(one.cards)}"]),
        )


def _idle(running: t.Sequence[Subject], idle: int, cards: t.Sequence[t.Mapping[str, t.Any]]) -> Seen:
    one = running[0]
    model = one.model
    advice = ["--data-parallel-size %d" % len(cards)]
    if len(running) == 1 and model is not None:
        try:
            made = split(model, select(cards).number, 0).tensor_parallel
            advice = ([f"--tensor-parallel-size {made}"] if made > 1 else []) + advice
        except (Refusal, PlanInputError):
            pass
    return Seen(
        "info",
        f"{idle} of {len(cards)} GPUs have no engine: {', '.join(f'{each.engine.where} uses {_world(each)}' for each in running)}",
        "vLLM uses one GPU unless it is told otherwise",
        change(one, advice),
    )
