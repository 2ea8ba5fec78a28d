# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Real servers, each broken in one way: doctor names that row and no other. A healthy one has no finding."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect._client_file import claude_code, load, opencode
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect._litellm import settings
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collector import Context
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Report
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._run import diagnose
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._tool_call import DEFAULT_PATH
from ansible_collections.inferhost.llm.tests.unit.plugins.scripted_server import ScriptedServer, Seen, chunked, http, sse

Json = dict[str, t.Any]
Reply = t.Callable[[Json], t.Any]
ROWS = [*(f"L{number}" for number in range(50, 67)), "L75"]
WINDOW = 4096
SENTENCE = "A file is a named piece of data on a disk."
CALL_TEXT = json.dumps({"name": "read_file", "arguments": {"path": DEFAULT_PATH}})
TOOL_CALL = {"index": 0, "id": "call_1", "type": "function", "function": {"name": "read_file", "arguments": json.dumps({"path": DEFAULT_PATH})}}
SYSTEM_FIRST = http(400, {"error": {"message": "System message must be at the beginning."}})
NO_PARSER = http(400, {"error": {"message": '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'}})
KEY = "sk-neverToBeSeen0123456789"


def message(content: str | None = None, **more: t.Any) -> Json:
    return {"role": "assistant", "content": content, **more}


def given(body: Json, answer: Json, streamed: Json | None = None) -> t.Any:
    """An answer in the form that was asked for."""
    reason = "tool_calls" if answer.get("tool_calls") else "stop"
    if not body.get("stream"):
        return http(200, {"choices": [{"index": 0, "message": answer, "finish_reason": reason}]})
    deltas = [{"index": 0, "delta": streamed or answer, "finish_reason": None}, {"index": 0, "delta": {}, "finish_reason": reason}]
    return chunked(sse(*({"choices": [delta]} for delta in deltas), "[DONE]"))


def about(body: Json) -> str:
    """Which of doctor's questions a request for a chat is."""
    if body.get("tools"):
        return "tool" if "Read the file" in body["messages"][0]["content"] else "offer"
    if "guided_choice" in body or "response_format" in body:
        return "guided" if "guided_choice" in body else "schema"
    if any(one["role"] == "system" for one in body["messages"]):
        return "system"
    if body["max_tokens"] >= WINDOW:
        return "large"
    if "chat_template_kwargs" in body:
        return "thinking_on" if body["chat_template_kwargs"]["enable_thinking"] else "thinking_off"
    return "plain"


HEALTHY: dict[str, Reply] = {
    "tool": lambda body: given(body, message(tool_calls=[TOOL_CALL])),
    "guided": lambda body: given(body, message("walrus")),
    "schema": lambda body: given(body, message('{"animal": "zebra"}')),
}


def chats(broken: t.Mapping[str, Reply]) -> t.Callable[[Seen], t.Any]:
    table = {**HEALTHY, **broken}

    def answer(seen: Seen) -> t.Any:
        body = seen.json()
        reply = table.get(about(body), table.get("*"))
        return reply(body) if reply else given(body, message(SENTENCE))

    return answer


def anthropic(answer: t.Sequence[Json], stop: str = "end_turn") -> t.Any:
    return http(200, {"type": "message", "role": "assistant", "content": list(answer), "stop_reason": stop, "usage": {}})


TEXT = {"type": "text", "text": "Hello."}
USE = {"type": "tool_use", "id": "toolu_1", "name": "read_file", "input": {}}
SEARCHED = [
    {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "vLLM"}},
    {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [{"type": "web_search_result", "url": "https://vllm.ai", "title": "vLLM"}]},
    TEXT,
]
TOO_LONG = http(400, {"type": "error", "error": {"type": "invalid_request_error", "message": f"prompt is too long: 5000 tokens > {WINDOW} maximum"}})


def about_message(body: Json) -> str:
    tools = body.get("tools")
    if tools:
        return "search" if tools[0].get("type") else "tool"
    if any(one["role"] == "system" for one in body["messages"]):
        return "system"
    return "long" if len(body["messages"][0]["content"]) > WINDOW else "large"


HEALTHY_MESSAGES: dict[str, Reply] = {
    "tool": lambda body: anthropic([USE], "tool_use"),
    "search": lambda body: anthropic(SEARCHED),
    "system": lambda body: anthropic([TEXT]),
    "long": lambda body: TOO_LONG,
    "large": lambda body: chunked(sse({"type": "ping"}), sse({"type": "message_start", "message": {}})),
}


