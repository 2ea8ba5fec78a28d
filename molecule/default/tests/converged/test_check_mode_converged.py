# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A dry run on a host that has everything."""

from __future__ import annotations

import pytest
from playbook_runs import Outcome


def test_check_mode_announces_nothing_on_a_converged_host(dry_run: Outcome, record_property: pytest.RecordProperty) -> None:
    record_property("seconds", f"{dry_run.seconds:.1f}")
    assert dry_run.status == 0, dry_run.output[-4000:]
    assert dry_run.failed == 0
    assert dry_run.changed == 0, dry_run.changed_tasks
