# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._simple_index import IndexMiss, wheel_link

PAGE = """<a href="../../packages/uv-1-x.whl#sha256=aaa">uv-1</a>
<a data-x='1' href='https://files.example/uv-2.whl#sha256=bbb&amp;c'>uv-2</a><a href="https://files.example/uv-3.whl#sha256=ccc">uv-3</a>"""


def test_the_file_with_the_digest_is_found_and_made_absolute():
    assert wheel_link(PAGE, "https://index.example/simple/uv/", "aaa") == "https://index.example/packages/uv-1-x.whl"
    assert wheel_link(PAGE, "https://index.example/simple/uv/", "ccc") == "https://files.example/uv-3.whl"


def test_a_digest_that_is_not_listed_is_an_error_that_names_it():
    with pytest.raises(IndexMiss, match="sha256 ddd"):
        wheel_link(PAGE, "https://index.example/simple/uv/", "ddd")
