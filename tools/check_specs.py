# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether the roles' defaults and argument specifications agree: the same variables with the same default values."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
Mapping = dict[str, Any]


def disagreements(defaults: Mapping, options: Mapping, prefixes: tuple[str, ...]) -> list[str]:
    """What a reader of one would not learn from the other. Names that begin with __ are internal."""
    public = {name: value for name, value in defaults.items() if not name.startswith("__")}
    found = []
    for name in sorted(public.keys() - options.keys()):
        found.append(f"{name}: in defaults/main.yml, missing in meta/argument_specs.yml; describe it there")
    for name in sorted(options):
        option = options[name]
        if not name.startswith(prefixes):
            found.append(f"{name}: public variables of this role begin with {' or '.join(prefixes)}")
        if not option.get("description"):
            found.append(f"{name}: meta/argument_specs.yml says no description")
        if name in public and "default" not in option:
            found.append(f"{name}: has the default {public[name]!r} in defaults/main.yml, none in meta/argument_specs.yml")
        elif name in public and not _same(public[name], option["default"]):
            found.append(f"{name}: default {public[name]!r} in defaults/main.yml, {option['default']!r} in meta/argument_specs.yml")
        elif name not in public and "default" in option:
            found.append(f"{name}: default {option['default']!r} in meta/argument_specs.yml, missing in defaults/main.yml")
        elif name in public and option.get("required"):
            found.append(f"{name}: required and yet with a default")
    return found


def _same(one: object, other: object) -> bool:
    """Equal, and of one type: true is not 1."""
    return type(one) is type(other) and one == other


def check_role(role: Path) -> list[str]:
    """The disagreements of one role, each beginning with where."""
    prefixes = (f"{role.name}_",)
    specs_file, defaults_file = role / "meta" / "argument_specs.yml", role / "defaults" / "main.yml"
    if not specs_file.is_file():
        return [f"roles/{role.name}: no meta/argument_specs.yml"]
    specs = (_load(specs_file).get("argument_specs") or {}).get("main") or {}
    found = disagreements(_load(defaults_file), specs.get("options") or {}, prefixes)
    return [f"roles/{role.name}: {line}" for line in found]


def _load(path: Path) -> Mapping:
    return (yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if path.is_file() else {}


def main() -> int:
    roles = sorted(path for path in (ROOT / "roles").iterdir() if (path / "tasks").is_dir())
    found = [line for role in roles for line in check_role(role)]
    print("\n".join(found) or f"{len(roles)} roles agree")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
