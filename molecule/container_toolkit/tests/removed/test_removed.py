# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exactly this role's doing is gone."""

from __future__ import annotations

from typing import Any


def test_daemon_json_is_what_it_was(there: Any) -> None:
    assert there.json("/etc/docker/daemon.json") == {"log-driver": "json-file", "log-opts": {"max-size": "10m"}, "features": {"buildkit": True}}
    assert there.output("stat", "--format=%a", "/etc/docker/daemon.json") == "640"


def test_packages_repository_and_files_are_gone(there: Any) -> None:
    listed = there.output("sh", "-c", "dpkg-query --show --showformat='${Package} ${db:Status-Status}\\n'").splitlines()
    assert not [line for line in listed if line.startswith(("nvidia-container", "libnvidia-container", "docker.io ")) and line.endswith(" installed")]
    assert there.output("apt-mark", "showhold") == ""
    for path in ("/etc/apt/sources.list.d/inferhost-nvidia-container-toolkit.sources", "/run/cdi/nvidia.yaml", "/opt/inferhost/container_toolkit"):
        assert not there.exists(path), path


def test_what_was_set_aside_is_back(there: Any) -> None:
    assert "535.261.03" in there.output("cat", "/etc/cdi/nvidia.yaml")


def test_a_second_removal_changes_nothing(playbooks: Any) -> None:
    outcome = playbooks.run("cleanup")
    assert outcome.status == 0 and outcome.changed == 0, outcome.changed_tasks
