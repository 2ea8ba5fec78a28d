# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._catalogue import ARCHITECTURES, CARDS, RANGES
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._lookup import architecture_of, board, card_called, card_memory, card_named, describe, named

# id, name, capability, open module, fp8, fp4, MiB, GB/s: one card of each generation, from data sheets and NVIDIA's CUDA GPU pages.
KNOWN = [
    ("27b0", "NVIDIA RTX 4000 SFF Ada Generation", "8.9", "recommended", "native", "weight_only", 20475, 280),
    ("2bb1", "NVIDIA RTX PRO 6000 Blackwell Workstation Edition", "12.0", "required", "native", "native", 97887, 1792),
    ("2335", "NVIDIA H200", "9.0", "recommended", "native", "weight_only", 143771, 4800),
    ("2342", "NVIDIA GH200 480GB", "9.0", "required", "native", "weight_only", 97871, 4000),
    ("2901", "NVIDIA B200", "10.0", "required", "native", "native", 183359, 8000),
    ("20b2", "NVIDIA A100-SXM4-80GB", "8.0", "recommended", "weight_only", "weight_only", 81920, 2039),
    ("2204", "NVIDIA GeForce RTX 3090", "8.6", "recommended", "weight_only", "weight_only", 24576, 936),
    ("1eb8", "Tesla T4", "7.5", "recommended", "weight_only", "weight_only", 15360, 320),
    ("1db5", "Tesla V100-SXM2-32GB", "7.0", "impossible", "none", "none", 32768, 900),
]


@pytest.mark.parametrize(("device_id", "name", "capability", "open_module", "fp8", "fp4", "mib", "gb_s"), KNOWN)
def test_a_listed_card(device_id: str, name: str, capability: str, open_module: str, fp8: str, fp4: str, mib: int, gb_s: int) -> None:
    facts = describe(device_id.upper())
    assert (facts["name"], facts["matched_by"], facts["compute_capability"]) == (name, "id", capability)
    assert (facts["open_module"], facts["fp8"], facts["fp4"]) == (open_module, fp8, fp4)
    assert (facts["memory_bytes"], facts["bandwidth_bytes_per_s"]) == (mib << 20, gb_s * 10**9)


# id, architecture, open module: ids that no catalogue card has.
UNLISTED = [
    ("2bb7", "Blackwell", "required"),
    ("1b80", "Pascal", "impossible"),
    ("15f7", "Pascal", "impossible"),
    ("13c2", "Maxwell", "impossible"),
    ("1f03", "Turing", "recommended"),
    ("3500", None, "required"),
    ("28ff", None, "possible"),
    ("1e00", None, "possible"),
    ("1dff", "Volta", "impossible"),
    ("0640", None, "unknown"),
]


@pytest.mark.parametrize(("device_id", "architecture", "open_module"), UNLISTED)
def test_a_card_that_is_not_listed(device_id: str, architecture: t.Optional[str], open_module: str) -> None:
    facts = describe(device_id)
    assert (facts["architecture"], facts["open_module"]) == (architecture, open_module)
    assert facts["matched_by"] == ("range" if architecture else "none")
    assert (facts["memory_bytes"], facts["bandwidth_bytes_per_s"]) == (None, None)
    assert device_id in facts["name"] and "not in the catalogue" in facts["name"]


def test_cards_that_share_an_id_are_told_apart_by_the_board() -> None:
    assert describe("2bb3", "227a")["name"] == "NVIDIA RTX PRO 5000 72GB Blackwell"
    assert describe("2bb3", "204d")["memory_bytes"] == 48 << 30


def test_an_unknown_board_of_a_shared_id_gets_the_smaller_memory_and_both_names() -> None:
    facts = describe("2bb3", "ffff")
    assert facts["name"] == "NVIDIA RTX PRO 5000 Blackwell or NVIDIA RTX PRO 5000 72GB Blackwell"
    assert facts["memory_bytes"] == 48 << 30


def test_the_board_by_its_maker_and_where_it_is_known_by_name() -> None:
    assert board("2BB3", "10de", "227A") == {"maker": "NVIDIA", "name": "NVIDIA RTX PRO 5000 72GB Blackwell"}
    assert board("2684", "1043", "8924") == {"maker": "ASUS", "name": None}
    assert board("2684", "ffff", None) == {"maker": None, "name": None}


def test_names_with_and_without_the_maker() -> None:
    for name in ("NVIDIA RTX A6000", "RTX A6000"):
        card = card_named(name)
        assert card is not None and card.device_ids == ("2230",)
    assert card_named("NVIDIA Imaginary 1") is None


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("H100 80GB", "NVIDIA H100 80GB HBM3"),
        ("rtx 4000 sff ada", "NVIDIA RTX 4000 SFF Ada Generation"),
        ("NVIDIA GeForce RTX 3090", "NVIDIA GeForce RTX 3090"),
        ("RTX 4090 (in the living room)", "NVIDIA GeForce RTX 4090"),
        ("B200", "NVIDIA B200"),
        ("T4", "Tesla T4"),
        ("A100 40 GB", "NVIDIA A100-PCIE-40GB"),
    ],
)
def test_cards_as_people_call_them(words: str, name: str) -> None:
    card = card_called(words)
    assert card is not None and card.name == name
    assert (named(words) or {})["name"] == name


@pytest.mark.parametrize("words", ["", "NVIDIA GPU", "RTX 9999", "H10", "(H100)"])
def test_words_that_are_no_card(words: str) -> None:
    assert card_called(words) is None and named(words) is None


def test_of_several_cards_the_one_with_the_least_memory_is_meant() -> None:
    card = card_called("A100")
    assert card is not None and card.memory_gib == 40


def test_a_nominal_size_says_so() -> None:
    card = card_named("Quadro RTX 8000")
    assert card is not None and card_memory(card) == (48 << 30, "catalogue: nominal size")


def test_the_tables_agree_with_each_other() -> None:
    assert {architecture.open_module for architecture in ARCHITECTURES.values()} == {"required", "recommended", "impossible"}
    assert {key for _first, _last, key in RANGES} == set(ARCHITECTURES)
    for card in CARDS:
        for device_id in card.device_ids:
            assert device_id == device_id.lower() and len(device_id) == 4
            assert architecture_of(device_id) == card.architecture, card.name