def messages(broken: t.Mapping[str, Reply]) -> t.Callable[[Seen], t.Any]:
    table = {**HEALTHY_MESSAGES, **broken}

    def answer(seen: Seen) -> t.Any:
        body = seen.json()
        return table[about_message(body)](body)

    return answer


def routes(chat: t.Mapping[str, Reply] | None = None, on_messages: t.Mapping[str, Reply] | None = None) -> dict[str, t.Any]:
    return {
        "/health": http(200, b""),
        "/health/liveliness": http(200, b""),
        "/version": http(200, {"version": "0.9.2"}),
        "/v1/models": http(200, {"data": [{"id": "Qwen3-8B", "max_model_len": WINDOW}]}),
        "/tokenize": lambda seen: http(200, {"count": 120 if seen.json().get("tools") else 20}),
        "/v1/chat/completions": chats(chat or {}),
        "/v1/messages": messages(on_messages or {}),
    }


def examined(tmp_path: Path, server_routes: t.Mapping[str, t.Any], only: t.Sequence[str] = ROWS) -> tuple[Report, list[Seen]]:
    (tmp_path / "proc/1").mkdir(parents=True)
    (tmp_path / "proc/1/cmdline").write_text("init\0")
    with ScriptedServer(server_routes) as server:
        report = diagnose(Context(fs=str(tmp_path), root="/opt/inferhost", endpoint=server.url + "/v1"), "host", only)
        return report, server.seen


def ids(report: Report) -> list[str]:
    return sorted({one.id for one in report.findings})


def test_a_healthy_endpoint_has_no_finding(tmp_path: Path) -> None:
    report, seen = examined(tmp_path, routes())
    assert (report.findings, report.not_checked) == ((), ())
    assert set(report.checked) == set(ROWS)
    # Few questions, few tokens; where more are asked for, the answer is a stream that is left.
    asked = [one.json() for one in seen if one.method == "POST" and "max_tokens" in one.json()]
    assert len(asked) <= 20
    assert all(body["max_tokens"] <= 512 or body["stream"] for body in asked)


def test_an_engine_without_anthropics_surface_is_not_asked_more_of_it(tmp_path: Path) -> None:
    report, seen = examined(tmp_path, {**routes(), "/v1/messages": http(404, {"detail": "Not Found"})})
    assert report.findings == ()
    assert sum(one.path == "/v1/messages" for one in seen) == 1


def test_without_leave_nothing_is_asked(tmp_path: Path) -> None:
    (tmp_path / "proc/1").mkdir(parents=True)
    with ScriptedServer(routes()) as server:
        report = diagnose(Context(fs=str(tmp_path), endpoint=server.url, probe=False), "host", ["L55", "L61", "L64"])
    assert {one.method for one in server.seen} == {"GET"}
    assert {one.why.partition(": ")[2] for one in report.not_checked} == {"probing is switched off (probe=false)"}


def left(text: str) -> Reply:
    return lambda body: given(body, message(text))


def fixed(answer: t.Any) -> Reply:
    return lambda body: answer


def thinking(**names: str) -> dict[str, Reply]:
    """A model that thinks unless it is told not to, its thoughts under these names."""
    return {"*": lambda body: given(body, message(SENTENCE, **names)), "thinking_off": left(SENTENCE)}


BOTH = {"reasoning": "They ask about files.", "reasoning_content": "They ask about files."}
IN_ONE_FORM = message(tool_calls=[TOOL_CALL], **BOTH)
XML = f"<tool_call>\n<function=read_file>\n<parameter=path>\n{DEFAULT_PATH}\n</parameter>\n</function>\n</tool_call>"
EMPTY = message(SENTENCE, tool_calls=[])
NOT_TAUGHT: dict[str, t.Any] = {**routes({"tool": left("I cannot read files.")}), "/tokenize": http(200, {"count": 20})}

