# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module between programs that print what a test gives them and note how they were called; with real apt it runs in the scenario `driver`."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.tests.unit.plugins.run_module import run_module

PROGRAMS = {
    "apt-get": 'echo "$*" >> "$HERE/calls"; case "$*" in *--simulate*) cat "$HERE/simulation";; esac',
    "apt-cache": 'case "$1" in policy) cat "$HERE/policy";; madison) cat "$HERE/madison";; esac',
    "apt-mark": 'case "$1" in showhold) cat "$HERE/held";; *) echo "apt-mark $*" >> "$HERE/calls";; esac',
    "dpkg-query": 'cat "$HERE/installed"',
}
INSTALL = "Inst dkms (3.0.10 Debian:12 [all])\nInst nvidia-driver-cuda (580.1-1 NVIDIA:x [amd64])\n"


class Apt:
    """A folder of such programs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, script in PROGRAMS.items():
            (folder / name).write_text("#!/bin/sh\nHERE=%s\n%s\n" % (folder, script), encoding="ascii")
            (folder / name).chmod(0o755)
        self.says(simulation="", policy="", madison="", held="", installed="")

    def says(self, **texts: str) -> None:
        for name, text in texts.items():
            (self.folder / name).write_text(text, encoding="ascii")

    def knows(self, **candidates: str) -> None:
        rows = ["%s:\n  Installed: (none)\n  Candidate: %s\n" % (name.replace("_", "-"), version) for name, version in candidates.items()]
        self.says(policy="".join(rows))

    def calls(self) -> t.List[str]:
        """What was run for real."""
        path = self.folder / "calls"
        return [line for line in path.read_text(encoding="ascii").splitlines() if "--simulate" not in line] if path.exists() else []

    def run(self, check: bool = False, **options: t.Any) -> t.Dict[str, t.Any]:
        return run_module("apt_transaction", options, check=check, environment={"PATH": "%s:/usr/bin:/bin" % self.folder})


@pytest.fixture(name="apt")
def _apt(tmp_path: Path) -> Apt:
    return Apt(tmp_path)


def test_everything_in_one_call(apt: Apt) -> None:
    apt.knows(nvidia_driver_cuda="580.1-1")
    apt.says(simulation=INSTALL, installed="nvidia-kernel-dkms\t535.1-1\tinstalled\n")
    result = apt.run(install=["nvidia-driver-cuda"], remove=["nvidia-kernel-dkms", "not-there"])
    assert result["changed"]
    assert [change["name"] for change in result["changes"]] == ["dkms", "nvidia-driver-cuda"]
    (call,) = apt.calls()
    assert call.endswith("--allow-change-held-packages --no-upgrade --no-install-recommends install nvidia-driver-cuda nvidia-kernel-dkms-")


def test_nothing_to_do_runs_nothing(apt: Apt) -> None:
    apt.knows(nvidia_driver_cuda="580.1-1")
    assert not apt.run(install=["nvidia-driver-cuda"])["changed"]
    assert apt.calls() == []


def test_check_mode_only_simulates(apt: Apt, tmp_path: Path) -> None:
    apt.knows(nvidia_driver_cuda="580.1-1")
    apt.says(simulation=INSTALL)
    assert apt.run(check=True, install=["nvidia-driver-cuda"], record=str(tmp_path / "record"))["changed"]
    assert apt.calls() == []
    assert not (tmp_path / "record").exists()


def test_check_mode_before_the_source_is_there(apt: Apt) -> None:
    result = apt.run(check=True, install=["nvidia-driver-cuda"])
    assert (result["changed"], result["unknown"]) == (True, ["nvidia-driver-cuda"])
    assert apt.run(install=["nvidia-driver-cuda"])["msg"] == "apt knows no package nvidia-driver-cuda; nothing was changed"


def test_check_mode_tells_of_moves_before_the_source_is_there(apt: Apt) -> None:
    apt.knows(libcuda1="535.1-1")
    apt.says(installed="libcuda1\t535.1-1\tinstalled\n")
    result = apt.run(check=True, install=["nvidia-driver-cuda"], move=["libcuda1"], move_to="580")
    assert result["changes"][1:] == [{"name": "libcuda1", "old": "535.1-1", "new": "580"}]


@pytest.mark.parametrize(("simulation", "held"), [("Inst linux-image-6.12-amd64 (6.12 Debian:13 [amd64])\n", ""), ("Remv docker.io [20.10]\n", "docker.io\n")])
def test_a_kernel_and_what_others_hold_stop_it(apt: Apt, simulation: str, held: str) -> None:
    apt.knows(nvidia_driver_cuda="580.1-1")
    apt.says(simulation=INSTALL + simulation, held=held)
    result = apt.run(install=["nvidia-driver-cuda"], must_not_change=["linux-image-"])
    assert result["failed"]
    assert "nothing was changed" in result["msg"]
    assert apt.calls() == []


def test_parts_of_another_branch_come_along_or_go(apt: Apt) -> None:
    apt.knows(libcuda1="580.1-1", nvidia_alternative="535.1-1")
    apt.says(
        simulation="Inst libcuda1 [535.1-1] (580.1-1 NVIDIA:x [amd64])\n", installed="libcuda1\t535.1-1\tinstalled\nnvidia-alternative\t535.1-1\tinstalled\n"
    )
    apt.run(move=["libcuda1", "nvidia-alternative"], move_to="580", upgrade=True)
    (call,) = apt.calls()
    assert call.endswith("install libcuda1 nvidia-alternative-")


def test_a_package_that_must_have_the_drivers_version(apt: Apt) -> None:
    apt.knows(nvidia_fabricmanager="590.1-1")
    apt.says(
        simulation="Inst nvidia-fabricmanager (580.1-1 NVIDIA:x [amd64])\n",
        installed="nvidia-driver-cuda\t580.1-1\tinstalled\n",
        madison="nvidia-fabricmanager | 590.1-1 | x\nnvidia-fabricmanager | 580.1-1 | x\n",
    )
    options = {"install": ["nvidia-fabricmanager"], "same_version": ["nvidia-fabricmanager"], "version_of": ["nvidia-driver-cuda"]}
    apt.run(**options)
    assert apt.calls()[0].endswith("install nvidia-fabricmanager=580.1-1")
    apt.says(madison="nvidia-fabricmanager | 590.1-1 | x\n")
    assert "not to be had in version 580.1" in apt.run(**options)["msg"]


def test_what_was_brought_is_remembered_and_taken_out(apt: Apt, tmp_path: Path) -> None:
    record = tmp_path / "etc" / "record.json"
    apt.knows(nvidia_driver_cuda="580.1-1")
    apt.says(simulation=INSTALL)
    apt.run(install=["nvidia-driver-cuda"], record=str(record))
    assert json.loads(record.read_text()) == {"asked": ["nvidia-driver-cuda"], "brought": ["dkms"]}

    apt.says(
        installed="nvidia-driver-cuda\t580.1-1\tinstalled\ndkms\t3.0.10\tinstalled\n", simulation="Purg nvidia-driver-cuda [580.1-1]\nPurg dkms [3.0.10]\n"
    )
    assert apt.run(undo=True, purge=True, record=str(record))["changed"]
    assert apt.calls()[-1].endswith("install nvidia-driver-cuda- dkms-")
    assert not record.exists()
    apt.says(installed="", simulation="")
    assert not apt.run(undo=True, record=str(record))["changed"]


def test_undo_leaves_what_others_need_by_now(apt: Apt, tmp_path: Path) -> None:
    record = tmp_path / "record.json"
    record.write_text('{"asked": ["nvidia-driver-cuda"], "brought": ["dkms", "patch"]}')
    apt.says(installed="".join("%s\t1\tinstalled\n" % name for name in ("nvidia-driver-cuda", "dkms", "patch", "libcuda1")))
    (apt.folder / "apt-get").write_text(
        '#!/bin/sh\nHERE=%s\necho "$*" >> "$HERE/calls"\necho "Remv nvidia-driver-cuda [1]"\ncase "$*" in *patch-*) echo "Remv theirs [1]";; esac\n'
        % apt.folder
    )
    assert apt.run(undo=True, remove=["libcuda1"], record=str(record))["changed"]
    assert apt.calls()[-2].endswith("install nvidia-driver-cuda-")
    assert apt.calls()[-1] == "apt-mark auto patch"


def test_undo_takes_nothing_that_came_from_elsewhere(apt: Apt, tmp_path: Path) -> None:
    record = tmp_path / "record.json"
    record.write_text('{"asked": ["nvidia-driver-cuda"], "brought": ["dkms"]}')
    apt.says(
        installed="nvidia-driver-cuda\t580.1-1\tinstalled\ndkms\t3.0.10\tinstalled\n",
        simulation="Remv nvidia-driver-cuda [580.1-1]\nRemv theirs [1]\n",
    )
    result = apt.run(undo=True, record=str(record))
    assert "theirs would have to go too" in result["msg"]
    assert apt.calls() == []
    assert record.exists()


def test_the_way_back_is_one_transaction(apt: Apt) -> None:
    apt.knows(libcuda1="610.1-1")
    apt.says(simulation="Remv nvlsm [610.1-1]\n", installed="nvlsm\t610.1-1\tinstalled\n")
    apt.run(revert=[{"name": "libcuda1", "old": "580.1-1", "new": "610.1-1"}, {"name": "nvlsm", "old": None, "new": "610.1-1"}], allow_downgrades=True)
    assert apt.calls()[0].endswith("--allow-downgrades --no-upgrade --no-install-recommends install libcuda1=580.1-1 nvlsm-")
