# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Requests of /v1/messages as chat requests, by the catalogue's ids."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from inferhost_proxy import anthropic_request, search_text, tokens
from inferhost_proxy.config import InlineSystem
from inferhost_proxy.errors import Fault
from inferhost_proxy.search import Result

Document = dict[str, Any]
READ = {"name": "read", "description": "Read a file", "input_schema": {"type": "object", "properties": {"path": {"type": "string"}}}}
SEARCH = {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}
PNG = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}
PNG_PART = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}


def user(*blocks: Any) -> Document:
    return {"role": "user", "content": blocks[0] if len(blocks) == 1 and isinstance(blocks[0], str) else [text(b) if isinstance(b, str) else b for b in blocks]}


def assistant(*blocks: Any) -> Document:
    return {**user(*blocks), "role": "assistant"}


def system(*blocks: Any) -> Document:
    return {**user(*blocks), "role": "system"}


def text(value: str) -> Document:
    return {"type": "text", "text": value, "cache_control": {"type": "ephemeral"}}


def use(identifier: str, **given: Any) -> Document:
    return {"type": "tool_use", "id": identifier, "name": "read", "input": given}


def result(identifier: str, content: Any = None, **more: Any) -> Document:
    return {"type": "tool_result", "tool_use_id": identifier, **({} if content is None else {"content": content}), **more}


def called(identifier: str, arguments: str = "{}") -> Document:
    return {"id": identifier, "type": "function", "function": {"name": "read", "arguments": arguments}}


def tool(identifier: str, content: str) -> Document:
    return {"role": "tool", "tool_call_id": identifier, "content": content}


def chat(*messages: Document, inline: InlineSystem = "fold", max_output: int | None = None, **more: Any) -> Document:
    """The chat request that the engine gets."""
    body = json.dumps({"model": "m", "max_tokens": 100, "messages": messages, **more}).encode()
    request = anthropic_request.parse(body)
    return anthropic_request.complete(request, anthropic_request.chat(request, inline), max_output)


def messages(*given: Document, **more: Any) -> list[Document]:
    found: list[Document] = chat(*given, **more)["messages"]
    return found


def refusal(*given: Document, **more: Any) -> str:
    with pytest.raises(Fault) as refused:
        chat(*(given or [user("x")]), **more)
    assert refused.value.status == 400
    return refused.value.message


def test_plain() -> None:
    assert chat(user("hi"), system="Be brief.", temperature=0, top_p=0.5, top_k=3) == {
        "model": "m",
        "max_tokens": 100,
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}],
        "temperature": 0,
        "top_p": 0.5,
        "top_k": 3,
    }


