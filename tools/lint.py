# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run every static check and say which one failed. Each is a case of the JUnit report.  Usage: lint.py [NAME...]"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import junit

ROOT = Path(__file__).resolve().parent.parent
COLLECTIONS = ROOT / ".collections"
PLUGINS = "ansible_collections.inferhost.llm.plugins"


@dataclass(frozen=True)
class Check:
    """One command that has to end with 0."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)


def mypy(package: str, path: Path, *options: str) -> Check:
    """mypy strict on one package, found below a folder."""
    return Check(f"mypy {package.removeprefix('ansible_collections.')}", ("mypy", *options, "--package", package), {"MYPYPATH": str(path)})


CHECKS = (
    # The longest first: the checks share the cores.
    Check("ansible-lint", ("ansible-lint", "--offline", "--strict", "--nocolor", "--format", "pep8")),
    Check("galaxy importer", ("python", "tools/check_galaxy.py")),
    mypy(f"{PLUGINS}.module_utils", COLLECTIONS, "--python-version", "3.10"),
    mypy(f"{PLUGINS}.modules", COLLECTIONS, "--python-version", "3.10"),
    # The proxy is checked against the libraries of its own lock.
    mypy("inferhost_proxy", ROOT / "roles/proxy/files", "--python-executable", ".cache/venvs/conformance/bin/python"),
    # vLLM's own is not here; what is the plugin's is checked without it.
    Check("mypy tool parser", ("mypy", "roles/vllm/files/qwen_tools_parser.py")),
    Check(
        "mypy tools", ("mypy", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "tools").glob("*.py"))), {"MYPYPATH": f"tools{os.pathsep}{COLLECTIONS}"}
    ),
    Check("yamllint", ("yamllint", "--strict", ".")),
    Check("ruff check", ("ruff", "check", "--output-format", "concise", ".")),
    Check("ruff format", ("ruff", "format", "--check", "--quiet", "--output-format", "concise", ".")),
    Check("shellcheck", ("shellcheck", "tools/setup.sh", ".ci/run")),
    Check("argument specifications", ("python", "tools/check_specs.py")),
    Check("role READMEs", ("python", "tools/role_readmes.py", "--check")),
    Check("hygiene", ("python", "tools/check_hygiene.py")),
    Check("changelog fragments", ("antsibull-changelog", "lint")),
    Check("changelog", ("antsibull-changelog", "lint-changelog-yaml", "changelogs/changelog.yaml")),
)


def run(check: Check) -> junit.Case:
    """Run one check; its output appears at once, so that two do not mix."""
    start = time.monotonic()
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "NO_COLOR": "1", **check.environment}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(check.command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - start
    ok = done.returncode == 0
    output = "" if ok else (done.stdout + done.stderr).rstrip() + "\n"
    print(f"{output}{'ok    ' if ok else 'FAILED'} {check.name} ({seconds:.1f} s)", flush=True)
    return junit.Case("lint", check.name, junit.PASSED if ok else junit.FAILED, seconds, output)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="only the checks whose name begins so")
    parser.add_argument("--reports", type=Path, help="folder for the JUnit file")
    args = parser.parse_args()
    chosen = [check for check in CHECKS if not args.names or check.name.startswith(tuple(args.names))]
    if not chosen:
        parser.error(f"no check begins with {' or '.join(args.names)}; there are: {', '.join(check.name for check in CHECKS)}")
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        cases = list(pool.map(run, chosen))
    if args.reports:
        junit.write(args.reports / "lint.xml", "lint", cases)
    return 1 if any(case.outcome == junit.FAILED for case in cases) else 0


if __name__ == "__main__":
    sys.exit(main())
