# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One test machine under QEMU, in software alone: a kernel and disks of its own.  Usage: vm.py up|down NAME [--spec JSON]

The inventory says what a machine is like, in `molecule_machine`; the keys are those of Machine. How it is reached lies in .cache/molecule/machines/NAME:
`port` on loopback and `key`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import engine
import processes
import vm_image

# Half a minute on an idle machine with two cores, and minutes on a busy one.
BOOT_SECONDS = 480
STOP_SECONDS = 20
COMMAND_LINE = f"root={vm_image.ROOT_DEVICE} ro console=ttyS0 quiet net.ifnames=0 mitigations=off panic=5 inferhost.key="
# Addresses in five levels cost an emulated processor a tenth of its speed and give nothing here.
QEMU = (
    "qemu-system-x86_64", "-accel", "tcg,thread=multi", "-cpu", "max,la57=off", "-smp", "2", "-machine", "q35", "-display", "none", "-nodefaults",
    "-device", "virtio-rng-pci",
)  # fmt: skip
SSH_OPTIONS = ("StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "ControlMaster=auto", "ControlPersist=120")


@dataclass(frozen=True)
class Machine:
    """What differs between test machines. The first disk holds the image and is `disk` large, `disks` are further ones, empty: vdb, vdc and so on."""

    disk: str = "20G"
    disks: list[str] = field(default_factory=list)
    memory_mib: int = 1024
    image: dict[str, Any] = field(default_factory=dict)
    options: list[str] = field(default_factory=list)

    def image_spec(self) -> vm_image.Spec:
        """The image's part, lists made hashable."""
        return vm_image.Spec(**{name: tuple(value) if isinstance(value, list) else value for name, value in self.image.items()})


def folder(name: str) -> Path:
    """Where everything about a machine lies."""
    return engine.STATE / "machines" / name


def ssh_command(name: str) -> list[str]:
    """How to run a command as root on the machine."""
    place = folder(name)
    # A socket's path is limited to 108 characters, and a checkout may lie deep.
    options = [*SSH_OPTIONS, f"ControlPath=/tmp/inferhost-vm-{(place / 'port').read_text(encoding='ascii').strip()}"]
    words = [word for option in options for word in ("-o", option)]
    return ["ssh", "-i", str(place / "key"), "-p", (place / "port").read_text(encoding="ascii").strip(), *words, "root@127.0.0.1"]


def require() -> None:
    """Make sure that QEMU and a client for SSH are here, or say in one line why not."""
    if os.uname().machine != "x86_64":
        raise engine.NoEngine(f"the test machines are x86_64, this one is {os.uname().machine}")
    tools = {"qemu-system-x86_64": "qemu-system-x86", "qemu-img": "qemu-utils", "ssh": "openssh-client", "ssh-keygen": "openssh-client"}
    missing = sorted({package for tool, package in tools.items() if shutil.which(tool) is None})
    if missing:
        engine.apt_install(*missing)
    if os.geteuid() != 0:
        raise engine.NoEngine("only root can make the disk image of a test machine (mmdebstrap, losetup)")
    loop = subprocess.run(["losetup", "--find"], capture_output=True, text=True, check=False)
    if loop.returncode != 0:
        raise engine.NoEngine(f"the disk image of a test machine wants a loop device: {loop.stderr.strip()}")


@contextlib.contextmanager
def shared() -> Iterator[None]:
    """As `engine.shared`; nothing runs between two machines, so there is nothing to stop."""
    require()
    yield


def up(name: str, machine: Machine) -> None:
    """Boot a fresh machine; one of that name is replaced."""
    require()
    image = vm_image.ensure(machine.image_spec())
    down(name)
    place = folder(name)
    place.mkdir(parents=True)
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(place / "key")], check=True)
    disks = [_disk(place / "vda.qcow2", machine.disk, image.disk)]
    disks += [_disk(place / f"vd{chr(ord('b') + number)}.qcow2", size) for number, size in enumerate(machine.disks)]
    port = _free_port()
    (place / "port").write_text(f"{port}\n", encoding="ascii")
    key = (place / "key.pub").read_text(encoding="ascii").split()[1]
    began = time.monotonic()
    process = _start(place, machine, image, disks, port, COMMAND_LINE + key)
    _wait(name, process, began)


def _disk(path: Path, size: str, backing: Path | None = None) -> Path:
    options = ["-b", str(backing), "-F", "raw"] if backing else []
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", *options, str(path), size], check=True)
    return path


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _start(place: Path, machine: Machine, image: vm_image.Image, disks: list[Path], port: int, line: str) -> subprocess.Popen[bytes]:
    command = [*QEMU, "-m", str(machine.memory_mib), "-kernel", str(image.kernel), "-initrd", str(image.initrd), "-append", line]
    command += ["-serial", f"file:{place / 'console.log'}"]
    command += ["-netdev", f"user,id=net,hostfwd=tcp:127.0.0.1:{port}-:22", "-device", "virtio-net-pci,netdev=net,romfile="]
    for disk in disks:
        command += ["-drive", f"file={disk},format=qcow2,if=virtio,cache=unsafe,discard=unmap"]
    with (place / "qemu.log").open("wb") as log:
        process = subprocess.Popen([*command, *machine.options], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    processes.remember(process.pid, place / "pid")
    return process


def _wait(name: str, process: subprocess.Popen[bytes], began: float) -> None:
    deadline = began + BOOT_SECONDS
    state = "silent"
    while time.monotonic() < deadline and process.poll() is None:
        # Emulated, each attempt at a key exchange slows down the boot that it waits for.
        if _greets(name):
            done = subprocess.run([*ssh_command(name), "systemctl is-system-running --wait"], capture_output=True, text=True, check=False)
            state = done.stdout.strip() or done.stderr.strip()
            if state == "running":
                print(f"{name}: up after {time.monotonic() - began:.1f} s")
                return
            if done.stdout.strip() == "degraded":
                failed = subprocess.run([*ssh_command(name), "systemctl --failed --plain --no-legend"], capture_output=True, text=True, check=False)
                state = f"degraded: {failed.stdout.strip()}"
                break
        time.sleep(1)
    place = folder(name)
    tail = "".join((place / log).read_text(encoding="utf-8", errors="replace")[-1500:] for log in ("qemu.log", "console.log") if (place / log).exists())
    raise SystemExit(f"molecule: {name} is {state} after {time.monotonic() - began:.0f} s\n{tail}")


def _greets(name: str) -> bool:
    """Whether an SSH server says its name; QEMU itself accepts the connection long before."""
    try:
        with socket.create_connection(("127.0.0.1", int((folder(name) / "port").read_text(encoding="ascii"))), timeout=5) as connection:
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


def down(name: str) -> None:
    """Switch the machine off, as if by its plug, and forget it."""
    place = folder(name)
    if (place / "port").exists():
        subprocess.run([*ssh_command(name)[:-1], "-O", "exit", "root@127.0.0.1"], capture_output=True, check=False)
    if processes.stop(place / "pid", STOP_SECONDS):
        print(f"{name}: switched off")
    shutil.rmtree(place, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("up", "down"))
    parser.add_argument("name")
    parser.add_argument("--spec", default="{}")
    args = parser.parse_args()
    try:
        if args.action == "up":
            up(args.name, Machine(**json.loads(args.spec)))
        else:
            down(args.name)
    except engine.NoEngine as error:
        sys.exit(f"molecule: {error}")


if __name__ == "__main__":
    main()