def test_C01_odd_roles() -> None:
    given = messages({"role": "ctx", "content": "a"}, assistant("b"), {"role": "msg", "content": [text("c")]}, {"role": "developer", "content": "d"})
    assert given == [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": f"c\n\n{reminder('d')}"}]


def reminder(value: str) -> str:
    return f"<system-reminder>\n{value}\n</system-reminder>"


NOW = reminder("now")
TURN = [user("question"), system("budget 9")]
CALLING = [*TURN, assistant(use("t1")), user(result("t1", "file")), system("budget 8")]


def test_C02_C03_C04_fold() -> None:
    assert messages(*CALLING, system="S") == [
        {"role": "system", "content": "S"},
        {"role": "user", "content": f"question\n\n{reminder('budget 9')}"},
        {"role": "assistant", "tool_calls": [called("t1")]},
        tool("t1", f"file\n\n{reminder('budget 8')}"),
    ]


def test_C03_leading_inline_system_joins_the_prompt() -> None:
    assert messages(system("a"), system("b"), user("c"), system="S") == [{"role": "system", "content": "S\n\na\n\nb"}, {"role": "user", "content": "c"}]


def test_fold_never_between_a_call_and_its_result() -> None:
    folded = messages(user("q"), assistant(use("t1")), system("now"), user(result("t1", "r"), "go on"))
    assert folded[2:] == [tool("t1", f"r\n\n{NOW}"), {"role": "user", "content": "go on"}]


def test_fold_before_the_users_text_and_after_an_answer() -> None:
    assert messages(user("q"), assistant("a"), system("now"), user("b"))[2:] == [{"role": "user", "content": f"{NOW}\n\nb"}]
    assert messages(user("q"), assistant("a"), system("now"))[2:] == [{"role": "user", "content": NOW}]


def test_a_reminder_is_marked_once() -> None:
    assert messages(user("q"), system(NOW)) == [{"role": "user", "content": f"q\n\n{NOW}"}]


def test_fold_beside_an_image() -> None:
    assert messages(user(PNG, "what?"), system("now")) == [{"role": "user", "content": [PNG_PART, {"type": "text", "text": f"what?\n\n{NOW}"}]}]
    after = messages(user("q"), assistant(use("t1")), user(result("t1", [PNG])), system("now"))
    assert after[2:] == [tool("t1", f"The result is the image that follows.\n\n{NOW}"), {"role": "user", "content": [PNG_PART]}]


def test_L56_hoist_and_preserve() -> None:
    hoisted = messages(*CALLING, system="S", inline="hoist")
    assert hoisted[0] == {"role": "system", "content": "S\n\nbudget 9\n\nbudget 8"}
    assert [message["role"] for message in hoisted] == ["system", "user", "assistant", "tool"]
    kept = messages(*CALLING, system="S", inline="preserve")
    assert [message["role"] for message in kept] == ["system", "user", "system", "assistant", "tool", "system"]
    between = messages(user("q"), assistant(use("t1")), system("now"), user(result("t1", "r")), inline="preserve")
    assert [message["role"] for message in between] == ["user", "assistant", "tool", "system"]


NONCE = "x-anthropic-billing-header: cc_version=2.1; cch=%s;"


@pytest.mark.parametrize("given", [NONCE % "a1" + "\nReal.", [text(NONCE % "b2"), text("Real.")], [text(NONCE % "c3" + "\nReal.")]])
def test_C05_billing_nonce(given: Any) -> None:
    assert messages(user("x"), system=given)[0] == {"role": "system", "content": "Real."}
    assert messages(user("x"), system(*([given] if isinstance(given, str) else given)))[0]["content"] == f"x\n\n{reminder('Real.')}"


def test_C05_only_the_nonce() -> None:
    assert messages(user("x"), system=NONCE % "a") == [{"role": "user", "content": "x"}]


def test_C06_order_of_tools_and_of_their_keys() -> None:
    names = ["z", "a", "m"]
    schema = {"type": "object", "properties": {"z": {"type": "string"}, "a": {"type": "integer"}}, "required": ["z"]}
    given = chat(user("x"), tools=[{"name": name, "input_schema": schema} for name in names])["tools"]
    assert [each["function"]["name"] for each in given] == names
    assert json.dumps(given[0]["function"]["parameters"]) == json.dumps(schema)


def test_C07_C08_results_before_the_users_text() -> None:
    given = messages(user("q"), assistant("let me see", use("t1"), use("t2")), user("and then", result("t2", "two"), result("t1", "one"), "go"))
    assert given[1] == {"role": "assistant", "content": "let me see", "tool_calls": [called("t1"), called("t2")]}
    assert given[2:] == [tool("t1", "one"), tool("t2", "two"), {"role": "user", "content": "and then\n\ngo"}]


def test_C09_tool_references() -> None:
    given = messages(user("q"), assistant(use("t1")), user(result("t1", [{"type": "tool_reference", "tool_name": "Edit"}])))
    assert given[2] == tool("t1", "The tool Edit is available now.")


def test_C10_images_in_results() -> None:
    given = messages(user("q"), assistant(use("t1")), user(result("t1", [text("see"), PNG]), "what is it?"))
    assert given[2:] == [tool("t1", "see"), {"role": "user", "content": [PNG_PART, {"type": "text", "text": "what is it?"}]}]


def test_C11_C12_thinking_goes_back_and_redacted_does_not() -> None:
    thinking = {"type": "thinking", "thinking": "hm", "signature": "s"}
    given = messages(user("q"), assistant(thinking, {"type": "redacted_thinking", "data": "x"}, "a"), user("b"))
    assert given[1] == {"role": "assistant", "reasoning": "hm", "content": "a"}


def test_C13_C14_prefill() -> None:
    given = chat(user("q"), assistant('{"a":'))
    assert (given["continue_final_message"], given["add_generation_prompt"]) == (True, False)
    assert given["messages"][-1] == {"role": "assistant", "content": '{"a":'}
    assert "continue_final_message" not in chat(user("q"), assistant("a", use("t1")))
    assert "continue_final_message" not in chat(user("q"), assistant("a"), user("b"))


@pytest.mark.parametrize(
    ("choice", "wanted", "parallel"),
    [
        (None, "auto", None),
        ({"type": "auto"}, "auto", None),
        ({"type": "any"}, "required", None),
        ({"type": "tool", "name": "read"}, {"type": "function", "function": {"name": "read"}}, None),
        ({"type": "none"}, "none", None),
        ({"type": "auto", "disable_parallel_tool_use": True}, "auto", False),
        ({"type": "any", "disable_parallel_tool_use": True}, "required", False),
        ({"type": "auto", "disable_parallel_tool_use": False}, "auto", None),
        ({"type": "none", "disable_parallel_tool_use": True}, "none", None),
    ],
)
def test_C15_C16_C17_C19_L55_tool_choice(choice: Any, wanted: Any, parallel: bool | None) -> None:
    given = chat(user("x"), tools=[READ], tool_choice=choice)
    assert (given["tool_choice"], given.get("parallel_tool_calls")) == (wanted, parallel)


@pytest.mark.parametrize("tools", [None, []])
def test_C18_choice_without_tools(tools: Any) -> None:
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & set(chat(user("x"), tools=tools, tool_choice={"type": "any"}))


def test_C18_C26_server_tools() -> None:
    assert "`web_search` (type `web_search_20250305`)" in refusal(tools=[SEARCH])
    assert [each["function"]["name"] for each in chat(user("x"), tools=[SEARCH, READ])["tools"]] == ["read"]
    assert "web_search_20250305" in refusal(tools=[SEARCH, READ], tool_choice={"type": "tool", "name": "web_search"})
    assert "no tool `gone`" in refusal(tools=[READ], tool_choice={"type": "tool", "name": "gone"})
    assert "tool_choice.type" in refusal(tools=[READ], tool_choice={"type": "some"})


@pytest.mark.parametrize(
    ("thinking", "effort", "kwargs", "wanted"),
    [
        (None, None, None, None),
        ({"type": "enabled", "budget_tokens": 2000}, None, {"enable_thinking": True}, None),
        ({"type": "disabled"}, None, {"enable_thinking": False}, None),
        ({"type": "disabled"}, "high", {"enable_thinking": False}, None),
        ({"type": "adaptive", "display": "updates"}, None, None, None),
        ({"type": "adaptive"}, "high", {"enable_thinking": True}, "high"),
        (None, "max", {"enable_thinking": True}, "high"),
    ],
)
def test_C20_L61_thinking_and_effort(thinking: Any, effort: str | None, kwargs: Any, wanted: str | None) -> None:
    given = chat(user("x"), thinking=thinking, output_config={"effort": effort})
    assert (given.get("chat_template_kwargs"), given.get("reasoning_effort")) == (kwargs, wanted)


def test_the_clients_template_arguments_win() -> None:
    given = chat(user("x"), thinking={"type": "enabled"}, chat_template_kwargs={"enable_thinking": False, "x": 1})
    assert given["chat_template_kwargs"] == {"enable_thinking": False, "x": 1}


def test_C21_schema_without_properties() -> None:
    given = chat(user("x"), tools=[{"name": "a", "input_schema": {"type": "object"}}, {"name": "b", "input_schema": {}}])["tools"]
    assert [each["function"]["parameters"] for each in given] == [{"type": "object", "properties": {}}] * 2


def test_C23_C24_replay_of_a_search() -> None:
    searched = [
        {"type": "server_tool_use", "id": "s1", "name": "read", "input": {"query": "q"}},
        {"type": "web_search_tool_result", "tool_use_id": "s1", "content": [{"type": "web_search_result", "title": "T", "url": "u", "encrypted_content": "e"}]},
    ]
    given = messages(user("q"), assistant("first", *searched, "then", use("t1")), user(result("t1", "r")))
    assert given[1:] == [
        {"role": "assistant", "content": "first", "tool_calls": [called("s1", '{"query":"q"}')]},
        tool("s1", search_text.found("q", [Result("T", "u", "")])),
        {"role": "assistant", "content": "then", "tool_calls": [called("t1")]},
        tool("t1", "r"),
    ]
    only = messages(user("q"), assistant(*searched), user("go"))
    assert [message["role"] for message in only] == ["user", "assistant", "tool", "user"]
    failed = {**searched[1], "content": {"type": "web_search_tool_result_error", "error_code": "unavailable"}}
    assert messages(user("q"), assistant(searched[0], failed), user("go"))[2] == tool("s1", search_text.failed("unavailable"))


@pytest.mark.parametrize("content", ["", [], [{"type": "redacted_thinking", "data": "x"}]])
def test_C24_an_answer_that_says_nothing_is_left_out(content: Any) -> None:
    given = messages(user("q"), {"role": "assistant", "content": content}, user("go"))
    assert given == [{"role": "user", "content": "q\n\ngo"}]


def test_C25_duplicate_and_missing_results() -> None:
    given = messages(
        user("q"), assistant(use("t1"), use("t1"), use("t2")), user(result("t1", "a"), result("t1", "b")), assistant("ok"), user(result("gone", "late"))
    )
    assert given[1]["tool_calls"] == [called("t1"), called("t2")]
    assert given[2] == tool("t1", "a")
    assert (given[3]["role"], given[3]["tool_call_id"]) == ("tool", "t2")
    assert given[-1] == {"role": "user", "content": "Result of an earlier tool call:\n\nlate"}
    open_end = messages(user("q"), assistant(use("t1")))
    assert open_end[-1]["tool_call_id"] == "t1", "a call without a result is refused by templates"


@pytest.mark.parametrize(("given", "wanted"), [("text", '{"value":"text"}'), ([1], '{"value":[1]}'), (None, "{}"), ({"a": 1.0}, '{"a":1.0}')])
def test_B20_arguments_in_the_history_are_an_object(given: Any, wanted: str) -> None:
    replayed = messages(user("q"), assistant({**use("t1"), "input": given}), user(result("t1", "r")))[1]
    assert replayed == {"role": "assistant", "tool_calls": [called("t1", wanted)]}, "and no empty content beside it (B21)"


def test_C28_unknown_members_are_dropped() -> None:
    more = {"context_management": {"edits": [{"type": "clear_thinking_20251015"}]}, "metadata": {"user_id": "u"}, "service_tier": "auto", "betas": ["x"]}
    assert chat(user("x"), **more) == chat(user("x"))


def test_is_error_is_told() -> None:
    assert messages(user("q"), assistant(use("t1")), user(result("t1", "not there", is_error=True)))[2] == tool("t1", "Error: not there")


@pytest.mark.parametrize(("content", "wanted"), [(None, ""), ("", ""), ("a", "a"), ([text("a"), text("b")], "a\nb"), ([], "")])
def test_results_of_any_shape(content: Any, wanted: str) -> None:
    assert messages(user("q"), assistant(use("t1")), user(result("t1", content)))[2] == tool("t1", wanted)


def test_a_result_that_cannot_be_shown_does_not_end_the_session() -> None:
    pdf = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="}}
    assert "document" in messages(user("q"), assistant(use("t1")), user(result("t1", [pdf])))[2]["content"]


def test_images() -> None:
    url = {"type": "image", "source": {"type": "url", "url": "https://example.org/x.png"}}
    wanted = [{"type": "text", "text": "a"}, PNG_PART, {"type": "image_url", "image_url": {"url": "https://example.org/x.png"}}]
    assert messages(user("a", PNG, url)) == [{"role": "user", "content": wanted}]
    assert "messages.0.content.0.source" in refusal(user({"type": "image", "source": {"type": "file", "file_id": "f"}}))


def test_documents() -> None:
    plain = {"type": "document", "title": "T", "source": {"type": "text", "media_type": "text/plain", "data": "body"}}
    assert messages(user(plain, "sum up")) == [{"role": "user", "content": "T\n\nbody\n\nsum up"}]
    encoded = {"type": "base64", "media_type": "text/plain", "data": base64.b64encode("ü".encode()).decode()}
    assert messages(user({"type": "document", "source": encoded})) == [{"role": "user", "content": "ü"}]
    parts = {"type": "content", "content": [text("a"), text("b")]}
    assert messages(user({"type": "document", "source": parts})) == [{"role": "user", "content": "a\n\nb"}]
    assert "`application/pdf`" in refusal(user({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "aGk="}}))
    assert "`application/pdf`" in refusal(user({"type": "document", "source": {"type": "url", "url": "https://example.org/x"}}))


