# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._nvidia_smi import parse, sysfs_address

# What `nvidia-smi --query-gpu=… --format=csv,noheader,nounits` prints: a card, one with unified memory, and a line of another shape.
OUTPUT = """00000000:01:00.0, NVIDIA RTX 4000 SFF Ada Generation, GPU-6f3c1b1e-0d4f-4a44-9d6e-5b8a7c9d0e1f, 20475, 580.159.03, 8.9
0000000F:01:00.0, NVIDIA GB10, GPU-0a1b2c3d-0000-0000-0000-000000000000, [N/A], 580.159.03, 12.1
Unable to determine the device handle for GPU0000:02:00.0: Unknown Error
"""


def test_each_card_by_its_address() -> None:
    assert parse(OUTPUT) == {
        "0000:01:00.0": {
            "name": "NVIDIA RTX 4000 SFF Ada Generation",
            "uuid": "GPU-6f3c1b1e-0d4f-4a44-9d6e-5b8a7c9d0e1f",
            "memory_bytes": 20475 << 20,
            "driver_version": "580.159.03",
            "compute_capability": "8.9",
        },
        "000f:01:00.0": {
            "name": "NVIDIA GB10",
            "uuid": "GPU-0a1b2c3d-0000-0000-0000-000000000000",
            "memory_bytes": None,
            "driver_version": "580.159.03",
            "compute_capability": "12.1",
        },
    }


def test_nothing_printed() -> None:
    assert parse("") == {}


def test_addresses_as_sysfs_writes_them() -> None:
    assert sysfs_address("00000000:AF:00.0") == "0000:af:00.0"
    assert sysfs_address("00010000:01:00.0") == "10000:01:00.0"
    assert sysfs_address("01:00.0") == "0000:01:00.0"
