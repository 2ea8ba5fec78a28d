# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._plan._start import start

GB = 10**9


@pytest.mark.parametrize(
    ("file_bytes", "build", "seconds"),
    [
        # 900 for the processes, and each begun second of 50 MB.
        (0, "cpu", 900),
        (1, "cpu", 901),
        (10 * GB, "cpu", 900 + 200),
        # 600 for compiling and 60 for the graphs on top.
        (10 * GB, "cuda", 900 + 200 + 660),
        (140 * GB, "cuda", 900 + 2800 + 660),
    ],
)
def test_the_deadline_grows_with_what_is_read(file_bytes: int, build: str, seconds: int) -> None:
    deadline = start(file_bytes, build)
    assert (deadline["name"], deadline["value"], deadline["unit"]) == ("start", seconds, "seconds")


def test_its_source_has_every_term() -> None:
    assert start(10 * GB, "cuda")["source"] == (
        "at most: 900 for processes and imports + 200 for reading the weights at 50 MB/s + 600 for compiling with empty caches + 60 for CUDA graphs"
    )
