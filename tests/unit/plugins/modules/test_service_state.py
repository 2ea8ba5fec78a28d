# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a service has to be touched: the module on real files, with commands that stand for a service manager's."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.tests.unit.plugins.run_module import run_module

UNIT = "[Service]\nExecStart=/bin/true\n"
DIGEST = "d" * 64


def state(folder: Path, **options: t.Any) -> dict[str, t.Any]:
    files = {"definition": str(folder / "x.service"), "record": str(folder / "x.applied")}
    return run_module("service_state", {"name": "x", "content": UNIT, "digest": DIGEST, "status": ["echo", "ActiveState=active"], **files, **options})


@pytest.fixture
def applied(tmp_path: Path) -> Path:
    (tmp_path / "x.service").write_text(UNIT, encoding="utf-8")
    (tmp_path / "x.applied").write_text(DIGEST, encoding="utf-8")
    return tmp_path


def test_a_service_that_is_as_wanted(applied: Path) -> None:
    found = state(applied, running=["^ActiveState=active$"])
    assert (found["applied"], found["running"], found["reasons"], found["changed"]) == (True, True, [], False)


def test_a_template_may_end_with_another_newline(applied: Path) -> None:
    assert state(applied, content=UNIT + "\n")["applied"] is True


@pytest.mark.parametrize(
    ("status", "running", "reason"),
    [
        (["echo", "ActiveState=failed"], ["^ActiveState=active$"], "ActiveState=failed"),
        (["echo", "ActiveState=active"], ["^ActiveState=active$", "^UnitFileState=enabled$"], "UnitFileState=enabled"),
        (["sh", "-c", "echo no answer yet >&2; exit 1"], [], "no answer yet"),
    ],
)
def test_a_service_that_is_wanted_like_this_but_does_not_run(applied: Path, status: list[str], running: list[str], reason: str) -> None:
    found = state(applied, status=status, running=running)
    assert (found["applied"], found["running"]) == (True, False)
    assert reason in " ".join(found["reasons"])


def test_a_service_that_is_not_there_yet_is_not_asked(tmp_path: Path) -> None:
    found = state(tmp_path, status=["touch", str(tmp_path / "asked")])
    assert (found["applied"], found["running"]) == (False, False)
    assert found["reasons"] == [f"{tmp_path}/x.service is not there", f"{tmp_path}/x.applied is not there"]
    assert not (tmp_path / "asked").exists()


def test_a_run_that_ended_between_definition_and_readiness(applied: Path) -> None:
    (applied / "x.applied").write_text("e" * 64, encoding="utf-8")
    found = state(applied)
    assert found["applied"] is False
    assert found["reasons"] == [f"{applied}/x.applied has other content"]
