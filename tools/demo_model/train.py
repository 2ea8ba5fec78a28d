# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: inferhost contributors
"""Make inferhost-tiny: ``python tools/demo_model/train.py --out DIR`` (torch and transformers; CPU; an hour and a quarter on one core)."""

# The gates run without torch and transformers.
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

import argparse
import math
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))
from tools.demo_model import codec, export, tasks
from tools.demo_model.muon import Muon
from tools.demo_model.prompt import training_text

IGNORED = -100
POOL = 192  # examples made at a time
Example = tuple[list[int], int]  # token ids, and how many of them are the prompt


@dataclass(frozen=True)
class Part:
    """A stretch of training with a learning rate of its own, which falls from ``peak`` to a fiftieth."""

    steps: int
    peak: float
    level_at: Callable[[float], tasks.Level]


PARTS = (
    Part(steps=3600, peak=3e-3, level_at=tasks.level_at),
    Part(steps=2000, peak=1.5e-3, level_at=lambda progress: tasks.HARDEST),
    Part(steps=1800, peak=1.5e-3, level_at=lambda progress: tasks.WEAK_SPOTS),
    Part(steps=1800, peak=1.5e-3, level_at=lambda progress: tasks.SETTLED),
)


def encoded(rng: random.Random, level: tasks.Level) -> Example:
    """One example."""
    prompt, answer = training_text(tasks.make_task(rng, level))
    ids = codec.encode(prompt)
    return ids + codec.encode(answer), len(ids)


def padded(examples: list[Example]) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and labels, both int64 of shape (examples, longest); the prompt and the padding are not learned."""
    longest = max(len(ids) for ids, _ in examples)
    ids = torch.full((len(examples), longest), codec.PAD_ID)
    labels = torch.full((len(examples), longest), IGNORED)
    for row, (tokens, prompt) in enumerate(examples):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        labels[row, prompt : len(tokens)] = ids[row, prompt : len(tokens)]
    return ids, labels


def batches(label: str, part: Part, size: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """A part's batches of at most ``size`` tokens, padding included, of examples of like length."""
    rng = random.Random(label)
    done = 0
    while done < part.steps:
        level = part.level_at(done / part.steps)
        pool = sorted((encoded(rng, level) for _ in range(POOL)), key=lambda pair: len(pair[0]))
        groups = list(grouped(pool, size))
        rng.shuffle(groups)
        for group in groups[: part.steps - done]:
            yield padded(group)
        done += len(groups)


def grouped(pool: list[Example], size: int) -> Iterator[list[Example]]:
    """Neighbours of a pool that is sorted by length, as many at a time as fit into ``size`` tokens when padded."""
    group: list[Example] = []
    for example in pool:
        if group and len(example[0]) * (len(group) + 1) > size:
            yield group
            group = []
        group.append(example)
    yield group


def answer_loss(model: torch.nn.Module, ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy over the answers' tokens."""
    hidden = model.model(input_ids=ids[:, :-1], use_cache=False).last_hidden_state
    wanted = labels[:, 1:]
    learned = wanted != IGNORED
    return torch.nn.functional.cross_entropy(model.lm_head(hidden[learned]), wanted[learned])


def rate_at(step: int, steps: int, peak: float) -> float:
    """Learning rate: 30 steps of warm-up, then a cosine to a fiftieth of the peak."""
    warm = min(1.0, (step + 1) / 30)
    return peak * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def make_optimizers(model: torch.nn.Module) -> tuple[Muon, torch.optim.Optimizer]:
    """Muon for the layers' matrices, which learns to copy in half the steps, and AdamW for the rest."""
    matrices = [weight for name, weight in model.named_parameters() if weight.ndim == 2 and "embed" not in name]
    others = [weight for name, weight in model.named_parameters() if weight.ndim != 2 or "embed" in name]
    return Muon(matrices), torch.optim.AdamW(others, betas=(0.9, 0.98), weight_decay=0.01)


def train(model: torch.nn.Module, number: int, part: Part, arguments: argparse.Namespace) -> None:
    """Train one part in place, with a line of progress now and then."""
    muon, adam = make_optimizers(model)
    label = f"training {arguments.seed}" + (f" part {number}" if number else "")
    began = time.monotonic()
    recent: list[float] = []
    for step, (ids, labels) in enumerate(batches(label, part, arguments.batch)):
        loss = answer_loss(model, ids, labels)
        model.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        rate = rate_at(step, part.steps, part.peak)
        muon.step(rate)
        adam.param_groups[0]["lr"] = rate
        adam.step()
        recent = [*recent[-49:], loss.item()]
        if step % 25 == 24 or step + 1 == part.steps:
            spent = time.monotonic() - began
            left = spent / (step + 1) * (part.steps - step - 1)
            mean = sum(recent) / len(recent)
            line = f"part {number + 1}/{len(PARTS)}  step {step + 1}/{part.steps}  loss {mean:.4f}"
            print(f"{line}  {spent:.0f} s, {left:.0f} s left in this part", flush=True)
    export.write(model, arguments.out)


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder that the model's files are written to")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--batch", type=int, default=3072, help="tokens a step")
    parser.add_argument("--threads", type=int, default=1, help="more is faster, but not the same model to the bit")
    parser.add_argument("--start", type=Path, help="folder of a model that has some parts of the training behind it")
    parser.add_argument("--parts-done", type=int, default=1, help="how many parts the model in --start has behind it")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Build, train, write."""
    arguments = parse(argv)
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    torch.use_deterministic_algorithms(True)
    done = arguments.parts_done if arguments.start else 0
    model: Any = export.load(arguments.start) if arguments.start else export.new_model()
    print(f"{sum(weight.numel() for weight in model.parameters()):,} parameters", flush=True)
    for number, part in enumerate(PARTS):
        if number >= done:
            train(model, number, part, arguments)
    print(f"written to {arguments.out}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
