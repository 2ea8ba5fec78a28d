# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tool calls, as an endpoint really answers them."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._engines import engines
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts, Outcome, Seen, Unseen
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._registry import check
from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_parsers import TOOL_PARSERS

MENDED_BY_PROXY = ("L52", "L58", "L63")
_SITE = "ansible-playbook inferhost.llm.site"
TEMPLATE_FIX = f"{_SITE} -e vllm_chat_template=/path/on/the/controller.jinja"


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
                # What our proxy puts right, no client meets behind it.
                mended = id in MENDED_BY_PROXY and one["kind"] == "vllm" and any(other["kind"] == "proxy" for other in facts["endpoints"])
                severity = "info" if mended else finding["severity"]
                yield Seen(severity, f"{one['url']}: {finding['title']}: {finding['seen']}", finding["cause"], _fix(one, finding))


def _fix(one: t.Mapping[str, t.Any], finding: t.Mapping[str, t.Any]) -> str:
    """A run mends what is ours; a server of another make needs a setting, or our proxy before it."""
    parsers = [notation["parser"] for notation in one["tool"]["notations"] if notation["parser"]]
    if one["ours"] and finding["id"] in MENDED_BY_PROXY:
        return f"{_SITE} -e {'vllm_tool_parser=qwen_tools' if finding['id'] == 'L52' else 'proxy_rescue_tool_calls=true'}"
    if one["ours"] and finding["id"] == "L53":
        return TEMPLATE_FIX
    if one["ours"]:
        return f"{_SITE} -e vllm_tool_parser={parsers[0]}" if parsers and "--tool-call-parser" in finding["fix"] else finding["fix"]
    # Of a fix for ours, what it stands for in the hands of others.
    by_hand = (finding["fix"].startswith(_SITE) and finding["fix"].partition("  # ")[2]) or finding["fix"]
    since = [text for text in (parser_since(parser, one["version"]) for parser in parsers) if text and "--tool-call-parser" in finding["fix"]]
    return f"{_SITE}   # or by hand: {by_hand}{f' ({since[0]})' if since else ''}"


def parser_since(parser: str | None, version: str | None) -> str:
    """From which engine version on there is a parser, and whether the one that was asked is older."""
    since = next((found for found, names in TOOL_PARSERS if parser in names.split()), None)
    if since is None:
        return ""
    shown = ".".join(map(str, since))
    first = TOOL_PARSERS[0][0]
    text = f"{parser} is in vLLM {shown} and later" if since > first else ""
    numbers = tuple(int(number) for number in re.findall(r"\d+", version or "")[:3])
    return f"{text}; this one is {version}, so upgrade it first" if numbers and numbers < since and text else text


@check("L50", "Tool calling does not work", ("warning", "error"), ["endpoints"])
def tool_calling(facts: Facts) -> t.Iterator[Outcome]:
    yield from _judged(facts, "L50")


@check("L51", "The tool parser does not fit the model", ("error",), ["endpoints"])
def tool_parser(facts: Facts) -> t.Iterator[Outcome]:
    yield from _judged(facts, "L51")


@check("L52", "Qwen2.5's <tools> are left in the text", ("info", "error"), ["endpoints"])
def tools_markup(facts: Facts) -> t.Iterator[Outcome]:
    yield from _judged(facts, "L52")


@check("L53", "A chat template of one's own is needed", ("warning", "error"), ["endpoints"], uses=["processes", "services", "containers", "engine_files"])
def chat_template(facts: Facts) -> t.Iterator[Outcome]:
    yield from _template_files(facts)
    without = [one for one in facts["endpoints"] if no_template(one)]
    for one in without:
        yield Seen(
            "error",
            f"{one['url']}/v1/chat/completions answers {one['chat']['status']}: {one['chat']['error']}",
            "the checkpoint brings no chat template, and vLLM makes none up",
            TEMPLATE_FIX if one["ours"] else f"{TEMPLATE_FIX}   # or by hand: --chat-template FILE",
        )
    if not without or len(without) < len(facts["endpoints"]):
        yield from _judged(facts, "L53")


_TEMPLATE_STATES = {
    "missing": ("is not there", "the file was not delivered, or not mounted into the container"),
    "folder": ("is a folder", "a mount of a file that is not there makes a folder"),
    "closed": ("cannot be read by the service's account", "its mode, or that of a folder above it, closes it"),
}


def _template_files(facts: Facts) -> t.Iterator[Outcome]:
    """Templates that a service names and cannot have. A running engine has read its own already; the next start cannot."""
    known = {one.where: one for one in engines(facts)}
    for files in facts.values.get("engine_files", ()):
        template, one = files["template"], known.get(files["where"])
        if one is None or not template or template["state"] not in _TEMPLATE_STATES:
            continue
        seen, cause = _TEMPLATE_STATES[template["state"]]
        command = f"sudo chmod o+r {template['path']}" if template["state"] == "closed" else f"ls -l {template['path']}"
        yield Seen(
            "warning" if one.running else "error",
            f"{one.where}: --chat-template {template['path']} {seen}",
            cause,
            TEMPLATE_FIX if one.ours else f"{command}   # then {one.edit}",
        )


def no_template(endpoint: t.Mapping[str, t.Any]) -> bool:
    """Whether chats are refused for want of a chat template."""
    chat = endpoint["chat"]
    return bool(chat and chat["status"] not in (None, 200) and re.search(r"chat[ _-]?template", chat["error"], re.IGNORECASE))


@check("L58", "Tool calls are left in the text", ("info", "error"), ["endpoints"])
def calls_in_text(facts: Facts) -> t.Iterator[Outcome]:
    yield from _judged(facts, "L58")


@check("L63", "Reasoning and tool calls do not go together", ("info", "warning", "error"), ["endpoints"])
def reasoning_and_calls(facts: Facts) -> t.Iterator[Outcome]:
    yield from _judged(facts, "L63")


@check("L54", "Empty tool_calls", ("info", "warning", "error"), ["endpoints"])
def empty_tool_calls(facts: Facts) -> t.Iterator[Outcome]:
    yield from _judged(facts, "L54")
    guarded = any(one["kind"] == "proxy" for one in facts["endpoints"])
    for one in _answers(facts):
        if isinstance(one, Unseen):
            continue
        # Behind our proxy no client sees the engine's own answers.
        severity = "info" if guarded and one["kind"] == "vllm" else "warning"
        if one["chat"]["empty_tool_calls"]:
            yield Seen(
                severity,
                f'{one["url"]}: a whole answer without a call carries "tool_calls": []',
                "vLLM writes the empty list; agents take it for a call that they have to answer, and go round in circles",
                f"{_SITE}   # clients talk to the proxy on port 4000, which takes it out",
            )
        stream = one["stream"]
        if stream["error"]:
            yield Unseen(f"the stream failed: {stream['error']}")
        if stream["empty_tool_calls"]:
            yield Seen(
                severity,
                f'{one["url"]}: {stream["empty_tool_calls"]} of {stream["chunks"]} streamed chunks carry "tool_calls": []',
                "vLLM writes the empty list; clients take it for the start of a tool call",
                f"{_SITE}   # clients talk to the proxy on port 4000, which takes it out",
            )
