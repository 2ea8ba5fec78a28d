# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._key_file import KeyFileError, read_key


@pytest.mark.parametrize("content", [b"sk-abc", b"sk-abc\n", b"  sk-abc \r\n"])
def test_the_key_is_the_only_word(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    assert read_key(str(file)) == "sk-abc"


def test_no_path_is_no_key() -> None:
    assert read_key(None) is None
    assert read_key("") is None


@pytest.mark.parametrize(
    "content, says", [(b"", "empty"), (b"\n", "empty"), (b"KEY sk-abc", "more than one word"), (b"sk-\xff", "not plain text"), (b"x" * 9000, "more than")]
)
def test_a_bad_file_is_named_and_not_shown(tmp_path: Path, content: bytes, says: str) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    with pytest.raises(KeyFileError, match=says) as caught:
        read_key(str(file))
    assert str(file) in str(caught.value)
    assert "sk-" not in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="No such file"):
        read_key(str(tmp_path / "none"))
