# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DKMS's tree as its program leaves it: `source` and `kernel-…` links, one folder a version, in it one a kernel and architecture."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._dkms import dkms_facts
from ansible_collections.inferhost.llm.tests.unit.plugins.host_tree import FOLDER, LINK, RELEASE, reader

TREE = "/var/lib/dkms/nvidia"
OTHER = "6.1.0-37-amd64"


def test_installed_for_one_kernel_and_only_built_for_another(tmp_path: Path) -> None:
    host = reader(
        tmp_path,
        {
            "/usr/src/nvidia-580.159.03/dkms.conf": "",
            TREE + "/580.159.03/source": LINK + "/usr/src/nvidia-580.159.03",
            "%s/580.159.03/%s/x86_64/module/nvidia.ko.xz" % (TREE, RELEASE): "",
            "%s/580.159.03/%s/x86_64/log/make.log" % (TREE, RELEASE): "",
            "%s/580.159.03/%s/x86_64/module/nvidia.ko" % (TREE, OTHER): "",
            "%s/kernel-%s-x86_64" % (TREE, RELEASE): LINK + "580.159.03/%s/x86_64" % RELEASE,
            "%s/original_module/%s/x86_64/nvidia.ko" % (TREE, RELEASE): "",
            "/var/lib/dkms/zfs/2.3.0/source": FOLDER,
        },
    )
    assert dkms_facts(host) == [
        {
            "module": "nvidia",
            "version": "580.159.03",
            "source": True,
            "kernels": [
                {"kernel": OTHER, "architecture": "x86_64", "state": "built"},
                {"kernel": RELEASE, "architecture": "x86_64", "state": "installed"},
            ],
            "failed_build_log": None,
        }
    ]
    assert host.unread == []


def test_a_build_that_failed(tmp_path: Path) -> None:
    host = reader(
        tmp_path,
        {
            "/usr/src/nvidia-current-open-550.163.01/dkms.conf": "",
            "/var/lib/dkms/nvidia-current-open/550.163.01/source": LINK + "/usr/src/nvidia-current-open-550.163.01",
            "/var/lib/dkms/nvidia-current-open/550.163.01/build/make.log": "error",
            "/var/lib/dkms/nvidia-current-open/550.163.01/%s/x86_64/log/make.log" % RELEASE: "error",
        },
    )
    (entry,) = dkms_facts(host)
    assert (entry["module"], entry["source"], entry["kernels"]) == ("nvidia-current-open", True, [])
    assert entry["failed_build_log"] == "/var/lib/dkms/nvidia-current-open/550.163.01/build/make.log"


def test_a_source_that_was_removed(tmp_path: Path) -> None:
    (entry,) = dkms_facts(reader(tmp_path, {TREE + "/535.309.01/source": LINK + "/usr/src/nvidia-535.309.01"}))
    assert (entry["version"], entry["source"], entry["kernels"]) == ("535.309.01", False, [])


def test_two_versions_of_which_the_newer_is_installed(tmp_path: Path) -> None:
    files = {"%s/%s/%s/x86_64/module/nvidia.ko" % (TREE, version, RELEASE): "" for version in ("535.309.01", "580.159.03")}
    host = reader(tmp_path, {**files, "%s/kernel-%s-x86_64" % (TREE, RELEASE): LINK + "580.159.03/%s/x86_64" % RELEASE})
    assert [(entry["version"], entry["kernels"][0]["state"]) for entry in dkms_facts(host)] == [("535.309.01", "built"), ("580.159.03", "installed")]


def test_no_dkms(tmp_path: Path) -> None:
    host = reader(tmp_path, {})
    assert dkms_facts(host) == [] and host.unread == []


def test_a_tree_that_cannot_be_read(tmp_path: Path) -> None:
    host = reader(tmp_path, {"/var/lib/dkms/nvidia": "a file where a folder should be"})
    assert dkms_facts(host) == []
