# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from ansible_collections.inferhost.llm.plugins.module_utils._variable_names import unknown_variables

KNOWN = ["proxy_log_level", "proxy_python"]


def test_known_names_pass():
    assert unknown_variables(["proxy_python"], KNOWN) == []


def test_an_unknown_name_is_named_with_the_nearest():
    assert unknown_variables(["proxy_log_levl"], KNOWN) == ["unknown variable proxy_log_levl: did you mean proxy_log_level?"]


def test_without_a_near_one_all_are_named():
    assert unknown_variables(["proxy_zzz"], KNOWN) == ["unknown variable proxy_zzz: known are proxy_log_level, proxy_python"]
