# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._services import parse_properties, same_driver, service_facts, unit
from ansible_collections.inferhost.llm.tests.unit.plugins.host_tree import FOLDER, failed, reader

SYSTEMD = {"/run/systemd/system": FOLDER}
# What `systemctl show` prints, in an order of its own.
RUNNING = "Result=success\nLoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\n"
ABSENT = "Result=success\nLoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=\n"


def packages(*names: str) -> t.Dict[str, t.Any]:
    return {"nvidia": [{"name": name, "version": "580.159.03-1ubuntu1", "architecture": "amd64", "state": "installed", "held": False} for name in names]}


def test_a_board_with_switches(tmp_path: Path) -> None:
    facts = service_facts(
        reader(tmp_path, SYSTEMD, {"systemctl": RUNNING}), packages("nvidia-fabricmanager-dev-580", "nvidia-fabricmanager-580"), 4, "580.159.03"
    )
    running = {"load": "loaded", "active": "active", "sub": "running", "enabled": "enabled", "result": "success"}
    assert facts == {
        "fabric_manager": {
            "nvswitches": 4,
            "package": "nvidia-fabricmanager-580",
            "version": "580.159.03-1ubuntu1",
            "matches_driver": True,
            "unit": running,
        },
        "persistence_daemon": {"unit": running},
        "cdi_refresh": {"unit": running},
    }


def test_nothing_installed(tmp_path: Path) -> None:
    fabric = service_facts(reader(tmp_path, SYSTEMD, {"systemctl": ABSENT}), None, 0, None)["fabric_manager"]
    assert (fabric["package"], fabric["matches_driver"]) == (None, None)
    assert fabric["unit"] == {"load": "not-found", "active": "inactive", "sub": "dead", "enabled": None, "result": "success"}


def test_the_unversioned_package_of_590_and_later(tmp_path: Path) -> None:
    fabric = service_facts(reader(tmp_path, {}), packages("nvidia-fabricmanager"), 4, "580.173.02")["fabric_manager"]
    assert (fabric["package"], fabric["matches_driver"]) == ("nvidia-fabricmanager", False)


def test_without_systemd_no_unit_is_asked_for(tmp_path: Path) -> None:
    host = reader(tmp_path, {}, {"systemctl": RUNNING})
    assert unit(host, "a.service") is None and host.unread == []


def test_a_systemctl_that_fails_is_noted(tmp_path: Path) -> None:
    host = reader(tmp_path, SYSTEMD, {"systemctl": failed(1, "Failed to connect to bus")})
    assert unit(host, "a.service") is None
    assert [entry["why"] for entry in host.unread] == ["Failed to connect to bus"]


@pytest.mark.parametrize(
    ("package", "driver", "same"),
    [
        ("580.159.03-1ubuntu1", "580.159.03", True),
        ("1:580.159.03-1", "580.159.03", True),
        ("580.159.03-0ubuntu0.24.04.1", "580.159", False),
        ("580.159.030-1", "580.159.03", False),
        ("580.173.02-1", "580.159.03", False),
        (None, "580.159.03", None),
        ("580.159.03-1", None, None),
    ],
)
def test_versions_of_package_and_driver(package: t.Optional[str], driver: t.Optional[str], same: t.Optional[bool]) -> None:
    assert same_driver(package, driver) is same


def test_no_properties() -> None:
    assert set(parse_properties("").values()) == {None}