# name, row, what is broken, words of: seen, fix
BROKEN: list[tuple[str, str, Json, str, str]] = [
    ("no parser", "L50", routes({"tool": fixed(NO_PARSER)}), "HTTP 400", "--enable-auto-tool-choice"),
    (
        "another family's parser",
        "L51",
        routes({"tool": left(XML)}),
        "the model wrote: <tool_call>",
        "--tool-call-parser qwen3_coder (qwen3_coder is in vLLM 0.10.2 and later; this one is 0.9.2",
    ),
    ("hermes", "L51", routes({"tool": left(f"<tool_call>{CALL_TEXT}</tool_call>")}), "<tool_call>{json}", "--tool-call-parser hermes"),
    ("qwen 2.5", "L52", routes({"tool": left(f"<tools>\n{CALL_TEXT}\n</tools>")}), "<tools>{json}", "--tool-parser-plugin"),
    ("tools not shown", "L53", NOT_TAUGHT, "20 tokens with the tool and without it", "--chat-template FILE"),
    (
        "no template",
        "L53",
        routes({"plain": fixed(http(400, {"error": {"message": "As of transformers v4.44, default chat template is no longer allowed"}}))}),
        "no longer allowed",
        "--chat-template",
    ),
    ("empty in chunks", "L54", routes({"offer": lambda body: given(body, EMPTY)}), "streamed chunks", "port 4000"),
    ("empty in whole answers", "L54", routes({"plain": lambda body: given(body, EMPTY, message(SENTENCE))}), "a whole answer", "port 4000"),
    ("tool_choice lost", "L55", routes(None, {"tool": fixed(anthropic([TEXT]))}), "answered with text", "converts /v1/messages itself"),
    ("system late, chat", "L56", routes({"system": fixed(SYSTEM_FIRST)}), "/v1/chat/completions with a system", "folds"),
    ("system late, messages", "L56", routes(None, {"system": fixed(SYSTEM_FIRST)}), "/v1/messages with a system", "proxy_inline_system"),
    ("no search", "L57", routes(None, {"search": fixed(anthropic([TEXT]))}), "without a search", "runs the searches"),
    ("search refused", "L57", routes(None, {"search": fixed(http(400, {"error": {"message": "input_schema: Field required"}}))}), "input_schema", "port 4000"),
    (
        "search engine gone",
        "L57",
        routes(None, {"search": fixed(anthropic([SEARCHED[0], {**SEARCHED[1], "content": {"type": "error", "error_code": "unavailable"}}]))}),
        "failed with unavailable",
        "port 4000",
    ),
    ("fenced call", "L58", routes({"tool": left(f"```json\n{CALL_TEXT}\n```")}), "fenced JSON", "inferhost.llm.site"),
    ("tool output", "L58", routes({"tool": left(f"<TOOL_OUTPUT>{CALL_TEXT}</TOOL_OUTPUT>")}), "<TOOL_OUTPUT>", "inferhost.llm.site"),
    ("call in a sentence", "L58", routes({"tool": left(f"I will read it: {CALL_TEXT}")}), "JSON in a sentence", "inferhost.llm.site"),
    (
        "no clamp",
        "L59",
        routes({"large": fixed(http(400, {"error": {"message": "max_tokens is too large: 4096"}}))}),
        "max_tokens is too large",
        "fits the output",
    ),
    (
        "words nobody acts on",
        "L59",
        routes(None, {"long": fixed(http(400, {"error": {"message": f"maximum context length is {WINDOW} tokens"}}))}),
        "longer than the context",
        "words that clients act on",
    ),
    ("always thinks", "L61", routes({"*": lambda body: given(body, message(SENTENCE, **BOTH))}), "thinks although", "reasoning_effort"),
    (
        "answer in the reasoning",
        "L61",
        routes({**thinking(**BOTH), "thinking_off": lambda body: given(body, message(None, **BOTH))}),
        "all of the answer comes as reasoning",
        "--reasoning-parser qwen3",
    ),
    (
        "thinking parameter dropped",
        "L61",
        routes(thinking(**BOTH), {"tool": fixed(anthropic([{"type": "thinking", "thinking": "Hm."}, USE], "tool_use"))}),
        "answers with a thinking block",
        "port 4000",
    ),
    ("new name alone", "L62", routes(thinking(reasoning="Hm.")), "`reasoning` alone", "both names"),
    ("old name alone", "L62", routes(thinking(reasoning_content="Hm.")), "`reasoning_content` alone", "both names"),
    (
        "no reasoning parser",
        "L62",
        routes({"plain": left(f"<think>Hm.</think>{SENTENCE}"), "thinking_off": left(SENTENCE)}),
        "<think>",
        "--reasoning-parser qwen3",
    ),
    (
        "call in the reasoning",
        "L63",
        routes({"tool": lambda body: given(body, message(None, reasoning=XML))}),
        "the call is in the reasoning",
        "enable_thinking",
    ),
    (
        "thoughts lost in the stream",
        "L63",
        routes({"tool": lambda body: given(body, IN_ONE_FORM, message(tool_calls=[TOOL_CALL]))}),
        "whole: the call comes with reasoning; streamed: without",
        "upgrade vLLM",
    ),
    ("guided ignored", "L64", routes({"guided": left("Hello!")}), "guided_choice was answered with 'Hello!'", "structured_outputs"),
    ("schema ignored", "L64", routes({"schema": left("Hello!")}), "response_format with a schema", "drop_params"),
    ("said twice", "L65", routes({"plain": left(f"{SENTENCE}\n\n{SENTENCE}")}), "everything twice", "repetition_penalty"),
    (
        "streamed twice",
        "L65",
        routes({"plain": lambda body: given(body, message(SENTENCE), message(SENTENCE * 2))}),
        "a streamed answer comes twice",
        "that hop",
    ),
]


