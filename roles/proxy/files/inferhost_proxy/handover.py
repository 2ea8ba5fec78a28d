# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the first process tells a worker, and the program that takes its own place: which open files are what.

It crosses in the environment, since the files themselves are inherited.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping

import msgspec
from msgspec import Struct

_WORKER = "INFERHOST_PROXY_WORKER"
_HANDOVER = "INFERHOST_PROXY_HANDOVER"


class Post(Struct, frozen=True):
    """A worker's: its share, its listening socket, and its line to the first process."""

    folder: str
    slot: int
    generation: int
    listener: int
    control: int


class Former(Struct, frozen=True):
    """A worker that is there already."""

    pid: int
    slot: int


class Handover(Struct, frozen=True):
    """From the first process to the new code in its place."""

    folder: str
    generation: int
    listener: int
    address: tuple[str, int]
    """What the socket was opened for."""
    control: tuple[int, int]
    workers: list[Former]


def environment_of(post: Post) -> dict[str, str]:
    """What a worker is started with."""
    return {**os.environ, _WORKER: msgspec.json.encode(post).decode()}


def environment_for(handover: Handover) -> dict[str, str]:
    """What the new code is started with."""
    return {**os.environ, _HANDOVER: msgspec.json.encode(handover).decode()}


def take_post(environ: MutableMapping[str, str] = os.environ) -> Post | None:
    """This process's post; None when it is the first process. Nobody finds it a second time."""
    found = environ.pop(_WORKER, None)
    return None if found is None else msgspec.json.decode(found, type=Post)


def take_handover(environ: MutableMapping[str, str] = os.environ) -> Handover | None:
    found = environ.pop(_HANDOVER, None)
    return None if found is None else msgspec.json.decode(found, type=Handover)
