# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets are made once, closed to others, and shown to nobody."""

from __future__ import annotations

import os
import typing as t
from pathlib import Path

from ansible_collections.inferhost.llm.tests.unit.plugins.run_module import run_module

NAMES = ["api_key", "engine_key"]


def secret_files(folder: Path, check: bool = False, **options: t.Any) -> dict[str, t.Any]:
    return run_module("secret_files", {"folder": str(folder), "names": NAMES, "prefixes": {"api_key": "sk-"}, **options}, check=check)


def test_secrets_are_made_once(tmp_path: Path) -> None:
    first = secret_files(tmp_path)
    assert (first["changed"], first["made"]) == (True, NAMES)
    made = {name: (tmp_path / name).read_text(encoding="ascii") for name in NAMES}
    assert made["api_key"].startswith("sk-")
    assert len(set(made.values())) == 2
    assert all(len(text) >= 48 and text.strip() == text for text in made.values())
    assert {(tmp_path / name).stat().st_mode & 0o777 for name in NAMES} == {0o600}
    assert sorted(path.name for path in tmp_path.iterdir()) == NAMES
    again = secret_files(tmp_path)
    assert (again["changed"], again["made"], again["digest"]) == (False, [], first["digest"])
    assert {name: (tmp_path / name).read_text(encoding="ascii") for name in NAMES} == made
    assert not any(text in str(first) for text in made.values())


def test_a_secret_that_is_there_is_kept_and_closed_to_others(tmp_path: Path) -> None:
    own = tmp_path / "api_key"
    own.write_text("sk-my-own\n", encoding="ascii")
    os.chmod(own, 0o644)
    found = secret_files(tmp_path)
    assert (found["made"], found["closed"]) == (["engine_key"], ["api_key"])
    assert own.read_text(encoding="ascii") == "sk-my-own\n"
    assert own.stat().st_mode & 0o777 == 0o600


def test_another_secret_is_another_digest(tmp_path: Path) -> None:
    before = secret_files(tmp_path)["digest"]
    (tmp_path / "engine_key").write_text("another", encoding="ascii")
    assert secret_files(tmp_path)["digest"] != before


def test_check_mode_makes_nothing(tmp_path: Path) -> None:
    found = secret_files(tmp_path / "not-there-yet", check=True)
    assert (found["changed"], found["made"], found["digest"]) == (True, NAMES, "")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_secret_is_no_secret(tmp_path: Path) -> None:
    (tmp_path / "api_key").touch()
    found = secret_files(tmp_path)
    assert found["failed"] is True
    assert "is empty" in found["msg"]
    assert not (tmp_path / "engine_key").exists()


def test_without_the_folder_nothing_is_written_elsewhere(tmp_path: Path) -> None:
    found = secret_files(tmp_path / "missing")
    assert found["failed"] is True
    assert str(tmp_path / "missing") in found["msg"]
