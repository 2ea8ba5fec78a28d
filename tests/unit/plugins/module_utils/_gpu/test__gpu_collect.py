# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._gpu import _collect as gpu_collect
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._collect import Wanted, collect
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._reader import Reader
from ansible_collections.inferhost.llm.tests.unit.plugins import sysfs_tree
from ansible_collections.inferhost.llm.tests.unit.plugins.host_tree import FOLDER, RELEASE, put, reader

WANTED = Wanted(5.0, None, False)


def broken(*_arguments: t.Any, **_options: t.Any) -> t.NoReturn:
    raise RuntimeError("something new")


COLLECTORS = {
    "container_facts": ("containers", "containers"),
    "cpu_facts": ("cpu", "cpu"),
    "dkms_facts": ("dkms", "dkms"),
    "driver_facts": ("driver", "driver"),
    "kernel_facts": ("kernel", "kernel"),
    "kernel_log_facts": ("kernel_log", "kernel_log"),
    "package_facts": ("packages", "packages"),
    "service_facts": ("services", "fabric_manager"),
}


@pytest.mark.parametrize("name", sorted(COLLECTORS))
def test_a_collector_that_fails_leaves_the_others_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    sysfs_tree.build(tmp_path / "sys", sysfs_tree.ADA_UNBOUND)
    whole = collect(reader(tmp_path, {"/var/lib/dpkg/status": "Package: bash\nStatus: install ok installed\n"}), WANTED)
    monkeypatch.setattr(gpu_collect.gpu_host if name == "cpu_facts" else gpu_collect, name, broken)
    host = reader(tmp_path, {})
    facts = collect(host, WANTED)
    what, key = COLLECTORS[name]
    assert set(facts) == set(whole) and facts[key] is None and whole[key] is not None
    assert facts["gpus"] == whole["gpus"]
    assert {"what": what, "why": "RuntimeError: something new"} in facts["unread"]


def test_folders_where_files_should_be(tmp_path: Path) -> None:
    """As near as a test run by root gets to a host that lets nothing be read."""
    sysfs_tree.build(tmp_path / "sys", sysfs_tree.ADA_UNBOUND)
    paths = (
        "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c",
        "/proc/sys/kernel/osrelease",
        "/proc/cmdline",
        "/proc/driver/nvidia/version",
        "/proc/driver/nvidia/params",
        "/proc/driver/nvidia/gpus/0000:01:00.0/information",
        "/sys/module/nvidia/version",
        "/lib/modules/%s/modules.dep" % RELEASE,
        "/var/lib/dpkg/status",
        "/etc/docker/daemon.json",
        "/etc/nvidia-container-runtime/config.toml",
        "/etc/cdi/nvidia.yaml",
        "/etc/modprobe.d/nvidia.conf",
        "/dev/kmsg",
    )
    host = reader(tmp_path, dict.fromkeys(paths, FOLDER), {})
    facts = collect(host, WANTED)
    assert {entry["what"] for entry in facts["unread"]} >= set(paths)
    assert {entry["why"] for entry in facts["unread"] if entry["what"] in paths} == {"is a directory"}
    assert len(facts["gpus"]) == 1


def test_the_log_is_read_where_the_card_left_the_bus_but_the_driver_is_loaded(tmp_path: Path) -> None:
    put(tmp_path, {"/sys/bus/pci/devices": FOLDER, "/sys/module/nvidia/version": "580.159.03", "/dev/kmsg": "3,1,1,-;NVRM: Xid (PCI:0000:01:00): 79, text\n"})
    facts = collect(Reader(str(tmp_path)), WANTED)
    assert facts["gpus"] == [] and [event["xid"] for event in facts["kernel_log"]["events"]] == [79]


def test_cuda_is_called_only_on_a_running_host_with_a_card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: t.List[float] = []

    def init(timeout: float) -> t.Dict[str, t.Any]:
        calls.append(timeout)
        return {"outcome": "ok"}

    monkeypatch.setattr(gpu_collect.gpu_cuda, "init", init)
    wanted = Wanted(7.0, None, True)
    here, below = Reader(), Reader(str(tmp_path))
    assert gpu_collect.ask_cuda(below, wanted, True)["outcome"] == "not_run"
    assert gpu_collect.ask_cuda(here, wanted, False)["outcome"] == "not_run"
    assert gpu_collect.ask_cuda(here, WANTED, True)["outcome"] == "not_run"
    assert calls == []
    assert gpu_collect.ask_cuda(here, wanted, True) == {"outcome": "ok"} and calls == [7.0]


@pytest.mark.parametrize(("content", "on"), [(b"\x06\x00\x00\x00\x01", True), (b"\x06\x00\x00\x00\x00", False), (b"\x06", None)])
def test_secure_boot(tmp_path: Path, content: bytes, on: t.Optional[bool]) -> None:
    path = tmp_path / gpu_collect.SECURE_BOOT.lstrip("/")
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert gpu_collect.secure_boot(Reader(str(tmp_path))) is on
