# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files are fetched, and what says that one is right."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._hub._errors import HubError
from ansible_collections.inferhost.llm.plugins.module_utils._hub._files import RemoteFile, check_names, checked, partial_name, wanted

BOTH = "config.json model-00001-of-00002.safetensors model-00002-of-00002.safetensors consolidated.safetensors pytorch_model-00001-of-00001.bin "
BOTH += "original/params.json original/consolidated.00.pth onnx/model.onnx agent-Q4_K_M.gguf chat_template.jinja"
COMMON = ["chat_template.jinja", "config.json", "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]


def chosen(names: str, include: tuple[str, ...] = (), exclude: tuple[str, ...] = ()) -> list[str]:
    return [one.name for one in wanted([RemoteFile(name, 1) for name in names.split()], include, exclude)]


def test_weights_come_once() -> None:
    assert chosen(BOTH) == COMMON


@pytest.mark.parametrize("names", ["config.json pytorch_model.bin", "config.json consolidated.safetensors params.json", "config.json agent.gguf"])
def test_other_forms_come_where_there_is_nothing_else(names: str) -> None:
    assert chosen(names) == sorted(names.split())


def test_patterns_are_of_paths_or_of_names_alone() -> None:
    assert chosen(BOTH, include=("*.json",)) == ["config.json", "original/params.json"]
    assert chosen(BOTH, include=("original/*", "config.json")) == ["config.json", "original/consolidated.00.pth", "original/params.json"]
    assert chosen(BOTH, exclude=("model-00002*", "*.jinja")) == COMMON[1:3]


@pytest.mark.parametrize("name", ["../up", "/etc/passwd", "a/../../b", "", "a//b", "./a", ".inferhost/manifest.json", "a\nb", "a\\..\\b"])
def test_a_name_that_leaves_the_folder_is_refused(name: str) -> None:
    with pytest.raises(HubError, match="no path below"):
        check_names([RemoteFile("config.json", 1), RemoteFile(name, 1)])


def test_a_file_is_checked_by_what_its_hub_tells(tmp_path: Path) -> None:
    path, content = tmp_path / "a", b"hello\n"
    path.write_bytes(content)
    sha256, blob = hashlib.sha256(content).hexdigest(), hashlib.sha1(b"blob 6\0" + content).hexdigest()
    for right in (RemoteFile("a", 6, sha256), RemoteFile("a", 6, "", blob), RemoteFile("a", 6)):
        assert checked(str(path), right) == (sha256, "")
    assert checked(str(path), RemoteFile("a", 7))[1] == "6 bytes instead of 7"
    assert "SHA-256" in checked(str(path), RemoteFile("a", 6, "0" * 64))[1]
    assert "git object" in checked(str(path), RemoteFile("a", 6, "", "0" * 40))[1]


def test_parts_of_two_contents_are_never_mixed() -> None:
    kinds = [RemoteFile("a", 1, "x"), RemoteFile("b", 1, "x"), RemoteFile("a", 2, "x"), RemoteFile("a", 1, "y"), RemoteFile("a", 1, "", "x")]
    assert len({partial_name(one) for one in kinds}) == len(kinds)
