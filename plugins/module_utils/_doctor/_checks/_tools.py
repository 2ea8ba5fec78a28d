# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tool calls, as an endpoint really answers them."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts, Outcome, Seen, Unseen
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._registry import check


def _answers(facts: Facts) -> t.Iterator[Unseen | t.Mapping[str, t.Any]]:
    """Endpoints that answered the question with a tool, or why one was not asked."""
    if not facts["endpoints"] and not facts.gaps.get("endpoints"):
        yield Unseen("no model server was found on this host; name one with endpoint=http://127.0.0.1:8000")
    yield from map(Unseen, facts.gaps.get("endpoints", ()))
    for one in facts["endpoints"]:
        if one["tool"] is None:
            yield Unseen(f"{one['url']} was not asked for a tool call: {why_silent(one)}")
        else:
            yield one


def why_silent(endpoint: t.Mapping[str, t.Any]) -> str:
    """Why a later question was not put to an endpoint."""
    for name in ("models", "chat"):
        answer = endpoint[name]
        if answer is None:
            continue
        if answer["status"] in (401, 403):
            problem = "it refuses the key" if endpoint["with_key"] else f"it wants a key ({endpoint['no_key']})"
            return f"{problem}; give api_key_file=FILE"
        if answer["status"] != 200:
            return f"{name} answered {answer['status'] or answer['error']}"
        if name == "models" and not answer["ids"]:
            return "it names no model"
    return "probing is switched off (probe=false)"


def _judged(facts: Facts, id: str) -> t.Iterator[Outcome]:
    """What the tool-call check said under one id."""
    for one in _answers(facts):
        if isinstance(one, Unseen):
            yield one
            continue
        told = set()
        for finding in one["tool"]["findings"]:
            # Asked whole and streamed, an endpoint mostly fails for one reason.
            if finding["id"] == id and (finding["cause"], finding["fix"]) not in told:
                told.add((finding["cause"], finding["fix"]))
                fix = f"ansible-playbook inferhost.llm.site   # or by hand: {finding['fix']}"
                yield Seen(finding["severity"], f"{one['url']}: {finding['title']}: {finding['seen']}", finding["cause"], fix)


@check("L50", "Tool calling does not work", ("warning", "error"), ["endpoints"])
def tool_calling(facts: Facts) -> t.Iterator[Outcome]:
    yield from _judged(facts, "L50")


@check("L51", "The tool parser does not fit the model", ("error",), ["endpoints"])
def tool_parser(facts: Facts) -> t.Iterator[Outcome]:
    yield from _judged(facts, "L51")


@check("L54", "Empty tool_calls in streamed chunks", ("info", "warning", "error"), ["endpoints"])
def empty_tool_calls(facts: Facts) -> t.Iterator[Outcome]:
    yield from _judged(facts, "L54")
    guarded = any(one["kind"] == "proxy" for one in facts["endpoints"])
    for one in _answers(facts):
        if isinstance(one, Unseen):
            continue
        stream = one["stream"]
        if stream["error"]:
            yield Unseen(f"the stream failed: {stream['error']}")
        if stream["empty_tool_calls"]:
            # Behind our proxy no client sees the engine's own chunks.
            yield Seen(
                "info" if guarded and one["kind"] == "vllm" else "warning",
                f'{one["url"]}: {stream["empty_tool_calls"]} of {stream["chunks"]} streamed chunks carry "tool_calls": []',
                "vLLM writes the empty list; clients take it for the start of a tool call",
                "ansible-playbook inferhost.llm.site   # clients talk to the proxy on port 4000, which takes it out",
            )
