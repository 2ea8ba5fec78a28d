# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which packages transactions brought to a host, so that they can be taken out again."""

from __future__ import annotations

import json
import os
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._apt._simulation import Change
from ansible_collections.inferhost.llm.plugins.module_utils._tree import write_file


class Record(t.NamedTuple):
    """Packages that were asked for by name, and those that came with them. What was on the host before is in neither."""

    asked: t.Tuple[str, ...] = ()
    brought: t.Tuple[str, ...] = ()

    def after(self, planned: t.Iterable[Change], install: t.Sequence[str]) -> Record:
        """With what a transaction is about to bring, and without what it takes away."""
        planned = list(planned)
        names = {package.partition("=")[0] for package in install}
        # A package file does not tell its package's name; it is the only new one that nobody named.
        names |= {change.name for change in planned if any(package.startswith("/") for package in install)}
        gone = {change.name for change in planned if change.new is None}
        new = [change.name for change in planned if change.old is None and change.name not in (*self.asked, *self.brought)]
        return Record(
            tuple(name for name in [*self.asked, *(name for name in new if name in names)] if name not in gone),
            tuple(name for name in [*self.brought, *(name for name in new if name not in names)] if name not in gone),
        )


def read_record(path: str) -> Record:
    """An empty one where there is no file."""
    try:
        with open(path, encoding="utf-8") as stream:
            document = json.load(stream)
    except FileNotFoundError:
        return Record()
    return Record(tuple(document["asked"]), tuple(document["brought"]))


def write_record(path: str, record: Record) -> None:
    """In one step, so that a run that is killed leaves the old one or the new one."""
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    write_file(path, (json.dumps(record._asdict(), indent=2) + "\n").encode(), 0o644)
