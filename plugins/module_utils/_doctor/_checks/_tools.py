# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tool calls, as an endpoint really answers them."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts, Outcome, Seen, Unseen
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._registry import check

_FORMS = ("whole", "streamed")


def _answers(facts: Facts) -> t.Iterator[t.Union[Unseen, t.Mapping[str, t.Any]]]:
    """Endpoints that answered the question with a tool, or why one was not asked."""
    if not facts["endpoints"]:
        yield Unseen("no model server was found on this host; name one with endpoint=http://127.0.0.1:8000")
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


@check("L50", "Tool calling is not switched on", ("warning", "error"), ["endpoints"])
def tool_calling(facts: Facts) -> t.Iterator[Outcome]:
    for one in _answers(facts):
        if isinstance(one, Unseen):
            yield one
            continue
        codes = {form: one["tool"][form]["code"] for form in _FORMS}
        parser = one["tool"]["whole"]["parser"] or "hermes"
        if "http_400_no_parser" in codes.values():
            yield Seen(
                "error",
                f"{one['url']} refuses tool_choice auto: {one['tool']['whole']['detail']}",
                "vLLM was started without --enable-auto-tool-choice and a tool parser",
                f"ansible-playbook inferhost.llm.site   # or by hand: --enable-auto-tool-choice --tool-call-parser {parser}",
            )
        elif "unparsed_markup" not in codes.values():
            bad = [f"{form}: {one['tool'][form]['code']} ({one['tool'][form]['detail']})" for form in _FORMS if not one["tool"][form]["ok"]]
            if bad or not one["tool"]["agree"]:
                shown = "; ".join(bad) or "the streamed call differs from the whole one"
                yield Seen(
                    "warning",
                    f"{one['url']} did not answer a question that needs a tool with a call: {shown}",
                    "the parser does not fit the model, or the model is too small for tools",
                    f"ansible localhost -m inferhost.llm.tool_call_check -a 'url={one['url']}'",
                )


@check("L51", "Tool calls come back as text", ("error",), ["endpoints"])
def tool_parser(facts: Facts) -> t.Iterator[Outcome]:
    for one in _answers(facts):
        if isinstance(one, Unseen):
            yield one
            continue
        form = next((form for form in _FORMS if one["tool"][form]["code"] == "unparsed_markup"), None)
        if form is None:
            continue
        answer = one["tool"][form]
        fix = f"--tool-call-parser {answer['parser']}" if answer["parser"] else answer["note"]
        yield Seen(
            "error",
            f"{one['url']} ({form}): the call stands in the text as {answer['markup']}: {answer['raw_text']!r}",
            "the tool parser that is set does not read what this model writes" + (f"; {answer['note']}" if answer["note"] and answer["parser"] else ""),
            f"ansible-playbook inferhost.llm.site   # or by hand: --enable-auto-tool-choice {fix}",
        )


@check("L54", "Empty tool_calls in streamed chunks", ("info", "warning"), ["endpoints"])
def empty_tool_calls(facts: Facts) -> t.Iterator[Outcome]:
    guarded = any(one["kind"] == "proxy" for one in facts["endpoints"])
    for one in _answers(facts):
        if isinstance(one, Unseen):
            yield one
            continue
        count = one["tool"]["chunks_with_empty_tool_calls"]
        if count:
            # Behind our proxy no client sees the engine's own chunks.
            yield Seen(
                "info" if guarded and one["kind"] == "vllm" else "warning",
                f"{one['url']}: {count} of {one['tool']['chunks']} streamed chunks carry \"tool_calls\": []",
                "vLLM writes the empty list; clients take it for the start of a tool call",
                "ansible-playbook inferhost.llm.site   # clients talk to the proxy on port 4000, which takes it out",
            )
