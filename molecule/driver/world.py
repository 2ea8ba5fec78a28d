# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hosts of this scenario see: one card, kernels, remains of older drivers, and NVIDIA's repository on their loopback.  Usage: world.py HOST"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "molecule" / "standins"), str(ROOT / ".collections")]

import nvidia_repository as nvidia  # noqa: E402
from debs import Deb, SigningKey, build  # noqa: E402

from ansible_collections.inferhost.llm.tests.unit.plugins import sysfs_tree  # noqa: E402

STATE = ROOT / ".cache" / "molecule" / "driver"
HOST_FILES = Path(__file__).resolve().parent / "host"
BOOKWORM, TRIXIE = "inferhost-molecule-driver12", "inferhost-molecule-driver13"
RELEASES = {BOOKWORM: "12", TRIXIE: "13"}
PORT = 8099
CARD = "0000:01:00.0"
# A release that would bring a kernel along, of a branch that nothing else here uses.
NEW_KERNEL_DRIVER = "590.48.01"
# apt takes a package of the same version with other dependencies, as the real kernel is, for another build, and would want it.
KERNELS_STAY = "Package: linux-image-*\nPin: release a=now\nPin-Priority: 1001\n"
KERNELS = {BOOKWORM: ("linux-image-amd64", "linux-image-cloud-amd64"), TRIXIE: ("linux-image-amd64",)}
SMI = {"cuda": 0, "cuda_version": "13.0", "cards": [{"address": CARD, "name": "NVIDIA RTX 4000 SFF Ada Generation", "memory_mib": 20475}]}
UNITS = {
    "standin-repository.service": f"""[Unit]
Description=Stand-in for NVIDIA's package repository
[Service]
ExecStart=/usr/bin/python3 -m http.server --bind 127.0.0.1 --directory /srv/nvidia {PORT}
[Install]
WantedBy=multi-user.target
""",
    "standin-kernel.service": """[Unit]
Description=Stand-in for a card and the kernel's modules
DefaultDependencies=no
Before=sysinit.target
[Service]
Type=oneshot
RemainAfterExit=true
ExecStart=/usr/local/sbin/standin-kernel boot
[Install]
WantedBy=sysinit.target
""",
}


def docker(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"docker {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def inside(host: str, script: str) -> str:
    return docker("exec", host, "sh", "-ec", script)


def copy_in(host: str, source: Path, target: str) -> None:
    """A file, or what is in a folder."""
    docker("cp", f"{source}/." if source.is_dir() else str(source), f"{host}:{target}")


def write(host: str, target: str, text: str) -> None:
    with tempfile.NamedTemporaryFile("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        Path(stream.name).chmod(0o644)
        copy_in(host, Path(stream.name), target)


def publish(host: str, versions: Iterable[str] = (), broken: Iterable[str] = (), more: Iterable[Deb] = ()) -> None:
    """Give the host's repository these releases of the driver; without any, the oldest of each branch that the real one is known to have."""
    release = RELEASES[host]
    listed = list(versions) or [nvidia.RELEASES[branch][0] for branch in nvidia.offered(release) if branch != "590"]
    folder = STATE / host / "repository"
    more = [*more, *nvidia.driver_packages(NEW_KERNEL_DRIVER, kernel="linux-image-6.99.0-1-amd64"), Deb("linux-image-6.99.0-1-amd64", "6.99.1-1", "amd64")]
    checksum = nvidia.publish(folder, release, SigningKey(STATE / "key"), f"http://127.0.0.1:{PORT}/", listed, broken, more)
    (STATE / host / "keyring.sha256").write_text(checksum, encoding="ascii")
    copy_in(host, folder, "/srv/nvidia")


def install(host: str, debs: Iterable[Deb]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for deb in debs:
            build(deb, Path(folder))
        inside(host, "mkdir -p /srv/before")
        copy_in(host, Path(folder), "/srv/before")
    inside(host, "dpkg --install /srv/before/*.deb && rm -r /srv/before")


def show_card(host: str, release: str) -> None:
    """The card, the stand-in for the kernel, and what its own modprobe would be asked."""
    with tempfile.TemporaryDirectory() as folder:
        sysfs_tree.build(Path(folder) / "sys", {CARD: sysfs_tree.ADA_UNBOUND[CARD]})
        inside(host, "mkdir -p /var/lib/standin/devices /srv/nvidia")
        copy_in(host, Path(folder) / "sys/bus/pci/devices", "/var/lib/standin/devices")
    write(host, "/var/lib/standin/release", release)
    write(host, "/var/lib/standin/card", CARD)
    write(host, "/etc/standin-gpu.json", json.dumps(SMI))
    for name, text in UNITS.items():
        write(host, f"/etc/systemd/system/{name}", text)
    copy_in(host, HOST_FILES / "standin-kernel", "/usr/local/sbin/standin-kernel")
    inside(
        host,
        "chown root: /usr/local/sbin/standin-kernel && dpkg-divert --quiet --local --rename --divert /usr/sbin/modprobe.real --add /usr/sbin/modprobe"
        " && ln -s /usr/local/sbin/standin-kernel /usr/sbin/modprobe"
        " && systemctl daemon-reload && systemctl --quiet enable --now standin-repository standin-kernel",
    )


def main() -> None:
    host = sys.argv[1]
    inside(host, "apt-get update -qq")
    headers = inside(host, "apt-cache depends linux-headers-amd64 | sed -n 's/.*Depends: linux-headers-\\(.*\\)-amd64$/\\1/p' | head -1").strip()
    version = inside(host, "apt-cache policy linux-headers-amd64 | sed -n 's/^  Candidate: //p'").strip()
    install(host, [*nvidia.kernels(headers, version, KERNELS[host]), *(nvidia.FRAGMENTS if host == BOOKWORM else ()), *nvidia.BYSTANDERS])
    write(host, "/etc/apt/preferences.d/standin-kernel", KERNELS_STAY)
    show_card(host, f"{headers}-amd64")
    publish(host)


if __name__ == "__main__":
    main()
