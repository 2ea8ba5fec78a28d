# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model that was carried to the host, and the module that checks it."""

from __future__ import annotations

import hashlib
import os
import typing as t
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.tests.unit.plugins.model_hub import a_model
from ansible_collections.inferhost.llm.tests.unit.plugins.run_module import run_module

FILES = a_model(3, 4096)
SECOND = "model-00002-of-00003.safetensors"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "model"
    path.mkdir()
    for name, content in FILES.items():
        (path / name).write_bytes(content)
    return path


def sums(folder: Path) -> None:
    text = "".join("%s  %s\n" % (hashlib.sha256(content).hexdigest(), name) for name, content in FILES.items())
    (folder / "SHA256SUMS").write_text(text, encoding="utf-8")


def check(folder: Path, **options: t.Any) -> dict[str, t.Any]:
    return run_module("model_folder", {"path": str(folder), "record": str(folder.parent / "run" / "model.json"), **options})


def test_without_checksums_the_files_speak_for_themselves(folder: Path) -> None:
    found = check(folder)
    assert (found["verified_by"], found["checked"], found["changed"], len(found["digest"])) == ("structure", [], False, 64)


@pytest.mark.parametrize("keep", [0, 7, 100, 4000, 4095])
def test_a_file_that_was_cut_short_is_named(folder: Path, keep: int) -> None:
    os.truncate(folder / SECOND, keep)
    found = check(folder)
    assert found["failed"] and len(found["wrong"]) == 1 and SECOND in found["msg"] and "Carry these files there again" in found["msg"]


def test_a_file_that_the_index_names_is_missing(folder: Path) -> None:
    (folder / SECOND).unlink()
    assert check(folder)["wrong"] == [SECOND + " is missing, model.safetensors.index.json names it"]


def test_checksums_that_came_with_it_are_compared_once(folder: Path) -> None:
    sums(folder)
    first, second = check(folder), check(folder)
    assert (first["verified_by"], first["checked"], first["changed"]) == ("SHA256SUMS", sorted(FILES), True)
    assert (second["checked"], second["changed"], second["digest"]) == ([], False, first["digest"])
    assert check(folder, verify="all")["checked"] == sorted(FILES)


def test_another_content_of_the_same_length_is_found(folder: Path) -> None:
    sums(folder)
    check(folder)
    content = FILES[SECOND]
    (folder / SECOND).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    found = check(folder)
    assert found["failed"] and len(found["wrong"]) == 1 and SECOND + ": SHA-256" in found["msg"]


def test_what_the_checksums_name_must_be_there(folder: Path) -> None:
    sums(folder)
    (folder / "README.md").unlink()
    assert check(folder)["wrong"] == ["README.md is missing"]


@pytest.mark.parametrize("line", ["no sums at all\n", "0" * 64 + "  ../secret\n", "0" * 64 + "  /etc/passwd\n"])
def test_a_file_of_checksums_that_is_none(folder: Path, line: str) -> None:
    (folder / "SHA256SUMS").write_text(line, encoding="utf-8")
    found = check(folder)
    assert found["failed"] and "SHA256SUMS, line 1" in found["msg"]


def test_there_is_no_such_folder(tmp_path: Path) -> None:
    found = check(tmp_path / "model")
    assert found["failed"] and "model_path" in found["msg"] and not (tmp_path / "run").exists()


def test_the_folder_is_only_read(folder: Path) -> None:
    sums(folder)
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
    check(folder)
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before
