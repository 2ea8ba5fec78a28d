# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a host below a root: what cannot be read is noted with its reason and never ends the run."""

from __future__ import annotations

import os
import shutil
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._process import Ended, run_bounded

# Where administrative programs are that the PATH of an unprivileged user leaves out.
SYSTEM_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
# How many symbolic links in a row the kernel follows.
MOST_LINKS = 40

T = t.TypeVar("T")
Run = t.Callable[[t.Sequence[str]], Ended]


class Reader:
    """Paths are the host's own (`/sys/…`), wherever its file system is seen. `unread` grows by what could not be read."""

    def __init__(
        self,
        root: str = "/",
        sysfs_root: t.Optional[str] = None,
        proc_root: t.Optional[str] = None,
        run: t.Optional[Run] = None,
        timeout: float = 30.0,
    ) -> None:
        self.root = root
        self.sysfs_root = sysfs_root or self._below_root("/sys")
        self.proc_root = proc_root or self._below_root("/proc")
        self.unread: t.List[t.Dict[str, str]] = []
        self._timeout = timeout
        # Programs speak of the system they run on, which is another one when its files are seen below a root.
        self._run = run if run is not None else (self._run_here if root == "/" else None)

    def note(self, what: str, why: str) -> None:
        """Remember that a fact is missing; once a reason."""
        entry = {"what": what, "why": why}
        if entry not in self.unread:
            self.unread.append(entry)

    def guard(self, what: str, collect: t.Callable[[], T]) -> t.Optional[T]:
        """The facts, or None with a note: whatever a host has in store, the other facts are still collected."""
        try:
            return collect()
        except Exception as error:  # pylint: disable=broad-except
            self.note(what, "%s: %s" % (type(error).__name__, error))
            return None

    def path(self, path: str) -> str:
        """Where the host's path is to be opened."""
        for mount, place in (("/sys", self.sysfs_root), ("/proc", self.proc_root)):
            if path == mount or path.startswith(mount + "/"):
                return place + path[len(mount) :]
        return self._below_root(path)

    def text(self, path: str, expected: bool = False) -> t.Optional[str]:
        """Content of a file. A missing file is noted only where it is `expected`: elsewhere its absence is the answer."""
        content = self.data(path, expected=expected)
        return content.decode("utf-8", "replace") if content is not None else None

    def word(self, path: str) -> t.Optional[str]:
        """Content of a file of one line, None when there is none."""
        return (self.text(path) or "").strip() or None

    def data(self, path: str, expected: bool = False) -> t.Optional[bytes]:
        """Content of a file as bytes."""
        try:
            with open(self.path(path), "rb") as handle:
                return handle.read()
        except OSError as error:
            self._failed(path, error, expected)
            return None

    def names(self, path: str, expected: bool = False) -> t.List[str]:
        """Sorted names in a folder, none when there is no such folder."""
        try:
            return sorted(os.listdir(self.path(path)))
        except OSError as error:
            self._failed(path, error, expected)
            return []

    def is_folder(self, path: str) -> bool:
        return os.path.isdir(self.path(path))

    def exists(self, path: str) -> bool:
        return os.path.exists(self.path(path))

    def link(self, path: str) -> t.Optional[str]:
        """Where a symbolic link points, as it is written; None when the path is no link."""
        try:
            return os.readlink(self._parent(path))
        except OSError:
            return None

    def program(self, command: t.Sequence[str]) -> t.Optional[Ended]:
        """How a program ended, None with a note when it could not even be started."""
        if self._run is None:
            self.note(command[0], "not run: it would describe this system and not the one below %s" % self.root)
            return None
        ended = self._run(command)
        if ended.how == "not_started":
            self.note(command[0], ended.detail)
            return None
        return ended

    def output(self, command: t.Sequence[str]) -> t.Optional[str]:
        """Standard output of a program that ended well, None with a note of its own words otherwise."""
        ended = self.program(command)
        if ended is None:
            return None
        if ended.how != "exit" or ended.status != 0:
            said = (ended.errors.strip() or ended.output.strip()).splitlines()
            self.note(" ".join(command), ended.detail or (said[-1] if said else "exit status %d" % ended.status))
            return None
        return ended.output

    def _failed(self, path: str, error: OSError, expected: bool) -> None:
        absent = isinstance(error, (FileNotFoundError, NotADirectoryError))
        if expected or not absent:
            self.note(path, (error.strerror or str(error)).lower())

    def _run_here(self, command: t.Sequence[str]) -> Ended:
        search = os.pathsep.join([os.environ.get("PATH", os.defpath), *SYSTEM_FOLDERS])
        found = shutil.which(command[0], path=search)
        if found is None:
            return Ended("not_started", 0, "", "", "no such program")
        return run_bounded([found, *command[1:]], self._timeout)

    def _parent(self, path: str) -> str:
        folder, name = os.path.split(path)
        return os.path.join(self.path(folder), name)

    def _below_root(self, path: str) -> str:
        """The path with its symbolic links followed below the root: an absolute one would leave it."""
        if self.root == "/":
            return path
        todo, done, links = [part for part in path.split("/") if part][::-1], self.root, 0
        while todo:
            part = todo.pop()
            if part == "..":
                done = os.path.dirname(done) if done != self.root else done
                continue
            here = os.path.join(done, part)
            if links < MOST_LINKS and os.path.islink(here):
                links += 1
                target = os.readlink(here)
                done = self.root if target.startswith("/") else done
                todo.extend(step for step in reversed(target.split("/")) if step not in ("", "."))
                continue
            done = here
        return done
