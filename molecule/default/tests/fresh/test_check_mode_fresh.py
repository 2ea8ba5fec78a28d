# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A dry run on a host that has nothing yet."""

from __future__ import annotations

import pytest
from inside import Inside
from playbook_runs import Playbooks


def test_check_mode_works_on_a_fresh_host_and_leaves_nothing_behind(playbooks: Playbooks, inside: Inside, record_property: pytest.RecordProperty) -> None:
    before = inside("files")
    outcome = playbooks.run("site", "--check", "--diff")
    record_property("seconds", f"{outcome.seconds:.1f}")
    assert outcome.status == 0, outcome.output[-4000:]
    assert outcome.failed == 0
    assert outcome.changed > 0, "a dry run on a fresh host must announce changes"
    assert inside("files") == before
