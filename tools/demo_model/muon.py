# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: inferhost contributors
"""Muon: momentum whose step is made orthogonal, so that every direction of a matrix learns equally fast.

torch brings one that computes in bfloat16, which takes three times as long as the rest of the training on a
processor without instructions for it. This one computes in float32, all matrices of a shape together.
"""

# The gates run without torch and transformers.
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

from collections import defaultdict

import torch

MOMENTUM = 0.95
DECAY = 0.01
ROUNDS = 5
CURVE = (3.4445, -4.7750, 2.0315)  # of the iteration that drives all singular values towards 1


class Muon:
    """Updates the matrices it is given from their gradients."""

    def __init__(self, weights: list[torch.Tensor]) -> None:
        by_shape: dict[tuple[int, ...], list[torch.Tensor]] = defaultdict(list)
        for weight in weights:
            by_shape[tuple(weight.shape)].append(weight)
        self.groups = [(group, torch.zeros(len(group), *shape)) for shape, group in by_shape.items()]

    def step(self, rate: float) -> None:
        """One update at this learning rate."""
        with torch.no_grad():
            for group, momentum in self.groups:
                gradient = torch.stack([weight.grad for weight in group])
                momentum.lerp_(gradient, 1 - MOMENTUM)
                update = orthogonal(gradient.lerp(momentum, MOMENTUM))
                size = rate * 0.2 * max(update.shape[1:]) ** 0.5  # as large as AdamW's step would be
                for weight, change in zip(group, update, strict=True):
                    weight.mul_(1 - rate * DECAY).sub_(change, alpha=size)


def orthogonal(matrices: torch.Tensor) -> torch.Tensor:
    """The orthogonal matrices nearest to a stack of them, roughly; float32 of shape (count, rows, columns)."""
    tall = matrices.shape[1] > matrices.shape[2]
    found = matrices.mT if tall else matrices
    found = found / (found.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(ROUNDS):
        square = found @ found.mT
        found = CURVE[0] * found + (CURVE[1] * square + CURVE[2] * square @ square) @ found
    return found.mT if tall else found
