# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What siblings of a checkpoint would do better, asked of whole plans."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._plan._catalogue import published
from ansible_collections.inferhost.llm.plugins.module_utils._plan._plan import from_catalogue, make_plan
from ansible_collections.inferhost.llm.plugins.module_utils._plan._types import Document, Wishes


def plan(model: str, card: str, **wishes: t.Any) -> Document:
    return make_plan(from_catalogue(published(model)), [{"name": card}], {}, Wishes(**{"engine_version": "0.32.0", **wishes}))


def test_a_model_that_does_not_fit_names_the_checkpoint_that_does() -> None:
    refusal = plan("Qwen2.5-14B-Instruct", "RTX 4000 SFF Ada")["refusal"]
    assert refusal["code"] == "memory_short"
    assert refusal["remedies"][0].startswith("use Qwen/Qwen2.5-14B-Instruct-AWQ: its weights take 9.36 GiB, and 32768 tokens fit")
    # Its own plan says the same.
    assert plan("Qwen2.5-14B-Instruct-AWQ", "RTX 4000 SFF Ada")["limits"]["max_model_len"] == 32768


def test_a_sibling_that_does_not_fit_either_is_not_named() -> None:
    refusal = plan("Qwen2.5-72B-Instruct", "RTX 4000 SFF Ada")["refusal"]
    assert refusal["code"] == "memory_short" and not any("AWQ:" in remedy for remedy in refusal["remedies"])


def test_a_checkpoint_that_wastes_memory() -> None:
    changes = {one["change"]: one["effect"] for one in plan("Qwen3-Coder-30B-A3B-Instruct", "RTX PRO 6000 Blackwell")["alternatives"]}
    effect = changes["the checkpoint Qwen/Qwen3-Coder-30B-A3B-Instruct-FP8"]
    assert effect.startswith("weights of 29.") and "instead of 56." in effect
    assert not any("checkpoint" in one["change"] for one in plan("Qwen3-Coder-30B-A3B-Instruct-FP8", "RTX PRO 6000 Blackwell")["alternatives"])


# A guide's table of memory for coding models: model, GB of the card, whether the plan agrees, and the checkpoint that it names instead.
GUIDE: t.List[t.Tuple[str, int, bool, t.Optional[str]]] = [
    ("Qwen2.5-Coder-1.5B-Instruct", 8, True, None),
    ("Qwen2.5-Coder-3B-Instruct", 12, True, None),
    # 14.25 GiB of weights, and 13.97 GiB of the card are the engine's.
    ("Qwen2.5-Coder-7B-Instruct", 16, False, "Qwen/Qwen2.5-Coder-7B-Instruct-AWQ"),
    # 27.5, 61.0, 41.5 and 29.3 GiB of weights: the table counts two bytes a parameter and nothing for anything else.
    ("Qwen2.5-Coder-14B-Instruct", 32, False, "Qwen/Qwen2.5-Coder-14B-Instruct-AWQ"),
    ("Qwen2.5-Coder-32B-Instruct", 64, False, "Qwen/Qwen2.5-Coder-32B-Instruct-AWQ"),
    ("Codestral-22B-v0.1", 48, False, None),
    ("DeepSeek-Coder-V2-Lite-Instruct", 32, False, None),
]


@pytest.mark.parametrize(("model", "size", "agrees", "instead"), GUIDE)
def test_the_table_of_a_guide(model: str, size: int, agrees: bool, instead: t.Optional[str]) -> None:
    card = {"name": "a card", "memory_bytes": size << 30, "compute_capability": "8.9"}
    found = make_plan(from_catalogue(published(model)), [card], {}, Wishes("0.32.0", client="victor"))
    assert (found["refusal"] is None) == agrees
    if not agrees:
        assert found["refusal"]["code"] == "memory_short"
        named = [remedy for remedy in found["refusal"]["remedies"] if remedy.startswith("use ") and ": its weights take" in remedy]
        assert [remedy.split()[1].rstrip(":") for remedy in named] == ([instead] if instead else [])


def test_a_refusal_that_a_smaller_checkpoint_cannot_help_stays_as_it_is() -> None:
    refusal = plan("Qwen3-8B", "H100", context=50_000)["refusal"]
    assert refusal["code"] == "context_above_native" and not any("AWQ" in remedy for remedy in refusal["remedies"])
