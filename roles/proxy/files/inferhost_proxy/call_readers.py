# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the calls in a piece of text that looks like some. None means: it is none, hand it on as text."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import msgspec


class RawCall(NamedTuple):
    name: str
    arguments: str
    """A JSON object."""


class Tool(msgspec.Struct):
    """A tool of the request, as far as the text of its calls needs it."""

    name: str
    parameters: msgspec.Raw = msgspec.Raw(b"")

    def types(self) -> dict[str, Any]:
        """What the schema says of each parameter."""
        try:
            found = msgspec.json.decode(self.parameters, type=_Schema) if bytes(self.parameters) else _Schema()
        except (msgspec.DecodeError, UnicodeDecodeError):
            return {}
        return {key: value.get("type") if isinstance(value, dict) else None for key, value in found.properties.items()}


class _Schema(msgspec.Struct):
    properties: dict[str, Any] = {}


Tools = dict[str, Tool]
Reader = Callable[[str, Tools], "list[RawCall] | None"]

MAX_PYTHON_CHARS = 65536
_BETWEEN = re.compile(r"[\s;,]*")
_CALL_KEYS = frozenset({"name", "function", "arguments", "parameters", "id", "type"})
_NOT_JSON = (ValueError, RecursionError)


def json_calls(body: str, tools: Tools) -> list[RawCall] | None:
    """One or several objects, or an array of them, each with a name and arguments."""
    return _json_calls(body, tools, strict=False)


def strict_json_calls(body: str, tools: Tools) -> list[RawCall] | None:
    """The same where nothing around says that it is a call: the arguments have to be there."""
    return _json_calls(body, tools, strict=True)


def _json_calls(body: str, tools: Tools, strict: bool) -> list[RawCall] | None:
    try:
        values = list(_values(body))
    except _NOT_JSON:
        return None
    objects = [item for value in values for item in (value if isinstance(value, list) else [value])]
    calls = [_json_call(item, strict) for item in objects]
    found = [call for call in calls if call is not None]
    return _known(found, tools) if len(found) == len(objects) else None


def _values(body: str) -> Iterator[Any]:
    decoder = json.JSONDecoder(strict=False)
    at = _skip(body, 0)
    while at < len(body):
        value, at = decoder.raw_decode(body, at)
        yield value
        at = _skip(body, at)


def _skip(body: str, at: int) -> int:
    match = _BETWEEN.match(body, at)
    return match.end() if match else at


def _json_call(item: object, strict: bool) -> RawCall | None:
    if not isinstance(item, dict) or not _CALL_KEYS.issuperset(item):
        return None
    inner = item.get("function")
    if isinstance(inner, dict):
        # In this form `parameters` would be the schema: the definition of the tool, not a call.
        return None if "parameters" in inner else _json_call(inner, strict)
    name = item.get("name") or inner
    present = next((key for key in ("arguments", "parameters") if key in item), None)
    if not isinstance(name, str) or (strict and present is None):
        return None
    arguments = _object(item[present]) if present else {}
    if arguments is None or (present == "parameters" and "properties" in arguments and arguments.get("type") == "object"):
        return None
    return RawCall(name, dump(arguments))


def _object(value: object) -> dict[str, Any] | None:
    if isinstance(value, str):
        value = load(value or "{}")
    return value if isinstance(value, dict) else None


def load(text: str) -> Any:
    """JSON as models write it, raw line breaks in strings included; None for what is not JSON."""
    try:
        return json.loads(text, strict=False)
    except _NOT_JSON:
        return None


def dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def with_json(pattern: str) -> Reader:
    """Calls that a pattern finds, with the arguments as a JSON object."""
    call = re.compile(pattern, re.DOTALL)

    def read(body: str, tools: Tools) -> list[RawCall] | None:
        found = []
        for match in _all(call, body):
            arguments = load(match["args"].strip() or "{}") if match else None
            if match is None or not isinstance(arguments, dict):
                return None
            found.append(RawCall(match["name"].strip(), dump(arguments)))
        return _known(found, tools)

    return read


def tagged(pattern: str, argument: str) -> Reader:
    """Calls that a pattern finds, with a tag for each argument; the tool's schema says what the value is."""
    call = re.compile(pattern, re.DOTALL)
    pair = re.compile(argument, re.DOTALL)

    def read(body: str, tools: Tools) -> list[RawCall] | None:
        found = []
        for match in _all(call, body):
            tool = tools.get(match["name"].strip()) if match else None
            if match is None or tool is None:
                return None
            types = tool.types()
            values: dict[str, Any] = {}
            for one in _all(pair, match["body"]):
                if one is None:
                    return None
                key = one["key"].strip()
                values[key] = _typed(one["value"], types.get(key), one.groupdict().get("string"))
            found.append(RawCall(tool.name, dump(values)))
        return _known(found, tools)

    return read


def _all(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str] | None]:
    """Every match; None where there is something else between them."""
    at = 0
    for match in pattern.finditer(text):
        if text[at : match.start()].strip():
            yield None
        yield match
        at = match.end()
    if text[at:].strip():
        yield None


def _typed(value: str, wanted: object, string: str | None) -> Any:
    """A value between tags: text where the schema or the tag says so, else JSON if it is some."""
    if string == "true" or wanted == "string" or (isinstance(wanted, list) and "string" in wanted):
        return value
    parsed = load(value)
    if parsed is None and value.strip() != "null":
        return {"true": True, "false": False}.get(value.strip().lower(), value) if wanted == "boolean" else value
    # Without a schema, quotes belong to the text.
    return value if isinstance(parsed, str) and wanted is None and string is None else parsed


def pythonic(body: str, tools: Tools) -> list[RawCall] | None:
    """`[name(key=value), …]`, with literals only."""
    if len(body) > MAX_PYTHON_CHARS:
        return None
    try:
        tree = ast.parse(body.strip(), mode="eval").body
        items = tree.elts if isinstance(tree, ast.List) else []
        found = [_python_call(item) for item in items]
    except (*_NOT_JSON, SyntaxError, MemoryError, TypeError):
        return None
    return _known(found, tools)


_WORDS = {"true": True, "false": False, "null": None}


def _python_call(node: ast.expr) -> RawCall:
    if not isinstance(node, ast.Call) or node.args:
        raise ValueError
    arguments = {}
    for keyword in node.keywords:
        if keyword.arg is None:
            raise ValueError
        value = keyword.value
        arguments[keyword.arg] = _WORDS[value.id] if isinstance(value, ast.Name) and value.id in _WORDS else ast.literal_eval(value)
    return RawCall(ast.unparse(node.func), dump(arguments))


def first(*readers: Reader) -> Reader:
    """The first reader that finds calls."""

    def read(body: str, tools: Tools) -> list[RawCall] | None:
        return next((calls for reader in readers if (calls := reader(body, tools))), None)

    return read


def _known(calls: list[RawCall], tools: Tools) -> list[RawCall] | None:
    """The calls if there are any, each of a tool of the request, and each one JSON that everybody can read."""
    if not calls or any(call.name not in tools for call in calls):
        return None
    try:
        for call in calls:
            msgspec.json.decode(call.arguments)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return calls
