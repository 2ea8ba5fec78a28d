# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A model's folder that was carried to the host: what it brings along to check it by, and whether it is whole."""

from __future__ import annotations

import json
import os
import re
import struct
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._hub._files import RemoteFile
from ansible_collections.inferhost.llm.plugins.module_utils._hub._manifest import read_manifest

SUMS = "SHA256SUMS"
INDEX = "model.safetensors.index.json"
MAX_HEADER_BYTES = 100 * 1000 * 1000


def brought_sums(folder: str) -> tuple[str, dict[str, str]]:
    """Where the checksums come from (our manifest, `SHA256SUMS`, or empty) and SHA-256 by name. Raises ValueError where a file of sums is none."""
    manifest = read_manifest(folder)
    if manifest is not None:
        return "manifest", {name: known.sha256 for name, known in manifest.whole.items()}
    try:
        with open(os.path.join(folder, SUMS), encoding="utf-8") as stream:
            lines = [line.rstrip("\n") for line in stream if line.strip()]
    except FileNotFoundError:
        return "", {}
    sums = {}
    for number, line in enumerate(lines, 1):
        found = re.fullmatch(r"([0-9a-fA-F]{64}) [ *](.+)", line)
        if not found or os.path.isabs(found.group(2)) or ".." in found.group(2).split("/"):
            raise ValueError(f"{folder}/{SUMS}, line {number}: not 64 hexadecimal digits, two blanks and the name of a file below it")
        sums[os.path.normpath(found.group(2))] = found.group(1).lower()
    return SUMS, sums


def structure(folder: str) -> list[str]:
    """What is missing or cut short by what the files say of themselves, one line each."""
    wrong = [] if os.path.isfile(os.path.join(folder, "config.json")) else ["config.json is missing"]
    named: set[str] = set()
    index = os.path.join(folder, INDEX)
    if os.path.isfile(index):
        try:
            with open(index, encoding="utf-8") as stream:
                named = set(json.load(stream)["weight_map"].values())
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            wrong.append(f"{INDEX} is no index of weights ({error})")
    wrong += [f"{name} is missing, {INDEX} names it" for name in sorted(named) if not os.path.isfile(os.path.join(folder, name))]
    for name in sorted(entry for entry in os.listdir(folder) if entry.endswith(".safetensors")):
        trouble = cut_short(os.path.join(folder, name))
        if trouble:
            wrong.append(f"{name} {trouble}")
    return wrong


def cut_short(path: str) -> str:
    """What is wrong with the length of a file of tensors, by its own header; empty: nothing."""
    size = os.path.getsize(path)
    try:
        with open(path, "rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            if length > min(size, MAX_HEADER_BYTES):
                return f"is no file of safetensors, or was cut short after {size} bytes"
            header = json.loads(stream.read(length))
        ends = [tensor["data_offsets"][1] for name, tensor in header.items() if name != "__metadata__"]
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, struct.error):
        return f"is no file of safetensors, or was cut short after {size} bytes"
    whole: int = 8 + length + max(ends, default=0)
    return "" if size == whole else f"has {size} bytes and should have {whole}"


def expected(folder: str, sums: t.Mapping[str, str]) -> tuple[list[RemoteFile], list[str]]:
    """The files to check, with the sizes they have, and the names of those that are not there."""
    there = {name: os.path.join(folder, name) for name in sums}
    files = [RemoteFile(name, os.path.getsize(path), sums[name]) for name, path in sorted(there.items()) if os.path.isfile(path)]
    return files, sorted(name for name, path in there.items() if not os.path.isfile(path))
