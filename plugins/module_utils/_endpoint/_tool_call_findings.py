# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each outcome of the tool-call check means for the person who runs the host."""

from __future__ import annotations

import os
import shlex
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._tool_call import Outcome

SEEN_CHARACTERS = 300


class Meaning(t.NamedTuple):
    id: str
    severity: str
    title: str
    cause: str
    fix: str


# A fix is a line for a shell; behind the # is what it stands for where another tool started the server.
_SITE = "ansible-playbook inferhost.llm.site"
_PARSER = _SITE + " -e vllm_tool_parser={parser}  # vLLM's flags: --enable-auto-tool-choice --tool-call-parser {parser}"
_TEMPLATE = _SITE + " -e vllm_chat_template=FILE  # --chat-template FILE; vLLM's sources have some: examples/tool_chat_template_*.jinja"
_PROXY = _SITE + " -e proxy_rescue_tool_calls=true  # and let clients talk to the proxy, not to vLLM"
_LARGER = _SITE + " -e model_source=path -e model_path=FOLDER  # of a larger or less quantised model, trained for tool calls"
_DIRECTLY = (
    "ansible localhost -m inferhost.llm.tool_call_check -a 'base_url=http://127.0.0.1:8000 api_key_file=/opt/inferhost/etc/secrets/engine_key'"
    "  # vLLM's own port: where this is well, a hop in between is not"
)
# A shell's own printf writes the key, so it is in no argument of a process.
_CURL = """bash -c 'curl -sS -H @<(printf "Authorization: Bearer %s" "$(cat "$0")") {url}/v1/models' {key_file}"""
KEY_FILE = "/opt/inferhost/etc/secrets/api_key"

