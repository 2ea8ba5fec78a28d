# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collectors of GPUs, apt, Docker and storage, on hosts made of real files and sockets."""

from __future__ import annotations

import datetime
import os
import typing as t
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._catalogue import CHECKS, COLLECTORS
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._checks._gpu_containers import _reloaded_since
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect import _gpu
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect._apt import take
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect._container import gpu_access
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collector import Context, collect
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._registry import examine
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._collect import Wanted
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._reader import Reader
from ansible_collections.inferhost.llm.tests.unit.plugins import gpu_documents as made
from ansible_collections.inferhost.llm.tests.unit.plugins import sysfs_tree
from ansible_collections.inferhost.llm.tests.unit.plugins.docker_socket import DockerSocket
from ansible_collections.inferhost.llm.tests.unit.plugins.doctor_hardware import NOON, STARTED
from ansible_collections.inferhost.llm.tests.unit.plugins.host_tree import FOLDER, RELEASE, put


def gather(name: str, root: Path) -> Facts:
    return collect(Context(fs=str(root)), COLLECTORS, [name])


# GPUs


def test_a_card_without_a_driver(tmp_path: Path) -> None:
    sysfs_tree.build(tmp_path / "sys", sysfs_tree.ADA_UNBOUND)
    put(tmp_path, {"/proc/sys/kernel/osrelease": RELEASE, "/var/lib/dpkg/status": "Package: bash\nStatus: install ok installed\nVersion: 1\n"})
    facts = gather("gpu_info", tmp_path)
    (card,) = facts["gpu_info"]["gpus"]
    assert (card["driver"], facts["gpu_info"]["cuda_init"]["outcome"]) == (None, "not_run")
    assert any("journalctl" in gap or "kmsg" in gap or "dmesg" in gap for gap in facts.gaps["gpu_info"])
    examined = examine(CHECKS.select(["gpu", "L04", "L07"]), facts)
    assert [(one.id, one.severity, one.title) for one in examined.findings] == [("gpu", "warning", "The host has no NVIDIA driver")]
    assert {one.id for one in examined.not_checked} == {"L04", "L07"}


def test_a_machine_without_a_card_has_neither_findings_nor_gaps(tmp_path: Path) -> None:
    sysfs_tree.build(tmp_path / "sys", {"0000:00:00.0": sysfs_tree.BRIDGE})
    facts = gather("gpu_info", tmp_path)
    assert facts["gpu_info"]["gpus"] == [] and "gpu_info" not in facts.gaps
    examined = examine(CHECKS.select(["L01", "L02", "L03", "L04", "L05", "L07", "L08", "L09", "gpu"]), facts)
    assert (len(examined.checked), examined.findings, examined.not_checked) == (9, (), ())


@pytest.mark.parametrize(("module", "asked"), [("nvidia", True), ("nvidia_current", True), ("nouveau", False)])
def test_cuda_is_asked_only_where_a_driver_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, asked: bool) -> None:
    seen: t.List[Wanted] = []

    def collected(reader: Reader, wanted: Wanted) -> t.Dict[str, t.Any]:
        seen.append(wanted)
        return made.healthy()

    monkeypatch.setattr(_gpu, "collect", collected)
    put(tmp_path, {"/sys/module/%s" % module: FOLDER})
    assert gather("gpu_info", tmp_path)["gpu_info"]["gpus"]
    assert [one.cuda_init for one in seen] == [asked]
    # The programs of this machine say nothing about files below a folder.
    assert [one.nvidia_smi for one in seen] == [None]


# apt


APT = r"""
// Comments of three kinds, and an address that is none
# Unattended-Upgrade::Package-Blacklist { "everything"; };
/* Unattended-Upgrade::Package-Blacklist { "more"; }; */
Acquire::http::Proxy "http://user:secret@proxy:3142//";
Unattended-Upgrade::Allowed-Origins {
        "${distro_id}:${distro_codename}-security";
        // "${distro_id}:${distro_codename}-updates";
};
Unattended-Upgrade::Package-Blacklist { "nvidia-"; "libnvidia-"; };
APT { Periodic { Update-Package-Lists "1"; Unattended-Upgrade "1"; }; };
"""


