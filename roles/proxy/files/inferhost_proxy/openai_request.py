# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests for chat completions, completions and responses: what the engine would ignore or refuse is put right.

Members that need no change keep their bytes, so a prompt that was cached is found again. What is no request at all is
handed on for the engine to refuse in its own words.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import msgspec
from msgspec import Raw, Struct

from . import mistral, responses_search
from .call_readers import Tool, load
from .history import repaired
from .rescue import Offer
from .text_stream import NOTHING, TextRules

Members = dict[str, Raw]

_MEMBERS = msgspec.json.Decoder(Members)
_NOT_JSON = (msgspec.DecodeError, UnicodeError, RecursionError)
_NULL = b"null"
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")
_GUIDED = b'"guided_'
CHANGES = ("structured_outputs", "max_tokens", "history", "characters", "stop")
LIMITS = ("max_output_tokens", "max_tokens", "max_completion_tokens")
"""The first one is that of the Responses API."""
STRUCTURED = {
    "guided_json": "json",
    "guided_regex": "regex",
    "guided_choice": "choice",
    "guided_grammar": "grammar",
    "guided_whitespace_pattern": "whitespace_pattern",
}
"""Fields that vLLM took before 0.12 and ignores since, and where they are now in `structured_outputs`."""
OBSOLETE = ("guided_decoding_backend", "guided_json_object")


class Ask(NamedTuple):
    """A request, and what its answer's side needs to know of it."""

    body: bytes
    members: Members | None = None
    offer: Offer | None = None
    changes: tuple[str, ...] = ()
    """Which of CHANGES were made."""
    texts: TextRules = NOTHING
    """What is done to the answer's text."""


class _Function(Struct):
    name: str
    parameters: Raw = Raw(b"")


class _Tool(Struct):
    """The Responses API has name and parameters in the tool itself, and tools of other kinds beside functions."""

    function: _Function | None = None
    type: str = "function"
    name: str = ""
    parameters: Raw = Raw(b"")

    def named(self) -> _Function | None:
        if self.function is not None or self.type != "function" or not self.name:
            return self.function
        return _Function(self.name, self.parameters)


class Options(NamedTuple):
    """What the configuration asks for beyond what every engine needs."""

    mistral_history: bool = False
    stop_in_text_only: bool = False
    deduplicate: bool = False


NO_OPTIONS = Options()


class Naming(Protocol):
    """Reads the model's name."""

    @property
    def most(self) -> int | None:
        """The output tokens that the model can write at all; known after the call."""

    def __call__(self, members: Members) -> Mapping[str, Raw | None]:
        """What the name asks for."""


def prepare(body: bytes, chat: bool, max_output: int | None, options: Options = NO_OPTIONS, naming: Naming | None = None) -> Ask:
    """The request for the engine. `max_output`: more than this it can never write, unless `naming` knows better."""
    try:
        members, mended = _read(body)
        named = naming(members) if naming is not None else {}
        made: dict[str, Mapping[str, Raw | None]] = {
            "characters": mended,
            "structured_outputs": structured(members) if _GUIDED in body else {},
            "max_tokens": capped(members, max_output if naming is None else naming.most),
            "history": _history(members, options.mistral_history) if chat else responses_search.history(members),
            "stop": _without_stop(members) if chat and options.stop_in_text_only else {},
        }
        texts = text_rules(members, options) if chat else NOTHING
    except (*_NOT_JSON, ValueError):
        return Ask(body)
    changed = tuple(name for name in CHANGES if made[name])
    if changed or named:
        members = with_changes(members, {key: value for changes in (named, *made.values()) for key, value in changes.items()})
        body = msgspec.json.encode(members)
    return Ask(body, members, offer_of(members) if chat or "input" in members else None, changed, texts)


def offer_of(members: Members) -> Offer | None:
    try:
        return offered(members)
    except _NOT_JSON:
        return None


def _read(body: bytes) -> tuple[Members, Members]:
    """The members, and those that are not as they came.

    Clients that cut a text in the middle of a character write half of a surrogate pair. The engine refuses such a request,
    so there is a question mark for each half.
    """
    try:
        return _MEMBERS.decode(body), {}
    except msgspec.DecodeError:
        if _HALF.search(body) is None:
            raise
    members = _MEMBERS.decode(json.dumps(json.loads(body), ensure_ascii=False).encode("utf-8", "replace"))
    return members, members


def with_changes(members: Members, changes: dict[str, Raw | None]) -> Members:
    """The members with some replaced; None takes one away."""
    merged: dict[str, Raw | None] = {**members, **changes}
    return {key: value for key, value in merged.items() if value is not None}


