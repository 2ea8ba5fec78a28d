# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Python environments of services: ours, and those that running processes were started from. Nothing in them is run."""

from __future__ import annotations

import glob
import os
import platform
import re
import sys
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collector import Collected, Context, collector, unreadable
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._requirements import applies, unmet
from ansible_collections.inferhost.llm.plugins.module_utils._lock_file import LockError, parse_lock
from ansible_collections.inferhost.llm.plugins.module_utils._venv_state import distributions

_SHOWN_FILES = 3


@collector("venvs", root="helps", cost="files", timeout_s=60, after=["processes", "services"])
def venvs(context: Context, facts: Facts) -> Collected:
    places: dict[str, str] = {}
    for path in sorted(glob.glob(context.path(os.path.join(context.root, "venvs/*")))):
        if os.path.isdir(path):
            places[os.path.realpath(path)] = "ours"
    for process in facts["processes"]:
        # What a container runs comes with its image.
        if process["kind"] in ("vllm", "litellm", "proxy") and not process["container"]:
            found = environment_of(process["argv"], process["env"] or {}, process["cwd"])
            if found:
                places.setdefault(os.path.realpath(context.path(found)), f"process {process['pid']}")
    for service in facts["services"]:
        found = environment_of(service["argv"], service["env"], None)
        if found:
            places.setdefault(os.path.realpath(context.path(found)), f"{service['manager']} {service['name']}")
    gaps: list[str] = []
    value = []
    for place, origin in places.items():
        try:
            value.append(inspect(context, place, origin))
        except OSError as error:
            gaps.append(unreadable(place, error))
    return Collected(value, gaps)


def environment_of(argv: t.Sequence[str], variables: t.Mapping[str, str], cwd: str | None) -> str | None:
    """The environment that a command line was started from: /proc/PID/exe shows only the Python that the environment links to."""
    candidates = [os.path.dirname(os.path.dirname(os.path.join(cwd or "/", word))) for word in argv[:2] if "/bin/" in word]
    candidates.append(variables.get("VIRTUAL_ENV", ""))
    return next((path for path in candidates if path and os.path.isfile(os.path.join(path, "pyvenv.cfg"))), None)


def inspect(context: Context, place: str, origin: str) -> dict[str, t.Any]:
    config = _config(os.path.join(place, "pyvenv.cfg"))
    version = config.get("version_info", config.get("version", ""))
    sites = sorted(glob.glob(os.path.join(place, "lib", "python3*", "site-packages")))
    found = [one for site in sites for one in distributions(site)]
    requires = {one.name: _requires(os.path.join(one.metadata_dir, "METADATA")) for one in found}
    environment = marker_environment(version)
    # An environment that also sees the system's packages may find there what it lacks.
    shares = config.get("include-system-site-packages", "false").lower() == "true"
    return {
        "path": place,
        "origin": origin,
        "version": version,
        "interpreter": _leads_somewhere(os.path.join(place, "bin", "python")),
        "complete": bool(config) and bool(sites),
        "distributions": {one.name: one.version for one in found},
        "damaged": [{"name": one.name, "version": one.version, "count": len(one.damaged), "files": one.damaged[:_SHOWN_FILES]} for one in found if one.damaged],
        "unmet": [] if shares else [vars(one) for one in unmet(requires, environment)],
        "lock": _against_lock(context, place, {one.name: one.version for one in found}, environment) if origin == "ours" else None,
    }


def _leads_somewhere(path: str) -> bool:
    """Where the way to it is closed to us (a Python in somebody's home), it counts as there."""
    try:
        os.stat(path)
    except PermissionError:
        return True
    except OSError:
        return False
    return True


def marker_environment(version: str) -> dict[str, str]:
    """The variables of PEP 508 for an environment of this Python version on this machine; without a version those of it stay undecided."""
    environment = {
        "os_name": os.name,
        "sys_platform": sys.platform,
        "platform_machine": platform.machine(),
        "platform_system": platform.system(),
        "platform_python_implementation": "CPython",
        "implementation_name": "cpython",
    }
    match = re.match(r"(\d+\.\d+)(?:\.\d+)?", version)
    if match:
        environment.update(python_version=match[1], python_full_version=match[0], implementation_version=match[0])
    return environment


def _against_lock(context: Context, place: str, installed: t.Mapping[str, str], environment: t.Mapping[str, str]) -> list[dict[str, str | None]] | None:
    """Where the environment differs from the lock it was made from; None without a usable lock."""
    try:
        path = context.path(os.path.join(context.root, "etc/locks", os.path.basename(place) + ".lock"))
        with open(path, encoding="utf-8") as handle:
            pins = parse_lock(handle.read())
    except (OSError, LockError):
        return None
    return [
        {"name": pin.name, "wanted": pin.version, "installed": installed.get(pin.name)}
        for pin in pins
        # METADATA folders write a local version's dashes and dots alike.
        if applies(pin.marker, environment) and (installed.get(pin.name) or "").replace("_", "-") != pin.version.replace("_", "-")
    ]


def _config(path: str) -> dict[str, str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            pairs = [line.partition("=") for line in handle]
    except FileNotFoundError:
        return {}
    return {key.strip().lower(): value.strip() for key, equals, value in pairs if equals}


def _requires(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            headers = handle.read().partition("\n\n")[0]
    except OSError:
        return []
    return [line.partition(":")[2].strip() for line in headers.splitlines() if line.lower().startswith("requires-dist:")]