MEANINGS: t.Mapping[str, Meaning] = {
    "http_400_no_parser": Meaning("L50", "error", "Tool calls are refused with HTTP 400", "vLLM runs without a tool parser", _PARSER),
    "unparsed_markup": Meaning(
        "L51",
        "error",
        "Tool calls come back as text",
        "the tool parser of vLLM is not the one for the notation that the model writes",
        _PARSER,
    ),
    "tools_markup": Meaning(
        "L52",
        "error",
        "Tool calls come back as <tools> in the text",
        "Qwen2.5 writes its calls like this, and no parser that vLLM brings reads it",
        _PARSER,
    ),
    "call_in_text": Meaning(
        "L58",
        "error",
        "Tool calls are left in the text",
        "the model writes its call as ordinary text, which no parser of vLLM takes for one",
        _PROXY,
    ),
    "call_in_reasoning": Meaning(
        "L63",
        "error",
        "Tool calls are left in the reasoning",
        "the model writes its call before it ends its reasoning, where the tool parser does not look",
        _PROXY + """; or send: "chat_template_kwargs": {{"enable_thinking": false}}""",
    ),
    "reasoning_differs": Meaning(
        "L63",
        "warning",
        "Reasoning beside a tool call comes in one form only",
        "the reasoning parser and the tool parser do not work together, streamed and whole alike",
        "ansible-galaxy collection install --upgrade inferhost.llm && " + _SITE + "  # upgrade vLLM: newer releases handle both in one chunk",
    ),
    "tools_unseen": Meaning(
        "L53",
        "error",
        "The chat template does not show the tools to the model",
        "the checkpoint's chat template has no place for tools",
        _TEMPLATE,
    ),
    "plain_text": Meaning(
        "L50",
        "error",
        "The model answers with text and not with a tool call",
        "the chat template does not show the tools to the model, or the model cannot call tools",
        _TEMPLATE,
    ),
    "no_answer": Meaning("L51", "error", "The answer is empty", "the parser swallowed what the model wrote, or the model ended at once", _PARSER),
    "bad_json": Meaning(
        "L51",
        "error",
        "The arguments of the call are not JSON",
        "the model writes broken JSON (too small, or quantised too far), or the tool parser is not the one for its notation",
        _PARSER + "; where it is this one already: " + _LARGER,
    ),
    "wrong_tool": Meaning("L50", "error", "A tool was called that was not offered", "the model invents tools", _LARGER),
    "missing_argument": Meaning(
        "L50",
        "error",
        "A required argument is missing in the call",
        "the model ignores the schema, or the parser drops arguments",
        _PARSER + "; where it is this one already: " + _LARGER,
    ),
    "no_call_id": Meaning(
        "L51",
        "error",
        "The call has no id",
        "something between client and vLLM removes it; clients cannot answer such a call",
        _DIRECTLY,
    ),
    "wrong_finish_reason": Meaning(
        "L51",
        "error",
        "A call does not end with finish_reason tool_calls",
        "a vLLM release or a hop in between reports it wrongly; clients then ignore the call",
        _DIRECTLY,
    ),
    "other_argument": Meaning(
        "L50",
        "warning",
        "The call carries another argument than was asked for",
        "the model does not copy exactly",
        _LARGER,
    ),
    "cut_off": Meaning(
        "L50",
        "error",
        "The answer was cut before a call",
        "a reasoning model thinks longer than the check allows, or the context is too short",
        "ansible-playbook inferhost.llm.verify -e verify_tool_call_tokens=4096  # where the context is too short: " + _SITE + " -e vllm_context=TOKENS",
    ),
    "empty_stream": Meaning("L54", "error", "The streamed answer is empty", "the tool parser fails while streaming, or a hop drops the chunks", _PARSER),
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
        "L51", "error", "Streamed and whole answer are different calls", "the tool parser loses parts of a call while streaming", _PARSER
    ),
    "unauthorized": Meaning(
        "L72",
        "error",
        "The key is refused",
        "the key in {key_file} is none that the server knows, or the server has not read its key files since",
        """sudo grep -rl "$(sudo cat {key_file} | tr -d '\\n' | sha256sum | cut -d' ' -f1)" {key_folder} && sudo systemctl reload inferhost-proxy"""
        "  # finds nothing: this is another server's key, give the right one, or: ansible-playbook inferhost.llm.rotate_keys",
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


def finding_of(outcome: Outcome, url: str, streamed: bool = False, key_file: str | None = None) -> dict[str, str] | None:
    """The outcome as a finding; ``None`` when all is well. ``key_file``: where the key came from that the server was asked with."""
    if outcome.code == "ok":
        return None
    meaning = MEANINGS[outcome.code]
    seen = outcome.detail
    if outcome.raw_text and outcome.raw_text not in seen:
        seen += f"; the model wrote: {outcome.raw_text[:SEEN_CHARACTERS]}"
    # The only case in which a parser was looked for in vain: another one must come from outside vLLM.
    fix = outcome.note if outcome.markup and outcome.parser is None and meaning.id in ("L50", "L51") else meaning.fix
    words = {"parser": outcome.parser or "PARSER", "url": url, "key_file": shlex.quote(key_file or KEY_FILE), "key_folder": shlex.quote(_keys_of(key_file))}
    fix = fix if fix == outcome.note else fix.format(**words)
    if outcome.parser and outcome.note and "--tool-call-parser" in fix:
        fix += f" ({outcome.note})"
    cause = meaning.cause.format(**words)
    if outcome.markup and outcome.code in ("http_400_no_parser", "bad_json"):
        cause += f"; the model writes {outcome.markup}"
    title = f"{meaning.title} (streamed)" if streamed else meaning.title
    return {"id": meaning.id, "severity": meaning.severity, "title": title, "seen": seen, "cause": cause, "fix": fix}


def _keys_of(key_file: str | None) -> str:
    """Where the digests are that belong to a key file of ours."""
    folder = os.path.dirname(key_file or "")
    return os.path.join(os.path.dirname(folder if os.path.basename(folder) == "secrets" else os.path.dirname(KEY_FILE)), "keys")