def structured(members: Members) -> dict[str, Raw | None]:
    """The old `guided_*` fields as the engine takes them now. What the request says in the new form goes first."""
    old = [key for key in (*STRUCTURED, *OBSOLETE) if key in members]
    given = {STRUCTURED[key]: members[key] for key in old if key in STRUCTURED and members[key] != Raw(_NULL)}
    if members.get("guided_json_object") == Raw(b"true"):
        given["json_object"] = members["guided_json_object"]
    changes: dict[str, Raw | None] = dict.fromkeys(old)
    named = any(bytes(members.get(key, Raw(_NULL))) != _NULL for key in ("structured_outputs", "response_format"))
    text = decoded(members.get("text"))
    # How the Responses API says it.
    named = named or (isinstance(text, dict) and text.get("format") is not None)
    if not named and set(given) - {"whitespace_pattern"}:
        changes["structured_outputs"] = Raw(msgspec.json.encode(given))
    return changes


def capped(members: Members, limit: int | None) -> dict[str, Raw | None]:
    """Output limits above what can be written at all."""
    if limit is None:
        return {}
    return {key: Raw(str(limit).encode()) for key in LIMITS if (asked := number(members.get(key))) is not None and asked > limit}


TEXT_MEMBERS = ("stop", "stream_options", "tools", "tool_choice", "response_format")
"""What of a request that is made here decides on its answer's text."""


def number(value: Raw | None) -> int | None:
    """A member that is a number."""
    if value is None:
        return None
    found = load(bytes(value).decode("utf-8", "replace"))
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def asked(members: Members) -> int | None:
    """The output tokens that the request asks for; the newer name goes first, as in the engine."""
    return next((found for key in reversed(LIMITS) if (found := number(members.get(key))) is not None), None)


def _history(members: Members, mistral_form: bool) -> dict[str, Raw | None]:
    messages = members.get("messages")
    if messages is None:
        return {}
    changed = repaired(bytes(messages))
    if mistral_form:
        changed = mistral.adapted(changed or bytes(messages)) or changed
    return {} if changed is None else {"messages": Raw(changed)}


def text_rules(members: Mapping[str, Raw], options: Options) -> TextRules:
    """What the request's answer needs done to its text."""
    usage = decoded(members.get("stream_options"))
    return TextRules(
        stops=tuple(_stop_strings(members)) if options.stop_in_text_only else (),
        include_stop=bytes(members.get("include_stop_str_in_output", Raw(b"false"))) == b"true",
        stray_end="tools" in members and bytes(members.get("tool_choice", Raw(_NULL))) == b'"none"',
        deduplicate=options.deduplicate and not _wants_data(members),
        choices=number(members.get("n")) or 1,
        with_usage=isinstance(usage, dict) and bool(usage.get("include_usage")),
    )


def _stop_strings(members: Mapping[str, Raw]) -> list[str]:
    given = decoded(members.get("stop"))
    strings = [given] if isinstance(given, str) else given
    return strings if isinstance(strings, list) and all(isinstance(string, str) and string for string in strings) else []


def _without_stop(members: Members) -> dict[str, Raw | None]:
    return {"stop": None} if _stop_strings(members) else {}


def offered(members: Members) -> Offer | None:
    """The tools whose calls may be looked for in the text; None when there are none, or when the text was asked for as data."""
    tools, choice = members.get("tools"), bytes(members.get("tool_choice", Raw(b'"auto"')))
    if tools is None or choice == b'"none"' or _wants_data(members):
        return None
    given = [tool.named() for tool in msgspec.json.decode(tools, type=list[_Tool])]
    if "input" not in members and not all(given):
        return None
    known = {function.name: Tool(function.name, function.parameters) for function in given if function is not None}
    if choice.startswith(b"{"):
        only = msgspec.json.decode(choice, type=_Tool).named()
        known = {name: tool for name, tool in known.items() if only is not None and name == only.name}
    parallel = bytes(members.get("parallel_tool_calls", Raw(b"true"))) != b"false"
    return Offer(known, parallel) if known else None


def _wants_data(members: Mapping[str, Raw]) -> bool:
    """Whether the text has to follow a schema. JSON with a name and arguments is then what was asked for."""
    if bytes(members.get("structured_outputs", Raw(_NULL))) != _NULL:
        return True
    text = decoded(members.get("text"))
    forms = (decoded(members.get("response_format")), text.get("format") if isinstance(text, dict) else None)
    return any(isinstance(form, dict) and form.get("type") != "text" for form in forms)


def decoded(value: Raw | None) -> Any:
    """A member as Python's objects, None when it is not there."""
    return None if value is None else msgspec.json.decode(value)
