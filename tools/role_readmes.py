# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write each role's README.md from its argument specification, so that the two cannot differ.  --check only compares."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
MARKUP = re.compile(r"\b[A-Z]+\(([^)#]*)(?:#\w+)?\)")


def plain(text: object) -> str:
    """Ansible's documentation markup, in one line of Markdown."""
    joined = " ".join(str(line) for line in text) if isinstance(text, list) else str(text)
    return MARKUP.sub(r"`\1`", " ".join(joined.split())).replace("|", "\\|")


def row(name: str, option: dict[str, Any]) -> str:
    """One variable."""
    if option.get("required"):
        default = "(required)"
    else:
        default = f"`{json.dumps(option['default'], ensure_ascii=False)}`" if "default" in option else ""
    kind = option.get("type", "str") + (f" of {option['elements']}" if "elements" in option else "")
    choices = f" One of {', '.join(f'`{choice}`' for choice in option['choices'])}." if "choices" in option else ""
    return f"| `{name}` | {kind} | {default.replace('|', chr(92) + '|')} | {plain(option.get('description', ''))}{choices} |"


def readme(role: str, spec: dict[str, Any]) -> str:
    """The whole file."""
    lines = [f"# inferhost.llm.{role}", "", plain(spec.get("short_description", "")), ""]
    description = spec.get("description")
    if description:
        lines += [plain(description), ""]
    options = spec.get("options") or {}
    if options:
        lines += ["| variable | type | default | meaning |", "|---|---|---|---|"]
        lines += [row(name, options[name]) for name in sorted(options)] + [""]
    lines.append("Written from `meta/argument_specs.yml` by `make readmes`.")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = []
    for specs in sorted(ROOT.glob("roles/*/meta/argument_specs.yml")):
        role = specs.parents[1]
        spec = (yaml.safe_load(specs.read_text(encoding="utf-8")).get("argument_specs") or {}).get("main") or {}
        text, target = readme(role.name, spec), role / "README.md"
        if check and (not target.is_file() or target.read_text(encoding="utf-8") != text):
            stale.append(f"roles/{role.name}/README.md: differs from meta/argument_specs.yml; run 'make readmes'")
        elif not check:
            target.write_text(text, encoding="utf-8")
    print("\n".join(stale) or "the roles' READMEs are current")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
