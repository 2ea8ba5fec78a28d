# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of all phases share: the host, playbooks run against it."""

from __future__ import annotations

import pytest
import testinfra
from inside import Inside
from playbook_runs import Outcome, Playbooks
from testinfra.host import Host

HOST = "inferhost-molecule"


@pytest.fixture(scope="session")
def host() -> Host:
    return testinfra.get_host(f"docker://{HOST}")


@pytest.fixture(scope="session")
def inside() -> Inside:
    return Inside(HOST)


@pytest.fixture(scope="session")
def playbooks() -> Playbooks:
    return Playbooks()


@pytest.fixture(scope="session")
def dry_run(playbooks: Playbooks) -> Outcome:
    """One dry run of the whole site, as talkative as an operator can make it."""
    return playbooks.run("site", "--check", "--diff", "-vvv")
