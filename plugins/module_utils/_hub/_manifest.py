# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of a model's folder: the list of the model's files, and those that were found whole, kept in the folder itself.

A file counts as whole as long as its size and its time of change are those of the moment when its content was checked, so nothing is read twice.
"""

from __future__ import annotations

import json
import os
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._hub._files import HUB_FOLDER, OWN_FOLDER, RemoteFile, is_below, partial_name
from ansible_collections.inferhost.llm.plugins.module_utils._tree import tree_digest, write_file

SCHEMA = 1


class Whole(t.NamedTuple):
    """A file whose content was checked. `found`: it was there already, so it is not ours to remove."""

    size: int
    mtime_ns: int
    sha256: str
    blob_id: str
    found: bool


class Manifest(t.NamedTuple):
    """`revision` as it was asked for, `commit` what that meant when the files were listed."""

    source: str
    model: str
    revision: str
    commit: str
    files: list[RemoteFile]
    whole: dict[str, Whole]

    def answers(self, source: str, model: str, revision: str) -> bool:
        """Whether the list is the one that is asked for, so that no hub has to be asked."""
        return (self.source, self.model) == (source, model) and revision in (self.revision, self.commit)


class State(t.NamedTuple):
    """The wanted files by how they are, and what else lies there."""

    good: list[RemoteFile]
    unchecked: list[RemoteFile]
    """There with the right size, but nobody knows their content."""
    missing: list[RemoteFile]
    arrived: dict[str, int]
    """Bytes of missing files that are there already."""
    obsolete: list[str]
    """Put there for an earlier wish."""
    abandoned: dict[str, int]
    """What other attempts left behind, ours and huggingface_hub's, with their bytes."""

    @property
    def bytes_to_come(self) -> int:
        return sum(one.size - self.arrived.get(one.name, 0) for one in self.missing)

    @property
    def bytes_there(self) -> int:
        return sum(one.size for one in self.good + self.unchecked) + sum(self.arrived.values())


def manifest_path(folder: str) -> str:
    return os.path.join(folder, OWN_FOLDER, "manifest.json")


def partial_folder(folder: str) -> str:
    return os.path.join(folder, OWN_FOLDER, "partial")


def read_manifest(folder: str) -> t.Optional[Manifest]:
    """None where there is none, or one that cannot be read: then the files speak for themselves."""
    try:
        with open(manifest_path(folder), encoding="utf-8") as stream:
            document = json.load(stream)
        files = [RemoteFile(**entry) for entry in document["files"]]
        whole = {name: Whole(**entry) for name, entry in document["whole"].items()}
        # A folder may have been carried here, by anybody.
        if document["schema"] != SCHEMA or not all(map(is_below, [*(one.name for one in files), *whole])):
            return None
        return Manifest(document["source"], document["model"], document["revision"], document["commit"], files, whole)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def write_manifest(folder: str, manifest: Manifest) -> None:
    document = {
        "schema": SCHEMA,
        **manifest._asdict(),
        "files": [one._asdict() for one in manifest.files],
        "whole": {name: one._asdict() for name, one in sorted(manifest.whole.items())},
    }
    write_file(manifest_path(folder), (json.dumps(document, indent=1) + "\n").encode(), 0o644)


def is_as_checked(path: str, known: t.Optional[Whole]) -> bool:
    """Whether a file is still the one that was checked."""
    if known is None or not os.path.isfile(path):
        return False
    status = os.stat(path)
    return (status.st_size, status.st_mtime_ns) == (known.size, known.mtime_ns)


def is_wanted(one: RemoteFile, known: Whole) -> t.Optional[bool]:
    """Whether what was checked is what is wanted; None where the two cannot be compared."""
    if known.size != one.size:
        return False
    if one.sha256:
        return known.sha256 == one.sha256
    return known.blob_id == one.blob_id or (None if one.blob_id and not known.blob_id else False)


def survey(folder: str, wished: t.Sequence[RemoteFile], whole: t.Mapping[str, Whole], everything: bool = False) -> State:
    """Look at a folder without reading contents; `everything` trusts no earlier check."""
    state = State([], [], [], {}, [], {})
    partials = {os.path.join(partial_folder(folder), partial_name(one)): one for one in wished}
    for one in wished:
        path, known = os.path.join(folder, one.name), whole.get(one.name)
        same = is_wanted(one, known) if known is not None and not everything and is_as_checked(path, known) else None
        there = os.path.isfile(path) and os.path.getsize(path) == one.size
        (state.good if same else state.unchecked if same is None and there else state.missing).append(one)
    missing = {one.name for one in state.missing}
    for path, size in _leftovers(folder):
        wanted = partials.get(path)
        if wanted is not None and wanted.name in missing and size <= wanted.size:
            state.arrived[wanted.name] = size
        else:
            state.abandoned[path] = size
    names = {one.name for one in wished}
    state.obsolete.extend(sorted(name for name, known in whole.items() if name not in names and not known.found))
    return state


def digest(wished: t.Sequence[RemoteFile], whole: t.Mapping[str, Whole]) -> str:
    """One SHA-256 for the wanted files' names and contents."""
    return tree_digest({one.name: whole[one.name].sha256 for one in wished})


def _leftovers(folder: str) -> t.Iterator[tuple[str, int]]:
    """Partial files and locks, with their sizes."""
    for root, endings in ((partial_folder(folder), (".part",)), (os.path.join(folder, HUB_FOLDER), (".incomplete", ".lock"))):
        for parent, _folders, names in os.walk(root):
            for name in names:
                if name.endswith(endings):
                    path = os.path.join(parent, name)
                    yield path, os.path.getsize(path)
