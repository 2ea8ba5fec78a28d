# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bringing a model's folder to what a list of files says, from whatever state it is in."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._hub._errors import PASSING, HubError, kind_of_errno
from ansible_collections.inferhost.llm.plugins.module_utils._hub._files import OWN_FOLDER, RemoteFile, checked, partial_name, total
from ansible_collections.inferhost.llm.plugins.module_utils._hub._manifest import Manifest, State, Whole, partial_folder, read_manifest, survey, write_manifest
from ansible_collections.inferhost.llm.plugins.module_utils._hub._runner import failure, run
from ansible_collections.inferhost.llm.plugins.module_utils._hub._sources import Source
from ansible_collections.inferhost.llm.plugins.module_utils._hub._space import check_file_size, check_room, human, room_at, set_aside

LONGEST_PAUSE_S = 60.0
REPORT_S = 1.0
_SHORT = frozenset({"no_space", "quota"})

Look = t.Callable[[int, int], None]


class Fetching(t.NamedTuple):
    """How files are fetched."""

    command: list[str]
    environment: dict[str, str]
    workers: int
    tries: int
    headroom: int


class Folder:
    """A model's folder, its manifest, and what was done to it."""

    def __init__(self, path: str, manifest: Manifest, wished: list[RemoteFile], look: Look) -> None:
        self.path = path
        self.manifest = manifest
        self.wished = wished
        self.fetched: list[str] = []
        self.checked: list[str] = []
        self.replaced: list[str] = []
        self.removed: list[str] = []
        self._wrong: dict[str, int] = {}
        self._look = look
        self._next_report = 0.0

    @contextlib.contextmanager
    def held(self) -> t.Iterator[None]:
        """Nobody else works in this folder meanwhile."""
        try:
            os.makedirs(partial_folder(self.path), exist_ok=True)
            with open(os.path.join(self.path, OWN_FOLDER, "lock"), "w", encoding="utf-8") as stream:
                try:
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise HubError("busy", self.path) from None
                # Somebody else may have worked here until now.
                noted = read_manifest(self.path)
                if noted is not None:
                    self.manifest.whole.update(noted.whole)
                yield
        except OSError as error:
            raise HubError(kind_of_errno(error.errno), f"{error.filename or self.path}: {error.strerror}; {self.kept()}") from None

    def survey(self, everything: bool = False) -> State:
        return survey(self.path, self.wished, self.manifest.whole, everything)

    def kept(self) -> str:
        """What is there, for a message."""
        state = self.survey()
        return f"{len(state.good)} of {len(self.wished)} files and {human(state.bytes_there)} of {human(total(self.wished))} are in {self.path} and stay there"

    def clean(self, state: State) -> None:
        """Remove what other attempts left behind, unless one of them is still at work."""
        for path in state.abandoned:
            if path.endswith(".lock") and is_locked(path):
                raise HubError("busy", f"{path} is held, as by `hf download`")
        for path in state.abandoned:
            os.unlink(path)
            self.removed.append(os.path.relpath(path, self.path))
        prune(self.path, self.removed)

    def check(self, state: State) -> None:
        """Read the files that nobody checked; what is not what it should be goes."""
        for one in state.unchecked:
            known = self.manifest.whole.get(one.name)
            if not self._settle(os.path.join(self.path, one.name), one, known is None or known.found):
                self.replaced.append(one.name)
            else:
                self.checked.append(one.name)
        for one in state.missing:
            path = os.path.join(self.path, one.name)
            if os.path.lexists(path):
                os.unlink(path)
                self.replaced.append(one.name)

    def make_room(self, state: State, headroom: int) -> None:
        """Raise where what is missing does not fit, before its first byte."""
        check_file_size(max((one.size for one in state.missing), default=0))
        check_room(room_at(self.path), state.bytes_to_come, headroom, len(state.missing))
        set_aside(os.path.join(self.path, OWN_FOLDER), state.bytes_to_come)

    def fetch(self, source: Source, how: Fetching, pause: t.Callable[[float], None] = time.sleep) -> None:
        """Until nothing is missing. What may pass is tried again, and counts anew whenever something arrived."""
        strikes, before = 0, self.survey().bytes_to_come
        while (state := self.survey()).missing:
            troubles = self._round(state, source, how)
            if not troubles:
                continue
            left = self.survey().bytes_to_come
            strikes, before = (1 if left < before else strikes + 1), left
            if strikes >= how.tries:
                raise HubError(troubles[0].kind, f"{troubles[0].detail}; {self.kept()}")
            asked = max((one.retry_after or 0.0 for one in troubles), default=0.0)
            pause(max(asked, min(2.0 ** (strikes - 1), LONGEST_PAUSE_S)))

    def finish(self, state: State) -> None:
        """All is there: what was for fetching goes, and what an earlier wish left."""
        for name in state.obsolete:
            self._remove(name)
        prune(self.path, state.obsolete)
        for path in (partial_folder(self.path), os.path.join(self.path, OWN_FOLDER, "home")):
            shutil.rmtree(path, ignore_errors=True)
        self.save()

    def save(self) -> None:
        write_manifest(self.path, self.manifest)

    def _remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(os.path.join(self.path, name))
        self.manifest.whole.pop(name, None)
        self.removed.append(name)

    def _round(self, state: State, source: Source, how: Fetching) -> list[HubError]:
        """One run of the program; gives what went wrong and may pass. Anything else is raised."""
        missing = {one.name: one for one in state.missing}
        partials = {name: os.path.join(partial_folder(self.path), partial_name(one)) for name, one in missing.items()}
        job = {
            "headers": source.headers,
            "workers": how.workers,
            "files": [
                {"name": name, "url": source.url(self.manifest.commit, name), "size": one.size, "partial": partials[name]} for name, one in missing.items()
            ],
        }
        troubles = []
        os.makedirs(partial_folder(self.path), exist_ok=True)
        with contextlib.closing(run(how.command, how.environment, job, self._report)) as events:
            for event in events:
                if "fetched" in event:
                    self._arrived(partials[event["fetched"]], missing[event["fetched"]])
                elif "failed" in event:
                    troubles.append(failure(event))
        for trouble in troubles:
            if trouble.kind not in PASSING:
                raise HubError(trouble.kind, f"{trouble.detail}; {self._short() if trouble.kind in _SHORT else ''}{self.kept()}")
        return troubles

    def _arrived(self, partial: str, one: RemoteFile) -> None:
        path = os.path.join(self.path, one.name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.chmod(partial, 0o644)
        if self._settle(partial, one, found=False):
            os.replace(partial, path)
            self.fetched.append(one.name)
            return
        self.replaced.append(one.name)
        self._wrong[one.name] = self._wrong.get(one.name, 0) + 1
        if self._wrong[one.name] > 1:
            raise HubError("mismatch", f"{one.name}; {self.kept()}")

    def _settle(self, path: str, one: RemoteFile, found: bool) -> bool:
        """Check a file's content, and note it or remove the file. Noted before a file gets its name, so that none is there that is not known to be ours."""
        sha256, wrong = checked(path, one, self._report)
        if wrong:
            os.unlink(path)
            return False
        status = os.stat(path)
        self.manifest.whole[one.name] = Whole(status.st_size, status.st_mtime_ns, sha256, one.blob_id, found)
        self.save()
        return True

    def _short(self) -> str:
        short = self.survey().bytes_to_come - room_at(self.path).free_bytes
        return f"{human(short)} more are needed; " if short > 0 else ""

    def _report(self) -> None:
        """Not more often than somebody looks."""
        if time.monotonic() >= self._next_report:
            self._next_report = time.monotonic() + REPORT_S
            self._look(self.survey().bytes_there, total(self.wished))


def remove(path: str, manifest: t.Optional[Manifest]) -> list[str]:
    """Remove what was put there, and folders that are empty then; what was there before, or that nobody knows, stays."""
    own = os.path.join(path, OWN_FOLDER)
    if not os.path.isdir(own):
        return []
    removed = put_there(path, manifest)
    for name in removed:
        os.unlink(os.path.join(path, name))
    shutil.rmtree(own)
    prune(path, removed)
    with contextlib.suppress(OSError):
        os.rmdir(path)
    return sorted([*removed, OWN_FOLDER])


def put_there(path: str, manifest: t.Optional[Manifest]) -> list[str]:
    """The files that are there and ours to remove."""
    names = [name for name, known in manifest.whole.items() if not known.found] if manifest else []
    return [name for name in names if os.path.lexists(os.path.join(path, name))]


def prune(path: str, names: t.Iterable[str]) -> None:
    """Remove the folders that removed files leave empty."""
    for name in names:
        folder = os.path.dirname(name)
        with contextlib.suppress(OSError):
            while folder:
                os.rmdir(os.path.join(path, folder))
                folder = os.path.dirname(folder)


def is_locked(path: str) -> bool:
    """Whether somebody holds a file."""
    with open(path, encoding="utf-8") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
