# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proxy is given digests; a rotation loses nothing wherever it is interrupted, and shows no key."""

from __future__ import annotations

import hashlib
import json
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils import _client_keys
from ansible_collections.inferhost.llm.tests.unit.plugins.run_module import run_module

KEYS = {"main": "api_key", "alice": "proxy_key_alice"}
DAY = 86400


def sha(key: str) -> str:
    return "sha256:" + hashlib.sha256(key.encode()).hexdigest()


@pytest.fixture(name="root")
def made_root(tmp_path: Path) -> Path:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/api_key").write_text("sk-first\n", encoding="ascii")
    (tmp_path / "secrets/proxy_key_alice").write_text("of-alice", encoding="ascii")
    return tmp_path


def client_keys(root: Path, check: bool = False, **options: t.Any) -> t.Dict[str, t.Any]:
    return run_module("client_keys", {"secrets": str(root / "secrets"), "digests": str(root / "keys"), "keys": KEYS, **options}, check=check)


def lines(root: Path, label: str = "main") -> t.List[t.List[str]]:
    return [line.split() for line in (root / "keys" / label).read_text(encoding="ascii").splitlines()]


def key(root: Path, name: str = "api_key") -> str:
    return (root / "secrets" / name).read_text(encoding="ascii").strip()


def test_digests_are_written_once_and_closed_to_others(root: Path) -> None:
    first = client_keys(root)
    assert (first["changed"], first["written"], first["rotated"]) == (True, ["alice", "main"], [])
    assert (lines(root), lines(root, "alice")) == ([[sha("sk-first")]], [[sha("of-alice")]])
    assert {path.stat().st_mode & 0o777 for path in (root / "keys").iterdir()} == {0o600}
    assert (root / "keys").stat().st_mode & 0o777 == 0o700
    again = client_keys(root)
    assert (again["changed"], again["digest"]) == (False, first["digest"])
    (root / "keys/main").chmod(0o644)
    assert client_keys(root)["changed"] is True
    assert client_keys(root)["changed"] is False


def test_a_key_that_a_person_replaced_is_another_digest(root: Path) -> None:
    before = client_keys(root)
    (root / "secrets/api_key").write_text("sk-by-hand", encoding="ascii")
    after = client_keys(root)
    assert (after["written"], lines(root)) == (["main"], [[sha("sk-by-hand")]])
    assert after["digest"] != before["digest"]


def test_rotation_with_overlap(root: Path) -> None:
    client_keys(root)
    done = client_keys(root, rotate=["main"], overlap_seconds=DAY)
    assert (done["rotated"], done["written"]) == (["main"], ["main"])
    assert key(root).startswith("sk-") and key(root) != "sk-first" and len(key(root)) == 51
    assert key(root, "proxy_key_alice") == "of-alice"
    new, old = lines(root)
    assert (new, old[0]) == ([sha(key(root))], sha("sk-first"))
    assert _client_keys.stamp(0) < old[1]
    assert (root / "secrets/api_key").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in (root / "secrets").iterdir()) == ["api_key", "proxy_key_alice"]
    assert client_keys(root)["changed"] is False, "the old key stays valid until its end"
    second = key(root)
    client_keys(root, rotate=["main"], overlap_seconds=DAY)
    assert [line[0] for line in lines(root)] == [sha(key(root)), sha(second), sha("sk-first")]
    assert key(root) not in json.dumps(done)


def test_a_rotation_without_overlap_ends_keys_of_earlier_ones_too(root: Path) -> None:
    client_keys(root, rotate=["main"], overlap_seconds=DAY)
    assert len(lines(root)) == 2
    client_keys(root, rotate=["main"], overlap_seconds=0)
    assert lines(root) == [[sha(key(root))]]


def test_an_interrupted_rotation_is_ended_as_it_was_wished(root: Path) -> None:
    client_keys(root, rotate=["main"], overlap_seconds=DAY)
    end = lines(root)[1][1]
    (root / "secrets/api_key.next").write_text("sk-upcoming", encoding="ascii")
    client_keys(root, overlap_seconds=0)
    assert [line[0] for line in lines(root)] == [sha("sk-upcoming"), sha("sk-first")]
    assert lines(root)[1][1] == end, "only who rotates decides on the end"


def test_rotation_without_overlap_ends_the_old_key_at_once(root: Path) -> None:
    client_keys(root, rotate=["main", "alice"])
    assert lines(root) == [[sha(key(root))]]
    assert lines(root, "alice") == [[sha(key(root, "proxy_key_alice"))]]
    assert not key(root, "proxy_key_alice").startswith("sk-"), "a key keeps the form that it had"


@pytest.mark.parametrize("reached", ["new key", "digests"])
@pytest.mark.parametrize("again", [[], ["main"]])
def test_an_interrupted_rotation_is_completed_by_the_next_run(root: Path, reached: str, again: t.List[str]) -> None:
    client_keys(root)
    (root / "secrets/api_key.next").write_text("sk-second", encoding="ascii")
    if reached == "digests":
        end = _client_keys.stamp(time.time() + DAY / 2)
        (root / "keys/main").write_text(f"{sha('sk-second')}\n{sha('sk-first')} {end}\n", encoding="ascii")
    done = client_keys(root, rotate=again, overlap_seconds=DAY)
    assert done["rotated"] == ["main"]
    assert key(root) == "sk-second", "a new key that somebody may have seen already is not thrown away"
    assert [line[0] for line in lines(root)] == [sha("sk-second"), sha("sk-first")]
    if reached == "digests":
        assert lines(root)[1][1] == end
    assert client_keys(root)["changed"] is False


def test_what_has_ended_is_taken_out(root: Path) -> None:
    client_keys(root)
    with (root / "keys/main").open("a", encoding="ascii") as stream:
        stream.write(f"{sha('sk-old')} 2020-01-01T00:00:00Z\n{sha('sk-endless')}\n")
    assert client_keys(root)["written"] == ["main"]
    assert lines(root) == [[sha("sk-first")]], "an earlier key without an end is none that a rotation left"


def test_check_mode_changes_nothing(root: Path) -> None:
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    done = client_keys(root, check=True, rotate=["main"], overlap_seconds=DAY)
    assert (done["changed"], done["rotated"], done["written"]) == (True, ["main"], ["alice", "main"])
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
    fresh = client_keys(root / "nothing", check=True)
    assert (fresh["changed"], fresh["digest"]) == (True, "")


def test_mistakes_are_named(root: Path) -> None:
    assert "there is no key bob to rotate; there are: alice, main" in client_keys(root, rotate=["bob"])["msg"]
    (root / "secrets/api_key").write_text("", encoding="ascii")
    assert "secrets/api_key is missing or empty" in client_keys(root)["msg"]
    assert "there is no group nobody-has-this" in client_keys(root, group="nobody-has-this")["msg"]


def test_the_form_of_digests_and_dates() -> None:
    """That the proxy reads them, tests/conformance/test_keys.py shows."""
    assert _client_keys.digest(b" sk-x\n") == sha("sk-x")
    assert _client_keys.stamp(1795257000.9) == "2026-11-21T10:30:00Z"
