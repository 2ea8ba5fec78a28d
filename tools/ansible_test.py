# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run ansible-test on a copy of the tree.

ansible-test wants the collection at .../ansible_collections/inferhost/llm inside a Git repository of its own, and a pip from a host that is not
always reachable. The copy holds what the collection ships and its unit tests, of what Git would take up: tracked files and untracked ones that are
not ignored. Tools and tests of other kinds are held to ruff's and mypy's rules instead.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import junit

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build" / "ansible_collections"
COPY = BUILD / "inferhost" / "llm"
# ansible-test keeps its environments and its pip below the home directory; here they belong to the clone.
HOME = ROOT / ".cache" / "ansible-test"
CONTENT = (
    "CHANGELOG.md",
    "LICENSE",
    "README.md",
    "changelogs/",
    "docs/",
    "galaxy.yml",
    "meta/",
    "playbooks/",
    "plugins/",
    "roles/",
    "tests/config.yml",
    "tests/unit/plugins/",
)
PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13")
# Unit tests run on the oldest and the newest Python; sanity imports everything on all of them.
UNIT_PYTHONS = ("3.9", "3.13")

# Stands in for get-pip.py: the same call, with the pip from our lock.
BOOTSTRAP = """\
import runpy, sys
sys.path.insert(0, {wheel!r})
sys.argv[1:] = ["install", "--find-links", {folder!r}, *[a for a in sys.argv[1:] if a not in ("--no-setuptools", "--no-wheel")]]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


def run(command: Sequence[str], **options: object) -> None:
    """Run a command that has to succeed."""
    subprocess.run(list(command), check=True, **options)  # type: ignore[call-overload]


def copy_tree() -> None:
    """Renew the copy; what ansible-test made in it (its delegation environment) stays."""
    listed = subprocess.run(["git", "ls-files", "-coz", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True).stdout
    names = [name for name in os.fsdecode(listed).split("\0") if name.startswith(CONTENT) and os.path.lexists(ROOT / name)]
    COPY.mkdir(parents=True, exist_ok=True)
    for entry in COPY.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            if entry.name != "tests":
                shutil.rmtree(entry)
        else:
            entry.unlink()
    for entry in (COPY / "tests").glob("*"):
        if entry.name != "output":
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    for name in names:
        target = COPY / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target, follow_symlinks=False)
    run(["git", "init", "--quiet"], cwd=COPY)
    # Only these are content; tests/output belongs to ansible-test.
    (COPY / ".git" / "info" / "exclude").write_text("/tests/output/\n", encoding="utf-8")
    run(["git", "add", "--force", "--pathspec-from-file=-", "--pathspec-file-nul"], cwd=COPY, input=os.fsencode("\0".join(names)))
    for other in ("ansible", "community"):
        link = BUILD / other
        if not link.is_symlink():
            link.symlink_to(Path("../../.collections/ansible_collections") / other)


def prepare_home() -> None:
    """Put the locked pip where ansible-test looks for get-pip.py."""
    wheels = ROOT / ".cache" / "wheels"
    script = HOME / ".ansible" / "test" / "cache" / "get_pip_24_2.py"
    lock = ROOT / "requirements" / "ansible-test.lock"
    if script.is_file() and any(wheels.glob("pip-24.2-*.whl")):
        return
    run([sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check", "--require-hashes", "-r", str(lock), "-d", str(wheels)])
    wheel = next(wheels.glob("pip-24.2-*.whl"))
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(BOOTSTRAP.format(wheel=str(wheel), folder=str(wheels)), encoding="utf-8")


def interpreters(wanted: Sequence[str]) -> dict[str, str]:
    """The folder of each supported Python that really starts: on PATH, else under pyenv."""
    found = {}
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for version in wanted:
        candidates = [Path(folder) for folder in os.environ["PATH"].split(os.pathsep)] + [path / "bin" for path in sorted(pyenv.glob(f"{version}.*"))]
        for folder in candidates:
            if not (folder / f"python{version}").is_file():
                continue
            check = [str(folder / f"python{version}"), "-c", "import venv, ensurepip, sys; print('%d.%d' % sys.version_info[:2])"]
            if subprocess.run(check, capture_output=True, text=True, check=False).stdout.strip() == version:
                found[version] = str(folder)
                break
    return found


def environment(pythons: dict[str, str]) -> dict[str, str]:
    """What ansible-test runs in: our home, and each interpreter findable by its name."""
    env = dict(os.environ)
    config = Path.home() / ".config" / "pip" / "pip.conf"
    if "PIP_CONFIG_FILE" not in env and config.is_file():
        env["PIP_CONFIG_FILE"] = str(config)
    env.update(HOME=str(HOME), LC_ALL="C.UTF-8")
    own_bin = str(Path(sys.executable).parent)
    # A pyenv shim is found by name and then refuses to start.
    inherited = [folder for folder in env["PATH"].split(os.pathsep) if Path(folder).name != "shims"]
    env["PATH"] = os.pathsep.join(dict.fromkeys([own_bin, *pythons.values(), *inherited]))
    return env


def collect(suite: str, missing: Sequence[str]) -> list[junit.Case]:
    """What ansible-test reported, plus a skip for each Python that is not here."""
    cases = []
    for path in sorted((COPY / "tests" / "output" / "junit").glob("*.xml")):
        for case in junit.read(path):
            # Nothing in the collection that the test looks at, such as PowerShell.
            if case.detail.strip().startswith("No tests applicable"):
                continue
            label = path.stem.removeprefix("ansible-test-")
            cases.append(case if suite == "units" else junit.Case("sanity", case.name or label, case.outcome, case.seconds, case.detail))
    return cases + [junit.Case(suite, f"python{version}", junit.SKIPPED, detail=f"no Python {version} with venv on this machine") for version in missing]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", choices=["sanity", "units"])
    parser.add_argument("--reports", type=Path, help="folder for the JUnit file")
    parser.add_argument("rest", nargs="*", help="passed on to ansible-test, after --")
    args = parser.parse_args()
    copy_tree()
    prepare_home()
    wanted = PYTHONS if args.suite == "sanity" else UNIT_PYTHONS
    pythons = interpreters(wanted)
    shutil.rmtree(COPY / "tests" / "output" / "junit", ignore_errors=True)
    env = environment(pythons)
    if args.suite == "sanity":
        commands = [["ansible-test", "sanity", "--venv", "--junit", *args.rest]]
    else:
        commands = [["ansible-test", "units", "--venv", "--python", version, *args.rest] for version in pythons]
    status = 0
    for command in commands:
        print("+", " ".join(command), flush=True)
        status |= subprocess.run(command, cwd=COPY, env=env, stdin=subprocess.DEVNULL, check=False).returncode
    cases = collect(args.suite, [version for version in wanted if version not in pythons])
    if args.reports:
        junit.write(args.reports / f"{args.suite}.xml", args.suite, cases)
    return 1 if status else 0


if __name__ == "__main__":
    sys.exit(main())
