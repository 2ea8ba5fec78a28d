# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of all phases share: the two hosts, playbooks run against one of them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE)]

from driver_host import DriverHost  # noqa: E402
from world import BOOKWORM, TRIXIE  # noqa: E402


@pytest.fixture(scope="session")
def bookworm() -> DriverHost:
    return DriverHost(BOOKWORM)


@pytest.fixture(scope="session")
def trixie() -> DriverHost:
    return DriverHost(TRIXIE)
