# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts of endpoints, of what they answer to agents, and of the agents' files: healthy ones, and each broken in one way."""

from __future__ import annotations

import typing as t

Values = dict[str, t.Any]


def endpoint(**more: t.Any) -> Values:
    base = {"url": "http://127.0.0.1:8000", "kind": "vllm", "pid": 42, "ours": False, "version": "0.32.0", "with_key": True, "no_key": "none is known here"}
    ok = {"status": 200, "error": "", "elapsed_s": 0.01}
    return {
        **base,
        "health": {**ok, "path": "/health"},
        "models": {**ok, "ids": ["m"], "max_model_len": 65536},
        "chat": {**ok, "characters": 5, "empty_tool_calls": False},
        "tool": {"findings": [], "notations": []},
        "stream": {"error": "", "chunks": 9, "empty_tool_calls": 0},
        **more,
    }


def refused(id: str, parser: str = "hermes") -> Values:
    """What the tool-call check says of a refusal."""
    fix = f"restart vLLM with: --tool-call-parser {parser}"
    finding = {"id": id, "severity": "error", "title": "Refused", "seen": "HTTP 400", "cause": "no parser", "fix": fix}
    return {"findings": [finding], "notations": [{"markup": "<tool_call>", "parser": parser}]}


def no_chat(error: str) -> Values:
    return {"status": 400, "error": error, "characters": 0, "empty_tool_calls": False}


def said(content: str = "A file is a named piece of data.", reasoning: str = "", names: t.Sequence[str] = (), **more: t.Any) -> Values:
    return {"status": 200, "error": "", "content": content, "reasoning": reasoning, "names": list(names), "finish": "stop", **more}


def refusal(error: str, status: int = 400) -> Values:
    return {"status": status, "error": error}


def blocks(*types: str, **more: t.Any) -> Values:
    return {"status": 200, "error": "", "blocks": list(types), "stop": "tool_use", "found": 0, "failures": [], **more}


UNSERVED = "tools: `web_search` has no input_schema, so it would have to be executed by the server, and this server does not have it"
FITS = {"status": 200, "error": ""}
FIRST = "System message must be at the beginning."
THOUGHT = said(reasoning="They ask about files.", names=["reasoning", "reasoning_content"])
VLLM_NAMES = said(reasoning="Hm.", names=["reasoning"])


def behaviour(more: t.Mapping[str, t.Any] | None = None, **answers: t.Any) -> Values:
    """An endpoint whose answers are all right, but for those that are given; None: not asked."""
    base = {"url": "http://127.0.0.1:8000", "kind": "vllm", "ours": False, "model": "m", "version": "0.32.0", "window": 65536}
    right = {
        "plain": said(),
        "streamed": said(),
        "thinking_on": said(),
        "system_inside": FITS,
        "guided": said("walrus"),
        "schema": said('{"animal": "zebra"}'),
        "large_output": FITS,
        "messages_tool": blocks("tool_use"),
        "messages_system": FITS,
        "messages_large_output": FITS,
        "messages_long": refusal("prompt is too long: 70000 tokens > 65536 maximum"),
        "web_search": blocks("server_tool_use", "web_search_tool_result", "text", found=3),
    }
    return {**base, **(more or {}), "answers": {name: answer for name, answer in {**right, **answers}.items() if answer is not None}}


def client(**more: t.Any) -> Values:
    base = {"path": "/home/u/.config/opencode/opencode.json", "client": "opencode", "ours": False, "base_url": "http://localhost:8000/v1", "listening": True}
    return {**base, "model": "m", "context": 65536, "output": 8192, "reasoning": False, "tool_call": True, **more}


def environment(version: str, **distributions: str) -> Values:
    base = {"path": "/srv/litellm", "origin": "process 42", "version": version, "interpreter": True, "complete": True}
    return {**base, "distributions": distributions, "damaged": [], "unmet": [], "lock": None}


