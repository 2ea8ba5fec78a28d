# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of models that clients use, and what each stands for.

What the client says itself goes before what an alias says for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from msgspec import Raw

from .upstream_config import Alias, Sampling

THINKING = ("enable_thinking", "thinking")
"""Under which names chat templates have the switch."""
SAMPLING = frozenset(Sampling.__struct_fields__)
OUTPUT_LIMITS = frozenset({"max_tokens", "max_completion_tokens", "max_output_tokens"})
_TEMPLATE = "chat_template_kwargs"
_NAMES: dict[str, frozenset[str]] = {
    "chat": SAMPLING | {_TEMPLATE},
    "completions": SAMPLING - {"reasoning_effort"},
    "responses": SAMPLING - {"reasoning_effort"} | {_TEMPLATE},
    "tokenize": frozenset({_TEMPLATE}),
}
"""Which members an alias may fill in on a route; elsewhere it is a name and no more."""
_RENAMED = {("responses", "max_tokens"): "max_output_tokens"}


class Aliases:
    def __init__(self, aliases: Mapping[str, Alias], served: Collection[str] = ()) -> None:
        """`served`: names that no wildcard may take, because there are models of that name."""
        self._exact = {name: alias for name, alias in aliases.items() if not name.endswith("*")}
        self._served = frozenset(served)
        prefixes = ((name[:-1], alias) for name, alias in aliases.items() if name.endswith("*"))
        self._prefixes = sorted(prefixes, key=lambda entry: len(entry[0]), reverse=True)
        self.names = tuple(self._exact)
        self.patterns = tuple(f"{prefix}*" for prefix, _alias in self._prefixes)

    def __bool__(self) -> bool:
        return bool(self._exact or self._prefixes)

    def find(self, name: str) -> Alias | None:
        """The alias of exactly this name, else the one with the longest beginning in common."""
        found = self._exact.get(name)
        if found is None and name not in self._served:
            found = next((alias for prefix, alias in self._prefixes if name.startswith(prefix)), None)
        return found


def filled(alias: Alias, route: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The members that the alias sets in a request. `given`: the request's members that are not null."""
    names = _NAMES.get(route, frozenset())
    members: dict[str, Any] = {"model": alias.model}
    limited = not OUTPUT_LIMITS.isdisjoint(given)
    theirs = given.get(_TEMPLATE)
    decided = isinstance(theirs, dict) and any(name in theirs for name in THINKING)
    for name, value in msgspec.to_builtins(alias.defaults).items():
        taken = name in given or (name == "max_tokens" and limited) or (name == "reasoning_effort" and decided)
        if name in names and not taken:
            members[_RENAMED.get((route, name), name)] = value
    if _TEMPLATE in names:
        kwargs = _template(alias, given)
        if kwargs is not None:
            members[_TEMPLATE] = kwargs
    return members


def _template(alias: Alias, given: Mapping[str, Any]) -> dict[str, Any] | None:
    theirs = given.get(_TEMPLATE, {})
    if not isinstance(theirs, dict):
        return None
    ours = ({} if alias.thinking is None else {THINKING[0]: alias.thinking}) | alias.chat_template_kwargs
    if "reasoning_effort" in given or any(name in theirs for name in THINKING):
        ours = {name: value for name, value in ours.items() if name not in THINKING}
    return {**ours, **theirs} if ours else None


def in_members(alias: Alias, route: str, members: Mapping[str, Raw]) -> dict[str, Raw | None]:
    """The same on members in JSON. What the engine refuses anyway stays as it is."""
    given: dict[str, Any] = {name: None for name, value in members.items() if bytes(value) != b"null"}
    if _TEMPLATE in given:
        given[_TEMPLATE] = msgspec.json.decode(members[_TEMPLATE])
    if route == "responses" and "reasoning" in given:
        given["reasoning_effort"] = None
    return {name: Raw(msgspec.json.encode(value)) for name, value in filled(alias, route, given).items()}


def name_in(members: Mapping[str, Raw]) -> str | None:
    """The model that a request names."""
    value = members.get("model")
    if value is None or not bytes(value).startswith(b'"'):
        return None
    return msgspec.json.decode(value, type=str)
