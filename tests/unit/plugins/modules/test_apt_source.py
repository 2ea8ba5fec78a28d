# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A repository's key and entry, from a server on loopback; the key was made for the test of its fingerprint."""

from __future__ import annotations

import http.server
import threading
import typing as t
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.tests.unit.plugins.module_utils._apt.test__openpgp import ARMOURED, BINARY, FINGERPRINT
from ansible_collections.inferhost.llm.tests.unit.plugins.run_module import run_module

URL = "http://packages.invalid/debian12/x86_64/"


class _Keys(http.server.BaseHTTPRequestHandler):
    asked: t.ClassVar[t.List[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(200 if self.path == "/key.asc" else 404)
        self.end_headers()
        self.wfile.write(ARMOURED if self.path == "/key.asc" else b"")

    def log_message(self, format: str, *args: t.Any) -> None:
        pass


@pytest.fixture(name="server")
def _server() -> t.Iterator[str]:
    _Keys.asked.clear()
    with http.server.HTTPServer(("127.0.0.1", 0), _Keys) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield "http://127.0.0.1:%d/" % server.server_port
        server.shutdown()


def source(folder: Path, server: str, check: bool = False, **options: t.Any) -> t.Dict[str, t.Any]:
    entries = folder / "sources.list.d"
    entries.mkdir(exist_ok=True)
    given = {"name": "ours", "url": URL, "key_url": server + "key.asc", "fingerprint": FINGERPRINT, "keyring": str(folder / "ours.gpg"), **options}
    return run_module("apt_source", {"sources_dir": str(entries), **given}, check=check)


def test_key_and_entry_are_written_once(tmp_path: Path, server: str) -> None:
    first = source(tmp_path, server)
    assert first["changed"]
    assert (tmp_path / "ours.gpg").read_bytes() == BINARY
    assert (tmp_path / "sources.list.d/ours.list").read_text() == "deb [signed-by=%s] %s /\n" % (tmp_path / "ours.gpg", URL)
    assert not source(tmp_path, server)["changed"]
    assert _Keys.asked == ["/key.asc"]


def test_check_mode_fetches_and_writes_nothing(tmp_path: Path, server: str) -> None:
    assert source(tmp_path, server, check=True)["changed"]
    assert not list((tmp_path / "sources.list.d").iterdir())
    assert _Keys.asked == []


def test_a_key_with_another_fingerprint_is_not_trusted(tmp_path: Path, server: str) -> None:
    result = source(tmp_path, server, fingerprint="EB69 3B30 35CD 5710 E231  E123 A4B4 6996 3BF8 63CC")
    assert result["failed"]
    assert "has the fingerprint %s and not EB693B3035CD5710E231E123A4B469963BF863CC" % FINGERPRINT in result["msg"]
    assert not list((tmp_path / "sources.list.d").iterdir())
    assert not (tmp_path / "ours.gpg").exists()


def test_a_key_that_is_not_there(tmp_path: Path, server: str) -> None:
    assert "could not be fetched" in source(tmp_path, server, key_url=server + "other")["msg"]


def test_an_entry_of_somebody_else_stays(tmp_path: Path, server: str) -> None:
    (tmp_path / "sources.list.d").mkdir()
    theirs = tmp_path / "sources.list.d/cuda-debian12-x86_64.list"
    theirs.write_text("# deb %s /\ndeb [signed-by=/usr/share/keyrings/cuda.gpg] %s /\n" % (URL, URL.rstrip("/")))
    result = source(tmp_path, server)
    assert (result["changed"], result["entry"]) == (False, str(theirs))
    theirs.write_text("# deb %s /\n" % URL)
    assert source(tmp_path, server)["changed"]


def test_absent_takes_both_files_away(tmp_path: Path, server: str) -> None:
    source(tmp_path, server)
    assert source(tmp_path, server, state="absent", check=True)["changed"]
    assert (tmp_path / "ours.gpg").exists()
    assert source(tmp_path, server, state="absent")["changed"]
    assert not (tmp_path / "ours.gpg").exists()
    assert not source(tmp_path, server, state="absent")["changed"]
