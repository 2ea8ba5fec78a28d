# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Who listens on which TCP port, read from /proc (proc_net_tcp(5)), with or without root."""

from __future__ import annotations

import os
from dataclasses import dataclass

_LISTEN = "0A"


@dataclass(frozen=True)
class Listener:
    """A listening TCP socket. ``pid`` is 0 and the texts are empty when its owner cannot be seen without root."""

    address: str
    port: int
    uid: int
    pid: int
    command: str
    # Command line of the process that started it, and its control group: they tell a service manager's child.
    parent: str = ""
    group: str = ""

    def describe(self) -> str:
        if self.pid:
            return f"process {self.pid} ({self.command[:120]})"
        return f"a process of user id {self.uid} (run with more rights to see which)"


def parse_address(hexadecimal: str) -> str:
    """Address of /proc/net/tcp or tcp6 in its usual notation; words are in the byte order of the (little-endian) host."""
    words = [bytes.fromhex(hexadecimal[index : index + 8])[::-1] for index in range(0, len(hexadecimal), 8)]
    raw = b"".join(words)
    if len(raw) == 4:
        return ".".join(str(byte) for byte in raw)
    groups = [f"{raw[index] << 8 | raw[index + 1]:x}" for index in range(0, 16, 2)]
    return ":".join(groups)


def parse_listening(table: str) -> list[tuple[str, int, int, str]]:
    """Listening sockets of one /proc/net/tcp* table as (address, port, uid, inode)."""
    rows: list[tuple[str, int, int, str]] = []
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 10 or fields[3] != _LISTEN:
            continue
        address, _colon, port = fields[1].partition(":")
        rows.append((parse_address(address), int(port, 16), int(fields[7]), fields[9]))
    return rows


def _owners(proc: str, inodes: set[str]) -> dict[str, int]:
    """Process id by socket inode, for the processes that may be looked into."""
    owners: dict[str, int] = {}
    for entry in os.listdir(proc):
        if not entry.isdigit():
            continue
        folder = os.path.join(proc, entry, "fd")
        try:
            handles = os.listdir(folder)
        except OSError:
            continue
        for handle in handles:
            try:
                target = os.readlink(os.path.join(folder, handle))
            except OSError:
                continue
            if target.startswith("socket:[") and target[8:-1] in inodes:
                owners[target[8:-1]] = int(entry)
    return owners


def command_line(pid: int, proc: str = "/proc") -> str:
    """Command line of a process, words joined by blanks; empty when it is gone."""
    try:
        with open(os.path.join(proc, str(pid), "cmdline"), "rb") as stream:
            return stream.read().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        return ""


def _parent(pid: int, proc: str) -> int:
    """Process id of the parent (proc_pid_stat(5), field 4, counted after the name in parentheses); 0 when the process is gone."""
    try:
        with open(os.path.join(proc, str(pid), "stat"), encoding="utf-8", errors="replace") as stream:
            return int(stream.read().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return 0


def _group(pid: int, proc: str) -> str:
    try:
        with open(os.path.join(proc, str(pid), "cgroup"), encoding="utf-8") as stream:
            return stream.read().strip()
    except OSError:
        return ""


def _listener(address: str, port: int, uid: int, pid: int, proc: str) -> Listener:
    if pid == 0:
        return Listener(address, port, uid, 0, "")
    return Listener(address, port, uid, pid, command_line(pid, proc), command_line(_parent(pid, proc), proc), _group(pid, proc))


def listeners(proc: str = "/proc") -> list[Listener]:
    """All listening TCP sockets of the network namespace this process is in."""
    rows: list[tuple[str, int, int, str]] = []
    for name in ("tcp", "tcp6"):
        path = os.path.join(proc, "net", name)
        if os.path.exists(path):
            with open(path, encoding="ascii") as stream:
                rows += parse_listening(stream.read())
    owners = _owners(proc, {row[3] for row in rows})
    found: list[Listener] = []
    for address, port, uid, inode in rows:
        found.append(_listener(address, port, uid, owners.get(inode, 0), proc))
    return found
