# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.inferhost.llm.plugins.module_utils._progress_line import progress_line


def test_a_task_that_reports_nothing_shows_its_age():
    assert progress_line("Install", 65.4, None, 0.0) == "  ... Install (1 min 5 s)"


def test_a_report_shows_how_far_and_how_long():
    report = {"what": "installing", "done": 30, "total": 90, "unit": "packages", "since": 100.0}
    assert progress_line("Install", 10.0, report, 100.0) == "  ... installing (10 s): 30 of 90 packages, about 20 s left"


def test_a_report_of_an_earlier_task_is_not_shown():
    assert progress_line("Next", 10.0, {"what": "old", "since": 1.0}, 100.0) == "  ... Next (10 s)"
