# SPDX-License-Identifier: GPL-3.0-or-later
# Copyright: inferhost contributors
"""Starting weights that copy: two layers are set so that the model continues a string it has seen before.

Layer 0 brings the one and two tokens before a position to it. Layer 1 looks for the place whose two tokens before
are the last two read, and hands on the token found there (an induction head). Training finds the same from random
weights, at several times the cost; from here it only has to learn when to copy what.
"""

# The gates run without torch and transformers.
# mypy: disable-error-code="import-not-found"

from __future__ import annotations

from typing import Any

import torch

EMBEDDING_SPREAD = 0.15
BACK = (1, 1, 2, 2)  # how many tokens before its own position each head of layer 0 looks
SHARPNESS = 5.0  # size of the biases by which layer 0 finds a position
CARRIED = 0.3  # size of what layer 0 adds
MATCH = 4.0  # size of layer 1's queries and keys
COPIED = 3.0  # size of what layer 1 adds
STEADY = 7  # rotary pairs from this one on turn so slowly that they can compare tokens far apart


def prepare(model: Any) -> None:
    """Set the embeddings and the first two layers of an untrained model with heads of 32 and width 128, in place."""
    with torch.no_grad():
        _prepare(model)


def _prepare(model: Any) -> None:
    config = model.config
    width, heads = config.hidden_size, config.num_attention_heads
    size = width // heads
    model.model.embed_tokens.weight.normal_(std=EMBEDDING_SPREAD)
    read, written = _orthogonal(width), _orthogonal(width)
    readings = [read[:size], read[size : 2 * size]] * 2  # of the token carried by each head of layer 0
    places = [written[head * size : (head + 1) * size] for head in range(heads)]  # where each head puts it
    first, second = (model.model.layers[layer].self_attn for layer in (0, 1))
    rates = config.rope_parameters["rope_theta"] ** (-torch.arange(size // 2) / (size // 2))
    for head in range(heads):
        rows = slice(head * size, (head + 1) * size)
        _look_back(first, rows, rates, BACK[head])
        first.v_proj.weight[rows] = readings[head]
        first.o_proj.weight[:, rows] = CARRIED * places[head].T
        _match(second, rows, head, readings, places)
    copied = _orthogonal(width)
    second.v_proj.weight.copy_(copied)
    second.o_proj.weight.copy_(COPIED * copied.T)


def _orthogonal(width: int) -> torch.Tensor:
    """A random orthogonal matrix, float32 of shape (width, width)."""
    return torch.nn.init.orthogonal_(torch.empty(width, width))


def _look_back(attention: Any, rows: slice, rates: torch.Tensor, back: int) -> None:
    """Make a head attend to the token ``back`` positions before, whatever the tokens are: biases alone."""
    half = len(rates)
    strength = SHARPNESS * 0.8 ** torch.arange(half)
    zero = torch.zeros(half)
    attention.q_proj.weight[rows] *= 0.1
    attention.k_proj.weight[rows] *= 0.1
    attention.k_proj.bias[rows] = torch.cat([strength, zero])
    attention.q_proj.bias[rows] = torch.cat([strength * torch.cos(back * rates), -strength * torch.sin(back * rates)])


def _match(attention: Any, rows: slice, head: int, readings: list[torch.Tensor], places: list[torch.Tensor]) -> None:
    """Make a head attend to where the tokens before are those just read, compared in the steady dimensions.

    Half of them compare the token before with the one at hand, half the one before that with the one before it.
    """
    size = rows.stop - rows.start
    half = size // 2
    steady = [*range(STEADY, half), *range(half + STEADY, size)]
    near, far = steady[::2], steady[1::2]
    which = head % 2
    picks = torch.randperm(size)
    query = torch.zeros(size, readings[0].shape[1])
    key = torch.zeros_like(query)
    query[near] = readings[which][picks[: len(near)]] * 2.0
    key[near] = places[which][picks[: len(near)]]
    query[far] = places[which][picks[: len(far)]]
    key[far] = places[which + 2][picks[: len(far)]]
    attention.q_proj.weight[rows] = MATCH * query
    attention.k_proj.weight[rows] = MATCH * key