def test_structured_output_and_stops() -> None:
    schema = {"type": "object", "properties": {}}
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema, "strict": True}}
    assert chat(user("x"), output_config={"format": {"type": "json_schema", "schema": schema}})["response_format"] == wanted
    assert chat(user("x"), output_format={"type": "json_schema", "schema": schema})["response_format"] == wanted
    assert "json_schema" in refusal(output_config={"format": {"type": "grammar"}})
    assert chat(user("x"), stop_sequences=["END"])["stop"] == ["END"]


def test_streams_ask_for_usage_from_the_first_chunk() -> None:
    assert chat(user("x"), stream=True)["stream_options"] == {"include_usage": True, "continuous_usage_stats": True}
    assert "stream" not in chat(user("x"), stream=False)


def test_L59_the_plans_limit() -> None:
    assert chat(user("x"), max_tokens=32000, max_output=4096)["max_tokens"] == 4096
    assert chat(user("x"), max_tokens=10, max_output=4096)["max_tokens"] == 10


def test_C27_count_needs_no_max_tokens() -> None:
    body = json.dumps({"model": "m", "messages": [user("x")], "tools": [READ], "output_config": {"effort": "low"}}).encode()
    counted = tokens.tokenize_body(anthropic_request.chat(anthropic_request.parse(body), "fold"))
    assert set(counted) == {"model", "messages", "tools", "chat_template_kwargs"}
    assert counted["chat_template_kwargs"] == {"enable_thinking": True, "reasoning_effort": "low"}


