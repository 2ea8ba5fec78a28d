# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._containers import container_facts, daemon_settings, parse_json, parse_yaml
from ansible_collections.inferhost.llm.tests.unit.plugins.host_tree import FOLDER, LINK, reader

# Constructed in the style that nvidia-ctk writes: keys in alphabetical order, so that a device's name comes after its edits.
GENERATED = """---
cdiVersion: 0.5.0
containerEdits:
  deviceNodes:
  - path: /dev/nvidiactl
  hooks:
  - args:
    - nvidia-cdi-hook
    hookName: createContainer
    name: not-a-device
  mounts:
  - hostPath: /usr/lib/x86_64-linux-gnu/libcuda.so.580.159.03
    containerPath: /usr/lib/x86_64-linux-gnu/libcuda.so.580.159.03
devices:
- containerEdits:
    deviceNodes:
    - path: /dev/nvidia0
      name: not-a-device
  name: "0"
- containerEdits:
    deviceNodes:
    - path: /dev/nvidia0
  name: GPU-0f1e2d3c-0000-0000-0000-000000000000
- containerEdits:
    deviceNodes:
    - path: /dev/nvidia0
  name: all
kind: nvidia.com/gpu
"""
# As people write it: the name first, everything indented, comments.
BY_HAND = """cdiVersion: "0.5.0"
kind: 'nvidia.com/gpu'   # vendor and class
devices:
  - name: "0"            # the first card
    containerEdits:
      deviceNodes:
        - path: /dev/nvidia0
          name: not-a-device
  -   name: all
      containerEdits: {}
containerEdits:
  name: not-a-device
"""


@pytest.mark.parametrize(
    ("text", "kind", "devices"),
    [
        (GENERATED, "nvidia.com/gpu", ["0", "GPU-0f1e2d3c-0000-0000-0000-000000000000", "all"]),
        (BY_HAND, "nvidia.com/gpu", ["0", "all"]),
        ("kind: a.b/c\ndevices: []\n", "a.b/c", []),
        ("devices:\n- name: lost\n", None, ["lost"]),
        ("", None, []),
        ("\tnot: yaml: at all\n- - -\n", None, []),
    ],
)
def test_names_in_yaml(text: str, kind: t.Optional[str], devices: t.List[str]) -> None:
    assert parse_yaml(text) == (kind, devices)


@pytest.mark.parametrize(
    ("text", "kind", "devices"),
    [
        ('{"cdiVersion": "0.5.0", "kind": "nvidia.com/gpu", "devices": [{"name": "0"}, {"name": "all"}]}', "nvidia.com/gpu", ["0", "all"]),
        ('{"kind": "nvidia.com/gpu", "devices": null}', "nvidia.com/gpu", []),
        ('{"devices": []}', None, []),
        ('{"kind": "a", "devices": [1]}', None, []),
        ("[]", None, []),
        ("{", None, []),
    ],
)
def test_names_in_json(text: str, kind: t.Optional[str], devices: t.List[str]) -> None:
    assert parse_json(text) == (kind, devices)


DAEMON = {
    "runtimes": {"nvidia": {"args": [], "path": "nvidia-container-runtime"}},
    "default-runtime": "nvidia",
    "features": {"cdi": True},
    "cdi-spec-dirs": ["/etc/cdi"],
    "exec-opts": ["native.cgroupdriver=cgroupfs"],
    "log-driver": "local",
}
CONFIG = """#accept-nvidia-visible-devices-as-volume-mounts = false
[nvidia-container-cli]
#no-cgroups = false
no-cgroups = true
[nvidia-container-runtime]
mode = "auto"
"""


def test_a_host_with_everything(tmp_path: Path) -> None:
    host = reader(
        tmp_path,
        {
            "/etc/cdi/nvidia.yaml": GENERATED,
            "/etc/cdi/README": "no specification",
            "/run/cdi/other.json": '{"kind": "example.com/card", "devices": [{"name": "a"}]}',
            "/var/run": LINK + "/run",
            "/etc/docker/daemon.json": json.dumps(DAEMON),
            "/usr/bin/dockerd": "",
            "/usr/bin/nvidia-ctk": "",
            "/etc/nvidia-container-runtime/config.toml": CONFIG,
        },
    )
    assert container_facts(host) == {
        "cdi": [
            {
                "path": "/etc/cdi/nvidia.yaml",
                "kind": "nvidia.com/gpu",
                "devices": ["0", "GPU-0f1e2d3c-0000-0000-0000-000000000000", "all"],
                "driver_versions": ["580.159.03"],
            },
            {"path": "/run/cdi/other.json", "kind": "example.com/card", "devices": ["a"], "driver_versions": []},
        ],
        "docker": {
            "installed": True,
            "configuration": "/etc/docker/daemon.json",
            "valid": True,
            "runtimes": {"nvidia": "nvidia-container-runtime"},
            "default_runtime": "nvidia",
            "cdi": True,
            "cdi_folders": ["/etc/cdi"],
            "cgroup_driver": "cgroupfs",
        },
        "toolkit": {
            "nvidia_ctk": "/usr/bin/nvidia-ctk",
            "configuration": "/etc/nvidia-container-runtime/config.toml",
            "no_cgroups": True,
            "mode": "auto",
        },
    }
    assert host.unread == []


def test_a_host_with_nothing_has_the_same_keys(tmp_path: Path) -> None:
    host = reader(tmp_path, {})
    facts = container_facts(host)
    assert facts["cdi"] == []
    assert facts["docker"] == {
        "installed": False,
        "configuration": None,
        "valid": None,
        "runtimes": {},
        "default_runtime": None,
        "cdi": None,
        "cdi_folders": None,
        "cgroup_driver": None,
    }
    assert facts["toolkit"] == {"nvidia_ctk": None, "configuration": None, "no_cgroups": None, "mode": None}
    assert host.unread == []


@pytest.mark.parametrize("text", ["{", "[]", '{"runtimes": }'])
def test_a_configuration_that_docker_could_not_read_either(tmp_path: Path, text: str) -> None:
    host = reader(tmp_path, {"/etc/docker/daemon.json": text})
    docker = container_facts(host)["docker"]
    assert (docker["valid"], docker["runtimes"]) == (False, {})
    assert [entry["what"] for entry in host.unread] == ["/etc/docker/daemon.json"]


def test_an_empty_configuration_is_one_without_settings(tmp_path: Path) -> None:
    assert container_facts(reader(tmp_path, {"/etc/docker/daemon.json": "\n"}))["docker"]["valid"] is True


def test_settings_of_a_wrong_kind_are_left_out() -> None:
    assert daemon_settings({"runtimes": [], "features": "cdi", "exec-opts": "x"})["runtimes"] == {}
    assert daemon_settings({"runtimes": {"nvidia": None}})["runtimes"] == {"nvidia": None}


def test_files_that_are_no_specification_are_noted(tmp_path: Path) -> None:
    host = reader(tmp_path, {"/etc/cdi/broken.json": "{", "/etc/cdi/folder.yaml": FOLDER})
    assert container_facts(host)["cdi"] == [{"path": "/etc/cdi/broken.json", "kind": None, "devices": [], "driver_versions": []}]
    assert host.unread == [{"what": "/etc/cdi/broken.json", "why": "not a CDI specification"}, {"what": "/etc/cdi/folder.yaml", "why": "is a directory"}]
