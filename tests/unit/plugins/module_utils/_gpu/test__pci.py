# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from pathlib import Path

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._pci import bar1_bytes, read_devices, regions
from ansible_collections.inferhost.llm.tests.unit.plugins import sysfs_tree


def test_every_field_of_a_card(tmp_path: Path) -> None:
    devices = read_devices(sysfs_tree.build(tmp_path, sysfs_tree.ADA_UNBOUND))
    assert [device.address for device in devices] == ["0000:00:00.0", "0000:00:02.0", "0000:01:00.0", "0000:01:00.1"]
    assert devices[2]._asdict() == {
        "address": "0000:01:00.0",
        "vendor_id": "10de",
        "device_id": "27b0",
        "class_id": "0300",
        "subsystem_vendor_id": "10de",
        "subsystem_device_id": "16fa",
        "driver": None,
        "link_speed": "2.5 GT/s PCIe",
        "link_width": 8,
        "max_link_speed": "16.0 GT/s PCIe",
        "max_link_width": 16,
        # 0x4000000000 to 0x47ffffffff
        "bar1_bytes": 32 << 30,
        "bars": ((0, 16 << 20), (1, 32 << 30), (3, 32 << 20)),
        "numa_node": None,
        "iommu_group": None,
    }


def test_driver_numa_node_and_iommu_group(tmp_path: Path) -> None:
    found = {device.address: device for device in read_devices(sysfs_tree.build(tmp_path, sysfs_tree.HOPPER_PAIR))}
    second = found["0000:3b:00.0"]
    assert (second.driver, second.numa_node, second.iommu_group) == ("nvidia", 1, 58)


def test_the_window_of_a_board_whose_registers_are_64_bit() -> None:
    # 0x50000000000 to 0x53fffffffff
    assert bar1_bytes(sysfs_tree.HOPPER_RESOURCE) == 256 << 30


def test_regions_by_the_register_that_they_begin_in() -> None:
    assert regions(sysfs_tree.HOPPER_RESOURCE) == ((0, 16 << 20), (2, 256 << 30), (4, 32 << 20))
    assert regions("") == ()


def test_no_window_where_the_firmware_assigned_none() -> None:
    assert bar1_bytes(sysfs_tree.ADA_RESOURCE.splitlines()[0]) is None
    assert bar1_bytes("") is None
    assert bar1_bytes("garbage\n" * 6) is None


def test_a_host_without_pci(tmp_path: Path) -> None:
    assert read_devices(str(tmp_path / "nothing")) == []


def test_half_written_and_foreign_entries_are_left_out(tmp_path: Path) -> None:
    root = sysfs_tree.build(
        tmp_path,
        {"0000:01:00.0": {"vendor": "0x10de", "device": "0x27b0"}, "0000:02:00.0": {"vendor": "ten", "device": "0x1", "class": "0x030000"}},
    )
    (tmp_path / "bus" / "pci" / "devices" / "notes").mkdir()
    assert read_devices(root) == []
