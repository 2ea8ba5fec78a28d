# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""NVIDIA's kernel module and libraries as files: where they are, which version, and which licence, which tells the flavour."""

from __future__ import annotations

import os
import re
import struct
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._reader import Reader

# What the module file is called: NVIDIA's own name, and the two of Debian's archive, which can have both beside each other.
MODULE_FILE = re.compile(r"(?:^|/)nvidia(?:-current(?:-open)?)?\.ko(?:\.(?:gz|xz|zst))?$")

# Licence that the module declares; modinfo prints the same words.
FLAVOURS = {"Dual MIT/GPL": "open", "NVIDIA": "closed"}

LIBRARY_FOLDERS = (
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu/nvidia/current",
    "/usr/lib/aarch64-linux-gnu/nvidia/current",
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/nvidia/lib64",
)
# Toolkits, each of which may bring libraries of forward compatibility in its folder `compat`.
TOOLKITS = "/usr/local"
LIBRARY = re.compile(r"^(libcuda|libnvidia-ml)\.so\.(\d+(?:\.\d+)+)$")

ELF_MAGIC = b"\x7fELF"
ELF_64_BIT_LITTLE_ENDIAN = b"\x02\x01"


class Section(t.NamedTuple):
    """Where a section of an object file is."""

    name: int
    offset: int
    size: int


def module_path(reader: Reader, release: str) -> t.Optional[str]:
    """The NVIDIA module that modprobe would load for a kernel: depmod's list holds one of each name, the first in its search order."""
    listed = modules_listed(reader.text("/lib/modules/%s/modules.dep" % release) or "")
    return next((path for path in ("/lib/modules/%s/%s" % (release, name) for name in listed) if reader.exists(path)), None)


def modules_listed(modules_dep: str) -> t.List[str]:
    """Files of NVIDIA's main module in `modules.dep`, whose lines are `file: files it needs`."""
    files = (line.split(":", 1)[0].strip() for line in modules_dep.splitlines() if "nvidia" in line)
    return [name for name in files if MODULE_FILE.search(name)]


def module_file(reader: Reader, path: t.Optional[str]) -> t.Optional[t.Dict[str, t.Any]]:
    """Version, licence and flavour of a module file, None when there is no such file."""
    if path is None:
        return None
    fields = _by_modinfo(reader, path)
    if fields is None:
        fields = _by_section(reader, path)
    licence = fields.get("license")
    return {"path": path, "version": fields.get("version"), "license": licence, "flavour": FLAVOURS.get(licence or ""), "signer": fields.get("signer")}


def parse_modinfo(output: str) -> t.Dict[str, str]:
    """`name:   value` lines of modinfo; of a name that comes more than once the first counts."""
    fields: t.Dict[str, str] = {}
    for name, value in re.findall(r"^(\w+):[ \t]*(.*)$", output, re.M):
        fields.setdefault(name, value.strip())
    return fields


def modinfo_section(content: bytes) -> t.Dict[str, str]:
    """The same fields out of the module itself: strings `name=value`, each ended by a zero byte."""
    fields: t.Dict[str, str] = {}
    for entry in _section(content, b".modinfo").split(b"\0"):
        name, separator, value = entry.decode("utf-8", "replace").partition("=")
        if separator:
            fields.setdefault(name, value)
    return fields


def user_space(reader: Reader) -> t.List[t.Dict[str, t.Any]]:
    """CUDA's and NVML's libraries by the version in their file names. Those of forward compatibility are meant to differ from the module."""
    found = []
    for folder, compat in [*((folder, False) for folder in LIBRARY_FOLDERS), *((folder, True) for folder in compat_folders(reader))]:
        for name in reader.names(folder):
            match = LIBRARY.match(name)
            if match:
                found.append({"library": match[1], "version": match[2], "path": os.path.join(folder, name), "compat": compat})
    return found


def compat_folders(reader: Reader) -> t.List[str]:
    """`/usr/local/cuda` itself is most often a link to one of the others."""
    toolkits = ("%s/%s" % (TOOLKITS, name) for name in reader.names(TOOLKITS) if name.startswith("cuda"))
    return [toolkit + "/compat" for toolkit in toolkits if reader.link(toolkit) is None]


def _by_modinfo(reader: Reader, path: str) -> t.Optional[t.Dict[str, str]]:
    if reader.root != "/":
        return None
    ended = reader.program(["modinfo", path])
    return parse_modinfo(ended.output) if ended is not None and ended.how == "exit" and ended.status == 0 else None


def _by_section(reader: Reader, path: str) -> t.Dict[str, str]:
    if not path.endswith(".ko"):
        reader.note(path, "compressed, and modinfo did not read it: version and licence are not known")
        return {}
    try:
        return modinfo_section(reader.data(path, expected=True) or b"")
    except (struct.error, ValueError) as error:
        reader.note(path, "no kernel module: %s" % error)
        return {}


def _section(content: bytes, name: bytes) -> bytes:
    """Bytes of a section of a 64-bit little-endian object file, which is every platform that NVIDIA ships a driver for."""
    if content[:4] != ELF_MAGIC or content[4:6] != ELF_64_BIT_LITTLE_ENDIAN:
        raise ValueError("not a 64-bit little-endian object file")
    (table,) = struct.unpack_from("<Q", content, 0x28)
    size, count, names_index = struct.unpack_from("<HHH", content, 0x3A)
    sections = [_section_header(content, table + index * size) for index in range(count)]
    if names_index >= len(sections):
        raise ValueError("no section names")
    names = sections[names_index]
    for section in sections:
        start = names.offset + section.name
        if content[start : start + len(name) + 1] == name + b"\0":
            return content[section.offset : section.offset + section.size]
    raise ValueError("no section %s" % name.decode("ascii"))


def _section_header(content: bytes, offset: int) -> Section:
    (name,) = struct.unpack_from("<I", content, offset)
    place, size = struct.unpack_from("<QQ", content, offset + 0x18)
    return Section(name, place, size)
