# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What apt's simulation says; the texts are cut from runs of apt 2.6 with packages that were made for it."""

from __future__ import annotations

from ansible_collections.inferhost.llm.plugins.module_utils._apt._simulation import Change, candidates, changes, inverse, refusals, upstream, version_like

SIMULATION = """Reading package lists...
Building dependency tree...
The following packages will be REMOVED:
  nvidia-kernel-dkms
Remv nvidia-kernel-dkms [535.261.03-1] [nvidia-driver:amd64 ]
Inst nvidia-driver-cuda [535.261.03-1] (580.159.03-1 NVIDIA:localhost [amd64]) []
Inst libcuda1:i386 (580.159.03-1 NVIDIA:localhost [i386])
Purg nvidia-alternative [535.261.03-1]
Inst nvidia-kernel-open-dkms (580.159.03-1 NVIDIA:localhost [amd64])
Conf nvidia-driver-cuda (580.159.03-1 NVIDIA:localhost [amd64])
"""
POLICY = """dkms:
  Installed: (none)
  Candidate: 3.0.10-8+deb12u1
  Version table:
     3.0.10-8+deb12u1 500
        500 http://deb.debian.org/debian bookworm/main amd64 Packages
libcuda1:amd64:
  Installed: 535.261.03-1
  Candidate: 580.159.03-1
  Version table:
nowhere:
  Installed: (none)
  Candidate: (none)
  Version table:
"""
MADISON = """nvidia-fabricmanager | 590.48.01-1 | http://127.0.0.1:8123  Packages
nvidia-fabricmanager | 580.178.04-1 | http://127.0.0.1:8123  Packages
nvidia-fabricmanager | 580.159.03-1 | http://127.0.0.1:8123  Packages
"""


def test_each_line_is_a_change() -> None:
    assert changes(SIMULATION) == [
        Change("nvidia-kernel-dkms", "535.261.03-1", None),
        Change("nvidia-driver-cuda", "535.261.03-1", "580.159.03-1"),
        Change("libcuda1", None, "580.159.03-1"),
        Change("nvidia-alternative", "535.261.03-1", None),
        Change("nvidia-kernel-open-dkms", None, "580.159.03-1"),
    ]


def test_a_package_taken_out_and_put_in_again_has_changed() -> None:
    both = "Remv nvidia-smi [535.1-1]\nInst nvidia-smi (580.1-1 x:y [amd64])\n"
    assert changes(both) == [Change("nvidia-smi", "535.1-1", "580.1-1")]


def test_nothing_to_do_is_no_change() -> None:
    assert changes("Reading package lists...\n0 upgraded, 0 newly installed, 0 to remove and 3 not upgraded.\n") == []


def test_what_can_be_had() -> None:
    assert candidates(POLICY) == {"dkms": "3.0.10-8+deb12u1", "libcuda1": "580.159.03-1"}


def test_a_kernel_and_a_package_that_somebody_holds_are_left_alone() -> None:
    planned = [Change("linux-image-6.1.0-41-amd64", None, "6.1.158-1"), Change("docker.io", "20.10", "26.1"), Change("libcuda1", "535.1", "580.1")]
    assert refusals(planned, ["linux-image-"], ["docker.io", "libcuda1"], ["libcuda1"]) == [
        "would install linux-image-6.1.0-41-amd64 6.1.158-1",
        "would change docker.io from 20.10 to 26.1, which is held",
    ]
    assert refusals(planned, [], [], []) == []


def test_the_same_version_under_another_revision() -> None:
    assert upstream("1:580.159.03-0ubuntu1") == upstream("580.159.03") == upstream("580.159.03-1") == "580.159.03"
    assert version_like(MADISON, "580.159.03") == "580.159.03-1"
    assert version_like(MADISON, "595.1.1") is None


def test_the_way_back() -> None:
    done = [
        Change("libcuda1", "580.1-1", "595.1-1"),
        Change("nvlsm", None, "595.1-1"),
        Change("nvidia-smi", "580.1-1", None),
        Change("libcuda1", "595.1-1", "595.2-1"),
    ]
    assert inverse(done) == (["libcuda1=580.1-1", "nvidia-smi=580.1-1"], ["nvlsm"])
