# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the collection's archive, look into it, and run Galaxy's importer on it, as far as that runs offline.

The importer's own ansible-lint and ansible-test are off: both run as gates of their own, with the versions that we lock.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / ".build" / "galaxy"
# What belongs to the repository and not to the product.
FOREIGN = ("tests/", "molecule/", "extensions/", "tools/", "requirements/", "mk/", "Makefile", "pyproject.toml", "inventories/")
NEEDED = ("README.md", "LICENSE", "CHANGELOG.md", "MANIFEST.json", "meta/runtime.yml", "playbooks/site.yml")
LARGEST = 20 * 2**20


def archive_findings(names: list[str], size: int) -> list[str]:
    """What is wrong with what the archive holds."""
    found = [f"{name}: missing in the archive; see build_ignore in galaxy.yml" for name in NEEDED if name not in names]
    found += [f"{name}: does not belong into the archive; add it to build_ignore in galaxy.yml" for name in names if name.startswith(FOREIGN)]
    found += [f"{name}: a hidden or compiled file in the archive" for name in names if name.endswith(".pyc") or name.startswith(".")]
    if size > LARGEST:
        found.append(f"the archive has {size} bytes; Galaxy takes {LARGEST}")
    return found


def main() -> int:
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    build = subprocess.run(["ansible-galaxy", "collection", "build", "--output-path", str(BUILD)], cwd=ROOT, capture_output=True, text=True, check=False)
    if build.returncode != 0:
        print(build.stdout + build.stderr)
        return 1
    archive = next(BUILD.glob("*.tar.gz"))
    with tarfile.open(archive) as tar:
        names = [member.name for member in tar.getmembers() if not member.isdir()]
    found = archive_findings(names, archive.stat().st_size)
    print("\n".join(found) or f"{archive.name}: {len(names)} files, {archive.stat().st_size} bytes")
    environment = {**os.environ, "GALAXY_IMPORTER_RUN_ANSIBLE_LINT": "false", "GALAXY_IMPORTER_RUN_ANSIBLE_TEST": "false"}
    command = [sys.executable, "-m", "galaxy_importer.main", str(archive)]
    importer = subprocess.run(command, cwd=BUILD, env=environment, capture_output=True, text=True, check=False)
    output = importer.stdout + importer.stderr
    complaints = [line for line in output.splitlines() if line.startswith(("ERROR", "WARNING"))]
    if importer.returncode != 0 or complaints:
        print(output)
        return 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