@pytest.mark.parametrize(
    ("escaped", "wanted"),
    [
        (rb"a\ud83d", "a\ufffd"),
        (rb"\ude42a", "\ufffda"),
        (rb"\ud83d\ud83d\ude42", "\ufffd🙂"),
        (rb"\\ud83d \ud83d\ude42 \ud83d", "\\ud83d 🙂 \ufffd"),
        (rb"\ud83d\u0041\"\n", '\ufffdA"\n'),
    ],
)
def test_half_a_character_does_not_end_the_session(escaped: bytes, wanted: str) -> None:
    request = anthropic_request.parse(b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"%s"}]}' % escaped)
    assert request.messages[0].content == wanted


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (b"{", "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (b"[]", "Expected `object`"),
        (b"[" * 100000, ""),
        (b'{"model":"m","max_tokens":1,"messages":[]}', "messages: at least one"),
        (b'{"max_tokens":1,"messages":[{"role":"user","content":"x"}]}', "missing required field `model`"),
        (b'{"model":"m","messages":[{"role":"user","content":"x"}]}', "max_tokens: field required"),
        (b'{"model":"m","max_tokens":0,"messages":[{"role":"user","content":"x"}]}', "max_tokens: must be"),
        (b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":7}]}', "messages.0.content: Expected"),
        (b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":[{"type":"audio"}]}]}', "messages.0.content.0: blocks of type `audio`"),
        (b'{"model":"m","max_tokens":1,"thinking":{"type":"x"},"messages":[{"role":"user","content":"x"}]}', "thinking.type: `x`"),
        (b'{"model":"m","max_tokens":1,"output_config":{"effort":"x"},"messages":[{"role":"user","content":"x"}]}', "output_config.effort: `x`"),
        (b'{"model":"m","max_tokens":1,"tools":[{"input_schema":{}}],"messages":[{"role":"user","content":"x"}]}', "every tool needs a name"),
    ],
)
def test_bad_requests_say_where(body: bytes, wanted: str) -> None:
    with pytest.raises(Fault) as refused:
        request = anthropic_request.parse(body)
        anthropic_request.complete(request, anthropic_request.chat(request, "fold"), None)
    assert (refused.value.status, refused.value.kind) == (400, "invalid_request")
    assert wanted in refused.value.message
