# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What coding agents are told about their server, against what it does."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._behaviours import SITE, Endpoint, asked
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect._client_file import address_of
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts, Outcome, Seen, Unseen
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._registry import check

Row = t.Mapping[str, t.Any]


@check("L60", "A client is configured for what its server is not", ("warning", "error"), ["client_files", "endpoints"], uses=["behaviour"])
def client_files(facts: Facts) -> t.Iterator[Outcome]:
    yield from map(Unseen, facts.gaps.get("client_files", ()))
    served = {address_of(one["url"]): one for one in facts["endpoints"]}
    told: set[tuple[str, str]] = set()
    for row in facts["client_files"]:
        problem = _address_problem(row)
        if problem and (row["path"], row["base_url"]) not in told:
            told.add((row["path"], row["base_url"]))
            yield problem
        endpoint = served.get(address_of(row["base_url"]))
        if endpoint is None or not endpoint["models"] or endpoint["models"]["status"] != 200:
            continue
        yield from _limits(row, endpoint)
        yield from _abilities(row, endpoint, facts)


def _edit(row: Row, what: str) -> str:
    """Files of this collection are written by a run; others by their owner."""
    return f"{SITE} --tags client_config" if row["ours"] else f"editor {row['path']}   # {what}"


def _address_problem(row: Row) -> Seen | None:
    base = row["base_url"].rstrip("/")
    if row["listening"] is False:
        return Seen(
            "error",
            f"{row['path']} sends {row['client']} to {base}, where nothing listens",
            "the server moved to another port, or is down",
            _edit(row, "the address of the proxy: http://127.0.0.1:4000") + "; ss -ltn",
        )
    if row["client"] == "opencode" and row["listening"] and not base.endswith("/v1"):
        return Seen("error", f"{row['path']}: baseURL is {base}", "OpenCode adds /chat/completions to it, so /v1 is missing", _edit(row, f"baseURL: {base}/v1"))
    if row["client"] == "claude_code" and base.endswith("/v1"):
        return Seen(
            "error", f"{row['path']}: ANTHROPIC_BASE_URL is {base}", "Claude Code adds /v1/messages to it", _edit(row, f"ANTHROPIC_BASE_URL: {base[:-3]}")
        )
    return None


def _limits(row: Row, endpoint: Row) -> t.Iterator[Outcome]:
    names, window = endpoint["models"]["ids"], endpoint["models"]["max_model_len"]
    if row["model"] not in names:
        yield Seen(
            "error",
            f"{row['path']} asks for model {row['model']}; {endpoint['url']} serves {', '.join(names) or 'none'}",
            "the model was changed, or is served under another name",
            _edit(row, f"model: {names[0]}" if names else "no model is served"),
        )
        return
    if window is not None and row["context"] is not None and row["context"] > window:
        yield Seen(
            "warning",
            f"{row['path']} says that {row['model']} has a context of {row['context']:,} tokens; {endpoint['url']} serves {window:,}",
            "the client compacts its conversation too late, and is refused before",
            _edit(row, f"context: {window}"),
        )


def _abilities(row: Row, endpoint: Row, facts: Facts) -> t.Iterator[Outcome]:
    if row["tool_call"] is False and endpoint["tool"] and not endpoint["tool"]["findings"]:
        yield Seen("warning", f"{row['path']} says that {row['model']} cannot call tools, and it can", "the agent gets no tools", _edit(row, "tool_call: true"))
    if not row["reasoning"]:
        return
    if "behaviour" not in facts.values:
        yield Unseen(facts.missing.get("behaviour", "nothing is known of whether the model reasons"))
        return
    for one in asked(facts):
        if isinstance(one, Endpoint) and one.url == endpoint["url"]:
            thinks = one.thinks()
            if thinks is None:
                yield Unseen(f"{one.url}: whether {one.model} reasons is not known")
            elif not thinks and row["model"] == one.model:
                yield Seen(
                    "warning",
                    f"{row['path']} says that {row['model']} reasons, and it does not",
                    "the client sends a thinking mode that the model was not trained for; harmless requests are then refused as if by policy",
                    _edit(row, _reasoning_off(row)),
                )


def _reasoning_off(row: Row) -> str:
    return "reasoning: false" if row["client"] == "opencode" else "take MAX_THINKING_TOKENS and alwaysThinkingEnabled out, set CLAUDE_CODE_DISABLE_THINKING: 1"
