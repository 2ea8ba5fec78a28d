# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The listening socket, and a useful answer when its port is taken."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

LISTEN = "0A"
OPTIONS = (
    (socket.SOL_SOCKET, socket.SO_REUSEADDR, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
)


class ListenError(Exception):
    """The address cannot be listened on; the message is one line for the operator."""


def listen(host: str, port: int, stall_seconds: int, backlog: int = 2048) -> socket.socket:
    """A socket that listens on the first address of `host`.

    Its connections inherit what makes the kernel drop a client that vanished without a word, or that takes nothing for
    `stall_seconds`; a close alone would wait for such a client for ever.
    """
    try:
        family, kind, proto, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as exc:
        raise ListenError(f"cannot listen on {host}: {exc.strerror}; set `host` to an address of this machine") from exc
    listener = socket.socket(family, kind, proto)
    try:
        for level, option, value in OPTIONS:
            listener.setsockopt(level, option, value)
        limit_stalls(listener, stall_seconds)
        listener.bind(address)
        listener.listen(backlog)
    except OSError as exc:
        listener.close()
        raise ListenError(_explain(host, port, exc)) from exc
    return listener


def limit_stalls(listener: socket.socket, seconds: int) -> None:
    """So long a client of a connection accepted from now on may take nothing."""
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, seconds * 1000)


def _explain(host: str, port: int, exc: OSError) -> str:
    if exc.errno == errno.EADDRINUSE:
        by = holder(port) or "another process (its name is visible to root alone)"
        return f"port {port} on {host} is already taken by {by}; stop it, or choose another port"
    if exc.errno == errno.EADDRNOTAVAIL:
        return f"{host} is not an address of this machine; set `host` to one that is"
    if exc.errno == errno.EACCES:
        return f"port {port} needs root; choose one above 1023"
    return f"cannot listen on {host}:{port}: {exc.strerror or exc}"


def holder(port: int) -> str | None:
    """The process that listens on a TCP port, as far as this user may see it. Its arguments stay out: they may hold
    secrets."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    if not sockets:
        return None
    for process in Path("/proc").glob("[0-9]*"):
        if any(link in sockets for link in _links(process / "fd")):
            return f"{_name(process)} (pid {process.name})"
    return None


def _listening_inodes(port: int) -> Iterator[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if fields[3] == LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]


def _links(folder: Path) -> Iterator[str]:
    try:
        entries = list(folder.iterdir())
    except OSError:
        return
    for entry in entries:
        try:
            yield os.readlink(entry)
        except OSError:
            continue


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "a process"
