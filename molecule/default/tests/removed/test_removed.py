# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After remove.yml the host is as if nothing had been there."""

from __future__ import annotations

import json

from testinfra.host import Host

ROOT = "/opt/inferhost"


def test_no_folder_is_left(host: Host) -> None:
    assert not host.file(ROOT).exists


def test_no_unit_is_left(host: Host) -> None:
    assert host.check_output("systemctl list-units --all --plain --no-legend 'inferhost-*'") == ""
    assert host.check_output("find /etc/systemd /run/systemd/system -name '*inferhost*'") == ""


def test_no_account_is_left(host: Host) -> None:
    assert not host.user("inferhost").exists
    assert not host.group("inferhost").exists


def test_no_process_and_no_listener_is_left(host: Host) -> None:
    assert host.check_output("ss --listening --tcp --numeric --no-header") == ""
    commands = host.check_output("ps -e -o args=").splitlines()
    assert [command for command in commands if command.startswith(ROOT)] == []


def test_packages_that_were_installed_for_it_are_gone(host: Host) -> None:
    for name in ("prometheus", "prometheus-node-exporter"):
        assert not host.package(name).is_installed, name


def test_settings_of_a_person_are_as_they_were(host: Host) -> None:
    settings = json.loads(host.file("/home/dev/.config/opencode/opencode.json").content_string)
    assert settings == {"theme": "gruvbox", "provider": {"elsewhere": {"name": "Elsewhere"}}}
    assert not host.file("/home/dev/.config/inferhost").exists
