# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After growing: each layer has the size that the dry run forecast, and what was written meanwhile is whole."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from machine import MOUNTS, Machine, Sizes

MIB, GIB = 1024**2, 1024**3
# Of the writer.
BLOCK = 128 * 1024
# What files get of new space differs from what they have of old: the journal does not grow, root's share is rounded. Measured: 3 % more than forecast.
FREE_TOLERANCE = 0.05


@pytest.fixture(scope="module")
def after(machine: Machine) -> Sizes:
    return machine.sizes()


@pytest.fixture(scope="module")
def forecast(forecast_file: Path) -> dict[str, dict[str, Any]]:
    return json.loads(forecast_file.read_text(encoding="utf-8"))


def size_of(step: dict[str, Any], sizes: Sizes) -> int:
    """What the step was to change, as it is now."""
    if step["action"] == "growpart":
        return sizes.devices[step["device"]]
    if step["action"] == "pvresize":
        return sizes.physical[step["device"]]
    if step["action"] == "lvextend":
        return sizes.logical[step["lv"]]
    return sizes.filesystems[step["mount_point"]]


@pytest.mark.parametrize("mount", [mount for mount in MOUNTS if mount != "/srv/luks"])
def test_each_layer_has_the_size_that_was_forecast(forecast: dict[str, dict[str, Any]], after: Sizes, mount: str) -> None:
    steps = forecast[mount]["steps"]
    assert {step["action"]: size_of(step, after) for step in steps} == {step["action"]: step["after_bytes"] for step in steps}


def test_the_root_of_4_gib_has_the_whole_disk_of_20(after: Sizes) -> None:
    assert after.filesystems["/"] == after.logical["ubuntu-vg/ubuntu-lv"] > 20 * GIB - 16 * MIB


def test_the_forecast_of_free_space_was_close(
    forecast: dict[str, dict[str, Any]], after: Sizes, machine: Machine, record_property: pytest.RecordProperty
) -> None:
    for mount in ("/srv/xfs", "/srv/raid"):
        record_property(f"{mount} forecast and measured", f"{forecast[mount]['free']['after_bytes']} {after.free[mount]}")
    written = int(machine.run("stat --format %s /var/tmp/written"))
    promised = forecast["/"]["free"]["after_bytes"]
    record_property("/ forecast and measured", f"{promised} {after.free['/']}, and {written} written")
    # Between the forecast and now the writer took some of it.
    assert promised * (1 - FREE_TOLERANCE) - written < after.free["/"] < promised * (1 + FREE_TOLERANCE)


def test_what_is_refused_was_left_alone(forecast: dict[str, dict[str, Any]], after: Sizes) -> None:
    chain = {row["layer"]: row["size_bytes"] for row in forecast["/srv/luks"]["chain"]}
    assert after.filesystems["/srv/luks"] == chain["filesystem"] == 32 * MIB
    physical = next(row["size_bytes"] for row in forecast["/srv/raid"]["chain"] if row["layer"] == "pv")
    assert after.physical["/dev/md0"] == physical < after.devices["/dev/md0"] - 64 * MIB


def test_the_file_written_meanwhile_is_whole(machine: Machine, record_property: pytest.RecordProperty) -> None:
    machine.run("systemctl stop writer; sync; echo 3 > /proc/sys/vm/drop_caches")
    digest, written, log = machine.run("cat /var/tmp/written.sha256; echo '|'; sha256sum /var/tmp/written; echo '|'; cat /var/tmp/written.log").split("|")
    keep(log)
    lines = [line.split() for line in log.split("\n") if line.strip()]
    sizes = [int(size) for _second, _bytes, size in lines]
    grown_at = next(index for index, size in enumerate(sizes) if size > sizes[0])
    record_property("blocks before and after the growth", f"{grown_at} {len(sizes) - grown_at}")
    # It was being written before, while and after its filesystem grew.
    assert 0 < grown_at < len(sizes) - 1
    assert sizes[0] < 5 * GIB < 19 * GIB < sizes[-1]
    assert written.split()[0] == digest.strip()
    assert digest.strip() == expected(len(lines))


def expected(blocks: int) -> str:
    """The digest of what the writer meant to write, made here."""
    digest = hashlib.sha256()
    for number in range(blocks):
        digest.update(hashlib.sha256(b"%d" % number).digest() * (BLOCK // 32))
    return digest.hexdigest()


def keep(log: str) -> None:
    """Beside the reports, for people."""
    reports = os.environ.get("INFERHOST_REPORTS")
    if reports:
        rows = [line.split() for line in log.split("\n") if line.strip()]
        lines = ["second  written  filesystem"]
        lines += [f"{second:>6}  {int(size) / MIB:5.1f} MiB  {int(whole) / GIB:5.2f} GiB" for second, size, whole in rows]
        (Path(reports) / "molecule-storage-growth.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
