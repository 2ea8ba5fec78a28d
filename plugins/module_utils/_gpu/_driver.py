# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The NVIDIA driver of a host: what is loaded, what lies on disk, what programs would load, and whether the three are one version."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._module_files import module_file, module_path, user_space
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._reader import Reader

PROC = "/proc/driver/nvidia"
# Debian's archive renames the module; sysfs then says so.
MODULE_NAMES = ("nvidia", "nvidia_current", "nvidia_current_open")
# Modules whose presence says who has the card.
OF_INTEREST = (*MODULE_NAMES, "nvidia_uvm", "nvidia_modeset", "nvidia_drm", "nvidia_peermem", "nouveau", "nova_core", "vfio_pci")
MODPROBE_FOLDERS = ("/etc/modprobe.d", "/usr/lib/modprobe.d", "/run/modprobe.d")

# The first line of /proc/driver/nvidia/version; the wording of the open module is its own.
VERSION_LINE = re.compile(r"^NVRM version:\s*(?P<text>.*?)\s+(?P<version>\d+\.\d+(?:\.\d+)*)\b", re.M)
OPEN_WORDS = "Open Kernel Module"

# Fields of /proc/driver/nvidia/gpus/*/information that are returned, by the name they have there.
INFORMATION = {
    "Model": "model",
    "GPU UUID": "uuid",
    "Video BIOS": "video_bios",
    "Device Minor": "minor",
    "GPU Firmware": "firmware",
    "GPU Excluded": "excluded",
}


def driver_facts(reader: Reader) -> t.Dict[str, t.Any]:
    """Everything that files say about the driver; the same keys on a host without one."""
    release = reader.word("/proc/sys/kernel/osrelease")
    loaded = [name for name in OF_INTEREST if reader.is_folder("/sys/module/" + name)]
    name = next((one for one in MODULE_NAMES if one in loaded), None)
    version = parse_version(reader.text(PROC + "/version") or "")
    on_disk = module_file(reader, module_path(reader, release) if release else None)
    libraries = user_space(reader)
    loaded_version = (reader.word("/sys/module/%s/version" % name) if name else None) or version["version"]
    return {
        "loaded": name is not None,
        "module_name": name,
        "loaded_version": loaded_version,
        "flavour": version["flavour"] or (on_disk or {}).get("flavour"),
        "loaded_flavour": version["flavour"],
        "proc_version": version["text"],
        "on_disk": on_disk,
        "user_space": libraries,
        "versions_agree": versions_agree(loaded_version, on_disk, libraries),
        "modules": loaded,
        "parameters": parse_parameters(reader.text(PROC + "/params") or ""),
        "device_nodes": [node for node in reader.names("/dev") if node.startswith("nvidia")],
        "nouveau": {"loaded": "nouveau" in loaded, "blacklisted": nouveau_blacklisted(reader)},
    }


def parse_version(text: str) -> t.Dict[str, t.Optional[str]]:
    """Version and flavour that the loaded module declares, all None when the file is not there."""
    match = VERSION_LINE.search(text)
    if match is None:
        return {"text": None, "version": None, "flavour": None}
    line = text[match.start() :].splitlines()[0].split(":", 1)[1].strip()
    return {"text": line, "version": match["version"], "flavour": "open" if OPEN_WORDS in match["text"] else "closed"}


def versions_agree(loaded: t.Optional[str], on_disk: t.Optional[t.Dict[str, t.Any]], libraries: t.List[t.Dict[str, t.Any]]) -> t.Optional[bool]:
    """None while fewer than two of loaded module, module on disk and libraries are known. Forward compatibility libraries are meant to differ."""
    known = [loaded, (on_disk or {}).get("version"), *(one["version"] for one in libraries if not one["compat"])]
    versions = [version for version in known if version]
    return len(set(versions)) == 1 if len(versions) > 1 else None


def parse_parameters(text: str) -> t.Dict[str, t.Union[int, str]]:
    """Lines `Name: 18` and `Name: "text"`; the names are those of the module's parameters without `NVreg_`."""
    parameters: t.Dict[str, t.Union[int, str]] = {}
    for name, value in re.findall(r"^(\w+):[ \t]*(.*)$", text, re.M):
        parameters[name] = int(value) if value.isdigit() else value.strip().strip('"')
    return parameters


def card_information(reader: Reader) -> t.Dict[str, t.Dict[str, t.Any]]:
    """What the loaded module says of each card, by PCI address. It is there even when the card could not be initialised."""
    found = {}
    for address in reader.names(PROC + "/gpus"):
        text = reader.text("%s/gpus/%s/information" % (PROC, address))
        if text is not None:
            found[address.lower()] = parse_information(text)
    return found


def parse_information(text: str) -> t.Dict[str, t.Any]:
    """Every field is there, None where the driver printed none; `firmware` is also None for `N/A`, which says nothing before first use."""
    fields = {name.strip(): value.strip() for name, separator, value in (line.partition(":") for line in text.splitlines()) if separator}
    facts: t.Dict[str, t.Any] = {key: fields.get(name) for name, key in INFORMATION.items()}
    facts["firmware"] = None if facts["firmware"] == "N/A" else facts["firmware"]
    facts["minor"] = int(facts["minor"]) if (facts["minor"] or "").isdigit() else None
    facts["excluded"] = {"Yes": True, "No": False}.get(facts["excluded"] or "")
    return facts


def nouveau_blacklisted(reader: Reader) -> bool:
    """Whether a file of modprobe's or the kernel's command line keeps nouveau away."""
    if re.search(r"(?:^|\s)(?:modprobe\.blacklist|module_blacklist|rd\.driver\.blacklist)=(?:\S*,)?nouveau(?:,|\s|$)", reader.word("/proc/cmdline") or ""):
        return True
    files = ("%s/%s" % (folder, name) for folder in MODPROBE_FOLDERS for name in reader.names(folder) if name.endswith(".conf"))
    return any(blacklists_nouveau(reader.text(path) or "") for path in files)


def blacklists_nouveau(text: str) -> bool:
    """A `blacklist` line, or an `install` line that runs something else in its place."""
    return re.search(r"^\s*(?:blacklist\s+nouveau\s*$|install\s+nouveau\s+/(?:usr/)?bin/(?:false|true)\b)", text, re.M) is not None
