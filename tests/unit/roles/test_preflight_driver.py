# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""preflight on a machine with a card that no driver serves yet: the real role; the card is files laid over sysfs in a mount namespace of the test's own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
BUS = "/sys/bus/pci/devices"
NAMESPACE = ["unshare", "--user", "--map-root-user", "--mount"]
# An RTX PRO 6000 Blackwell, which works only with the open kernel module.
BLACKWELL = {"vendor": "0x10de", "device": "0x2bb1", "class": "0x030000", "subsystem_vendor": "0x10de", "subsystem_device": "0x204b"}

PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  roles:
    - {role: inferhost.llm.model, when: false}
    - {role: inferhost.llm.vllm, when: false}
    - {role: inferhost.llm.proxy, when: false}
    - {role: inferhost.llm.monitoring, when: false}
    - {role: inferhost.llm.client_config, when: false}
    - {role: inferhost.llm.verify, when: false}
    - role: inferhost.llm.preflight
"""
DRIVER = """
- hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - ansible.builtin.include_role:
        name: inferhost.llm.preflight
        tasks_from: driver
      vars:
        inferhost_plan: {expect: {cuda_major: 13}}
        __preflight_hardware: {cuda_init: {outcome: absent, cause: there is no libcuda, fix: ""}}
"""
ASKED = "Driver that the cards would get"


def _why_not() -> str:
    if Path("/proc/driver/nvidia").exists():
        return "this machine has a driver of its own, which preflight would find working"
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([*NAMESPACE, "mount", "--bind", folder, BUS], capture_output=True, text=True, check=False)
    return f"no file can be laid over sysfs here: {done.stderr.strip().splitlines()[0]}" if done.returncode else ""


WHY_NOT = _why_not()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)


@dataclass
class Machine:
    """This machine with another bus."""

    folder: Path

    def play(self, text: str, **variables: object) -> str:
        """What ansible-playbook said, on one line; whether it failed is in the recap at its end."""
        playbook = self.folder / "play.yml"
        playbook.write_text(text)
        environment = {
            **os.environ,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
        }
        values = {"ansible_python_interpreter": sys.executable, "inferhost_root": str(self.folder / "root"), **variables}
        command = ["ansible-playbook", "-i", "localhost,", "-e", json.dumps(values), str(playbook)]
        shell = 'mount --bind "$0" ' + BUS + ' && exec "$@"'
        done = subprocess.run(
            [*NAMESPACE, "sh", "-c", shell, str(self.folder / "bus"), *command],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        return " ".join((done.stdout + done.stderr).split())


@pytest.fixture
def machine() -> Iterator[Machine]:
    with tempfile.TemporaryDirectory(prefix="bus-") as name:
        card = Path(name) / "bus" / "0000:01:00.0"
        card.mkdir(parents=True)
        for attribute, value in BLACKWELL.items():
            (card / attribute).write_text(value + "\n")
        yield Machine(Path(name))


def test_a_driver_that_cannot_work_is_refused_before_anything_changes(machine: Machine) -> None:
    said = machine.play(PLAY, vllm_build="cuda", nvidia_driver_flavour="closed")
    assert "NVIDIA RTX PRO 6000 Blackwell Workstation Edition" in said
    assert "cannot get a driver for it: " in said and "Nothing was changed." in said
    assert "failed=1" in said and "changed=0" in said
    assert not (machine.folder / "root").exists()


def test_a_plan_for_the_processor_asks_for_no_driver(machine: Machine) -> None:
    said = machine.play(PLAY, vllm_build="cpu", nvidia_driver_flavour="closed", preflight_enforce=False)
    assert ASKED not in said and "failed=0" in said


def test_a_driver_that_serves_the_card_is_no_obstacle(machine: Machine) -> None:
    said = machine.play(DRIVER, inferhost_service_manager="systemd")
    assert ASKED in said and "failed=0" in said


def test_in_a_pod_the_driver_has_to_work_already(machine: Machine) -> None:
    said = machine.play(DRIVER, inferhost_service_manager="supervisor")
    assert "CUDA does not start on localhost: there is no libcuda" in said and "the driver has to work already" in said
    assert "failed=1" in said and "Nothing was changed." in said