LITELLM = {"kind": "litellm", "url": "http://127.0.0.1:4001"}
PROXY = {"kind": "proxy", "url": "http://127.0.0.1:4000", "ours": True}
GUARDED = [endpoint(), endpoint(**PROXY)]
OUR_PROXY = [endpoint(**PROXY)]
BEFORE_ENGINE = [endpoint(), endpoint(**LITELLM)]
HEALTHY: Values = {"endpoints": [endpoint()], "behaviour": [behaviour()], "client_files": [client()], "litellm": []}


def asked(**answers: t.Any) -> Values:
    return {"behaviour": [behaviour(**answers)]}


def ours(more: t.Mapping[str, t.Any] | None = None, **answers: t.Any) -> Values:
    return {"endpoints": OUR_PROXY, "behaviour": [behaviour({**PROXY, **(more or {})}, **answers)]}


def named(model: str, **answers: t.Any) -> Values:
    return {"behaviour": [behaviour({"model": model}, **answers)]}


def hop(**answers: t.Any) -> Values:
    return {"endpoints": BEFORE_ENGINE, "behaviour": [behaviour(), behaviour(LITELLM, **answers)]}


def settings(**more: t.Any) -> Values:
    return {"litellm": [{"path": "/etc/litellm.yaml", "drop_params": [], "dead": [], "ours": False, **more}]}


def file(**more: t.Any) -> Values:
    return {"client_files": [client(**more)]}


def tools(id: str, parser: str = "hermes", **more: t.Any) -> Values:
    return {"endpoints": [endpoint(tool=refused(id, parser), **more)]}


