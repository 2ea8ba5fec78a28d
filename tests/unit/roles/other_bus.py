# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""This machine with another PCI bus: files laid over sysfs in a mount namespace of the test's own. Ansible and its modules are the real ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BUS = "/sys/bus/pci/devices"
NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]
# An RTX PRO 6000 Blackwell, which works only with the open kernel module.
BLACKWELL = {"vendor": "0x10de", "device": "0x2bb1", "class": "0x030000", "subsystem_vendor": "0x10de", "subsystem_device": "0x204b"}


def why_not() -> str:
    """Why this machine cannot have another bus; empty when it can."""
    if Path("/proc/driver/nvidia").exists():
        return "this machine has a driver of its own, which the tests would find working"
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([*NAMESPACE, "mount", "--bind", folder, BUS], capture_output=True, text=True, check=False)
    return f"no file can be laid over sysfs here: {done.stderr.strip().splitlines()[0]}" if done.returncode else ""


@dataclass
class Machine:
    """This machine with the bus in `folder`; without a card it has none that is NVIDIA's."""

    folder: Path

    def __post_init__(self) -> None:
        (self.folder / "bus").mkdir()

    def put_card(self) -> None:
        card = self.folder / "bus" / "0000:01:00.0"
        card.mkdir()
        for attribute, value in BLACKWELL.items():
            (card / attribute).write_text(value + "\n")

    def run(self, arguments: list[str], **environment: str) -> tuple[int, str]:
        """Status of ansible-playbook, and all it said, on one line."""
        settings = {
            **os.environ,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
            **environment,
        }
        shell = 'mount --bind "$0" ' + BUS + ' && exec "$@"'
        done = subprocess.run(
            [*NAMESPACE, "sh", "-c", shell, str(self.folder / "bus"), "ansible-playbook", *arguments],
            cwd=self.folder,
            env=settings,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    def play(self, text: str, **variables: object) -> str:
        """What a play on this machine said; whether it failed is in the recap at its end."""
        playbook = self.folder / "play.yml"
        playbook.write_text(text)
        values = {"ansible_python_interpreter": sys.executable, "inferhost_root": str(self.folder / "root"), **variables}
        return self.run(["-i", "localhost,", "-e", json.dumps(values), str(playbook)])[1]