def test_apt_configuration_is_understood() -> None:
    settings: t.Dict[str, t.List[str]] = {}
    take(settings, APT)
    assert settings["apt::periodic::unattended-upgrade"] == ["1"]
    assert settings["unattended-upgrade::package-blacklist"] == ["nvidia-", "libnvidia-"]
    assert settings["unattended-upgrade::allowed-origins"] == ["${distro_id}:${distro_codename}-security"]
    take(settings, '#clear Unattended-Upgrade::Package-Blacklist;\nUnattended-Upgrade::Package-Blacklist:: "cuda-";\nAPT::Periodic::Unattended-Upgrade "0";')
    assert settings["unattended-upgrade::package-blacklist"] == ["cuda-"]
    assert settings["apt::periodic::unattended-upgrade"] == ["1", "0"]


AUTO = 'APT::Periodic::Unattended-Upgrade "1";\n'


@pytest.mark.parametrize(
    ("files", "unattended"),
    [
        ({"/etc/apt/apt.conf.d/20auto-upgrades": AUTO}, True),
        ({"/etc/apt/apt.conf.d/20auto-upgrades": AUTO, "/etc/apt/apt.conf.d/99off.conf": 'APT::Periodic::Unattended-Upgrade "0";'}, False),
        # apt reads neither.
        ({"/etc/apt/apt.conf.d/20auto-upgrades.dpkg-old": AUTO, "/etc/apt/apt.conf.d/20auto-upgrades.bak": AUTO}, False),
        ({"/etc/apt/apt.conf.d/20auto-upgrades": AUTO, "/etc/systemd/system/apt-daily-upgrade.timer": "link to /dev/null"}, False),
        ({"/etc/apt/apt.conf.d/10periodic": "", "/etc/apt/apt.conf": AUTO}, True),
    ],
)
def test_whether_apt_upgrades_on_its_own(tmp_path: Path, files: t.Dict[str, str], unattended: bool) -> None:
    put(tmp_path, {"/usr/bin/unattended-upgrade": "", **files})
    assert gather("apt", tmp_path)["apt"]["unattended"] is unattended
    os.unlink(tmp_path / "usr/bin/unattended-upgrade")
    assert gather("apt", tmp_path)["apt"]["unattended"] is False


def test_of_apt_only_that_is_kept(tmp_path: Path) -> None:
    put(tmp_path, {"/etc/apt/apt.conf.d/50unattended-upgrades": APT})
    value = gather("apt", tmp_path)["apt"]
    assert value == {"unattended": False, "blacklist": ["nvidia-", "libnvidia-"], "origins": ["${distro_id}:${distro_codename}-security"]}


def test_a_host_without_apt_says_so(tmp_path: Path) -> None:
    assert "no such file" in gather("apt", tmp_path).missing["apt"]


# Docker


@pytest.mark.parametrize(
    ("host", "access"),
    [
        ({"DeviceRequests": [{"Driver": "", "Count": -1, "DeviceIDs": None, "Capabilities": [["gpu"]], "Options": {}}]}, "flag"),
        ({"DeviceRequests": [{"Driver": "nvidia", "Count": 1, "DeviceIDs": None, "Capabilities": [["gpu", "utility"]]}]}, "flag"),
        ({"DeviceRequests": [{"Driver": "cdi", "Count": 0, "DeviceIDs": ["nvidia.com/gpu=all"], "Capabilities": None}]}, "cdi"),
        ({"DeviceRequests": None, "Runtime": "nvidia"}, "runtime"),
        ({"DeviceRequests": [{"Driver": "cdi", "DeviceIDs": ["intel.com/gpu=0"], "Capabilities": None}], "Runtime": "runc"}, None),
        ({}, None),
    ],
)
def test_how_a_container_gets_its_gpu(host: t.Dict[str, t.Any], access: t.Optional[str]) -> None:
    assert gpu_access(host) == access


