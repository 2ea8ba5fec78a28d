# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a filesystem takes so many bytes: what it says of itself, and what it does when asked to set them aside.

A quota shows in the second only: free space is the volume's, the quota is an account's or a folder's.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import resource
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._hub._errors import HubError, kind_of_errno

_WITHOUT = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EPERM)
# Where nothing can be set aside, a little is written.
_TRIAL_BYTES = 1 << 20


class Room(t.NamedTuple):
    """What a filesystem has left; `files` is None where it does not count them."""

    mount: str
    free_bytes: int
    files: t.Optional[int]


def human(size: float) -> str:
    """Bytes for people; short of a MB to the byte."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{int(size)} bytes"


def existing(path: str) -> str:
    """The path, or the nearest folder above it that is there."""
    path = os.path.abspath(path)
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def room_at(path: str) -> Room:
    """Of the filesystem that holds a path, which need not exist yet."""
    path = existing(path)
    status = os.statvfs(path)
    mount = os.path.realpath(path)
    while not os.path.ismount(mount):
        mount = os.path.dirname(mount)
    return Room(mount, status.f_bavail * status.f_frsize, status.f_favail if status.f_files else None)


def check_room(room: Room, coming: int, headroom: int, files: int) -> None:
    """Raise where what is to come does not fit, by what the filesystem says of itself."""
    short = coming + headroom - room.free_bytes
    if short > 0:
        raise HubError(
            "no_space",
            f"{human(coming)} are to come and {human(headroom)} must stay free, {room.mount} has {human(room.free_bytes)} left: "
            f"{human(short)} short, nothing was fetched",
        )
    if room.files is not None and room.files < files:
        raise HubError("no_space", f"{files} files are to come, and {room.mount} has inodes for {room.files}: nothing was fetched")


def check_file_size(largest: int) -> None:
    """Raise where a process may not write a file as large as this."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    if limit not in (resource.RLIM_INFINITY, -1) and largest > limit:
        raise HubError("file_limit", f"the largest has {human(largest)}, this process may write {human(limit)}")


Allocate = t.Callable[[int, int], int]


def allocate(descriptor: int, size: int) -> int:
    """fallocate(2); the number of the error, 0 for none. Not posix_fallocate, which writes where the filesystem cannot."""
    function = getattr(ctypes.CDLL(None, use_errno=True), "fallocate64", None)
    if function is None:
        return errno.ENOSYS
    function.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    return ctypes.get_errno() if function(descriptor, 0, 0, size) else 0


def set_aside(folder: str, size: int, function: Allocate = allocate) -> str:
    """Set bytes aside and give them back; raises HubError where that fails. Gives how it was tried: `allocated` or `written`."""
    if size <= 0:
        return "allocated"
    path = os.path.join(folder, "room")
    try:
        with open(path, "wb", buffering=0) as stream:
            failed = function(stream.fileno(), size)
            # One file as large as all of them may be more than a file can be; each of them was checked.
            if failed and failed not in (*_WITHOUT, errno.EFBIG):
                raise OSError(failed, os.strerror(failed))
            if not failed:
                return "allocated"
            stream.write(b"\0" * min(size, _TRIAL_BYTES))
            os.fsync(stream.fileno())
            return "written"
    except OSError as error:
        raise HubError(kind_of_errno(error.errno), f"{human(size)} cannot be set aside in {folder}: {error.strerror}; nothing was fetched") from None
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)
