# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_versions import LOGIT_BYTES, EngineError, parse_version, value_for


@pytest.mark.parametrize(
    ("text", "version"), [("0.32.0", (0, 32, 0)), ("v0.9.2", (0, 9, 2)), ("0.20.1rc1.dev16", (0, 20, 1)), ("0.33.0+cpu", (0, 33, 0)), ("1.0", (1, 0, 0))]
)
def test_versions(text: str, version: tuple[int, int, int]) -> None:
    assert parse_version(text) == version


@pytest.mark.parametrize(("text", "word"), [("latest", "not a version"), ("", "not a version"), ("0.8.5", "older than 0.9.0")])
def test_versions_that_cannot_be_planned(text: str, word: str) -> None:
    with pytest.raises(EngineError) as caught:
        parse_version(text)
    assert word in str(caught.value) and "engine_version" in str(caught.value)


@pytest.mark.parametrize(("version", "value"), [((0, 9, 2), 38.0), ((0, 16, 9), 38.0), ((0, 17, 0), 14.6), ((9, 0, 0), 14.6)])
def test_the_entry_of_a_release(version: tuple[int, int, int], value: float) -> None:
    assert value_for(LOGIT_BYTES, version) == value
