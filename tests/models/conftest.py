# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fetching models: the real module and the real huggingface_hub from its lock, against a stand-in of the Hub on loopback."""

from __future__ import annotations

import sys
import typing as t
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[2] / ".collections")]

from model_kit import SHARD  # noqa: E402

from ansible_collections.inferhost.llm.tests.unit.plugins.model_hub import ModelHub, a_model  # noqa: E402


@pytest.fixture
def hub() -> Iterator[ModelHub]:
    """A model of four shards, with the weights a second time in PyTorch's form."""
    with ModelHub(a_model(4, SHARD, **{"pytorch_model.bin": b"x" * 9999})) as made:
        yield made


@pytest.fixture
def make_hub() -> Iterator[Callable[..., ModelHub]]:
    made: list[ModelHub] = []

    def make(files: dict[str, bytes], **how: t.Any) -> ModelHub:
        made.append(ModelHub(files, **how))
        return made[-1]

    yield make
    for one in made:
        one.__exit__()
