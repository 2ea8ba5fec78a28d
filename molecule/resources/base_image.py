# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Debian image that a test host boots from, made on this machine, for there may be no registry to pull from."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import engine

SUITE = "bookworm"
SUITES = ("bookworm", "trixie")
# What a freshly installed server has. Not there on purpose: python3-venv, curl, sudo; the roles must bring or avoid them.
PACKAGES = ("systemd", "systemd-sysv", "dbus", "python3", "ca-certificates", "iproute2", "procps", "adduser")
MIRROR = os.environ.get("INFERHOST_MOLECULE_MIRROR", "http://deb.debian.org/debian")
# How this machine's apt reaches its mirrors; nothing else of its configuration concerns the image.
APT_SETTINGS = ("Acquire::http::Proxy", "Acquire::https::Proxy", "Acquire::Check-Valid-Until", "Acquire::Check-Date")


def apt_settings() -> list[str]:
    """The lines of this machine's apt configuration that a test host needs as well."""
    if shutil.which("apt-config") is None:
        return []
    dump = subprocess.run(["apt-config", "dump"], capture_output=True, text=True, check=True).stdout
    return [line for line in dump.splitlines() if line.startswith(APT_SETTINGS)]


def _key(suite: str, packages: tuple[str, ...]) -> str:
    return hashlib.sha256("\n".join([suite, MIRROR, *packages, *apt_settings()]).encode()).hexdigest()[:12]


def _known(image: str) -> bool:
    return subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False).returncode == 0


def _debootstrap(archive: Path, suite: str, packages: tuple[str, ...]) -> None:
    if shutil.which("mmdebstrap") is None:
        engine.apt_install("mmdebstrap", "debian-archive-keyring")
    archive.parent.mkdir(parents=True, exist_ok=True)
    partial = archive.with_suffix(".partial.tar")
    options = [f"--aptopt={line}" for line in apt_settings()]
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(packages)}", *options, suite, str(partial), MIRROR]
    subprocess.run(command, check=True)
    partial.rename(archive)


def ensure(suite: str = SUITE, more: tuple[str, ...] = ()) -> str:
    """Name of an image with systemd and Python: the one in INFERHOST_MOLECULE_IMAGE, otherwise one made here and kept.

    `more`: packages that a scenario's hosts have besides, so that it need not install them each time.
    """
    given = os.environ.get("INFERHOST_MOLECULE_IMAGE", "")
    if given and suite == SUITE and not more:
        return given
    packages = (*PACKAGES, *more)
    key = _key(suite, packages)
    image = f"inferhost-molecule-{suite}:{key}"
    if not _known(image):
        archive = engine.STATE / f"{suite}-{key}.tar"
        if not archive.exists():
            _debootstrap(archive, suite, packages)
        subprocess.run(["docker", "import", str(archive), image], check=True, stdout=subprocess.DEVNULL)
    return image