def test_what_docker_says_of_itself(tmp_path: Path) -> None:
    put(tmp_path, {"/run/systemd/systemd-units-load": ""})
    os.utime(tmp_path / "run/systemd/systemd-units-load", (NOON, NOON))
    info = {"ServerVersion": "29.1.0", "CgroupDriver": "systemd", "Runtimes": {"runc": {}, "nvidia": {}}, "LiveRestoreEnabled": True, "Name": "gpu1"}
    devices = [{"Source": "cdi", "ID": "nvidia.com/gpu=0"}, {"Source": "cdi", "ID": "intel.com/x=1"}]
    with DockerSocket(tmp_path / "var/run/docker.sock", {}, {**info, "DiscoveredDevices": devices}):
        value = gather("docker_info", tmp_path)["docker_info"]
    settings = {"version": "29.1.0", "cgroup_driver": "systemd", "runtimes": ["nvidia", "runc"], "gpus": ["nvidia.com/gpu=0"], "live_restore": True}
    assert value == {**settings, "units_loaded": NOON}


def test_no_docker_is_no_gap(tmp_path: Path) -> None:
    facts = gather("docker_info", tmp_path)
    assert (facts["docker_info"], dict(facts.missing)) == (None, {})


def test_a_reload_counts_from_the_containers_start_on() -> None:
    assert datetime.datetime.fromtimestamp(NOON, datetime.timezone.utc).isoformat() == "2026-11-21T12:00:00+00:00"
    assert [_reloaded_since(STARTED, moment) for moment in (NOON, NOON + 0.124, NOON + 60, None)] == [False, True, True, False]
    assert not _reloaded_since("0001-01-01T00:00:00", NOON) and not _reloaded_since("", NOON)


# host.docker.internal


SCRAPE = "scrape_configs:\n  - static_configs:\n      - targets: ['host.docker.internal:8000']\n"


def test_the_hosts_own_programs_do_not_know_dockers_name(tmp_path: Path) -> None:
    put(tmp_path, {"/etc/prometheus/prometheus.yml": SCRAPE, "/etc/grafana/provisioning/datasources/p.yaml": "url: http://host.docker.internal:9090\n"})
    found = gather("docker_names", tmp_path)["docker_names"]
    assert [(one["container"], one["file"], one["lines"], one["resolves"]) for one in found] == [
        ("", "/etc/prometheus/prometheus.yml", [3], False),
        ("", "/etc/grafana/provisioning/datasources/p.yaml", [1], False),
    ]
    put(tmp_path, {"/etc/hosts": "127.0.0.1 localhost host.docker.internal\n"})
    assert {one["resolves"] for one in gather("docker_names", tmp_path)["docker_names"]} == {True}


def test_without_docker_the_hosts_own_files_are_still_read(tmp_path: Path) -> None:
    put(tmp_path, {"/etc/prometheus/prometheus.yml": SCRAPE, "/var/run/docker.sock": "a file, which no connection can be made to"})
    facts = gather("docker_names", tmp_path)
    assert [one["file"] for one in facts["docker_names"]] == ["/etc/prometheus/prometheus.yml"]
    # A dead socket is an engine that does not run.
    assert facts.missing == {}


# Storage


def test_storage_is_planned_on_the_running_system_alone(tmp_path: Path) -> None:
    put(tmp_path, {"/proc/1/cmdline": "init\0"})
    assert gather("growth", tmp_path).missing["growth"] == "storage is planned only on the system that runs"


def test_the_plan_of_this_machine_is_whole() -> None:
    (plan, *_more) = collect(Context(root="/nonexistent/inferhost"), COLLECTORS, ["growth"])["growth"]
    assert plan["mount_point"].startswith("/") and plan["free"]["now_bytes"] >= 0 and isinstance(plan["steps"], list)
