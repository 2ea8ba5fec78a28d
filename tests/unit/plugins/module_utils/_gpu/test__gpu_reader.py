# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import os
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._process import Ended
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._reader import Reader
from ansible_collections.inferhost.llm.tests.unit.plugins.host_tree import FOLDER, LINK, failed, put, reader


def test_a_file_that_is_there(tmp_path: Path) -> None:
    host = reader(tmp_path, {"/etc/one": "text\n"})
    assert (host.text("/etc/one"), host.word("/etc/one"), host.data("/etc/one")) == ("text\n", "text", b"text\n")
    assert host.unread == []


def test_a_missing_file_is_noted_only_where_it_is_expected(tmp_path: Path) -> None:
    host = reader(tmp_path, {})
    assert host.text("/etc/one") is None and host.names("/etc") == []
    assert host.unread == []
    assert host.text("/etc/one", expected=True) is None
    assert host.unread == [{"what": "/etc/one", "why": "no such file or directory"}]


def test_a_file_that_cannot_be_read_is_noted_once(tmp_path: Path) -> None:
    # A folder in place of the file fails for root too, which permissions do not.
    host = reader(tmp_path, {"/etc/one": FOLDER})
    assert host.text("/etc/one") is None and host.text("/etc/one") is None
    assert host.unread == [{"what": "/etc/one", "why": "is a directory"}]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission(tmp_path: Path) -> None:
    host = reader(tmp_path, {"/etc/one": "text"})
    (tmp_path / "etc/one").chmod(0)
    assert host.text("/etc/one") is None
    assert host.unread == [{"what": "/etc/one", "why": "permission denied"}]


def test_bytes_that_are_no_text_do_not_stop_anything(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"\xff\xfe")
    assert reader(tmp_path, {}).text("/one") == "\ufffd\ufffd"


def test_links_stay_below_the_root(tmp_path: Path) -> None:
    host = reader(
        tmp_path, {"/run/cdi/one": "inside", "/var/run": LINK + "/run", "/lib": LINK + "usr/lib", "/usr/lib/two": "here", "/usr/up": LINK + "../../../run/cdi"}
    )
    assert host.text("/var/run/cdi/one") == "inside"
    assert host.text("/lib/two") == "here"
    assert host.names("/usr/up") == ["one"]
    assert host.link("/var/run") == "/run" and host.link("/run") is None


def test_a_link_to_itself_ends(tmp_path: Path) -> None:
    assert reader(tmp_path, {"/loop": LINK + "/loop"}).text("/loop/file") is None


def test_sysfs_and_procfs_may_be_elsewhere(tmp_path: Path) -> None:
    put(tmp_path, {"/a/kernel/x": "from sysfs", "/b/version": "from procfs"})
    host = Reader(str(tmp_path / "nothing"), str(tmp_path / "a"), str(tmp_path / "b"))
    assert (host.text("/sys/kernel/x"), host.text("/proc/version"), host.text("/system")) == ("from sysfs", "from procfs", None)


def test_programs_and_how_they_end(tmp_path: Path) -> None:
    host = reader(
        tmp_path, {}, {"good": "output", "bad": failed(3, "first\nwhy\n"), "silent": failed(4, ""), "stuck": Ended("hang", 0, "", "", "no answer within 1 s")}
    )
    assert [host.output([name, "-x"]) for name in ("good", "bad", "silent", "stuck", "missing")] == ["output", None, None, None, None]
    assert host.unread == [
        {"what": "bad -x", "why": "why"},
        {"what": "silent -x", "why": "exit status 4"},
        {"what": "stuck -x", "why": "no answer within 1 s"},
        {"what": "missing", "why": "no such program"},
    ]


def test_below_another_root_no_program_is_run(tmp_path: Path) -> None:
    host = Reader(str(tmp_path))
    assert host.output(["true"]) is None
    assert host.unread == [{"what": "true", "why": "not run: it would describe this system and not the one below %s" % tmp_path}]


def test_real_programs() -> None:
    host = Reader(timeout=20)
    assert host.output(["echo", "word"]) == "word\n"
    assert host.output(["inferhost-no-such-program"]) is None
    assert host.unread == [{"what": "inferhost-no-such-program", "why": "no such program"}]


def test_a_collector_that_fails_leaves_a_note(tmp_path: Path) -> None:
    host = reader(tmp_path, {})
    assert host.guard("sums", lambda: 1 // int("0")) is None
    assert host.guard("words", lambda: "fine") == "fine"
    assert host.unread == [{"what": "sums", "why": "ZeroDivisionError: integer division or modulo by zero"}]
