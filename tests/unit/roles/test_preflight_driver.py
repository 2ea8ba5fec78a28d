# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""preflight on a machine with a card that no driver serves yet: the real role; the card is files laid over sysfs in a mount namespace of the test's own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from other_bus import Machine, why_not

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


WHY_NOT = why_not()
pytestmark = pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT)


@pytest.fixture
def machine() -> Iterator[Machine]:
    with tempfile.TemporaryDirectory(prefix="bus-") as name:
        found = Machine(Path(name))
        found.put_card()
        yield found


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
