# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What coding agents on this host are told about their server: address, model, limits, abilities. Keys are left where they are."""

from __future__ import annotations

import glob
import json
import os
import re
import typing as t
import urllib.parse

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collector import Collected, Context, collector, unreadable
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts
from ansible_collections.inferhost.llm.plugins.module_utils._listeners import listeners

# Below a home folder, and below `clients` of an installation by this collection.
HOME_FILES = (
    (".config/opencode/opencode.json", "opencode"),
    (".config/opencode/opencode.jsonc", "opencode"),
    (".claude/settings.json", "claude_code"),
)
OWN_FILES = (("opencode.json", "opencode"), ("claude-settings.json", "claude_code"))
HOMES = ("/root", "/home/*")
LOOPBACK = ("127.0.0.1", "localhost", "::1", "0.0.0.0")
_MODEL_VARIABLES = (
    "ANTHROPIC_MODEL",
    "ANTHROPIC_DEFAULT_OPUS_MODEL",
    "ANTHROPIC_DEFAULT_SONNET_MODEL",
    "ANTHROPIC_DEFAULT_HAIKU_MODEL",
    "ANTHROPIC_SMALL_FAST_MODEL",
)
# A comment, or a string, which is kept. JSON has no other place for two slashes.
_COMMENT = re.compile(r'("(?:[^"\\]|\\.)*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_LAST_COMMA = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])', re.DOTALL)
Row = dict[str, t.Any]


@collector("client_files", root="helps", cost="files", timeout_s=10)
def client_files(context: Context, facts: Facts) -> Collected:
    """One row a file and model. `listening`: whether anything listens at an address of this host; None for other hosts."""
    gaps: list[str] = []
    rows: list[Row] = []
    ports = {one.port for one in listeners(context.path("/proc"))}
    for path, client, ours in _places(context):
        shown = "/" + os.path.relpath(path, context.fs)
        try:
            with open(path, encoding="utf-8") as handle:
                document = load(handle.read())
        except FileNotFoundError:
            continue
        except OSError as error:
            gaps.append(unreadable(shown, error))
            continue
        except ValueError:
            gaps.append(f"{shown} is not JSON")
            continue
        for row in READERS[client](document):
            rows.append({"path": shown, "client": client, "ours": ours, **row, "listening": _listens(row["base_url"], ports)})
    return Collected(rows, gaps)


def load(text: str) -> Row:
    """JSON with comments and with commas that nothing follows, as OpenCode takes it."""
    plain = _COMMENT.sub(lambda match: match[1] or " ", text)
    document = json.loads(_LAST_COMMA.sub(lambda match: match[1] or "", plain))
    if not isinstance(document, dict):
        raise ValueError("not an object")
    return document


def address_of(base_url: str | None) -> tuple[str, int] | None:
    """Host and port, all names of the loopback as one; None where there is no address."""
    try:
        parts = urllib.parse.urlsplit(base_url or "")
        if not parts.hostname:
            return None
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return None
    return ("127.0.0.1" if parts.hostname in LOOPBACK else parts.hostname, port)


def _places(context: Context) -> t.Iterator[tuple[str, str, bool]]:
    for name, client in OWN_FILES:
        yield context.path(os.path.join(context.root, "clients", name)), client, True
    for pattern in HOMES:
        for home in sorted(glob.glob(context.path(pattern))):
            for name, client in HOME_FILES:
                yield os.path.join(home, name), client, False


def _listens(base_url: str | None, ports: t.AbstractSet[int]) -> bool | None:
    address = address_of(base_url)
    return address[1] in ports if address and address[0] == "127.0.0.1" else None


def opencode(document: Row) -> t.Iterator[Row]:
    """Its providers with an address of their own; others ask a vendor's servers."""
    providers = document.get("provider")
    chosen = str(document.get("model") or "")
    for name, provider in providers.items() if isinstance(providers, dict) else ():
        options = provider.get("options") if isinstance(provider, dict) else None
        base_url = options.get("baseURL") if isinstance(options, dict) else None
        if not isinstance(base_url, str) or "{" in base_url:
            continue
        models = _mapping(provider.get("models"))
        if chosen.startswith(f"{name}/") and chosen[len(name) + 1 :] not in models:
            models = {**models, chosen[len(name) + 1 :]: {}}
        for key, entry in models.items():
            model = _mapping(entry)
            limit = _mapping(model.get("limit"))
            yield {
                "base_url": base_url,
                "model": str(model.get("id") or key),
                "context": _number(limit.get("context")),
                "output": _number(limit.get("output")),
                **{ability: model.get(ability) if isinstance(model.get(ability), bool) else None for ability in ("reasoning", "tool_call")},
            }


def claude_code(document: Row) -> t.Iterator[Row]:
    env = document.get("env")
    if not isinstance(env, dict) or not isinstance(env.get("ANTHROPIC_BASE_URL"), str):
        return
    budget = _number(env.get("MAX_THINKING_TOKENS"))
    names = [str(env[name]) for name in _MODEL_VARIABLES if env.get(name)]
    if isinstance(document.get("model"), str):
        names.append(document["model"])
    for name in dict.fromkeys(names):
        yield {
            "base_url": env["ANTHROPIC_BASE_URL"],
            "model": name,
            "context": _number(env.get("CLAUDE_CODE_MAX_CONTEXT_TOKENS")),
            "output": _number(env.get("CLAUDE_CODE_MAX_OUTPUT_TOKENS")),
            "reasoning": True if budget or document.get("alwaysThinkingEnabled") is True else None,
            "tool_call": None,
        }


def _mapping(value: t.Any) -> Row:
    return value if isinstance(value, dict) else {}


def _number(value: t.Any) -> int | None:
    text = str(value)
    return int(text) if not isinstance(value, bool) and text.isdigit() else None


READERS: t.Mapping[str, t.Callable[[Row], t.Iterable[Row]]] = {"opencode": opencode, "claude_code": claude_code}
