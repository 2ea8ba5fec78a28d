# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each outcome of the tool-call check means for the person who runs the host."""

from __future__ import annotations

import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._tool_call import Outcome

SEEN_CHARACTERS = 300


class Meaning(t.NamedTuple):
    id: str
    severity: str
    title: str
    cause: str
    fix: str


_FLAGS = "--enable-auto-tool-choice --tool-call-parser {parser}"
_CURL = "curl -sS -H 'Content-Type: application/json' -H @KEY_HEADER_FILE {url}/v1/models"

MEANINGS: t.Mapping[str, Meaning] = {
    "http_400_no_parser": Meaning("L50", "error", "Tool calls are refused with HTTP 400", "vLLM runs without a tool parser", "restart vLLM with: " + _FLAGS),
    "unparsed_markup": Meaning(
        "L51",
        "error",
        "Tool calls come back as text",
        "the tool parser of vLLM is not the one for the notation that the model writes",
        "restart vLLM with: " + _FLAGS,
    ),
    "tools_markup": Meaning(
        "L52",
        "error",
        "Tool calls come back as <tools> in the text",
        "Qwen2.5 writes its calls like this, and no parser that vLLM brings reads it",
        "let clients talk to a proxy that reads it, or restart vLLM with: " + _FLAGS,
    ),
    "call_in_text": Meaning(
        "L58",
        "error",
        "Tool calls are left in the text",
        "the model writes its call as ordinary text, which no parser of vLLM takes for one",
        "let clients talk to a proxy that finds it",
    ),
    "call_in_reasoning": Meaning(
        "L63",
        "error",
        "Tool calls are left in the reasoning",
        "the model writes its call before it ends its reasoning, where the tool parser does not look",
        "let clients talk to a proxy that finds it, or switch thinking off (chat_template_kwargs: enable_thinking false)",
    ),
    "reasoning_differs": Meaning(
        "L63",
        "warning",
        "Reasoning beside a tool call comes in one form only",
        "the reasoning parser and the tool parser do not work together, streamed and whole alike",
        "upgrade vLLM: reasoning and tool calls in one chunk are handled in newer releases",
    ),
    "tools_unseen": Meaning(
        "L53",
        "error",
        "The chat template does not show the tools to the model",
        "the checkpoint's chat template has no place for tools",
        "restart vLLM with a tool-use chat template of the model: --chat-template FILE (vLLM's sources have some: examples/tool_chat_template_*.jinja)",
    ),
    "plain_text": Meaning(
        "L50",
        "error",
        "The model answers with text and not with a tool call",
        "the chat template does not show the tools to the model, or the model cannot call tools",
        "restart vLLM with the tool-use chat template of the model: --chat-template FILE",
    ),
    "no_answer": Meaning(
        "L51", "error", "The answer is empty", "the parser swallowed what the model wrote, or the model ended at once", "restart vLLM with: " + _FLAGS
    ),
    "bad_json": Meaning(
        "L51",
        "error",
        "The arguments of the call are not JSON",
        "the model writes broken JSON (too small, or quantised too far), or the tool parser is not the one for its notation",
        "use a larger or less quantised model; where the parser is another one, restart vLLM with: " + _FLAGS,
    ),
    "wrong_tool": Meaning(
        "L50", "error", "A tool was called that was not offered", "the model invents tools", "use a larger model, or one trained for tool calls"
    ),
    "missing_argument": Meaning(
        "L50",
        "error",
        "A required argument is missing in the call",
        "the model ignores the schema, or the parser drops arguments",
        "use a larger model, or restart vLLM with: " + _FLAGS,
    ),
    "no_call_id": Meaning(
        "L51",
        "error",
        "The call has no id",
        "something between client and vLLM removes it; clients cannot answer such a call",
        "ask vLLM directly (base_url of its own port) to see which hop drops it",
    ),
    "wrong_finish_reason": Meaning(
        "L51",
        "error",
        "A call does not end with finish_reason tool_calls",
        "a vLLM release or a hop in between reports it wrongly; clients then ignore the call",
        "ask vLLM directly (base_url of its own port) to see which hop changes it",
    ),
    "other_argument": Meaning(
        "L50",
        "warning",
        "The call carries another argument than was asked for",
        "the model does not copy exactly",
        "use a larger model where exact paths matter",
    ),
    "cut_off": Meaning(
        "L50",
        "error",
        "The answer was cut before a call",
        "a reasoning model thinks longer than the check allows, or the context is too short",
        "repeat the check with a larger max_tokens, or restart vLLM with a larger --max-model-len",
    ),
    "empty_stream": Meaning(
        "L54", "error", "The streamed answer is empty", "the tool parser fails while streaming, or a hop drops the chunks", "restart vLLM with: " + _FLAGS
    ),
    "stream_cut": Meaning(
        "L51",
        "error",
        "The stream ended without [DONE]",
        "vLLM or a hop in between closed the connection early",
        "journalctl -u inferhost-vllm -u inferhost-proxy -n 100 --no-pager",
    ),
    "stream_error": Meaning(
        "L51", "error", "The stream carried an error", "vLLM failed while it was answering", "journalctl -u inferhost-vllm -n 100 --no-pager"
    ),
    "stream_differs": Meaning(
        "L51", "error", "Streamed and whole answer are different calls", "the tool parser loses parts of a call while streaming", "restart vLLM with: " + _FLAGS
    ),
    "unauthorized": Meaning(
        "L72",
        "error",
        "The key is refused",
        "the key file is not the one that the server was started with",
        "compare the key file's path with api_keys in etc/proxy.json, then: systemctl restart inferhost-proxy",
    ),
    "unknown_model": Meaning("L75", "error", "The server does not know the model", "the model's name is not the served name", _CURL),
    "no_model": Meaning("L75", "error", "The server lists no model", "vLLM is not up, or it is another server", _CURL),
    "http_error": Meaning(
        "L75", "error", "The server answers with an error", "see the text of the answer", "journalctl -u inferhost-vllm -u inferhost-proxy -n 100 --no-pager"
    ),
    "not_json": Meaning("L75", "error", "The answer is not a chat completion", "another program listens on this port", "ss -ltnp"),
    "network": Meaning(
        "L75",
        "error",
        "The server cannot be reached",
        "the service is down, still starting, or listens elsewhere",
        "systemctl status inferhost-proxy inferhost-vllm --no-pager",
    ),
}


def finding_of(outcome: Outcome, url: str, streamed: bool = False) -> dict[str, str] | None:
    """The outcome as a finding; ``None`` when all is well."""
    if outcome.code == "ok":
        return None
    meaning = MEANINGS[outcome.code]
    seen = outcome.detail
    if outcome.raw_text and outcome.raw_text not in seen:
        seen += f"; the model wrote: {outcome.raw_text[:SEEN_CHARACTERS]}"
    # The only case in which a parser was looked for in vain: another one must come from outside vLLM.
    fix = outcome.note if outcome.markup and outcome.parser is None and meaning.id in ("L50", "L51") else meaning.fix
    fix = fix.format(parser=outcome.parser or "PARSER", url=url)
    if outcome.parser and outcome.note and "--tool-call-parser" in fix:
        fix += f" ({outcome.note})"
    cause = meaning.cause
    if outcome.markup and outcome.code in ("http_400_no_parser", "bad_json"):
        cause += f"; the model writes {outcome.markup}"
    title = f"{meaning.title} (streamed)" if streamed else meaning.title
    return {"id": meaning.id, "severity": meaning.severity, "title": title, "seen": seen, "cause": cause, "fix": fix}
