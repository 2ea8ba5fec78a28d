# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What agents send, as an endpoint takes it: forced tools, system messages, searches, limits."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._behaviours import SITE, Endpoint, asked
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts, Outcome, Seen, Unseen
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._registry import check

_PROXY = f"{SITE}   # clients talk to the proxy on port 4000, which "
_LOG = "journalctl -u inferhost-proxy -n 100 --no-pager"
UNSERVED = "would have to be executed by the server, and this server does not have it"
"""What our proxy says of a tool that nobody executes."""
# What Claude Code looks for in a refusal: it then shortens its answer, or the conversation.
_ACTED_ON = re.compile(r"prompt is too long|input length and `?max_tokens`? exceed context limit", re.IGNORECASE)


@check("L55", "tool_choice is lost between the formats", ("info", "error"), ["endpoints", "behaviour"])
def tool_choice(facts: Facts) -> t.Iterator[Outcome]:
    for one in asked(facts, "messages_tool"):
        if isinstance(one, Unseen):
            yield one
            continue
        answer, refused = one.ok("messages_tool"), one.refused("messages_tool")
        if refused and "tool" in refused:
            seen = f"{one.title}: /v1/messages refuses a tool_choice that names a tool: {refused}"
        elif answer is None or "tool_use" in answer["blocks"]:
            continue
        elif answer["stop"] == "max_tokens":
            yield Unseen(f"{one.url}: the answer to a forced tool call was cut off by max_tokens")
            continue
        else:
            seen = f"{one.title}: /v1/messages was told to call a tool, and answered with {', '.join(answer['blocks']) or 'nothing'}"
        yield Seen(
            one.severity("error"),
            seen,
            "what makes OpenAI's request of Anthropic's drops or changes tool_choice, so agents get text where they wait for a call",
            one.fix(SITE, _PROXY + "converts /v1/messages itself"),
        )


@check("L56", "System messages inside the conversation are refused", ("info", "error"), ["endpoints", "behaviour"])
def system_messages(facts: Facts) -> t.Iterator[Outcome]:
    for one in asked(facts, "system_inside"):
        if isinstance(one, Unseen):
            yield one
            continue
        inner = one.refused("messages_system")
        outer = one.refused("system_inside")
        if inner and one.answers["messages_tool"]["status"] == 200:
            yield Seen(
                one.severity("error"),
                f"{one.title}: /v1/messages with a system message behind the first turn: {inner}",
                "the model's chat template wants the system message first, and Claude Code sends more of them in each turn",
                one.fix(f"{SITE} -e proxy_inline_system=fold", _PROXY + "folds them into the text beside them (proxy_inline_system)"),
            )
        elif outer and one.ok("plain"):
            yield Seen(
                "info" if one.kind == "proxy" else one.severity("error"),
                f"{one.title}: /v1/chat/completions with a system message behind the first turn: {outer}",
                "the model's chat template wants the system message first",
                one.fix(
                    f"{SITE}   # the proxy folds system messages on /v1/messages; of OpenAI's clients, those that send them late need another chat template",
                    _PROXY + "folds those of /v1/messages; or restart vLLM with a chat template that takes them: --chat-template FILE",
                ),
            )


@check("L57", "Web search goes to a server that is not there", ("info", "warning"), ["endpoints", "behaviour"])
def web_search(facts: Facts) -> t.Iterator[Outcome]:
    for one in asked(facts):
        if isinstance(one, Unseen):
            yield one
            continue
        answer = one.answers.get("web_search")
        if answer is None:
            # No /v1/messages, so nobody sends Anthropic's tool here.
            continue
        if answer["status"] is None or answer["status"] >= 500:
            yield Unseen(f"{one.url}: a search was not answered: {answer['error'] or 'HTTP ' + str(answer['status'])}")
            continue
        seen = _search_problem(answer)
        if seen:
            # That nobody searches is a choice here.
            chosen = one.ours and answer["status"] == 400 and UNSERVED in answer["error"]
            cause, fix = _search_cause(one, chosen, bool(answer.get("failures")))
            yield Seen("info" if chosen else one.severity(), f"{one.title}: Anthropic's web_search tool on /v1/messages: {seen}", cause, fix)


