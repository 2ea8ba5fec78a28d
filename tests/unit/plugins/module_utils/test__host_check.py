# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils import _host_check as check
from ansible_collections.inferhost.llm.plugins.module_utils._listeners import Listener

GIB = 1024**3
WANT = [{"service": "the proxy", "host": "127.0.0.1", "port": 4000, "variable": "inferhost_proxy_port"}]


@pytest.mark.parametrize(
    ("listener", "taken"),
    [
        (Listener("127.0.0.1", 4000, 0, 77, "nginx"), True),
        (Listener("0.0.0.0", 4000, 0, 77, "nginx"), True),
        (Listener("0:0:0:0:0:0:0:0", 4000, 0, 77, "nginx"), True),
        (Listener("10.0.0.1", 4000, 0, 77, "nginx"), False),
        (Listener("127.0.0.1", 4001, 0, 77, "nginx"), False),
        (Listener("127.0.0.1", 4000, 0, 77, "/opt/inferhost/venvs/proxy/bin/python -m inferhost_proxy"), False),
        (Listener("127.0.0.1", 4000, 0, 77, "node_exporter", parent="supervisord -c /opt/inferhost/etc/supervisord.conf"), False),
        (Listener("127.0.0.1", 4000, 0, 77, "node_exporter", group="0::/system.slice/inferhost-node-exporter.service"), False),
    ],
)
def test_a_port_is_taken_by_what_listens_on_it_and_is_not_ours(listener, taken):
    findings = check.port_findings(WANT, [listener], "/opt/inferhost")
    assert bool(findings) is taken
    if taken:
        assert "process 77 (nginx)" in findings[0]["seen"]
        assert "inferhost_proxy_port" in findings[0]["fix"]


def test_an_owner_that_cannot_be_seen_is_named_by_user():
    findings = check.port_findings(WANT, [Listener("127.0.0.1", 4000, 33, 0, "")], "/opt/inferhost")
    assert "user id 33" in findings[0]["seen"]


@pytest.mark.parametrize(
    ("disk_free", "present", "available", "ours", "codes"),
    [
        (10 * GIB, 0, 4 * GIB, 0, []),
        (1 * GIB, 9 * GIB, 1 * GIB, 3 * GIB, []),
        (4 * GIB, 0, 4 * GIB, 0, ["disk_short"]),
        (10 * GIB, 0, 1 * GIB, 0, ["memory_short"]),
        (0, 0, 0, 0, ["disk_short", "memory_short"]),
    ],
)
def test_space_counts_what_is_ours_already(disk_free, present, available, ours, codes):
    need = {"disk_bytes": 10 * GIB, "memory_bytes": 4 * GIB}
    assert [row["id"] for row in check.space_findings("/r", need, disk_free, present, available, ours)] == codes


def test_the_missing_amount_is_said():
    need = {"disk_bytes": 10 * GIB, "memory_bytes": 0}
    assert "6.0 GiB are missing" in check.space_findings("/r", need, 4 * GIB, 0, 0, 0)[0]["seen"]


@pytest.mark.parametrize(
    ("manager", "pid1", "uid", "socket", "codes"),
    [
        ("systemd", "systemd", 0, "/s", []),
        ("systemd", "sh", 0, "/s", ["no_systemd"]),
        ("systemd", "systemd", 1000, "/s", ["not_root"]),
        ("supervisor", "sh", 1000, "/s", []),
        ("supervisor", "sh", 1000, "/" + "x" * 107, ["path_too_long"]),
    ],
)
def test_service_manager(manager, pid1, uid, socket, codes):
    assert [row["id"] for row in check.manager_findings(manager, pid1, uid, socket)] == codes


def test_an_index_out_of_reach_is_a_finding():
    assert check.network_findings("https://x", None) == []
    assert check.network_findings("https://x", "no route")[0]["id"] == "index_unreachable"


LIBNUMA = [{"file": "libnuma.so.1", "debian": "libnuma1"}]


@pytest.mark.parametrize(("missing", "can_install", "fixes"), [([], False, []), (LIBNUMA, True, []), (LIBNUMA, False, ["libnuma1"])])
def test_a_library_that_cannot_be_installed_is_named_with_its_package(missing, can_install, fixes):
    findings = check.library_findings(missing, can_install)
    assert [row["fix"].split()[-1] for row in findings] == fixes
    assert all("libnuma.so.1" in row["seen"] for row in findings)


@pytest.mark.parametrize(("growth", "codes"), [(0, ["disk_short"]), (5 * GIB, ["disk_short"]), (6 * GIB, [])])
def test_what_the_disk_will_gain_counts(growth, codes):
    findings = check.space_findings("/r", {"disk_bytes": 10 * GIB, "memory_bytes": 0}, 4 * GIB, 0, 0, 0, growth)
    assert [row["id"] for row in findings] == codes
    assert not findings or not growth or ("5.0 GiB more once grown" in findings[0]["seen"] and "1.0 GiB are missing" in findings[0]["seen"])
