# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The meters of keys, in memory that all worker processes share, so that a limit holds for the whole service."""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, cast

from . import limits
from .asgi import Message, Send
from .limits import SECOND_CELLS, SLOTS, Allowance, Meter, Refusal

_SECONDS_BYTES = 8 * SECOND_CELLS
_FILE_BYTES = _SECONDS_BYTES + 4 * SLOTS
_PREFIX = "limit-"


class _Shared(NamedTuple):
    meter: Meter
    lock: int | None
    """A file to lock: two processes must not count at the same moment."""


class Place:
    """A request that was counted in, until it is counted out."""

    def __init__(self, meter: Meter, slot: int) -> None:
        self._meter: Meter | None = meter
        self._slot = slot

    def leave(self) -> None:
        if self._meter is not None:
            limits.leave(self._meter, self._slot)
            self._meter = None

    def left_with_the_answer(self, send: Send) -> Send:
        """Leave just before the end is sent: a client that asks again at once must find its place free."""

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.body" and not message.get("more_body"):
                self.leave()
            await send(message)

        return sending


class Meters:
    """One meter a label; without a folder they are this process's own."""

    def __init__(self, folder: Path | None = None, slot: int = 0) -> None:
        self._folder = folder
        self._slot = slot
        self._known: dict[str, _Shared] = {}

    def enter(self, label: str, allowance: Allowance) -> Refusal | Place | None:
        """Count a request in: the place to leave again, None where there is no limit, or the refusal."""
        if not allowance.limited:
            return None
        shared = self._known.get(label) or self._known.setdefault(label, self._open(label))
        with _locked(shared.lock):
            # The clock of all processes of a machine.
            refusal = limits.admit(shared.meter, allowance, self._slot, time.monotonic())
        return refusal or Place(shared.meter, self._slot)

    def _open(self, label: str) -> _Shared:
        if self._folder is None:
            return _Shared(limits.fresh(), None)
        file = os.open(self._folder / (_PREFIX + label), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.ftruncate(file, _FILE_BYTES)
        memory = memoryview(mmap.mmap(file, _FILE_BYTES))
        seconds, running = memory[:_SECONDS_BYTES].cast("Q"), memory[_SECONDS_BYTES:].cast("I")
        # A view of numbers is a sequence of them, which its type does not say.
        return _Shared(Meter(cast("list[int]", seconds), cast("list[int]", running)), file)


@contextmanager
def _locked(file: int | None) -> Iterator[None]:
    if file is None:
        yield
        return
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)


def forget(folder: Path, slot: int) -> None:
    """Take out the requests of a process that ended without counting them out."""
    for path in folder.glob(f"{_PREFIX}*"):
        with path.open("r+b") as file:
            file.seek(_SECONDS_BYTES + 4 * slot)
            file.write(struct.pack("=I", 0))
