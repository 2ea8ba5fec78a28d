# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import hashlib
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._endpoint import _tool_call as tool_call
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._tool_call import Message, Outcome, Question
from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._tool_call_findings import MEANINGS, finding_of

PATH = tool_call.DEFAULT_PATH
GOOD = f'{{"path": "{PATH}"}}'
HERMES = '<tool_call>\n{"name": "read_file", "arguments": {"path": "/a"}}\n</tool_call>'
XML = "<tool_call>\n<function=read_file>\n<parameter=path>\n/a\n</parameter>\n</function>\n</tool_call>"


def message(name: str = "read_file", arguments: str = GOOD, finish: str | None = "tool_calls", call_id: str = "call_1") -> Message:
    return Message("", "", ({"id": call_id, "name": name, "arguments": arguments},), finish)


def text(content: str, reasoning: str = "", finish: str = "stop") -> Message:
    return Message(content, reasoning, (), finish)


VERDICTS = [
    pytest.param(message(), "ok", id="good"),
    pytest.param(message(arguments='{"path": "/other"}'), "other_argument", id="other-path"),
    pytest.param(message(name="open_file"), "wrong_tool", id="wrong-tool"),
    pytest.param(message(arguments='{"path": '), "bad_json", id="cut-json"),
    pytest.param(message(arguments='"/a"'), "bad_json", id="json-but-no-object"),
    pytest.param(message(arguments=""), "bad_json", id="no-arguments"),
    pytest.param(message(arguments="{}"), "missing_argument", id="missing-argument"),
    pytest.param(message(call_id=""), "no_call_id", id="no-id"),
    pytest.param(message(finish="stop"), "wrong_finish_reason", id="finish-stop"),
    pytest.param(message(finish=None), "wrong_finish_reason", id="finish-none"),
    pytest.param(text(HERMES), "unparsed_markup", id="markup-in-content"),
    pytest.param(text("", HERMES), "call_in_reasoning", id="markup-in-reasoning"),
    pytest.param(text("<tools>" + HERMES[12:-13] + "</tools>"), "tools_markup", id="qwen-2.5"),
    pytest.param(text("```json" + HERMES[11:-12] + "```"), "call_in_text", id="fenced"),
    pytest.param(text("<TOOL_OUTPUT>" + HERMES[12:-13] + "</TOOL_OUTPUT>"), "call_in_text", id="tool-output"),
    pytest.param(text("I will read it. " + HERMES[12:-13]), "call_in_text", id="json-in-a-sentence"),
    pytest.param(text('Use {x}. <tool_call>\n{"name": "read_file", "arguments": {"path": \n</tool_call>'), "bad_json", id="broken-json-in-markup"),
    pytest.param(text("Use {x}. " + HERMES), "unparsed_markup", id="markup-after-a-bracket"),
    pytest.param(text("I cannot read files."), "plain_text", id="plain"),
    pytest.param(text("I think and think", finish="length"), "cut_off", id="cut-off"),
    pytest.param(text(""), "no_answer", id="nothing"),
]


@pytest.mark.parametrize("answer, code", VERDICTS)
def test_verdicts(answer: Message, code: str) -> None:
    outcome = tool_call.judge(answer, Question())
    assert outcome.code == code
    assert outcome.ok is (code in ("ok", "other_argument"))


def test_a_good_call_is_returned_parsed() -> None:
    assert tool_call.judge(message(), Question()).call == {"id": "call_1", "name": "read_file", "arguments": {"path": PATH}}


