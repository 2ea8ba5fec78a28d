# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import zipfile
from pathlib import Path

import check_galaxy
import check_hygiene
import check_specs
import fetch_collections
import pytest
import role_readmes


@pytest.mark.parametrize(
    ("member", "taken"),
    [
        ("ansible_collections/community/docker/plugins/modules/a.py", True),
        ("ansible_collections/community/docker/tests/a.py", False),
        ("ansible_collections/community/other/plugins/a.py", False),
        ("ansible_collections/community/docker/../../../etc/passwd", False),
        ("ansible/community/docker/a.py", False),
    ],
)
def test_what_is_taken_from_the_wheel(member: str, taken: bool) -> None:
    assert fetch_collections.wanted(member) is taken


def test_collections_replace_what_was_there(tmp_path: Path) -> None:
    wheel = tmp_path / "ansible-1-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for name in fetch_collections.COLLECTIONS:
            archive.writestr(f"ansible_collections/{name}/MANIFEST.json", "{}")
    stale = tmp_path / "into" / fetch_collections.COLLECTIONS[0] / "stale"
    stale.mkdir(parents=True)
    assert fetch_collections.extract(wheel, tmp_path / "into") == len(fetch_collections.COLLECTIONS)
    assert not stale.exists()
    assert all((tmp_path / "into" / name / "MANIFEST.json").is_file() for name in fetch_collections.COLLECTIONS)
    assert not list((tmp_path / "into").glob(".fetch-*"))


def test_a_wheel_without_a_collection_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "ansible-1.whl", "w"):
        pass
    with pytest.raises(SystemExit, match=r"carries no collection ansible\.posix"):
        fetch_collections.extract(tmp_path / "ansible-1.whl", tmp_path / "into")


DESCRIBED = {"description": "d", "type": "str"}


@pytest.mark.parametrize(
    ("defaults", "options", "says"),
    [
        ({"r_a": 1}, {}, "r_a: in defaults/main.yml, missing in meta"),
        ({"r_a": 1}, {"r_a": {**DESCRIBED, "default": 2}}, "r_a: default 1 in defaults/main.yml, 2 in meta"),
        ({"r_a": True}, {"r_a": {**DESCRIBED, "default": 1}}, "default True in defaults/main.yml, 1 in meta"),
        ({"r_a": 1}, {"r_a": DESCRIBED}, "none in meta"),
        ({}, {"r_a": {**DESCRIBED, "default": 1}}, "missing in defaults"),
        ({"r_a": 1}, {"r_a": {**DESCRIBED, "default": 1, "required": True}}, "required and yet"),
        ({}, {"other": DESCRIBED}, "begin with r_"),
        ({}, {"r_a": {"type": "str"}}, "no description"),
    ],
)
def test_disagreeing_specifications(defaults: dict[str, object], options: dict[str, object], says: str) -> None:
    (found,) = check_specs.disagreements(defaults, options, ("r_",))
    assert says in found


def test_agreeing_specifications() -> None:
    assert check_specs.disagreements({"r_a": [1], "__r_b": 2}, {"r_a": {**DESCRIBED, "default": [1]}, "r_c": {**DESCRIBED, "required": True}}, ("r_",)) == []


# Put together here, so that the gate does not find them in this file.
@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.yml", "token: hf" + "_" + "a" * 34, "a.yml:1: looks like a Hugging Face token"),
        ("a", "\n-----BEGIN OPENSSH " + "PRIVATE KEY-----", "a:2: looks like a private key"),
        ("a", "sk-" + "ant-" + "b" * 24, "an Anthropic key"),
        ("x.lock", "torch @ file:///home/me/torch.whl", "x.lock:1: a source that only one machine has"),
        ("x.lock", "--find-links /wheels", "only one machine"),
        ("tests/sanity/ignore-2.19.txt", "", "switches a gate off"),
        (".ansible-lint-ignore", "", "switches a gate off"),
        ("roles/a/vars/main.yml", 'a: 1\nb: "{{ c | difference([d]) }}"', "main.yml:2: a filter with another order"),
        ("roles/a/templates/a.j2", "{{ a |union(b) }}", "another order"),
    ],
)
def test_hygiene(name: str, text: str, says: str) -> None:
    (found,) = check_hygiene.findings(name, text)
    assert says in found


@pytest.mark.parametrize(
    ("name", "text"), [("a.py", "sk-test"), ("x.lock", "a==1 \\\n    --hash=sha256:00\n    # via -r a.in"), ("docs/a.md", "file://x"), ("a.py", "| union(b)")]
)
def test_clean_files(name: str, text: str) -> None:
    assert check_hygiene.findings(name, text) == []


def test_the_archive_is_looked_into() -> None:
    good = list(check_galaxy.NEEDED)
    assert check_galaxy.archive_findings(good, 1) == []
    for names, size, says in (
        (good[1:], 1, "missing in the archive"),
        ([*good, "tests/x.py"], 1, "does not belong"),
        ([*good, ".env"], 1, "hidden"),
        (good, 2**30, "Galaxy takes"),
    ):
        (found,) = check_galaxy.archive_findings(names, size)
        assert says in found


def test_a_readme_row() -> None:
    option = {"type": "list", "elements": "str", "default": ["a|b"], "description": ["One V(x),", "see O(r_b)."], "choices": ["p", "q"]}
    assert role_readmes.row("r_a", option) == '| `r_a` | list of str | `["a\\|b"]` | One `x`, see `r_b`. One of `p`, `q`. |'
    assert role_readmes.row("r_a", {"required": True, "description": "d"}) == "| `r_a` | str | (required) | d |"
