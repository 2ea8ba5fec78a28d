# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The golden table is what the code decides today."""

from __future__ import annotations

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._catalogue import CARDS
from ansible_collections.inferhost.llm.tests.unit.plugins import driver_table


def test_the_golden_table_is_current() -> None:
    golden = driver_table.GOLDEN.read_text(encoding="utf-8")
    assert driver_table.table() == golden, "the decisions changed; run `python tools/driver_table.py`, read the difference, and commit it if it is meant"


def test_every_card_of_the_catalogue_is_in_it() -> None:
    golden = driver_table.GOLDEN.read_text(encoding="utf-8")
    assert [card.name for card in CARDS if card.name not in golden] == []
    assert "any Maxwell card" in golden
    assert "any Pascal card" in golden
