# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Units of systemd that a driver depends on."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._packages import version_of
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._reader import Reader

FABRIC_MANAGER = "nvidia-fabricmanager.service"
PERSISTENCE = "nvidia-persistenced.service"
CDI_REFRESH = "nvidia-cdi-refresh.service"

# What systemctl prints, and the key of the result.
PROPERTIES = {"LoadState": "load", "ActiveState": "active", "SubState": "sub", "UnitFileState": "enabled", "Result": "result"}
FABRIC_PACKAGE = re.compile(r"^nvidia-fabricmanager(?:-\d+)?$")


def service_facts(reader: Reader, packages: t.Optional[t.Dict[str, t.Any]], switches: int, driver_version: t.Optional[str]) -> t.Dict[str, t.Any]:
    """The fabric manager, which must be of the driver's version where there are NVSwitches, and the two other units."""
    package = version_of(packages, FABRIC_PACKAGE)
    return {
        "fabric_manager": {
            "nvswitches": switches,
            "package": package["name"] if package else None,
            "version": package["version"] if package else None,
            "matches_driver": same_driver(package["version"] if package else None, driver_version),
            "unit": unit(reader, FABRIC_MANAGER),
        },
        "persistence_daemon": {"unit": unit(reader, PERSISTENCE)},
        "cdi_refresh": {"unit": unit(reader, CDI_REFRESH)},
    }


def same_driver(package_version: t.Optional[str], driver_version: t.Optional[str]) -> t.Optional[bool]:
    """Whether a package's version, `1:580.159.03-1ubuntu1`, is the driver's, `580.159.03`. None when one is not known."""
    if not package_version or not driver_version:
        return None
    upstream = package_version.split(":", 1)[-1]
    return re.match(re.escape(driver_version) + r"(?![.\d])", upstream) is not None


def unit(reader: Reader, name: str) -> t.Optional[t.Dict[str, t.Optional[str]]]:
    """State of a unit, None where systemd does not run the host or does not answer. A unit that does not exist has `load: not-found`."""
    if not reader.is_folder("/run/systemd/system"):
        return None
    output = reader.output(["systemctl", "show", "--property", ",".join(PROPERTIES), name])
    return parse_properties(output) if output is not None else None


def parse_properties(output: str) -> t.Dict[str, t.Optional[str]]:
    """Lines `Name=value`; an empty value is None."""
    values = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
    return {key: values.get(name) or None for name, key in PROPERTIES.items()}
