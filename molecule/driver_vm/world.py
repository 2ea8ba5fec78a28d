# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the machine of this scenario sees: a Blackwell card, the headers of its kernel in a small archive, NVIDIA's repository on its loopback, and the closed
driver that somebody installed without headers.  Usage: world.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "molecule" / "resources"), str(ROOT / "molecule" / "standins"), str(ROOT / ".collections")]

import nvidia_repository as nvidia  # noqa: E402
import vm  # noqa: E402
from debs import SigningKey, build  # noqa: E402

from ansible_collections.inferhost.llm.tests.unit.plugins import sysfs_tree  # noqa: E402

NAME = "inferhost-driver-vm"
STATE = ROOT / ".cache" / "molecule" / "driver_vm"
GUEST = Path(__file__).resolve().parent / "guest"
RELEASE, PORT = "12", 8099
CARD = "0000:01:00.0"
OLD, NEW = "595.58.03", "595.84"
# What the guides of the field install, by their names, and the module that cannot drive the card.
CLOSED = (
    "libcuda1", "libnvidia-ml1", "libnvidia-ptxjitcompiler1", "nvidia-smi", "nvidia-modprobe", "nvidia-driver-cuda",
    "firmware-nvidia-gsp", "nvidia-kernel-support", "nvidia-kernel-dkms",
)  # fmt: skip
BLACKWELL = {
    "0000:00:00.0": sysfs_tree.BRIDGE,
    CARD: sysfs_tree.device(
        "10de",
        "2bb1",
        "0300",
        subsystem_vendor="0x10de",
        subsystem_device="0x204b",
        resource=sysfs_tree.ADA_RESOURCE,
        current_link_width="16",
        max_link_width="16",
        numa_node="-1",
    ),
}


def run(command: str, timeout: float = 900) -> str:
    """A command as root on the machine."""
    done = subprocess.run([*vm.ssh_command(NAME), command], capture_output=True, text=True, timeout=timeout, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[:200]}: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout


def copy_in(source: Path, target: str) -> None:
    """What is in a folder."""
    packed = subprocess.run(["tar", "--create", "--owner=0", "--group=0", "--directory", str(source), "."], capture_output=True, check=True).stdout
    unpack = f"mkdir -p {target} && tar --extract --no-same-permissions --touch --directory {target}"
    subprocess.run([*vm.ssh_command(NAME), unpack], input=packed, check=True)


def publish(versions: Iterable[str]) -> None:
    """Give the machine's repository these releases of the driver."""
    folder = STATE / "repository"
    checksum = nvidia.publish(folder, RELEASE, SigningKey(STATE / "key"), f"http://127.0.0.1:{PORT}/", versions)
    (STATE / "keyring.sha256").write_text(checksum, encoding="ascii")
    copy_in(folder, "/srv/nvidia")


def main() -> None:
    STATE.mkdir(parents=True, exist_ok=True)
    publish([OLD])
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        sysfs_tree.build(root / "sys", BLACKWELL)
        (root / "sys/bus/pci/devices").rename(root / "devices")
        subprocess.run(["cp", "-r", f"{GUEST}/.", str(root)], check=True)
        (root / "closed").mkdir()
        for deb in nvidia.driver_packages(OLD):
            if deb.name in CLOSED:
                build(deb, root / "closed")
        copy_in(root, "/var/lib/standin")
    print(run("sh -eux /var/lib/standin/leave-as-found 2>&1"))


if __name__ == "__main__":
    main()
