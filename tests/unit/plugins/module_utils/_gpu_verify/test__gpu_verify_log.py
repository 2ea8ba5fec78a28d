# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which messages are new. The lines are constructed and parsed as the kernel's log is."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._kernel_log import parse
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._log import HARDWARE, new_events, origin, words

XID = "[%s] NVRM: Xid (PCI:0000:01:00): %d, pid=7"


def log(*xids: t.Tuple[float, int]) -> t.List[t.Dict[str, t.Any]]:
    return parse(XID % ("%8.1f" % seconds, number) for seconds, number in xids)


def new(now: t.List[t.Dict[str, t.Any]], before: t.Optional[t.List[t.Dict[str, t.Any]]]) -> t.List[t.Optional[int]]:
    return [event["xid"] for event in new_events(now, before)]


def test_without_a_baseline_everything_is_new() -> None:
    assert new(log((10.0, 31), (20.0, 79)), None) == [31, 79]


def test_an_empty_baseline_is_one() -> None:
    assert new(log((10.0, 31)), []) == [31]


def test_what_the_baseline_has_is_old() -> None:
    assert new(log((10.0, 31), (20.0, 79)), log((10.0, 31))) == [79]


def test_a_further_one_of_the_same_kind_is_new() -> None:
    assert new(log((10.0, 31), (30.0, 31)), log((10.0, 31))) == [31]


def test_a_further_one_at_the_same_moment_is_new() -> None:
    assert new(log((10.0, 31), (10.0, 31)), log((10.0, 31))) == [31]


def test_the_same_one_after_a_reboot_is_new() -> None:
    assert new(log((4.0, 79)), log((900.0, 79))) == [79]


def test_a_log_whose_beginning_was_overwritten_has_nothing_new() -> None:
    assert new(log((30.0, 31)), log((10.0, 31), (30.0, 31))) == []


def test_one_that_came_after_the_beginning_was_overwritten_is_new() -> None:
    assert new(log((30.0, 31), (50.0, 31)), log((10.0, 31), (30.0, 31))) == [31]


def test_loading_the_module_is_no_complaint() -> None:
    assert new_events(parse(["[ 4.0] NVRM: loading NVIDIA UNIX Open Kernel Module for x86_64  580.159.03"]), None) == []


def test_a_number_is_explained() -> None:
    (event,) = log((1.0, 48), (2.0, 48))
    assert words(event).endswith("(2 times) [Xid 48: an error of the card's memory that could not be corrected]")
    assert origin(event) == HARDWARE


def test_a_number_that_is_not_known_stands_as_it_is() -> None:
    (event,) = log((1.0, 999))
    assert words(event) == event["text"] and origin(event) == "driver"
