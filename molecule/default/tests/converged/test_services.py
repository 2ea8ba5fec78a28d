# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The services of a converged host and what surrounds them."""

from __future__ import annotations

import json
import re

import pytest
from endpoint import ROOT
from testinfra.host import Host

SERVICES = ["inferhost-vllm", "inferhost-proxy", "inferhost-prometheus", "inferhost-node-exporter"]
PORTS = {"vLLM": 8000, "proxy": 4000, "Prometheus": 9090, "node exporter": 9100}
# Highest exposure that `systemd-analyze security` may report; 10 is no sandbox at all.
EXPOSURE = {"inferhost-proxy": 3.0, "inferhost-vllm": 4.0, "inferhost-prometheus": 3.0, "inferhost-node-exporter": 3.0}


@pytest.mark.parametrize("name", SERVICES)
def test_service_runs_and_starts_with_the_machine(host: Host, name: str) -> None:
    service = host.service(name)
    assert service.is_running
    assert service.is_enabled


@pytest.mark.parametrize("name", SERVICES)
def test_service_does_not_run_as_root(host: Host, name: str) -> None:
    pid = host.check_output(f"systemctl show --property MainPID --value {name}")
    assert host.check_output(f"stat --format %U /proc/{pid}") == "inferhost"


def test_no_unit_failed(host: Host) -> None:
    assert host.check_output("systemctl --failed --plain --no-legend") == ""


def test_listeners_are_on_loopback_only(host: Host) -> None:
    listeners = [line.split()[3] for line in host.check_output("ss --listening --tcp --numeric --no-header").splitlines()]
    ports = {int(listener.rpartition(":")[2]) for listener in listeners}
    assert ports >= set(PORTS.values())
    assert [listener for listener in listeners if not listener.startswith(("127.", "[::1]"))] == []


@pytest.mark.parametrize("name", SERVICES)
def test_sandbox(host: Host, name: str, record_property: pytest.RecordProperty) -> None:
    report = host.check_output(f"systemd-analyze security --no-pager {name}")
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", report)
    assert exposure is not None
    record_property("exposure", exposure.group(1))
    assert float(exposure.group(1)) <= EXPOSURE[name], report


def test_the_engine_runs_with_the_flags_of_the_plan(host: Host) -> None:
    plan = json.loads(host.file(f"{ROOT}/etc/plan.json").content_string)
    pid = host.check_output("systemctl show --property MainPID --value inferhost-vllm")
    words = host.file(f"/proc/{pid}/cmdline").content_string.split("\0")
    assert plan["flags"], "a plan without flags proves nothing"
    for entry in plan["flags"]:
        position = words.index(entry["flag"])
        if entry["value"] is not None:
            assert words[position + 1] == str(entry["value"])
    environment = host.file(f"/proc/{pid}/environ").content_string.split("\0")
    for entry in plan["environment"]:
        assert f"{entry['name']}={entry['value']}" in environment


def test_caches_of_the_running_engine_are_below_the_root(host: Host) -> None:
    pid = host.check_output("systemctl show --property MainPID --value inferhost-vllm")
    lines = host.file(f"/proc/{pid}/environ").content_string.split("\0")
    environment = dict(line.split("=", 1) for line in lines if "=" in line)
    for name in (
        "HF_HOME",
        "HUGGINGFACE_HUB_CACHE",
        "XDG_CACHE_HOME",
        "TMPDIR",
        "TORCHINDUCTOR_CACHE_DIR",
        "TRITON_CACHE_DIR",
        "VLLM_CACHE_ROOT",
        "PYTHONPYCACHEPREFIX",
    ):
        assert environment[name].startswith(f"{ROOT}/cache/"), name


def test_environments_belong_to_root_and_services_cannot_write_them(host: Host) -> None:
    assert host.file(f"{ROOT}/venvs/vllm/bin/python").exists
    assert host.file(f"{ROOT}/venvs/proxy/bin/python").exists
    assert host.check_output(f"find {ROOT}/venvs {ROOT}/lib {ROOT}/bin {ROOT}/etc ! -user root") == ""
    assert host.check_output(f"find {ROOT}/venvs {ROOT}/lib {ROOT}/bin {ROOT}/etc ! -type l -perm /022") == ""