@pytest.mark.parametrize(("id", "broken", "seen", "fix"), [row[1:] for row in BROKEN], ids=[f"{row[1]}-{row[0]}" for row in BROKEN])
def test_each_row_is_named_and_no_other(tmp_path: Path, id: str, broken: Json, seen: str, fix: str) -> None:
    report, _seen = examined(tmp_path, broken)
    assert ids(report) == [id], report
    assert any(seen in one.seen for one in report.findings), report.findings
    assert any(fix in one.fix for one in report.findings), report.findings
    assert all("127.0.0.1" in one.seen for one in report.findings)


OPENCODE = """{
  // the server of this host
  "model": "local/Qwen3-8B",
  "provider": {"local": {"options": {"baseURL": "<url>/v1", "apiKey": "<key>"}, "models": {"Qwen3-8B": {"tool_call": true, MORE}}}},
}
"""


def with_client(tmp_path: Path, text: str, name: str = ".config/opencode/opencode.json", chat: t.Mapping[str, Reply] | None = None) -> Report:
    """A host with this file in a home folder, and the server that it names."""
    (tmp_path / "proc/1").mkdir(parents=True)
    path = tmp_path / "home/u" / name
    path.parent.mkdir(parents=True)
    with ScriptedServer(routes(chat)) as server:
        net = tmp_path / "proc/net"
        net.mkdir()
        (net / "tcp").write_text(
            f"  sl  local_address rem_address   st\n   0: 0100007F:{server.port:04X} 00000000:0000 0A 00000000:00000000 00:00000000 0 0 0 1\n"
        )
        path.write_text(text.replace("<url>", server.url).replace("<key>", KEY))
        report = diagnose(Context(fs=str(tmp_path), endpoint=server.url), "host", ROWS)
    assert KEY not in json.dumps(report.as_dict())
    return report


LIMITS = '"limit": {"context": 4096, "output": 1024}'


def test_a_client_file_that_fits_is_no_finding(tmp_path: Path) -> None:
    report = with_client(tmp_path, OPENCODE.replace("MORE", f'"reasoning": false, {LIMITS}'))
    assert (report.findings, report.not_checked) == ((), ())


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (OPENCODE.replace("MORE", f'"reasoning": true, {LIMITS}'), "/home/u/.config/opencode/opencode.json says that Qwen3-8B reasons, and it does not"),
        (OPENCODE.replace("MORE", '"limit": {"context": 262144, "output": 1024}'), "a context of 262,144 tokens"),
        (OPENCODE.replace("Qwen3-8B", "Qwen2.5-14B").replace("MORE", LIMITS), "asks for model Qwen2.5-14B"),
        (OPENCODE.replace("<url>/v1", "<url>").replace("MORE", LIMITS), "baseURL is http://127.0.0.1"),
        (OPENCODE.replace("<url>/v1", "http://localhost:9/v1").replace("MORE", LIMITS), "where nothing listens"),
    ],
    ids=["reasoning", "context", "model", "path", "port"],
)
def test_L60_a_client_file_that_does_not_fit(tmp_path: Path, text: str, seen: str) -> None:
    report = with_client(tmp_path, text)
    assert ids(report) == ["L60"], report
    assert any(seen in one.seen for one in report.findings), report.findings


def test_L60_of_claude_code(tmp_path: Path) -> None:
    text = json.dumps({"env": {"ANTHROPIC_BASE_URL": "<url>/v1", "ANTHROPIC_MODEL": "Qwen3-8B", "ANTHROPIC_AUTH_TOKEN": "<key>"}})
    report = with_client(tmp_path, text, ".claude/settings.json")
    assert [one.fix.partition("   # ")[0] for one in report.findings] == ["editor /home/u/.claude/settings.json"]


