# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks that are full: a small filesystem, and a quota that the volume's free space does not show."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from model_kit import content, download, published, shard

from ansible_collections.inferhost.llm.tests.unit.plugins.model_hub import ModelHub, a_model

MIB = 1 << 20


def mounted(*arguments: str) -> str:
    """Why it could not be mounted; empty when it is."""
    if os.geteuid() != 0:
        return "only root can mount a filesystem"
    return subprocess.run(["mount", *arguments], capture_output=True, text=True, check=False).stderr.strip()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A filesystem of 2 MiB."""
    path = tmp_path / "disk"
    path.mkdir()
    why_not = mounted("-t", "tmpfs", "-o", "size=2M", "tmpfs", str(path))
    if why_not:
        pytest.skip(f"no small filesystem: {why_not}")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


@pytest.fixture
def quota(tmp_path: Path) -> Iterator[Path]:
    """A folder that takes 20 MiB of a filesystem with far more room."""
    path, image = tmp_path / "volume", tmp_path / "image"
    if not shutil.which("mkfs.btrfs"):
        pytest.skip("no filesystem with quotas: there is no mkfs.btrfs (Debian: btrfs-progs)")
    path.mkdir()
    image.touch()
    os.truncate(image, 256 * MIB)
    subprocess.run(["mkfs.btrfs", "-q", str(image)], check=True, capture_output=True)
    why_not = mounted("-o", "loop", str(image), str(path))
    if why_not:
        pytest.skip(f"no filesystem with quotas: {why_not}")
    for command in (("quota", "enable", str(path)), ("subvolume", "create", str(path / "own")), ("qgroup", "limit", "20M", str(path / "own"))):
        subprocess.run(["btrfs", *command], check=True, capture_output=True)
    yield path / "own"
    subprocess.run(["umount", "-l", str(path)], check=True)


def test_L22_a_model_that_does_not_fit_is_refused_before_the_first_byte(small_disk: Path) -> None:
    with ModelHub(a_model(5, MIB // 2)) as hub:
        for check in (True, False):
            found = download(hub, small_disk / "m", check=check)
            assert found["failed"] and found["kind"] == "no_space"
            assert f"{small_disk} has 2.1 MB left" in found["msg"] and "short, nothing was fetched" in found["msg"]
        assert hub.requests("cdn") == []
        assert download(hub, small_disk / "m", exclude=[shard(4, 5), shard(5, 5)])["complete"]


def test_L22_headroom_stays_free(small_disk: Path) -> None:
    with ModelHub(a_model(2, MIB // 2)) as hub:
        assert download(hub, small_disk / "m", headroom_bytes=2 * MIB)["kind"] == "no_space"
        assert download(hub, small_disk / "m", headroom_bytes=MIB // 2)["complete"]


def test_a_quota_is_found_before_the_first_byte(quota: Path) -> None:
    """The volume has more than enough left, and says so."""
    with ModelHub(a_model(8, 4 * MIB)) as hub:
        assert os.statvfs(quota).f_bavail * os.statvfs(quota).f_frsize > 100 * MIB
        found = download(hub, quota / "m")
        assert found["failed"] and found["kind"] == "quota"
        assert "quota" in found["msg"] and "nothing was fetched" in found["msg"] and "raise the quota" in found["msg"]
        assert hub.requests("cdn") == [] and content(quota / "m") == {}


def test_L23_a_disk_that_fills_up_in_the_middle_keeps_what_arrived(small_disk: Path) -> None:
    """Somebody else writes to the volume while a model comes."""
    with ModelHub(a_model(3, MIB // 2)) as hub:
        thief = small_disk / "thief"
        hub.faults.happens[shard(2, 3)] = lambda: thief.write_bytes(b"x" * (3 * MIB // 4)) and None
        first = download(hub, small_disk / "m", workers=1)
        assert first["failed"] and first["kind"] == "no_space"
        assert "more are needed" in first["msg"] and "stay there" in first["msg"]
        assert shard(1, 3) in content(small_disk / "m")
        thief.unlink()
        hub.forget()
        second = download(hub, small_disk / "m")
        assert second["complete"] and content(small_disk / "m") == published(hub)
        assert hub.sent(shard(1, 3)) == 0
