# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A vLLM command line as a mapping."""

from __future__ import annotations

import os
import re
import typing as t

_NUMBER = re.compile(r"^(\d+(?:\.\d+)?)([kKmMgG]?)$")
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "K": 2**10, "M": 2**20, "G": 2**30}
_SHORT = {
    "-tp": "--tensor-parallel-size",
    "-pp": "--pipeline-parallel-size",
    "-dp": "--data-parallel-size",
    "-q": "--quantization",
    "-O": "--compilation-config",
}
_INTERPRETER = re.compile(r"^(?:python[\d.]*|pypy[\d.]*|vllm)$")


def engine_arguments(argv: t.Sequence[str]) -> list[str] | None:
    """What follows the server's name if this is the command line of a vLLM API server, else None."""
    if not argv or not _INTERPRETER.match(os.path.basename(argv[0])):
        return None
    for at in range(min(4, len(argv))):
        rest = argv[at + 1 :]
        if argv[at] == "-m" and rest and re.match(r"^vllm\.entrypoints\.(?:openai\.)?(?:api_server|cli\.main)$", rest[0]):
            return list(rest[2:] if rest[1:2] == ["serve"] else rest[1:])
        if os.path.basename(argv[at]) == "vllm" and rest[:1] == ["serve"]:
            return list(rest[1:])
    return None


def parse(arguments: t.Sequence[str]) -> dict[str, str]:
    """Flag to value ("" where a flag has none). `--no-x` is `--x` with the value "false"; underscores are dashes."""
    flags: dict[str, str] = {}
    current: str | None = None
    for argument in arguments:
        if not re.match(r"^-{1,2}[A-Za-z]", argument):
            if current is not None:
                flags[current] = argument if not flags[current] else f"{flags[current]} {argument}"
            elif "--model" not in flags:
                flags["--model"] = argument
            continue
        name, _equals, value = argument.partition("=")
        name = _SHORT.get(name, name.replace("_", "-"))
        if name.startswith("--no-"):
            name, value = "--" + name[5:], "false"
        flags[name] = value
        current = None if value else name
    return flags


def number(value: str | None) -> int | None:
    """`16384`, `16k` (thousand) or `16K` (1024), as vLLM reads them."""
    match = _NUMBER.match(value or "")
    return int(float(match[1]) * _UNITS[match[2]]) if match else None
