# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of all phases share: the machine, and a report of their own for each phase."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from machine import STATE, Machine
from playbook_runs import ROOT, Playbooks


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Molecule runs pytest once a phase with the same options; without this the last report would replace the others."""
    reports = os.environ.get("INFERHOST_REPORTS")
    if reports and config.args:
        phase = Path(config.args[0]).parent.name
        config.option.xmlpath = str(Path(reports) / f"molecule-storage-{phase}.xml")


@pytest.fixture(scope="session")
def machine() -> Machine:
    return Machine()


@pytest.fixture(scope="session")
def playbooks() -> Playbooks:
    return Playbooks(ROOT / "molecule" / "resources" / "machines", ROOT / "molecule" / "storage" / "inventory")


@pytest.fixture(scope="session")
def forecast_file() -> Path:
    """Where the first phase leaves the plans for the last one; it goes when the machine goes."""
    return STATE / "forecast.json"
