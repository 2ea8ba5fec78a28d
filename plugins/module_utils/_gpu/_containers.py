# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How containers of a host get at its GPUs: CDI specifications, Docker's configuration, NVIDIA's container toolkit."""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._reader import Reader

# /var/run leads to /run on every distribution of today.
CDI_FOLDERS = ("/etc/cdi", "/run/cdi")
DOCKER_CONFIGURATION = "/etc/docker/daemon.json"
# Docker's own packages have it in the first, Debian's from 13 on in the second.
DOCKER_DAEMONS = ("/usr/bin/dockerd", "/usr/sbin/dockerd", "/usr/local/bin/dockerd", "/snap/bin/dockerd")
TOOLKIT_CONFIGURATION = "/etc/nvidia-container-runtime/config.toml"

# A specification names the driver's libraries by file: after an upgrade it names files that are gone.
DRIVER_FILE = re.compile(r"libcuda\.so\.(\d+(?:\.\d+)+)")
ENTRY = re.compile(r"^(?P<indent>\s*)(?P<dash>- +)?(?P<key>[\w-]+):(?:\s+(?P<value>.*))?$")


def container_facts(reader: Reader) -> t.Dict[str, t.Any]:
    """The same keys on a host without any of them."""
    return {"cdi": cdi_specifications(reader), "docker": docker(reader), "toolkit": toolkit(reader)}


def cdi_specifications(reader: Reader) -> t.List[t.Dict[str, t.Any]]:
    """One entry a file; a file that cannot be understood has no kind and a note."""
    found = []
    for folder in CDI_FOLDERS:
        for name in reader.names(folder):
            if not name.endswith((".yaml", ".yml", ".json")):
                continue
            path = "%s/%s" % (folder, name)
            text = reader.text(path, expected=True)
            if text is None:
                continue
            kind, devices = parse_json(text) if name.endswith(".json") else parse_yaml(text)
            if kind is None:
                reader.note(path, "not a CDI specification")
            found.append({"path": path, "kind": kind, "devices": devices, "driver_versions": sorted(set(DRIVER_FILE.findall(text)))})
    return found


def parse_json(text: str) -> t.Tuple[t.Optional[str], t.List[str]]:
    """Kind and names of the devices."""
    try:
        specification = json.loads(text)
        return str(specification["kind"]), [str(device["name"]) for device in specification.get("devices") or []]
    except (ValueError, KeyError, TypeError):
        return None, []


def parse_yaml(text: str) -> t.Tuple[t.Optional[str], t.List[str]]:
    """The same of the block style that NVIDIA's tools and people write: names one step below `devices`, not those further inside of a device."""
    kind: t.Optional[str] = None
    devices: t.List[str] = []
    section, dashes, column = "", -1, -1
    for line in text.splitlines():
        match = ENTRY.match(line)
        if match is None:
            continue
        indent, dash, value = len(match["indent"]), match["dash"] or "", _scalar(match["value"])
        if indent == 0 and not dash:
            section, dashes, column = match["key"], -1, -1
            kind = value if section == "kind" else kind
        elif section == "devices":
            # The first dash says where the devices begin, what follows a dash in which column the keys of that device stand.
            dashes = indent if dashes < 0 else dashes
            column = indent + len(dash) if dash and indent == dashes else column
            if indent + len(dash) == column and match["key"] == "name" and value:
                devices.append(value)
    return kind, devices


def _scalar(value: t.Optional[str]) -> t.Optional[str]:
    """A plain or quoted value without the comment behind it."""
    text = (value or "").strip()
    quoted = re.match(r"""^(["'])(.*?)\1""", text)
    return (quoted[2] if quoted else re.split(r"\s+#", text)[0].strip()) or None


def docker(reader: Reader) -> t.Dict[str, t.Any]:
    """What Docker is told about GPUs. `valid` is None without a file and False when Docker could not read it either."""
    text = reader.text(DOCKER_CONFIGURATION)
    settings, problem = parse_daemon(text)
    if problem:
        reader.note(DOCKER_CONFIGURATION, problem)
    return {
        "installed": any(reader.exists(path) for path in DOCKER_DAEMONS),
        "configuration": DOCKER_CONFIGURATION if text is not None else None,
        "valid": None if text is None else not problem,
        **daemon_settings(settings),
    }


def parse_daemon(text: t.Optional[str]) -> t.Tuple[t.Dict[str, t.Any], str]:
    """Settings of daemon.json and what is wrong with it; an empty file is one without settings."""
    if not (text or "").strip():
        return {}, ""
    try:
        settings = json.loads(text or "")
    except ValueError as error:
        return {}, "not JSON: %s" % error
    return (settings, "") if isinstance(settings, dict) else ({}, "not a JSON object")


def daemon_settings(settings: t.Dict[str, t.Any]) -> t.Dict[str, t.Any]:
    """The settings that concern GPUs, None where Docker's own default counts."""
    runtimes = settings.get("runtimes")
    features = settings.get("features")
    options = settings.get("exec-opts")
    drivers = [option.split("=", 1)[1] for option in (options if isinstance(options, list) else []) if str(option).startswith("native.cgroupdriver=")]
    return {
        "runtimes": {name: (entry or {}).get("path") for name, entry in runtimes.items()} if isinstance(runtimes, dict) else {},
        "default_runtime": settings.get("default-runtime"),
        "cdi": features.get("cdi") if isinstance(features, dict) else None,
        "cdi_folders": settings.get("cdi-spec-dirs"),
        "cgroup_driver": drivers[-1] if drivers else None,
    }


def toolkit(reader: Reader) -> t.Dict[str, t.Any]:
    """NVIDIA's container toolkit. `no_cgroups` belongs to rootless Docker and breaks Docker that runs as root."""
    text = reader.text(TOOLKIT_CONFIGURATION)
    return {
        "nvidia_ctk": next((path for path in ("/usr/bin/nvidia-ctk", "/usr/local/bin/nvidia-ctk") if reader.exists(path)), None),
        "configuration": TOOLKIT_CONFIGURATION if text is not None else None,
        "no_cgroups": re.search(r"^\s*no-cgroups\s*=\s*true\b", text, re.M) is not None if text is not None else None,
        "mode": _setting(text or "", "mode"),
    }


def _setting(toml: str, name: str) -> t.Optional[str]:
    match = re.search(r'^\s*%s\s*=\s*"([^"]*)"' % re.escape(name), toml, re.M)
    return match[1] if match else None
