# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks for keys where they must not be. Reports places, never content.

A key is only ever compared as bytes in this process; results name the file it came from and the place it was found in.
"""

from __future__ import annotations

import os
import stat
import subprocess
import typing as t
from dataclasses import dataclass, field

Json = dict[str, t.Any]

BLOCK = 1024 * 1024
# A shorter word would be found by chance.
SHORTEST_KEY = 12
LARGEST_FILE = 512 * 1024 * 1024
JOURNAL_SECONDS = 60


@dataclass
class Report:
    """``leaks`` are {kind, where, key_file}; ``skipped`` are {where, why}; ``modes`` are {path, mode, wanted}."""

    leaks: list[dict[str, str]] = field(default_factory=list)
    skipped: list[dict[str, str]] = field(default_factory=list)
    modes: list[dict[str, str]] = field(default_factory=list)
    files: int = 0
    bytes: int = 0
    processes: int = 0
    journal_bytes: int = 0

    def skip(self, where: str, why: str) -> None:
        self.skipped.append({"where": where, "why": why})


Needles = t.Mapping[str, bytes]


class Search:
    """Which keys occur in a stream of blocks, also across the border of two."""

    def __init__(self, needles: Needles) -> None:
        self._open = dict(needles)
        self._tail = b""
        self._keep = max((len(needle) for needle in needles.values()), default=1) - 1
        self.found: list[str] = []

    def feed(self, block: bytes) -> None:
        text = self._tail + block
        for name, needle in list(self._open.items()):
            if needle in text:
                self.found.append(name)
                del self._open[name]
        self._tail = text[-self._keep :] if self._keep else b""


def read_needles(key_files: t.Iterable[str], report: Report) -> dict[str, bytes]:
    """The keys by the file they are in, every file where a folder is given. What cannot be looked for is reported as skipped."""
    needles = {}
    for path in _expanded(key_files, report):
        try:
            with open(path, "rb") as stream:
                key = stream.read(8192).strip()
        except OSError as error:
            report.skip(path, f"the key file cannot be read ({error.strerror})")
            continue
        if len(key) < SHORTEST_KEY:
            report.skip(path, f"the key is shorter than {SHORTEST_KEY} characters, so it would be found by chance")
            continue
        # Some programs write a key without its prefix.
        needles[path] = key[3:] if key.startswith(b"sk-") and len(key) - 3 >= SHORTEST_KEY else key
    return needles


def _expanded(paths: t.Iterable[str], report: Report) -> t.Iterator[str]:
    for path in paths:
        if os.path.isdir(path):
            yield from _walk(path, (), report)
        else:
            yield path


def scan_files(roots: t.Iterable[str], excluded: t.Collection[str], needles: Needles, report: Report) -> None:
    """Every regular file below the roots; links are not followed, excluded folders not entered."""
    outside = {os.path.normpath(path) for path in excluded}
    for root in roots:
        for path in _walk(os.path.normpath(root), outside, report):
            _scan_file(path, needles, report)


def _walk(root: str, outside: t.Collection[str], report: Report) -> t.Iterator[str]:
    if root in outside or os.path.islink(root):
        return
    if not os.path.isdir(root):
        if os.path.lexists(root):
            yield root
        return
    try:
        entries = sorted(os.scandir(root), key=lambda entry: entry.name)
    except OSError as error:
        report.skip(root, f"cannot be read ({error.strerror})")
        return
    for entry in entries:
        yield from _walk(entry.path, outside, report)


def _scan_file(path: str, needles: Needles, report: Report) -> None:
    search = Search(needles)
    try:
        info = os.lstat(path)
        if not stat.S_ISREG(info.st_mode):
            return
        if info.st_size > LARGEST_FILE:
            report.skip(path, f"larger than {LARGEST_FILE} bytes")
            return
        with open(path, "rb") as stream:
            for block in iter(lambda: stream.read(BLOCK), b""):
                report.bytes += len(block)
                search.feed(block)
    except FileNotFoundError:
        return  # logs rotate while we look
    except OSError as error:
        report.skip(path, f"cannot be read ({error.strerror})")
        return
    report.files += 1
    _found(search, "file", path, report)


def scan_processes(needles: Needles, report: Report, proc: str = "/proc") -> None:
    """Command lines of all processes: every local user can read them."""
    for pid in sorted((name for name in os.listdir(proc) if name.isdigit()), key=int):
        search = Search(needles)
        try:
            with open(os.path.join(proc, pid, "cmdline"), "rb") as stream:
                search.feed(stream.read())
            with open(os.path.join(proc, pid, "comm"), encoding="utf-8", errors="replace") as stream:
                name = stream.read().strip()
        except OSError:
            continue  # it ended
        report.processes += 1
        _found(search, "argv", f"process {pid} ({name})", report)


def scan_journal(units: t.Sequence[str], needles: Needles, report: Report, journalctl: str = "journalctl") -> None:
    """What the units wrote to the journal, as far as it may be read."""
    command = [journalctl, "--no-pager", "--quiet", "--output=cat", "--all"]
    for unit in units:
        command += ["--unit", unit]
    search = Search(needles)
    try:
        with subprocess.Popen(["timeout", str(JOURNAL_SECONDS), *command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as reader:
            stream = t.cast("t.IO[bytes]", reader.stdout)
            block = stream.read(BLOCK)
            while block:
                report.journal_bytes += len(block)
                search.feed(block)
                block = stream.read(BLOCK)
        code = reader.returncode
    except OSError as error:
        report.skip("journal", f"cannot be read ({error.strerror})")
        return
    if code == 127:
        report.skip("journal", "this host has no journalctl")
    elif code != 0:
        report.skip("journal", f"journalctl ended with status {code}")
    _found(search, "journal", f"journal of {', '.join(units)}", report)


def check_modes(private: t.Iterable[str], report: Report) -> None:
    """Folders and files that only their owner may open: 0700 and 0600 at most, in all depth."""
    for root in private:
        for path in _tree(root):
            try:
                mode = os.lstat(path).st_mode
            except OSError:
                continue
            if stat.S_ISLNK(mode):
                continue
            wanted = 0o700 if stat.S_ISDIR(mode) else 0o600
            if stat.S_IMODE(mode) & ~wanted & 0o777:
                report.modes.append({"path": path, "mode": f"{stat.S_IMODE(mode):04o}", "wanted": f"{wanted:04o}"})


def _tree(root: str) -> t.Iterator[str]:
    yield root
    for folder, folders, files in os.walk(root):
        for name in sorted(folders) + sorted(files):
            yield os.path.join(folder, name)


def _found(search: Search, kind: str, where: str, report: Report) -> None:
    for key_file in search.found:
        report.leaks.append({"kind": kind, "where": where, "key_file": key_file})


_LEAKED: t.Mapping[str, tuple[str, str, str]] = {
    # kind: (title, cause, fix)
    "argv": (
        "A key is on a command line",
        "it was given as an argument, where every local user can read it",
        "ansible-playbook inferhost.llm.site  # starts the services with their keys in files; then make a new key",
    ),
    "file": ("A key is in a file", "a program logged it, or somebody copied it", "rm {quoted}  # or remove the line; then make a new key"),
    "journal": ("A key is in the journal", "the service logged it", "journalctl --rotate && journalctl --vacuum-time=1s  # then make a new key"),
}


def findings_of(report: Report) -> list[dict[str, str]]:
    found = []
    for leak in report.leaks:
        title, cause, fix = _LEAKED[leak["kind"]]
        found.append(_finding("critical", title, f"{leak['where']} holds the key of {leak['key_file']}", cause, fix.format(quoted=_quoted(leak["where"]))))
    for entry in report.modes:
        fix = f"chmod {entry['wanted']} {_quoted(entry['path'])}"
        found.append(
            _finding("error", "A secret can be read by others", f"{entry['path']} has mode {entry['mode']}", "it was made or copied with a wide mode", fix)
        )
    return found


def _finding(severity: str, title: str, seen: str, cause: str, fix: str) -> dict[str, str]:
    return {"id": "L72", "severity": severity, "title": title, "seen": seen, "cause": cause, "fix": fix}


def _quoted(path: str) -> str:
    return "'" + path.replace("'", "'\\''") + "'"
