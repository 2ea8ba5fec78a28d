# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of all phases share: the host, playbooks run against it, and a report of their own for each phase."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import testinfra
from inside import Inside
from playbook_runs import Outcome, Playbooks
from testinfra.host import Host

HOST = "inferhost-molecule"


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Molecule runs pytest once a phase with the same options; without this the last report would replace the others."""
    reports = os.environ.get("INFERHOST_REPORTS")
    if reports and config.args:
        phase = Path(config.args[0]).parent.name
        config.option.xmlpath = str(Path(reports) / f"molecule-default-{phase}.xml")


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
