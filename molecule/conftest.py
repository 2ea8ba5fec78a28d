# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of every scenario share: a report of their own for each phase."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Molecule runs pytest once a phase with the same options; without this the last report would replace the others."""
    reports = os.environ.get("INFERHOST_REPORTS")
    # molecule/SCENARIO/tests/PHASE, or a file in it
    parts = Path(config.args[0]).resolve().relative_to(Path(__file__).resolve().parent).parts if config.args else ()
    if reports and len(parts) > 2:
        config.option.xmlpath = str(Path(reports) / f"molecule-{parts[0]}-{parts[2]}.xml")