def _search_cause(one: Endpoint, chosen: bool, failed: bool) -> t.Tuple[str, str]:
    """Why there was no search, and what mends it."""
    elsewhere = _PROXY + "runs the searches itself (proxy_web_search: ddgs)"
    if failed:
        return (
            "who is asked for results refuses or cannot be reached; the agent says that it did 0 searches",
            one.fix(f"{_LOG}   # names the provider and the cause; a second one is proxy_web_search_fallback", f"{elsewhere}; or mend that server's search"),
        )
    if one.ours and not chosen:
        return "the proxy offered the search, and the engine refused the request, or its model did not call it; the agent says that it did 0 searches", _LOG
    return (
        "that tool is run by the server that is asked, and this one has nothing behind it; the agent says that it did 0 searches",
        one.fix(f"{SITE} -e proxy_web_search=ddgs", elsewhere),
    )


def _search_problem(answer: t.Mapping[str, t.Any]) -> str:
    if answer["status"] != 200:
        return f"HTTP {answer['status']}: {answer['error']}"
    if answer["failures"] and not answer["found"]:
        return f"the search failed with {', '.join(answer['failures'])}"
    if "web_search_tool_result" in answer["blocks"]:
        return ""
    if "tool_use" in answer["blocks"]:
        return "the call is handed back to the client, which has no such tool"
    return f"answered with {', '.join(answer['blocks']) or 'nothing'}, without a search"


@check("L59", "More output is asked for than the context has", ("info", "warning"), ["endpoints", "behaviour"], uses=["client_files"])
def output_limit(facts: Facts) -> t.Iterator[Outcome]:
    from_files = facts.values.get("client_files", ())
    for one in asked(facts):
        if isinstance(one, Unseen):
            yield one
        elif one.window is None:
            yield Unseen(f"{one.url} does not say how long its context is")
        else:
            yield from _limits(one, from_files)


def _limits(one: Endpoint, client_files: t.Sequence[t.Mapping[str, t.Any]]) -> t.Iterator[Outcome]:
    large = [(path, one.refused(name)) for name, path in (("large_output", "/v1/chat/completions"), ("messages_large_output", "/v1/messages"))]
    for path, refused in large:
        # Claude Code reads these words and asks again for less.
        if refused and not (path == "/v1/messages" and _ACTED_ON.search(refused)):
            yield Seen(
                one.severity(),
                f"{one.title}: {path} refuses {one.window:,} output tokens in a context of {one.window:,}: {refused}",
                "clients ask for a fixed number of output tokens, and nothing cuts it to what the prompt leaves",
                one.fix(f"{SITE}   # gives the proxy the engine's --max-model-len", _PROXY + "fits the output to what the context leaves"),
            )
    long = one.answers.get("messages_long")
    if long and long["status"] not in (None, 200) and not _ACTED_ON.search(long["error"]):
        yield Seen(
            one.severity(),
            f"{one.title}: a prompt longer than the context: HTTP {long['status']}: {long['error'][:200]}",
            "Claude Code compacts its conversation only when the refusal says that the prompt is too long",
            one.fix(SITE, _PROXY + "says it in the words that clients act on"),
        )
    if any(refused for _path, refused in large):
        yield from _greedy(one, client_files)


def _greedy(one: Endpoint, client_files: t.Sequence[t.Mapping[str, t.Any]]) -> t.Iterator[Outcome]:
    """Files of clients that ask for all of it, where the server does not make it fit."""
    for row in client_files:
        if row["model"] == one.model and row["output"] is not None and one.window is not None and row["output"] >= one.window:
            yield Seen(
                one.severity(),
                f"{row['path']} lets {row['model']} write {row['output']:,} tokens, and the context of {one.url} has {one.window:,} for prompt and answer",
                "the limit was copied from a larger model",
                SITE if row["ours"] else f"editor {row['path']}   # limit of output: {max(1, one.window // 4)}",
            )
