# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets out of everything that leaves doctor."""

from __future__ import annotations

import re
import typing as t
import urllib.parse

MASK = "***"

# A value that only points at a secret: a shell or template reference, not the secret.
_REFERENCE = r"(?!\$[({]|\{\{|\*\*\*)"
_VALUE = _REFERENCE + r"(?:\"[^\"]*\"|'[^']*'|[^\s\"',;}]+)"
_SECRET_NAME = (
    r"(?:api[_-]?key|master[_-]?key|salt[_-]?key|engine[_-]?key|access[_-]?key|secret[_-]?key|auth[_-]?token|(?<![a-z])token|_token|secret|passw(?:or)?d)"
)
SECRET_FLAGS = ("--api-key", "--api_key", "--master-key", "--master_key", "--hf-token", "--hf_token", "--token", "--password")

# Each pattern keeps its first group and masks the rest.
_PATTERNS: tuple[t.Pattern[str], ...] = (
    re.compile(r"(\bsk-)[A-Za-z0-9_\-]{6,}"),
    re.compile(r"(\bhf_)[A-Za-z0-9]{8,}"),
    re.compile(r"(\b(?:rpa_|gsk_|nvapi-|gh[pousr]_|github_pat_|glpat-|AKIA))[A-Za-z0-9_\-]{8,}"),
    re.compile(r"(?i)(\bbearer\s+)" + _REFERENCE + r"[^\s\"',;]+"),
    re.compile(r"(?i)(\bx-api-key\s*:\s*)" + _VALUE),
    re.compile(r"(?i)((?:" + "|".join(SECRET_FLAGS) + r")(?:\s+|=))(?!-)" + _VALUE),
    re.compile(r"(?i)(\b[a-z0-9_]*" + _SECRET_NAME + r"[\"']?\s*=\s*)" + _VALUE),
    re.compile(r"(?i)(\b[a-z0-9_]*" + _SECRET_NAME + r"[\"']?\s*:\s*(?=[\"'\w]))" + _VALUE),
    re.compile(r"(://)[^/\s:@]+:[^/\s@]+(?=@)"),
)

_ASSIGNMENT = re.compile(r"(?i)^(?:export\s+)?-?\s*[\"']?([a-z0-9_]*" + _SECRET_NAME + r")[\"']?\s*[=:]\s*(.*)$")
# `token` names no secret where it counts tokens, `_file` where it names the file that holds one.
_HARMLESS_VALUE = re.compile(r"^(?:\$|\{\{|%[a-z(]|/|~|os\.environ/|none$|null$|true$|false$|empty$|\*{3,}$|\d{1,9}$|$)", re.IGNORECASE)


class Redactor:
    """Masks what looks like a secret, and every secret that doctor has read on its way."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def learn(self, secret: str) -> None:
        """Mask this value wherever it turns up. Values too short to be a key would mask half of the report."""
        if len(secret) >= 6:
            self._known.update((secret, urllib.parse.quote(secret, safe="")))

    def text(self, text: str) -> str:
        for secret in sorted(self._known, key=len, reverse=True):
            text = text.replace(secret, MASK)
        for pattern in _PATTERNS:
            text = pattern.sub(r"\g<1>" + MASK, text)
        return text

    def tree(self, node: t.Any) -> t.Any:
        """The same data with every string in it masked, keys of mappings included."""
        if isinstance(node, str):
            return self.text(node)
        if isinstance(node, dict):
            return {self.tree(key): self.tree(value) for key, value in node.items()}
        if isinstance(node, (list, tuple)):
            return [self.tree(value) for value in node]
        return node


def assigned_secret(line: str) -> str | None:
    """Name of the variable if a line of a configuration file sets a secret to a literal value; never the value."""
    match = _ASSIGNMENT.match(line.strip())
    if match is None:
        return None
    value = match[2].strip().rstrip(",").strip("\"'").strip()
    return None if _HARMLESS_VALUE.match(value) else match[1]


def _after_with_secrets(argv: t.Sequence[str]) -> int:
    """Our own wrapper is given `VARIABLE=file`, which looks like `VARIABLE=secret`: where the command behind it begins."""
    wrapped = any(word.rpartition("/")[2] == "with-secrets" for word in argv[:2])
    return argv.index("--") if wrapped and "--" in argv else 0


def split_secrets(argv: t.Sequence[str]) -> tuple[list[str], list[str]]:
    """A command line without its secrets, and the names of the arguments that carried one."""
    clean: list[str] = []
    carriers: list[str] = []
    flag: str | None = None
    redactor = Redactor()
    after = _after_with_secrets(argv)
    clean.extend(argv[:after])
    for argument in argv[after:]:
        name, equals, value = argument.partition("=")
        if argument in SECRET_FLAGS:
            flag = argument
        elif argument.startswith("-"):
            flag = None
        elif flag is not None:
            # vLLM takes several keys behind one flag.
            carriers.append(flag)
            clean.append(MASK)
            continue
        if equals and name in SECRET_FLAGS and value:
            carriers.append(name)
            clean.append(f"{name}={MASK}")
            continue
        masked = redactor.text(argument)
        if masked != argument:
            named = assigned_secret(argument)
            carriers.append(named or "a value that looks like a key")
        clean.append(masked)
    return clean, list(dict.fromkeys(carriers))