def test_L59_a_client_that_asks_for_all_of_the_context(tmp_path: Path) -> None:
    too_large = {"large": fixed(http(400, {"error": {"message": "max_tokens is too large"}}))}
    report = with_client(tmp_path, OPENCODE.replace("MORE", '"limit": {"context": 4096, "output": 32000}'), chat=too_large)
    assert ids(report) == ["L59"]
    assert any("lets Qwen3-8B write 32,000 tokens" in one.seen for one in report.findings)


def hop(tmp_path: Path, chat: t.Mapping[str, Reply], config: str = "model_list: []\n", listing: t.Any = None) -> Report:
    """LiteLLM before an engine, both as processes of this host."""
    (tmp_path / "proc/1").mkdir(parents=True)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/litellm.yaml").write_text(config)
    key = tmp_path / "key"
    key.write_text(KEY)
    models = routes()["/v1/models"]

    def keyed(seen: Seen) -> t.Any:
        return models if seen.headers.get("authorization") else http(401, {"error": "no key"})

    with ScriptedServer(routes()) as engine, ScriptedServer({**routes(chat), "/v1/models": listing or keyed}) as litellm:
        commands = {
            77: ["/v/bin/python", "-m", "vllm.entrypoints.openai.api_server", "--port", str(engine.port)],
            78: ["/v/bin/python", "/v/bin/litellm", "--config", "/etc/litellm.yaml", "--port", str(litellm.port)],
        }
        for pid, argv in commands.items():
            (tmp_path / f"proc/{pid}").mkdir()
            (tmp_path / f"proc/{pid}/cmdline").write_text("\0".join(argv) + "\0")
            (tmp_path / f"proc/{pid}/stat").write_text(f"{pid} (python) S 1 {pid}")
        report = diagnose(Context(fs=str(tmp_path), api_key_file=str(key)), "host", ROWS)
    assert KEY not in json.dumps(report.as_dict())
    return report


def test_a_hop_that_hands_everything_on_is_no_finding(tmp_path: Path) -> None:
    assert hop(tmp_path, {}).findings == ()


@pytest.mark.parametrize(
    ("broken", "seen"),
    [
        ({"chat": {"schema": left("Hello!")}}, "response_format work at the engine and not through LiteLLM"),
        ({"chat": {}, "config": "litellm_settings:\n  drop_params: true  # quiet\n"}, "/etc/litellm.yaml, line 2: drop_params is on"),
        ({"chat": {}, "config": "  - litellm_params:\n      api_base: http://localhost:9/v1\n"}, "line 2: api_base is 127.0.0.1:9, where nothing listens"),
        ({"chat": {}, "listing": routes()["/v1/models"]}, "LiteLLM answers without a key"),
    ],
    ids=["drops", "drop_params", "dead alias", "open"],
)
def test_L66_a_hop_that_is_broken(tmp_path: Path, broken: Json, seen: str) -> None:
    report = hop(tmp_path, **broken)
    assert ids(report) == ["L66"], report
    assert any(seen in one.seen for one in report.findings), report.findings


def test_files_of_clients() -> None:
    text = '{"a": "http://x//y", /* a\n comment */ "b": [1, 2,], // end\n}'
    assert load(text) == {"a": "http://x//y", "b": [1, 2]}
    with pytest.raises(ValueError, match="not an object"):
        load("[]")
    # A vendor's provider has no address of its own, and a variable's value is not known.
    assert list(opencode({"provider": {"openai": {}, "x": {"options": {"baseURL": "{env:URL}"}, "models": {"m": {}}}}})) == []
    assert list(claude_code({"env": {"ANTHROPIC_API_KEY": KEY}})) == []
    (row,) = claude_code({"env": {"ANTHROPIC_BASE_URL": "http://h", "ANTHROPIC_MODEL": "m", "ANTHROPIC_SMALL_FAST_MODEL": "m", "MAX_THINKING_TOKENS": "4000"}})
    assert (row["model"], row["reasoning"]) == ("m", True)


def test_settings_of_litellm() -> None:
    text = "# drop_params: true\n- litellm_params: {}\ndrop_params: false\napi_base: https://api.example.org\napi_base: os.environ/BASE\n"
    assert settings("/x", text, frozenset()) == {"path": "/x", "drop_params": [], "dead": []}
