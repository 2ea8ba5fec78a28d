# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The parsers of a plan: those of the model's family or those that were asked for, with their flags and what to warn of. Pure."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_families import Choice, choose
from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_parsers import (
    PLUGIN_TOOL_PARSERS,
    REASONING_PARSERS,
    TOOL_PARSERS,
    available,
)
from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_versions import Version, dotted
from ansible_collections.inferhost.llm.plugins.module_utils._plan._types import Document, Wishes, flag, warning

# Below the root. The engine names the module after the file, so it is called like no package.
PLUGIN_FILE = "lib/inferhost_tool_parser.py"


def chosen(name: str, model_type: str, template: str, wishes: Wishes, version: Version) -> t.Tuple[Choice, t.List[Document]]:
    """The family's parsers, or the user's; `none` switches one off."""
    plugin = frozenset() if wishes.tool_parser_plugin else PLUGIN_TOOL_PARSERS
    choice = choose(name, model_type, template, version, plugin)
    warnings: t.List[Document] = []
    for option, known in (("tool_parser", available(TOOL_PARSERS, version) | plugin), ("reasoning_parser", available(REASONING_PARSERS, version))):
        wanted = getattr(wishes, option)
        if not wanted:
            continue
        parser = None if wanted == "none" else wanted
        choice = choice._replace(tool_parser=parser, reason="asked for") if option == "tool_parser" else choice._replace(reasoning_parser=parser)
        brought = option == "tool_parser" and wishes.tool_parser_plugin
        if wanted != "none" and wanted not in known and not brought:
            warnings.append(
                warning("parser_not_built_in", "%s %s is not one that vLLM %s brings: a plugin must provide it" % (option, wanted, dotted(version)))
            )
    if choice.tool_parser is None and wishes.tool_parser != "none":
        warnings.append(warning("no_tool_parser", "tool calls will come back as text: %s" % choice.reason))
    return choice, warnings


def parser_flags(choice: Choice, wishes: Wishes) -> t.List[Document]:
    """Both switches, and the file that brings a parser which vLLM does not."""
    flags = []
    if choice.tool_parser is not None:
        flags.append(flag("--enable-auto-tool-choice", None, "without it a request with tools is answered with HTTP 400"))
        flags.append(flag("--tool-call-parser", choice.tool_parser, choice.reason))
        if wishes.tool_parser_plugin or choice.tool_parser in PLUGIN_TOOL_PARSERS:
            reason = "loads %s" % (wishes.tool_parser_plugin or "the collection's parser %s, which no vLLM brings" % choice.tool_parser)
            flags.append(flag("--tool-parser-plugin", "%s/%s" % (wishes.root, PLUGIN_FILE), reason))
    if choice.reasoning_parser is not None:
        flags.append(flag("--reasoning-parser", choice.reasoning_parser, choice.reason))
    return flags
