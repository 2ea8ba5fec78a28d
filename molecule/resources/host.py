# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One systemd test host in a container.  Usage: host.py up|down NAME [--suite SUITE] [--packages NAME,NAME] [--reboots] [--engine]"""

from __future__ import annotations

import argparse
import os
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import base_image
import engine

BOOT_SECONDS = 60
CA_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
# What systemd needs to be the first process. SYS_ADMIN: it mounts, also for the sandboxes of the services. SYS_PTRACE: it sees processes
# that ProtectProc= hides. --privileged would do, but is refused where this machine is a container or a restricted virtual machine itself.
SYSTEMD_OPTIONS = (
    "--cap-add=SYS_ADMIN",
    "--cap-add=SYS_PTRACE",
    "--cgroupns=host",
    "--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw",
    "--tmpfs=/run",
    "--tmpfs=/tmp",
    "--security-opt=seccomp=unconfined",
    "--security-opt=apparmor=unconfined",
    "--stop-signal=SIGRTMIN+3",
)
# What a Docker Engine inside the host needs besides: its networks, and a place for images that is no overlay itself.
ENGINE_OPTIONS = ("--cap-add=NET_ADMIN", "--volume=/var/lib/docker")
# The 64 MiB that Docker gives are not what a machine has.
SHARED_MEMORY = "--shm-size=2g"


def _wheel_folders() -> list[str]:
    """Local folders that this machine's pip or uv looks for wheels in."""
    given = os.environ.get("UV_FIND_LINKS", "").split(",") + os.environ.get("PIP_FIND_LINKS", "").split()
    return sorted({folder.strip() for folder in given if Path(folder.strip()).is_absolute() and Path(folder.strip()).is_dir()})


def _caches(suite: str) -> dict[str, str]:
    """Folders of this machine that outlive a test host, and where it has them: only what the second run would download again."""
    archives = "apt" if suite == base_image.SUITE else f"apt-{suite}"
    return {str(engine.STATE / "uv"): "/var/cache/uv", str(engine.STATE / archives): "/var/cache/apt/archives"}


def _options(suite: str) -> list[str]:
    environment = {"SSL_CERT_FILE": CA_BUNDLE, "UV_CACHE_DIR": "/var/cache/uv"}
    environment |= {name: os.environ[name] for name in PROXY_VARIABLES if os.environ.get(name)}
    volumes = [f"{folder}:{folder}:ro" for folder in _wheel_folders()]
    for here, there in _caches(suite).items():
        Path(here).mkdir(parents=True, exist_ok=True)
        volumes.append(f"{here}:{there}")
    return [f"--env={name}={value}" for name, value in environment.items()] + [f"--volume={volume}" for volume in volumes]


def _docker(*arguments: str, check: bool = True) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    if check and done.returncode != 0:
        raise SystemExit(f"molecule: docker {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout.strip()


def _copy_in(name: str, content: bytes, target: str) -> None:
    with tempfile.NamedTemporaryFile() as stream:
        stream.write(content)
        stream.flush()
        Path(stream.name).chmod(0o644)
        _docker("cp", stream.name, f"{name}:{target}")


def _copy_network_settings(name: str) -> None:
    """Let the host reach what this machine reaches: the certificates it trusts and its way to package mirrors."""
    bundle = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    if bundle and Path(bundle).is_file():
        _copy_in(name, Path(bundle).read_bytes(), CA_BUNDLE)
    settings = base_image.apt_settings()
    if settings:
        _copy_in(name, "".join(f"{line}\n" for line in settings).encode(), "/etc/apt/apt.conf.d/90outer")


def up(name: str, suite: str, packages: tuple[str, ...], reboots: bool, with_engine: bool) -> None:
    """Boot a fresh host; one of that name is replaced. One that reboots is started again whenever its systemd ends."""
    engine.ensure()
    image = base_image.ensure(suite, packages)
    more = [*(["--restart=always"] if reboots else []), *(ENGINE_OPTIONS if with_engine else ())]
    _docker("rm", "--force", "--volumes", name, check=False)
    _docker("create", "--name", name, "--hostname", name, *more, *SYSTEMD_OPTIONS, SHARED_MEMORY, *_options(suite), image, "/sbin/init")
    _copy_network_settings(name)
    _docker("start", name)
    # On a machine systemd shares its mounts with the services' namespaces; in a container it leaves that to whoever started it, and
    # without it the credentials of a service stay invisible to it.
    _docker("exec", name, "mount", "--make-rshared", "/")
    deadline = time.monotonic() + BOOT_SECONDS
    state = ""
    while time.monotonic() < deadline:
        state = _docker("exec", name, "systemctl", "is-system-running", check=False)
        if state == "running":
            print(f"{name}: systemd is running, image {image}")
            return
        time.sleep(0.5)
    failed = _docker("exec", name, "systemctl", "--failed", "--plain", "--no-legend", check=False)
    raise SystemExit(f"molecule: systemd in {name} is {state or 'not answering'} after {BOOT_SECONDS} s; failed units: {failed or 'none'}")


def down(name: str) -> None:
    """Remove the host."""
    if engine.answers():
        _docker("rm", "--force", "--volumes", name, check=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=("up", "down"))
    parser.add_argument("name")
    parser.add_argument("--suite", default=base_image.SUITE, choices=base_image.SUITES)
    parser.add_argument("--packages", default="", help="what the host has besides the usual, by commas")
    parser.add_argument("--reboots", action="store_true")
    parser.add_argument("--engine", action="store_true", help="a Docker Engine is going to run inside")
    args = parser.parse_args()
    try:
        if args.action == "up":
            up(args.name, args.suite, tuple(filter(None, args.packages.split(","))), args.reboots, args.engine)
        else:
            down(args.name)
    except engine.NoEngine as error:
        sys.exit(f"molecule: {error}")


if __name__ == "__main__":
    main()
