# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._lock_file import LockError, Pin, held_in, local_pins, parse_lock

LOCK = """\
# a comment
Torch==2.13.0+cpu \\
    --hash=sha256:aa
    # via vllm
uvloop==0.23.0 ; sys_platform != 'win32' \\
    --hash=sha256:bb \\
    --hash=sha256:cc
"""


def test_pins_with_markers_and_hashes():
    assert parse_lock(LOCK) == [Pin("torch", "2.13.0+cpu", "", 1), Pin("uvloop", "0.23.0", "sys_platform != 'win32'", 2)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("uvloop>=0.2\n    --hash=sha256:aa\n", "line 1: 'uvloop>=0.2' is not an exact pin"),
        ("uvloop==0.2\n", "uvloop==0.2 has no hash"),
        ("--hash=sha256:aa\n", "line 1: a hash before any requirement"),
        ("uvloop==0.2 \\\n    --hash=sha256:aa\n--index-url https://x\n", "line 3: option '--index-url'"),
        ("# nothing\n", "no requirement"),
    ],
)
def test_a_line_that_is_no_hashed_pin_is_named(text, message):
    with pytest.raises(LockError, match=message.replace("(", r"\(")):
        parse_lock(text)


def test_local_versions_are_those_no_public_index_has():
    assert [pin.name for pin in local_pins(parse_lock(LOCK))] == ["torch"]


@pytest.mark.parametrize(
    ("files", "held"),
    [
        (["torch-2.13.0+cpu-cp311-cp311-linux_x86_64.whl"], True),
        (["torch-2.13.0%2Bcpu-cp311-cp311-linux_x86_64.whl"], True),
        (["torch-2.13.0-cp311-cp311-linux_x86_64.whl"], False),
        (["torchvision-2.13.0+cpu-cp311-cp311-linux_x86_64.whl"], False),
        ([], False),
    ],
)
def test_which_file_names_hold_a_pin(files, held):
    assert held_in(Pin("torch", "2.13.0+cpu", "", 1), files) is held
