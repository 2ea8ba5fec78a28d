# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module on real files in a home folder."""

from __future__ import annotations

import json
import os
import typing as t
from pathlib import Path

from ansible_collections.inferhost.llm.tests.unit.plugins.run_module import run_module

CONTENT = {"model": "inferhost/tiny", "provider": {"inferhost": {"name": "inferhost"}}}


def managed_json(home: Path, check: bool = False, **options: t.Any) -> dict[str, t.Any]:
    files = {"path": str(home / ".config/opencode/opencode.json"), "record": str(home / ".config/inferhost/opencode.record.json")}
    return run_module("managed_json", {**files, "content": CONTENT, "_ansible_diff": True, **options}, check=check)


def everything(home: Path) -> dict[str, str]:
    return {str(path.relative_to(home)): path.read_text(encoding="utf-8") if path.is_file() else "" for path in sorted(home.rglob("*"))}


def owned_file(home: Path, text: str) -> Path:
    path = home / ".config/opencode/opencode.json"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_a_home_without_settings_gets_them_and_loses_them_again(tmp_path: Path) -> None:
    assert managed_json(tmp_path, check=True)["changed"] is True
    assert everything(tmp_path) == {}
    assert managed_json(tmp_path)["changed"] is True
    path = tmp_path / ".config/opencode/opencode.json"
    assert json.loads(path.read_text(encoding="utf-8")) == CONTENT
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert managed_json(tmp_path)["changed"] is False
    assert managed_json(tmp_path, check=True)["changed"] is False
    assert managed_json(tmp_path, check=True, state="absent")["changed"] is True
    assert managed_json(tmp_path, state="absent")["changed"] is True
    assert everything(tmp_path) == {}
    assert managed_json(tmp_path, state="absent")["changed"] is False


def test_what_is_made_may_be_readable_for_all(tmp_path: Path) -> None:
    managed_json(tmp_path, mode="0644")
    path = tmp_path / ".config/opencode/opencode.json"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o644, 0o755)
    result = managed_json(tmp_path, mode="u=rw")
    assert result["failed"] is True and "no octal number" in result["msg"]


def test_a_damaged_file_is_named_with_its_line(tmp_path: Path) -> None:
    # Not a comma at the end: Python 3.13 places that error at the comma, the others at the brace.
    damaged = '{\n  "a": 1,\n  b\n}\n'
    path = owned_file(tmp_path, damaged)
    result = managed_json(tmp_path, check=True)
    assert result["failed"] is True
    assert str(path) in result["msg"] and "line 3 column 3" in result["msg"]
    assert path.read_text(encoding="utf-8") == damaged


def test_settings_of_the_owner_survive_both_ways(tmp_path: Path) -> None:
    theirs = {"model": "other/large", "provider": {"other": {"options": {"apiKey": "their-secret"}}}}
    path = owned_file(tmp_path, json.dumps(theirs))
    os.chmod(path, 0o640)
    result = managed_json(tmp_path)
    assert result["kept"] == ["model"]
    assert json.loads(path.read_text(encoding="utf-8"))["provider"] == {**theirs["provider"], **CONTENT["provider"]}  # type: ignore[dict-item]
    assert path.stat().st_mode & 0o777 == 0o640
    assert json.loads(Path(result["backup_file"]).read_text(encoding="utf-8")) == theirs
    assert "their-secret" not in json.dumps(result)
    assert result["diff"]["after"] == 'provider.inferhost.name: "inferhost"\n'
    assert managed_json(tmp_path)["changed"] is False
    managed_json(tmp_path, state="absent")
    assert json.loads(path.read_text(encoding="utf-8")) == theirs
    assert sorted(everything(tmp_path)) == [".config", ".config/opencode", ".config/opencode/opencode.json"]


def test_the_copy_stays_when_the_owner_changed_the_file_since(tmp_path: Path) -> None:
    path = owned_file(tmp_path, '{"theme": "dark"}')
    backup = Path(managed_json(tmp_path)["backup_file"])
    document = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**document, "theme": "light"}), encoding="utf-8")
    managed_json(tmp_path, state="absent")
    assert json.loads(path.read_text(encoding="utf-8")) == {"theme": "light"}
    assert json.loads(backup.read_text(encoding="utf-8")) == {"theme": "dark"}


def test_comments_are_refused_and_the_file_stays(tmp_path: Path) -> None:
    path = owned_file(tmp_path, '{\n  // mine\n  "theme": "dark"\n}\n')
    before = everything(tmp_path)
    result = managed_json(tmp_path)
    assert result["failed"] is True
    assert str(path) in result["msg"] and "line 2" in result["msg"] and "Remove comments" in result["msg"]
    assert everything(tmp_path) == before


def test_a_list_is_refused(tmp_path: Path) -> None:
    owned_file(tmp_path, "[]")
    assert "holds a list where an object is expected" in managed_json(tmp_path)["msg"]
