# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nvidia-smi says of each card, field by field; fields kept their names where the banner did not."""

from __future__ import annotations

import typing as t

FIELDS = ("pci.bus_id", "name", "uuid", "memory.total", "driver_version", "compute_cap")
ARGUMENTS = ("--query-gpu=" + ",".join(FIELDS), "--format=csv,noheader,nounits")

# nvidia-smi prints these where a card has no such figure.
ABSENT = ("[N/A]", "N/A", "[Not Supported]", "[Unknown Error]", "")


def parse(output: str) -> t.Dict[str, t.Dict[str, t.Any]]:
    """Facts of each card by its PCI address as sysfs writes it; lines of another shape are left out."""
    found: t.Dict[str, t.Dict[str, t.Any]] = {}
    for line in output.splitlines():
        values = [value.strip() for value in line.split(",")]
        if len(values) != len(FIELDS):
            continue
        bus_id, name, uuid, memory, driver, capability = (None if value in ABSENT else value for value in values)
        if bus_id is None:
            continue
        found[sysfs_address(bus_id)] = {
            "name": name,
            "uuid": uuid,
            "memory_bytes": int(memory) * (1 << 20) if memory is not None and memory.isdigit() else None,
            "driver_version": driver,
            "compute_capability": capability,
        }
    return found


def sysfs_address(bus_id: str) -> str:
    """`00000000:01:00.0`, as nvidia-smi writes it, to `0000:01:00.0`; a domain beyond four digits is kept."""
    domain, rest = bus_id.lower().split(":", 1) if bus_id.count(":") == 2 else ("0", bus_id.lower())
    return "%s:%s" % (domain.lstrip("0").rjust(4, "0"), rest)