OLD = environment("3.14.0", litellm="1.70.0", uvloop="0.21.0", orjson="3.11.8")
STOLEN = environment("3.12.3", litellm="1.82.8")
# id, what is broken, severity, words of: seen, cause, fix
BROKEN: list[tuple[str, Values, str, str, str, str]] = [
    ("L12", {"venvs": [OLD]}, "error", "LiteLLM 1.70.0 on Python 3.14.0 with uvloop 0.21.0", "removed", "--python 3.12 /srv/litellm"),
    ("L50", tools("L50"), "error", "http://127.0.0.1:8000: Refused: HTTP 400", "no parser", "ansible-playbook inferhost.llm.site   # or by hand"),
    ("L51", tools("L51"), "error", "HTTP 400", "no parser", "--tool-call-parser hermes"),
    (
        "L51",
        tools("L51", "qwen3_coder", version="0.9.2"),
        "error",
        "HTTP 400",
        "no parser",
        "--tool-call-parser qwen3_coder (qwen3_coder is in vLLM 0.10.2 and later; this one is 0.9.2, so upgrade it first)",
    ),
    ("L51", tools("L51", ours=True), "error", "HTTP 400", "no parser", "ansible-playbook inferhost.llm.site -e vllm_tool_parser=hermes"),
    ("L52", tools("L52"), "error", "Refused", "no parser", "or by hand"),
    ("L52", tools("L52", ours=True), "error", "Refused", "no parser", "inferhost.llm.site -e vllm_tool_parser=qwen_tools"),
    ("L52", {"endpoints": [endpoint(tool=refused("L52")), endpoint(**PROXY)]}, "info", "Refused", "no parser", "or by hand"),
    (
        "L53",
        {"endpoints": [endpoint(chat=no_chat("default chat template is no longer allowed"), tool=None)]},
        "error",
        "no longer allowed",
        "brings no chat template",
        "-e vllm_chat_template=/path",
    ),
    ("L53", tools("L53"), "error", "Refused", "no parser", "or by hand"),
    (
        "L54",
        {"endpoints": [endpoint(stream={"error": "", "chunks": 9, "empty_tool_calls": 7})]},
        "warning",
        "7 of 9 streamed chunks",
        "empty list",
        "proxy",
    ),
    (
        "L54",
        {"endpoints": [endpoint(stream={"error": "", "chunks": 9, "empty_tool_calls": 7}), endpoint(**PROXY)]},
        "info",
        "7 of 9",
        "clients take it",
        "4000",
    ),
    ("L54", {"endpoints": [endpoint(chat={**endpoint()["chat"], "empty_tool_calls": True})]}, "warning", "whole answer", "round in circles", "proxy"),
    (
        "L55",
        asked(messages_tool=blocks("text", stop="end_turn")),
        "error",
        "answered with text",
        "drops or changes tool_choice",
        "converts /v1/messages itself",
    ),
    ("L55", asked(messages_tool=refusal("tool_choice: Input should be 'auto'")), "error", "refuses a tool_choice", "tool_choice", "port 4000"),
    ("L55", {**asked(messages_tool=blocks("text")), "endpoints": GUARDED}, "info", "answered with text", "tool_choice", "port 4000"),
    ("L55", ours(messages_tool=blocks("text")), "error", "(this installation)", "tool_choice", "ansible-playbook inferhost.llm.site"),
    ("L56", asked(system_inside=refusal(FIRST)), "error", "must be at the beginning", "chat template", "--chat-template FILE"),
    ("L56", ours(messages_system=refusal(FIRST)), "error", "/v1/messages with a system message", "Claude Code", "-e proxy_inline_system=fold"),
    ("L56", ours(system_inside=refusal(FIRST)), "info", "/v1/chat/completions with a system message", "chat template", "folds system messages"),
    ("L57", asked(web_search=refusal("tools.0.input_schema: Field required")), "warning", "input_schema", "0 searches", "runs the searches itself"),
    ("L57", asked(web_search=blocks("text")), "warning", "without a search", "0 searches", "port 4000"),
    ("L57", asked(web_search=blocks("tool_use")), "warning", "handed back to the client", "0 searches", "port 4000"),
    (
        "L57",
        asked(web_search=blocks("server_tool_use", "web_search_tool_result", failures=["unavailable"])),
        "warning",
        "failed with unavailable",
        "cannot be reached",
        "port 4000",
    ),
    ("L57", ours(web_search=refusal(UNSERVED)), "info", "no input_schema", "nothing behind it", "inferhost.llm.site -e proxy_web_search=ddgs"),
    ("L57", ours(web_search=refusal("no search")), "warning", "no search", "the engine refused", "journalctl -u inferhost-proxy"),
    ("L57", ours(web_search=blocks("text")), "warning", "without a search", "its model did not call it", "journalctl -u inferhost-proxy"),
    (
        "L57",
        ours(web_search=blocks("web_search_tool_result", failures=["unavailable"])),
        "warning",
        "failed with unavailable",
        "cannot be reached",
        "proxy_web_search_fallback",
    ),
    ("L58", tools("L58"), "error", "Refused", "no parser", "or by hand"),
    ("L59", asked(large_output=refusal("too large")), "warning", "refuses 65,536 output tokens in a context of 65,536", "nothing cuts it", "fits the output"),
    ("L59", asked(messages_long=refusal("maximum context length is 65536")), "warning", "longer than the context", "compacts", "port 4000"),
    (
        "L59",
        {**asked(large_output=refusal("too large")), **file(output=65536)},
        "warning",
        "lets m write 65,536 tokens",
        "larger model",
        "editor /home/u/.config/opencode/opencode.json   # limit of output: 16384",
    ),
    ("L60", file(reasoning=True), "warning", "says that m reasons, and it does not", "as if by policy", "# reasoning: false"),
    ("L60", file(context=200000), "warning", "context of 200,000 tokens; http://127.0.0.1:8000 serves 65,536", "too late", "# context: 65536"),
    ("L60", file(model="other"), "error", "asks for model other; http://127.0.0.1:8000 serves m", "model was changed", "# model: m"),
    ("L60", file(listening=False, base_url="http://127.0.0.1:9/v1"), "error", "where nothing listens", "another port", "http://127.0.0.1:4000"),
    ("L60", file(base_url="http://127.0.0.1:8000"), "error", "baseURL is http://127.0.0.1:8000", "/v1 is missing", "baseURL: http://127.0.0.1:8000/v1"),
    ("L60", file(client="claude_code"), "error", "ANTHROPIC_BASE_URL is", "adds /v1/messages", "ANTHROPIC_BASE_URL: http://localhost:8000"),
    ("L60", file(tool_call=False), "warning", "cannot call tools, and it can", "no tools", "tool_call: true"),
    ("L60", file(ours=True, model="other"), "error", "asks for model other", "changed", "ansible-playbook inferhost.llm.site --tags client_config"),
    ("L61", asked(plain=THOUGHT, thinking_off=THOUGHT), "info", "thinks although enable_thinking is false", "always thinks", "reasoning_effort"),
    (
        "L61",
        named("Qwen3-8B", plain=THOUGHT, thinking_off=said("", "A file is data.", ["reasoning"])),
        "error",
        "all of the answer comes as reasoning",
        "never began",
        "--reasoning-parser qwen3",
    ),
    ("L61", asked(plain=THOUGHT, thinking_off=refusal("Extra inputs")), "warning", "Extra inputs", "hand the switch on", "port 4000"),
    (
        "L61",
        asked(plain=THOUGHT, thinking_off=said(), messages_tool=blocks("thinking", "tool_use")),
        "warning",
        "answers with a thinking block",
        "chat template's switch",
        "port 4000",
    ),
    ("L62", asked(plain=VLLM_NAMES, thinking_off=said()), "info", "`reasoning` alone", "`reasoning_content`", "both names"),
    (
        "L62",
        named("deepseek-r1-distill", plain=said("<think>Hm.</think>A file."), thinking_off=said()),
        "warning",
        "<think> or </think>",
        "without the model's reasoning parser",
        "--reasoning-parser deepseek_r1",
    ),
    (
        "L62",
        ours({"model": "qwen3"}, streamed=said("Hm.</think>A file.")),
        "warning",
        "<think> or </think>",
        "thoughts for the answer",
        "inferhost.llm.site -e vllm_reasoning_parser=qwen3",
    ),
    ("L58", tools("L58", **PROXY), "error", "Refused", "no parser", "inferhost.llm.site -e proxy_rescue_tool_calls=true"),
    ("L63", tools("L63"), "error", "Refused", "no parser", "or by hand"),
    ("L64", asked(guided=said("Hello!")), "warning", "guided_choice was answered with 'Hello!'", "since 0.12", "structured_outputs"),
    ("L64", asked(schema=said("Hello!")), "error", "response_format with a schema was answered with 'Hello!'", "drops response_format", "drop_params"),
    # What real vLLM 0.32 answers with the built-in model.
    (
        "L64",
        asked(schema=said('{"animal"' + " " * 39, finish="length")),
        "warning",
        "obeys the schema, and did not come to its end",
        "white space is allowed",
        '"disable_any_whitespace": true',
    ),
    ("L64", asked(schema=said("Hello! I am", finish="length")), "error", "answered with 'Hello! I am'", "drops response_format", "drop_params"),
    ("L65", asked(plain=said("A file is a named piece of data. " * 2)), "warning", "says everything twice", "repeats itself", "repetition_penalty"),
    ("L65", asked(streamed=said("A file is a named piece of data." * 2)), "warning", "a streamed answer comes twice", "last chunk", "port 4000"),
    ("L66", {"venvs": [STOLEN]}, "error", "LiteLLM 1.82.8", "thief", "rm -rf /srv/litellm"),
    ("L66", settings(drop_params=[7]), "warning", "/etc/litellm.yaml, line 7: drop_params is on", "without a word", "sudoedit /etc/litellm.yaml"),
    (
        "L66",
        settings(dead=[{"line": 4, "url": "127.0.0.1:8001"}]),
        "error",
        "api_base is 127.0.0.1:8001, where nothing listens",
        "moved or is down",
        "sudoedit /etc/litellm.yaml",
    ),
    (
        "L66",
        settings(drop_params=[7], ours=True),
        "warning",
        "drop_params is on",
        "without a word",
        'inferhost.llm.site -e \'{"litellm_settings": {"drop_params": false}}',
    ),
    ("L66", hop(without_key=FITS), "warning", "answers without a key", "no budgets", "master_key"),
    ("L66", hop(schema=said("Hello!")), "warning", "response_format work at the engine and not through LiteLLM", "drops them", "drop_params: false"),
]

