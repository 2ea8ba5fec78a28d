# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils import _leak as leak

KEY = "sk-zW8rT2qYp0LkJh5GfD3s"


@pytest.fixture(name="key_file")
def make_key_file(tmp_path: Path) -> Path:
    secrets = tmp_path / "secrets"
    secrets.mkdir(mode=0o700)
    file = secrets / "api_key"
    file.write_text(KEY + "\n")
    file.chmod(0o600)
    return file


def needles_of(key_file: Path) -> tuple[leak.Needles, leak.Report]:
    report = leak.Report()
    return leak.read_needles([str(key_file)], report), report


def test_every_border_between_blocks() -> None:
    text = b"before " + KEY.encode() + b" after"
    for at in range(len(text) + 1):
        search = leak.Search({"k": KEY.encode()})
        search.feed(text[:at])
        search.feed(text[at:])
        assert search.found == ["k"], at
    drip = leak.Search({"k": KEY.encode(), "other": b"not-in-there-at-all"})
    for byte in text:
        drip.feed(bytes([byte]))
    assert drip.found == ["k"]


def test_a_folder_of_keys_is_all_its_files(key_file: Path) -> None:
    other = key_file.parent / "engine_key"
    other.write_text("0123456789abcdef")
    assert set(leak.read_needles([str(key_file.parent)], leak.Report())) == {str(key_file), str(other)}


def test_files_are_searched_in_all_depth(tmp_path: Path, key_file: Path) -> None:
    (tmp_path / "log" / "old").mkdir(parents=True)
    (tmp_path / "log" / "clean.log").write_text("nothing here")
    leaking = tmp_path / "log" / "old" / "vllm.log"
    leaking.write_text("x" * (leak.BLOCK - 5) + KEY)
    (tmp_path / "log" / "link").symlink_to(key_file)
    needles, report = needles_of(key_file)
    leak.scan_files([str(tmp_path)], [str(key_file.parent)], needles, report)
    assert report.leaks == [{"kind": "file", "where": str(leaking), "key_file": str(key_file)}]
    assert report.files == 2
    assert report.bytes == leak.BLOCK - 5 + len(KEY) + len("nothing here")


def test_a_key_without_its_prefix_is_found(tmp_path: Path, key_file: Path) -> None:
    (tmp_path / "a.log").write_text("key=" + KEY[3:])
    needles, report = needles_of(key_file)
    leak.scan_files([str(tmp_path / "a.log")], [], needles, report)
    assert len(report.leaks) == 1


def test_without_the_exclusion_the_key_file_itself_is_a_leak(key_file: Path) -> None:
    """The search does find what it is given: an empty result is not for lack of looking."""
    needles, report = needles_of(key_file)
    leak.scan_files([str(key_file.parent)], [], needles, report)
    assert [entry["where"] for entry in report.leaks] == [str(key_file)]


def test_a_real_process_with_the_key_in_its_arguments(key_file: Path) -> None:
    needles, report = needles_of(key_file)
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; print(flush=True); sys.stdin.read()", f"--api-key={KEY}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        leak.scan_processes(needles, report)
        child.kill()
    assert [entry["kind"] for entry in report.leaks] == ["argv"]
    assert f"process {child.pid} (" in report.leaks[0]["where"]
    assert report.processes > 1


def test_processes_of_another_tree(tmp_path: Path, key_file: Path) -> None:
    for pid, cmdline in (("7", b"vllm\0serve\0"), ("12", b"vllm\0--api-key\0" + KEY.encode() + b"\0"), ("self", b"")):
        (tmp_path / "proc" / pid).mkdir(parents=True)
        (tmp_path / "proc" / pid / "cmdline").write_bytes(cmdline)
        (tmp_path / "proc" / pid / "comm").write_text("vllm\n")
    needles, report = needles_of(key_file)
    leak.scan_processes(needles, report, str(tmp_path / "proc"))
    assert [entry["where"] for entry in report.leaks] == ["process 12 (vllm)"]
    assert report.processes == 2


def journal(tmp_path: Path, script: str) -> str:
    program = tmp_path / "journalctl"
    program.write_text("#!/bin/sh\n" + script)
    program.chmod(0o755)
    return str(program)


def test_the_journal_of_the_units(tmp_path: Path, key_file: Path) -> None:
    program = journal(tmp_path, f'echo "$@" > {tmp_path}/asked; echo "start {KEY}"')
    needles, report = needles_of(key_file)
    leak.scan_journal(["inferhost-vllm", "inferhost-proxy"], needles, report, program)
    assert [entry["kind"] for entry in report.leaks] == ["journal"]
    assert "--unit inferhost-vllm --unit inferhost-proxy" in (tmp_path / "asked").read_text()
    assert report.journal_bytes == len(KEY) + len("start \n")


def test_a_journal_that_cannot_be_read_is_said_to_be_skipped(tmp_path: Path, key_file: Path) -> None:
    needles, report = needles_of(key_file)
    leak.scan_journal(["u"], needles, report, journal(tmp_path, "exit 1"))
    leak.scan_journal(["u"], needles, report, str(tmp_path / "none"))
    assert [entry["why"] for entry in report.skipped] == ["journalctl ended with status 1", "this host has no journalctl"]


def test_modes(tmp_path: Path, key_file: Path) -> None:
    report = leak.Report()
    leak.check_modes([str(key_file.parent), str(tmp_path / "not-there")], report)
    assert report.modes == []
    key_file.chmod(0o640)
    key_file.parent.chmod(0o755)
    leak.check_modes([str(key_file.parent)], report)
    assert [(entry["path"], entry["mode"], entry["wanted"]) for entry in report.modes] == [
        (str(key_file.parent), "0755", "0700"),
        (str(key_file), "0640", "0600"),
    ]


@pytest.mark.parametrize("content, why", [("", "shorter"), ("short", "shorter"), (None, "cannot be read")])
def test_a_key_that_cannot_be_looked_for_is_said_to_be_skipped(tmp_path: Path, content: str | None, why: str) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_text(content)
    needles, report = needles_of(file)
    assert needles == {}
    assert why in report.skipped[0]["why"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_cannot_be_read_is_said_to_be_skipped(tmp_path: Path, key_file: Path) -> None:
    closed = tmp_path / "closed.log"
    closed.write_text(KEY)
    closed.chmod(0)
    needles, report = needles_of(key_file)
    leak.scan_files([str(closed)], [], needles, report)
    assert [entry["where"] for entry in report.skipped] == [str(closed)]


def test_no_result_carries_a_key(tmp_path: Path, key_file: Path) -> None:
    (tmp_path / "a b'c.log").write_text(f"Bearer {KEY}")
    key_file.chmod(0o644)
    needles, report = needles_of(key_file)
    leak.scan_files([str(tmp_path / "a b'c.log")], [], needles, report)
    leak.check_modes([str(key_file)], report)
    findings = leak.findings_of(report)
    assert [(finding["id"], finding["severity"]) for finding in findings] == [("L72", "critical"), ("L72", "error")]
    assert findings[0]["fix"].startswith(f"rm '{tmp_path}/a b'\\''c.log'")
    assert findings[1]["fix"] == f"chmod 0600 '{key_file}'"
    assert KEY[3:] not in json.dumps([asdict(report), findings])
