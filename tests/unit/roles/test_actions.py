# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The actions that bring files from the controller, run as a playbook runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]


def play(folder: Path, module: str, options: dict[str, Any], *flags: str) -> dict[str, Any]:
    """What the module returned on this machine; `failed` and `msg` where it failed."""
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
        "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json",
    }
    task = {"name": "Run it", f"inferhost.llm.{module}": options}
    playbook = folder / "play.json"
    playbook.write_text(json.dumps([{"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": [task]}]), encoding="utf-8")
    command = [
        "ansible-playbook", "-i", "localhost,", "-e", json.dumps({"ansible_python_interpreter": sys.executable}), *flags, str(playbook)
    ]  # fmt: skip
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    # The progress of a task that takes long comes first.
    result: dict[str, Any] = json.loads(done.stdout[done.stdout.index("{\n") :])["plays"][0]["tasks"][0]["hosts"]["localhost"]
    return result


@pytest.fixture
def host(tmp_path: Path) -> Path:
    (tmp_path / "host").mkdir()
    return tmp_path / "host"


def tree(tmp_path: Path, host: Path, *flags: str, **options: Any) -> dict[str, Any]:
    return play(tmp_path, "tree", {"dest": str(host / "tree"), **options}, *flags)


def files(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_tree_follows_its_source(tmp_path: Path, host: Path) -> None:
    source = tmp_path / "source"
    (source / "sub").mkdir(parents=True)
    (source / "a").write_text("1", encoding="utf-8")
    (source / "sub/b").write_text("2", encoding="utf-8")
    assert tree(tmp_path, host, "--check", src=str(source))["brought"] == ["a", "sub/b"]
    assert not (host / "tree").exists()
    assert tree(tmp_path, host, src=str(source))["changed"] is True
    assert tree(tmp_path, host, src=str(source))["changed"] is False
    (source / "a").unlink()
    (host / "tree/sub/b").write_text("damaged", encoding="utf-8")
    (host / "tree/other").write_text("not ours", encoding="utf-8")
    assert tree(tmp_path, host, src=str(source), purge=False)["brought"] == ["sub/b"]
    assert files(host / "tree") == {"a": "1", "other": "not ours", "sub/b": "2"}
    assert tree(tmp_path, host, src=str(source))["removed"] == ["a", "other"]
    assert files(host / "tree") == {"sub/b": "2"}


def test_a_tree_of_given_contents_keeps_them_to_itself(tmp_path: Path, host: Path) -> None:
    contents = {"env": "OPENAI_API_KEY=sk-hidden\n", "sub/settings.json": "{}\n"}
    made = tree(tmp_path, host, "--diff", contents=contents, mode="0600")
    assert made["brought"] == ["env", "sub/settings.json"]
    assert "sk-hidden" not in json.dumps(made)
    assert files(host / "tree") == contents
    assert (host / "tree/env").stat().st_mode & 0o777 == 0o600
    assert tree(tmp_path, host, contents=contents, mode="0600")["changed"] is False


@pytest.mark.parametrize(
    ("options", "says"),
    [({}, "either src or contents"), ({"src": "/nowhere"}, "/nowhere"), ({"contents": {"a": 1}}, "must be a text")],
)
def test_a_tree_of_nothing_is_refused(tmp_path: Path, host: Path, options: dict[str, Any], says: str) -> None:
    found = tree(tmp_path, host, **options)
    assert found["failed"] is True
    assert says in found["msg"]


def venv(tmp_path: Path, host: Path, *flags: str, **options: Any) -> dict[str, Any]:
    uv = Path(sys.executable).parent / "uv"
    wanted = {
        "path": str(host / "venv"), "lock": str(tmp_path / "x.lock"), "kept_lock": str(host / "kept.lock"), "uv": str(uv),
        "python": sys.executable,
    }  # fmt: skip
    return play(tmp_path, "locked_venv", {**wanted, **options}, *flags)


def test_the_lock_file_travels_when_the_host_has_another_one(tmp_path: Path, host: Path) -> None:
    lock = tmp_path / "x.lock"
    pins = (ROOT / "roles/inferhost/files/supervisor.lock").read_text(encoding="utf-8")
    lock.write_text(pins, encoding="utf-8")
    assert venv(tmp_path, host, "--check")["changed"] is True
    assert list(host.iterdir()) == []
    first = venv(tmp_path, host)
    assert first["changed"] is True, first
    assert (host / "kept.lock").read_text(encoding="utf-8") == lock.read_text(encoding="utf-8")
    again = venv(tmp_path, host)
    assert (again["changed"], again["digest"]) == (False, first["digest"])
    lock.write_text("# not a pin\n", encoding="utf-8")
    refused = venv(tmp_path, host)
    assert "no requirement" in refused["msg"]
    assert (host / "kept.lock").read_text(encoding="utf-8") == pins
    lock.write_text(f"# another file with the same pins\n{pins}", encoding="utf-8")
    assert venv(tmp_path, host, "--check")["changed"] is True
    other = venv(tmp_path, host)
    assert (other["changed"], other["changes"]) == (True, [])
    assert other["digest"] != first["digest"]
    assert "needs_lock" not in other


def test_a_lock_that_is_not_there_is_named(tmp_path: Path, host: Path) -> None:
    found = venv(tmp_path, host, lock="/nowhere/x.lock")
    assert found["failed"] is True
    assert "/nowhere/x.lock" in found["msg"]
