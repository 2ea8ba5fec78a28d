# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a service is told while it runs, whatever systemd thinks of its unit."""

from __future__ import annotations

from endpoint import ROOT, ask
from inside import Inside
from playbook_runs import Playbooks
from testinfra.host import Host

NAME = "inferhost-proxy"
ALIAS = "told-while-disabled"


def test_a_proxy_that_somebody_disabled_is_told_of_a_change_all_the_same(host: Host, inside: Inside, playbooks: Playbooks) -> None:
    """Its start changes nothing, so that it is told cannot depend on it."""
    host.run_expect([0], f"systemctl disable {NAME}")
    before = host.check_output(f"systemctl show --property MainPID --value {NAME}")
    told = playbooks.run("site", "--tags", "proxy", variables={"proxy_aliases": {ALIAS: {"model": "inferhost-tiny"}}})
    assert told.status == 0, told.output[-3000:]
    status, models = ask(inside, "/v1/models")
    assert status == 200
    assert ALIAS in {each["id"] for each in models["data"]}
    assert host.check_output(f"systemctl is-enabled {NAME}") == "enabled"
    # As if new code had come as well: what it was told is not known any more.
    generation = ask(inside, "/livez")[1]["generation"]
    host.run_expect([0], f"rm {ROOT}/run/{NAME}.told")
    back = playbooks.run("site", "--tags", "proxy")
    assert back.status == 0, back.output[-3000:]
    assert ask(inside, "/livez")[1]["generation"] == generation + 1
    assert ALIAS not in {each["id"] for each in ask(inside, "/v1/models")[1]["data"]}
    assert host.check_output(f"systemctl show --property MainPID --value {NAME}") == before, "told, and not restarted"
