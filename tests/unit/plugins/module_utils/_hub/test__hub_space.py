# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Room: by what the filesystem says, and by what it does."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._hub import _space
from ansible_collections.inferhost.llm.plugins.module_utils._hub._errors import HubError
from ansible_collections.inferhost.llm.plugins.module_utils._hub._space import Room, check_file_size, check_room, human, room_at, set_aside

GB = 10**9


def test_room_is_of_the_filesystem_that_will_hold_the_folder(tmp_path: Path) -> None:
    found = room_at(str(tmp_path / "not" / "there"))
    assert os.path.ismount(found.mount) and str(tmp_path).startswith(found.mount)
    assert 0 < found.free_bytes < 1 << 60


def test_what_is_to_come_and_what_must_stay_free_has_to_fit() -> None:
    check_room(Room("/", 76 * GB, None), 75 * GB, GB, 40)
    with pytest.raises(HubError) as caught:
        check_room(Room("/srv", 40 * GB, None), 75 * GB, GB, 40)
    assert caught.value.kind == "no_space"
    assert "75.0 GB are to come and 1.0 GB must stay free, /srv has 40.0 GB left: 36.0 GB short, nothing was fetched" in caught.value.detail


def test_a_filesystem_without_inodes_has_no_room() -> None:
    with pytest.raises(HubError, match="inodes for 3"):
        check_room(Room("/", 76 * GB, 3), GB, 0, 40)


@pytest.mark.parametrize(("number", "kind"), [(errno.EDQUOT, "quota"), (errno.ENOSPC, "no_space"), (errno.EROFS, "not_writable")])
def test_a_refusal_to_set_bytes_aside_is_named(tmp_path: Path, number: int, kind: str) -> None:
    with pytest.raises(HubError) as caught:
        set_aside(str(tmp_path), 75 * GB, lambda descriptor, size: number)
    assert (caught.value.kind, os.strerror(number) in caught.value.detail, os.listdir(tmp_path)) == (kind, True, [])


@pytest.mark.parametrize("number", [errno.EOPNOTSUPP, errno.ENOSYS, errno.EFBIG])
def test_where_nothing_can_be_set_aside_a_little_is_written(tmp_path: Path, number: int) -> None:
    assert set_aside(str(tmp_path), 3 * GB, lambda descriptor, size: number) == "written"
    assert os.listdir(tmp_path) == []


def test_setting_aside_leaves_nothing(tmp_path: Path) -> None:
    asked: list[int] = []
    assert set_aside(str(tmp_path), GB, lambda descriptor, size: asked.append(size) or 0) == "allocated"
    assert set_aside(str(tmp_path), 1 << 16) in ("allocated", "written")
    assert (asked, os.listdir(tmp_path)) == ([GB], [])


def test_a_process_that_may_not_write_large_files(monkeypatch: pytest.MonkeyPatch) -> None:
    check_file_size(5 * GB)
    monkeypatch.setattr(_space.resource, "getrlimit", lambda which: (GB, GB))
    with pytest.raises(HubError) as caught:
        check_file_size(5 * GB)
    assert (caught.value.kind, caught.value.detail) == ("file_limit", "the largest has 5.0 GB, this process may write 1.0 GB")


def test_bytes_for_people() -> None:
    assert [human(size) for size in (0, 999_999, 1_500_000, 75_200_000_000)] == ["0 bytes", "999999 bytes", "1.5 MB", "75.2 GB"]
