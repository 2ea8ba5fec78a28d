# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take the few collections we need out of the hash-pinned `ansible` wheel, because Galaxy is not reachable everywhere."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path, PurePosixPath

COLLECTIONS = ("ansible/posix", "community/docker", "community/general")
WHEEL_ROOT = "ansible_collections"
# Tests and documentation of other people's collections are most of their files and no use here.
SKIPPED = frozenset({"tests", "docs", ".github", ".azure-pipelines", "changelogs"})


def wanted(member: str) -> bool:
    """Whether a file of the wheel belongs to what we extract."""
    parts = PurePosixPath(member).parts
    if member.endswith("/") or len(parts) < 4 or parts[0] != WHEEL_ROOT or ".." in parts:
        return False
    return "/".join(parts[1:3]) in COLLECTIONS and parts[3] not in SKIPPED


def locked_version(lock_text: str) -> str:
    """The version of `ansible` in the lock."""
    match = re.search(r"^ansible==(\S+)", lock_text, re.MULTILINE)
    if match is None:
        raise SystemExit("fetch_collections: the lock names no 'ansible==VERSION'; run 'make lock'")
    return match.group(1)


def download(lock: Path, cache: Path) -> Path:
    """The wheel, checked against the lock's hashes by pip; a copy in the cache is checked as well."""
    cache.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check", "--no-deps", "--require-hashes"]
    command += ["--only-binary", ":all:", "--dest", str(cache), "--requirement", str(lock)]
    if subprocess.run(command, check=False).returncode != 0:
        raise SystemExit("fetch_collections: pip could not download the 'ansible' wheel; is a Python package index reachable?")
    wheel = next(cache.glob(f"ansible-{locked_version(lock.read_text(encoding='utf-8'))}-*.whl"), None)
    if wheel is None:
        raise SystemExit(f"fetch_collections: pip reported success, but the wheel is not in {cache}")
    return wheel


def extract(wheel: Path, into: Path) -> int:
    """Replace the collections below `into`; each appears at once and whole. Returns the number of files."""
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into, prefix=".fetch-") as scratch, zipfile.ZipFile(wheel) as archive:
        members = [name for name in archive.namelist() if wanted(name)]
        archive.extractall(scratch, members)
        for name in COLLECTIONS:
            source = Path(scratch, WHEEL_ROOT, name)
            if not (source / "MANIFEST.json").is_file():
                raise SystemExit(f"fetch_collections: {wheel.name} carries no collection {name.replace('/', '.')}")
            target = into / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(target, ignore_errors=True)
            os.rename(source, target)
    return len(members)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lock", type=Path, required=True, help="hash-locked requirements file naming ansible")
    parser.add_argument("--into", type=Path, required=True, help="the ansible_collections folder")
    parser.add_argument("--cache", type=Path, required=True, help="where the wheel is kept")
    args = parser.parse_args()
    files = extract(download(args.lock, args.cache), args.into)
    print(f"setup: {len(COLLECTIONS)} collections, {files} files, into {args.into}")


if __name__ == "__main__":
    main()