NO_FINDING: list[tuple[str, Values]] = [
    ("L12", {"venvs": [environment("3.14.0", litellm="1.109.1", uvloop="0.22.1", orjson="3.11.8")]}),
    ("L12", {"venvs": [environment("3.12.3", litellm="1.70.0", uvloop="0.21.0")]}),
    # The server has no Anthropic surface, so nobody asks it for one.
    ("L55", asked(messages_tool=refusal("Not Found", 404))),
    ("L57", asked(web_search=None)),
    ("L57", asked(web_search=blocks("web_search_tool_result", found=2, failures=["max_uses_exceeded"]))),
    # Claude Code reads these words and asks for less.
    ("L59", asked(messages_large_output=refusal("input length and `max_tokens` exceed context limit: 12 + 65536 > 65536"))),
    ("L59", file(output=65536)),
    ("L60", {**file(reasoning=True), **asked(plain=THOUGHT, thinking_off=said())}),
    ("L60", file(base_url="https://gateway.example.org/v1", model="other", listening=None)),
    ("L61", asked(plain=THOUGHT, thinking_off=said())),
    # Clients of this host talk to the proxy, which writes both names.
    ("L62", {"endpoints": GUARDED, "behaviour": [behaviour(plain=VLLM_NAMES, thinking_off=said()), behaviour(PROXY)]}),
    ("L64", asked(guided=refusal("guided_choice is gone"))),
    ("L64", asked(schema=said('{"animal": "walrus"}', finish="length"))),
    # The hop loses it, so L66 says it.
    ("L64", hop(schema=said("Hello!"))),
    ("L65", asked(plain=said("Yes. Yes."))),
    ("L66", {"venvs": [environment("3.12.3", litellm="1.109.1")]}),
]

