# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lies side by side in a device's memory."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._parts import BAR_WIDTH, memory_bar, parts

GIB = 1 << 30


def plan(memory: t.Optional[int], **sizes: int) -> t.Dict[str, t.Any]:
    return {"sizes": [{"name": name, "value": value, "unit": "bytes"} for name, value in sizes.items()], "device": {"memory_bytes": memory}}


def test_parts_in_their_order_and_the_rest() -> None:
    found = parts(plan(24 * GIB, kv_cache=8 * GIB, weights=10 * GIB, download=99 * GIB, cuda_graphs=0))
    assert [(one.name, one.value) for one in found] == [("weights", 10 * GIB), ("kv_cache", 8 * GIB), ("free", 6 * GIB)]


def test_a_bar_is_as_wide_as_it_says_and_in_proportion() -> None:
    line, legend = memory_bar(plan(24 * GIB, weights=12 * GIB, kv_cache=6 * GIB, non_torch=GIB))
    assert len(line) == BAR_WIDTH + 2
    assert [line.count(letter) for letter in "WKC."] == [36, 18, 3, 15]
    assert legend == "W Weights 12.00 GiB  K KV cache 6.00 GiB  C CUDA context 1.00 GiB  . Left free 5.00 GiB"


def test_no_bar_where_the_parts_are_more_than_the_device_or_nothing_is_known() -> None:
    assert memory_bar(plan(GIB, weights=2 * GIB)) == memory_bar(plan(None, weights=2 * GIB)) == memory_bar(plan(None)) == []
