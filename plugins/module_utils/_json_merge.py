# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Put settings into a JSON document that belongs to somebody else, and take exactly those out again.

What we wrote is remembered as leaves with their values and as the objects we had to make around them. A leaf is ours only while it
still has the value we gave it; everything else belongs to the owner of the document and stays.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

Path = tuple[str, ...]

_MISSING = object()


@dataclass
class Ours:
    """What of a document is our doing."""

    leaves: dict[Path, Any] = field(default_factory=dict)
    objects: list[Path] = field(default_factory=list)

    def to_record(self) -> dict[str, Any]:
        return {
            "leaves": [{"path": list(path), "value": value} for path, value in self.leaves.items()],
            "objects": [list(path) for path in self.objects],
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Ours:
        return cls(
            leaves={tuple(leaf["path"]): leaf["value"] for leaf in record.get("leaves", [])},
            objects=[tuple(path) for path in record.get("objects", [])],
        )


@dataclass
class Merged:
    document: dict[str, Any]
    ours: Ours
    kept: list[Path]


def leaves(document: dict[str, Any], above: Path = ()) -> dict[Path, Any]:
    """Every value that is no object, by its path; an empty object counts as a value, a list as one value."""
    found: dict[Path, Any] = {}
    for key, value in document.items():
        path = (*above, key)
        if isinstance(value, dict) and value:
            found.update(leaves(value, path))
        else:
            found[path] = value
    return found


def value_at(document: dict[str, Any], path: Path) -> Any:
    """The value at a path, or a marker that compares equal to nothing."""
    here: Any = document
    for key in path:
        if not isinstance(here, dict) or key not in here:
            return _MISSING
        here = here[key]
    return here


def _blocked(document: dict[str, Any], path: Path) -> bool:
    """Whether something that is no object stands where the path goes through."""
    return any(above is not _MISSING and not isinstance(above, dict) for above in (value_at(document, path[:length]) for length in range(1, len(path))))


def _put(document: dict[str, Any], path: Path, value: Any) -> list[Path]:
    made: list[Path] = []
    here = document
    for depth, key in enumerate(path[:-1], start=1):
        if key not in here:
            here[key] = {}
            made.append(path[:depth])
        here = here[key]
    here[path[-1]] = copy.deepcopy(value)
    return made


def _take(document: dict[str, Any], path: Path) -> None:
    parent = value_at(document, path[:-1])
    del parent[path[-1]]


def without(document: dict[str, Any], ours: Ours, paths: list[Path]) -> dict[str, Any]:
    """The document without those of the given leaves that still have our value, and without the objects of ours that this empties."""
    result = copy.deepcopy(document)
    for path in paths:
        if value_at(result, path) == ours.leaves[path]:
            _take(result, path)
    for path in sorted(ours.objects, key=len, reverse=True):
        if value_at(result, path) == {}:
            _take(result, path)
    return result


def merge(document: dict[str, Any], wanted: dict[str, Any], ours: Ours) -> Merged:
    """The document with the wanted leaves where that overwrites nothing of the owner's; ``kept`` are the paths where it would have."""
    target = leaves(wanted)
    result = without(document, ours, [path for path in ours.leaves if path not in target])
    mine = Ours(objects=[path for path in ours.objects if isinstance(value_at(result, path), dict)])
    kept: list[Path] = []
    for path, value in target.items():
        present = value_at(result, path)
        was_ours = path in ours.leaves and ours.leaves[path] == present
        if present is _MISSING and not _blocked(result, path):
            mine.objects += _put(result, path, value)
            mine.leaves[path] = value
        elif was_ours:
            _put(result, path, value)
            mine.leaves[path] = value
        elif present != value:
            kept.append(path)
    return Merged(result, mine, kept)


def remove(document: dict[str, Any], ours: Ours) -> dict[str, Any]:
    """The document without what is still ours."""
    return without(document, ours, list(ours.leaves))
