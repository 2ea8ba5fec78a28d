# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reading of hash-locked requirements files (the form ``uv pip compile --generate-hashes`` writes; pip's requirements format)."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PIN = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==(?P<version>[^\s;\\]+)\s*(?:;\s*(?P<marker>[^\\]+?))?\s*\\?$")


@dataclass(frozen=True)
class Pin:
    """One locked distribution: normalised name (PEP 503), exact version, environment marker or empty, number of hashes."""

    name: str
    version: str
    marker: str
    hashes: int


class LockError(ValueError):
    """The lock file cannot be used; the message names the line and what is wrong with it."""


def normalise(name: str) -> str:
    """Distribution name as PEP 503 compares it: lower case, runs of ``-_.`` as one dash."""
    return re.sub(r"[-_.]+", "-", name).lower()


def parse_lock(text: str) -> list[Pin]:
    """Pins of a lock file, in its order. Raises LockError for a line that is no exact pin or a pin without a hash."""
    pins: list[Pin] = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("--hash="):
            if not pins:
                raise LockError(f"line {number}: a hash before any requirement")
            last = pins[-1]
            pins[-1] = Pin(last.name, last.version, last.marker, last.hashes + 1)
            continue
        if line.startswith("-"):
            raise LockError(f"line {number}: option {line.split()[0]!r} does not belong in a lock file")
        match = _PIN.match(line)
        if match is None:
            raise LockError(f"line {number}: {line!r} is not an exact pin (name==version)")
        pins.append(Pin(normalise(match["name"]), match["version"], (match["marker"] or "").strip(), 0))
    for pin in pins:
        if pin.hashes == 0:
            raise LockError(f"{pin.name}=={pin.version} has no hash; write the lock with 'uv pip compile --generate-hashes'")
    if not pins:
        raise LockError("no requirement in the lock file")
    return pins


def local_pins(pins: list[Pin]) -> list[Pin]:
    """Pins whose version carries a local label (``torch==2.13.0+cpu``): such builds are on no public package index (PEP 440)."""
    return [pin for pin in pins if "+" in pin.version]


def held_in(pin: Pin, filenames: list[str]) -> bool:
    """Whether one of the wheel or sdist file names is this pin (PEP 427 name and version)."""
    for filename in filenames:
        parts = filename.replace("%2B", "+").split("-")
        if len(parts) >= 2 and normalise(parts[0]) == pin.name and parts[1].replace(".tar.gz", "") == pin.version:
            return True
    return False
