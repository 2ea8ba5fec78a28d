# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._packages import STATUS_FILE, kind_of, package_facts, parse_status, version_of
from ansible_collections.inferhost.llm.tests.unit.plugins.host_tree import reader

# Constructed in the form of /var/lib/dpkg/status: a held driver, one that was removed and left its configuration, one half installed, and bystanders.
STATUS = """Package: nvidia-driver-580-open
Status: hold ok installed
Priority: optional
Architecture: amd64
Version: 580.159.03-0ubuntu0.24.04.1
Depends: nvidia-dkms-580-open (<= 580.159.03-1), libnvidia-gl-580
Description: NVIDIA driver (open) metapackage
 Package: not-a-package
 .
 More words.

Package: nvidia-dkms-535
Status: deinstall ok config-files
Architecture: amd64
Version: 535.309.01-0ubuntu1

Package: libnvidia-compute-550
Status: install reinstreq half-installed
Architecture: i386
Version: 550.163.01-0ubuntu1

Package: linux-headers-generic
Status: install ok installed
Architecture: amd64
Version: 6.8.0-60.63

Package: nvidia-container-toolkit
Status: hold ok installed
Architecture: amd64
Version: 1.20.0-1

Package: bash
Status: install ok installed
Architecture: amd64
Version: 5.2.21-2ubuntu4

Package: gone
Status: unknown ok not-installed

Status: install ok installed
Version: 1
"""


def test_packages_by_what_they_are_for(tmp_path: Path) -> None:
    host = reader(tmp_path, {STATUS_FILE: STATUS})
    assert package_facts(host) == {
        "manager": "dpkg",
        "held": ["nvidia-container-toolkit", "nvidia-driver-580-open"],
        "nvidia": [
            {"name": "libnvidia-compute-550", "version": "550.163.01-0ubuntu1", "architecture": "i386", "state": "half-installed", "held": False},
            {"name": "nvidia-dkms-535", "version": "535.309.01-0ubuntu1", "architecture": "amd64", "state": "config-files", "held": False},
            {"name": "nvidia-driver-580-open", "version": "580.159.03-0ubuntu0.24.04.1", "architecture": "amd64", "state": "installed", "held": True},
        ],
        "kernel": [{"name": "linux-headers-generic", "version": "6.8.0-60.63", "architecture": "amd64", "state": "installed", "held": False}],
        "containers": [{"name": "nvidia-container-toolkit", "version": "1.20.0-1", "architecture": "amd64", "state": "installed", "held": True}],
        "tools": [],
    }
    assert host.unread == []


def test_a_host_without_dpkg(tmp_path: Path) -> None:
    host = reader(tmp_path, {})
    assert package_facts(host) is None
    assert host.unread == [{"what": STATUS_FILE, "why": "no such file or directory"}]


def test_a_damaged_list_gives_what_it_has() -> None:
    assert parse_status("\x00\n\nPackage: one\n\nPackage: two\nStatus: install ok installed\n")[0].name == "two"
    assert parse_status("") == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("linux-modules-nvidia-580-server-open-generic", "nvidia"),
        ("linux-modules-6.8.0-60-generic", "kernel"),
        ("nvidia-driver-pinning-615", "nvidia"),
        ("nvidia-open", "nvidia"),
        ("cuda-drivers-580", "nvidia"),
        ("cuda-keyring", "nvidia"),
        ("firmware-nvidia-gsp", "nvidia"),
        ("nvidia-fabricmanager-580", "nvidia"),
        ("libnvidia-container1", "containers"),
        ("nvidia-container-toolkit-base", "containers"),
        ("docker-ce-cli", "containers"),
        ("nvidia-gpu-exporter", "tools"),
        ("nvidia-cuda-mps", "nvidia"),
        ("nvidia-cuda-toolkit", "tools"),
        ("cuda-toolkit-13-0", "tools"),
        ("libnvidia-egl-wayland1", "nvidia"),
        ("dkms", "kernel"),
        ("python3", None),
        ("libcudart12", None),
    ],
)
def test_kinds(name: str, kind: t.Optional[str]) -> None:
    assert kind_of(name) == kind


def test_a_version_is_that_of_an_installed_package(tmp_path: Path) -> None:
    facts = package_facts(reader(tmp_path, {STATUS_FILE: STATUS}))
    found = version_of(facts, re.compile("nvidia-driver-"))
    assert found is not None and found["version"] == "580.159.03-0ubuntu0.24.04.1"
    assert version_of(facts, re.compile("nvidia-dkms-")) is None
    assert version_of(None, re.compile("nvidia-")) is None
