# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of all phases share: the machine, and a report of their own for each phase."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from driver_machine import Machine  # noqa: E402


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Molecule runs pytest once a phase with the same options; without this the last report would replace the others."""
    reports = os.environ.get("INFERHOST_REPORTS")
    if reports and config.args:
        phase = Path(config.args[0]).parent.name
        config.option.xmlpath = str(Path(reports) / f"molecule-driver_vm-{phase}.xml")


@pytest.fixture(scope="session")
def machine() -> Machine:
    return Machine()