STATUSES = [
    (400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set', "http_400_no_parser"),
    (400, 'tool_choice="required" requires --tool-call-parser to be set', "http_error"),
    (400, "This model's maximum context length is 512 tokens.", "http_error"),
    (401, "Invalid key", "unauthorized"),
    (403, "Forbidden", "unauthorized"),
    (404, "The model `x` does not exist.", "unknown_model"),
    (500, "engine died", "http_error"),
]


@pytest.mark.parametrize("status, error, code", STATUSES)
def test_statuses(status: int, error: str, code: str) -> None:
    outcome = tool_call.judge_status(status, error)
    assert outcome.code == code
    assert error in outcome.detail
    assert str(status) in outcome.detail


RAW = [
    pytest.param(Outcome("http_400_no_parser", "x"), text(HERMES), "http_400_no_parser", "hermes", id="no-parser"),
    pytest.param(Outcome("plain_text", "x", "read_file"), text("<|python_tag|>{}"), "unparsed_markup", "llama3_json", id="token-hidden"),
    pytest.param(Outcome("no_answer", "x"), text(XML), "unparsed_markup", "qwen3_coder", id="swallowed"),
    pytest.param(Outcome("no_answer", "x"), text("<tool_call>{broken</tool_call>"), "bad_json", "hermes", id="swallowed-broken-json"),
    pytest.param(Outcome("bad_json", "x", "{"), text(HERMES), "bad_json", "hermes", id="broken-json"),
    pytest.param(Outcome("plain_text", "x", "No."), text("No."), "plain_text", None, id="really-plain"),
    pytest.param(Outcome("wrong_tool", "x", ""), text(HERMES), "wrong_tool", None, id="not-a-matter-of-parsers"),
    pytest.param(Outcome("plain_text", "x", "No."), None, "plain_text", None, id="no-raw-text"),
]


@pytest.mark.parametrize("outcome, raw, code, parser", RAW)
def test_the_raw_text_names_the_parser(outcome: Outcome, raw: Message | None, code: str, parser: str | None) -> None:
    better = tool_call.with_raw_text(outcome, raw)
    assert (better.code, better.parser) == (code, parser)
    if raw is not None and parser is not None:
        assert better.raw_text == raw.content


def test_tools_that_the_template_hides() -> None:
    plain = Outcome("plain_text", "x")
    assert tool_call.tools_unseen(plain, 20, 20).code == "tools_unseen"
    assert tool_call.tools_unseen(plain, 20, 90).code == "plain_text"
    assert tool_call.tools_unseen(Outcome("ok"), 20, 20).code == "ok"


def test_reasoning_agrees() -> None:
    call = message()
    thought = Message("", "I should read it.", call.calls, "tool_calls")
    assert tool_call.reasoning_agrees(tool_call.judge(call, Question()), tool_call.judge(call, Question()))
    assert not tool_call.reasoning_agrees(tool_call.judge(thought, Question()), tool_call.judge(call, Question()))
    assert tool_call.reasoning_agrees(tool_call.judge(thought, Question()), Outcome("plain_text"))


def test_streams_agree() -> None:
    one = tool_call.judge(message(), Question())
    again = tool_call.judge(message(call_id="call_2"), Question())
    other = tool_call.judge(message(arguments='{"path": "/b"}'), Question())
    assert tool_call.streams_agree(one, again)
    assert not tool_call.streams_agree(one, other)
    assert tool_call.streams_agree(one, Outcome("plain_text"))


@pytest.mark.parametrize(
    "tool, problem",
    [
        (tool_call.READ_FILE, None),
        ({}, "a tool is"),
        ("x", "a tool is"),
        ({"type": "function", "function": {}}, "name"),
        ({"type": "function", "function": {"name": "f", "parameters": []}}, "schema"),
    ],
)
def test_tool_problem(tool: object, problem: str | None) -> None:
    found = tool_call.tool_problem(tool)
    assert found is None if problem is None else problem in (found or "")


def test_message_of_survives_garbage() -> None:
    for body in (None, [], {}, {"choices": []}, {"choices": [None]}, {"choices": [{"message": None}]}, "x"):
        assert tool_call.message_of(body) is None


def test_a_finding_shows_the_raw_text_and_the_parser() -> None:
    outcome = tool_call.judge(text(XML), Question())
    finding = finding_of(outcome, "http://h:1", streamed=False)
    assert finding is not None
    assert (finding["id"], finding["severity"]) == ("L51", "error")
    assert "<function=read_file>" in finding["seen"]
    assert "--enable-auto-tool-choice --tool-call-parser qwen3_coder" in finding["fix"]


def test_a_notation_that_only_a_plugin_reads_says_so() -> None:
    finding = finding_of(tool_call.judge(text('<tools>\n{"name": "f"}\n</tools>'), Question()), "u", streamed=True)
    assert finding is not None
    assert "--tool-call-parser qwen_tools (no parser of vLLM's own: --tool-parser-plugin FILE" in finding["fix"]
    assert "(streamed)" in finding["title"]


@pytest.mark.parametrize(
    ("given", "named", "digests"),
    [
        (None, "/opt/inferhost/etc/secrets/api_key", "/opt/inferhost/etc/keys"),
        ("/srv/demo/etc/secrets/ci", "/srv/demo/etc/secrets/ci", "/srv/demo/etc/keys"),
        ("/home/me/my key", "'/home/me/my key'", "/opt/inferhost/etc/keys"),
    ],
)
def test_a_refused_key_is_looked_for_where_it_came_from(given: str | None, named: str, digests: str) -> None:
    finding = finding_of(Outcome("unauthorized", "HTTP 401"), "http://h:1", key_file=given)
    assert finding is not None
    assert f"sudo cat {named} |" in finding["fix"] and f" {digests} && " in finding["fix"] and named in finding["cause"]


def test_the_command_for_a_refused_key_finds_its_digest(tmp_path: Path) -> None:
    (tmp_path / "etc/secrets").mkdir(parents=True)
    (tmp_path / "etc/keys").mkdir()
    key_file = tmp_path / "etc/secrets/api_key"
    key_file.write_text("sk-one\n")
    finding = finding_of(Outcome("unauthorized", "HTTP 401"), "http://h:1", key_file=str(key_file))
    assert finding is not None
    command = finding["fix"].replace("sudo systemctl reload inferhost-proxy", "echo reloaded").replace("sudo ", "")

    def said() -> str:
        return subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False).stdout

    assert said() == ""
    (tmp_path / "etc/keys/main").write_text("sha256:" + hashlib.sha256(b"sk-one").hexdigest() + "\n")
    assert said().splitlines() == [str(tmp_path / "etc/keys/main"), "reloaded"]


def test_every_finding_is_complete() -> None:
    for code in MEANINGS:
        finding = finding_of(Outcome(code, "detail"), "http://h:1", streamed=False)
        assert finding is not None
        assert sorted(finding) == ["cause", "fix", "id", "seen", "severity", "title"]
        assert all(finding.values()), code
        assert not re.search(r"\{\w*\}|\{\{", finding["fix"] + finding["cause"]), code
        command = subprocess.run(["bash", "-n", "-c", finding["fix"]], capture_output=True, text=True, check=False)
        assert command.returncode == 0, f"{code}: no line for a shell: {command.stderr}"
        assert shutil.which(shlex.split(finding["fix"], comments=True)[0]) or finding["fix"].startswith(
            ("ansible", "sudo", "journalctl", "systemctl", "ss ")
        ), code
    assert finding_of(Outcome("ok"), "u", streamed=False) is None