# id, what is given, gaps, why nothing is said
NOT_SEEN: list[tuple[str, Values, t.Mapping[str, t.Sequence[str]], str]] = [
    (
        "L61",
        {"endpoints": [endpoint(chat=None, tool=None)], "behaviour": []},
        {},
        "http://127.0.0.1:8000 was not asked: probing is switched off (probe=false)",
    ),
    ("L64", asked(guided=None), {}, "http://127.0.0.1:8000: the time for all questions was over before this one"),
    ("L59", {"behaviour": [behaviour({"window": None})]}, {}, "http://127.0.0.1:8000 does not say how long its context is"),
    (
        "L55",
        asked(messages_tool=blocks("text", stop="max_tokens")),
        {},
        "http://127.0.0.1:8000: the answer to a forced tool call was cut off by max_tokens",
    ),
    ("L56", asked(system_inside={"status": None, "error": "no answer in time"}), {}, "http://127.0.0.1:8000: no answer in time"),
    ("L57", asked(web_search=refusal("overloaded", 529)), {}, "http://127.0.0.1:8000: a search was not answered: overloaded"),
    ("L57", ours(web_search=refusal("", 502)), {}, "http://127.0.0.1:4000: a search was not answered: HTTP 502"),
    ("L60", {"client_files": []}, {"client_files": ["/root/.claude/settings.json is not JSON"]}, "/root/.claude/settings.json is not JSON"),
    ("L66", {"venvs": []}, {"litellm": ["could not read /etc/litellm.yaml"]}, "could not read /etc/litellm.yaml"),
]
