# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of all phases share: the machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from machine import STATE, Machine
from playbook_runs import ROOT, Playbooks


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
