# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds for every stream and every session, however it is cut or continued."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from typing import Any

import msgspec
from anthropic_kit import ANSWER, FIRST, LAST, Document, call, check_grammar, chunk, content, convert, sse, stop_of, whole_message
from hypothesis import given, settings
from hypothesis import strategies as st
from test_anthropic_request import READ, assistant, messages, result, system, text, use, user

from inferhost_proxy import anthropic_request, tokens
from inferhost_proxy.errors import Fault

texts = st.text(st.sampled_from(' \n"{}ab\u2028é🙂'), max_size=6)
fragments = st.builds(
    call,
    index=st.integers(0, 3),
    arguments=st.one_of(st.none(), texts, st.sampled_from(['{"a":', "1}", "{}", ""])),
    name=st.one_of(st.none(), st.sampled_from(["read", "grep"])),
    id=st.one_of(st.none(), st.sampled_from(["", "call_1", "call_2"])),
)
deltas = st.fixed_dictionaries(
    {}, optional={"content": st.none() | texts, "reasoning": st.none() | texts, "reasoning_content": texts, "tool_calls": st.lists(fragments, max_size=3)}
)
bodies = st.lists(st.builds(lambda delta: chunk(**delta), deltas), max_size=12)
finishes = st.sampled_from(["stop", "length", "tool_calls", "content_filter"])


def cuts(data: bytes, at: list[int]) -> list[bytes]:
    places = [0, *sorted(place % (len(data) + 1) for place in at), len(data)]
    return [data[start:end] for start, end in pairwise(places)]


@settings(max_examples=150)
@given(bodies, finishes, st.sampled_from([b"\n", b"\r\n", b"\r"]), st.lists(st.integers(0, 10**6)), st.booleans())
def test_any_cut_gives_the_same_events(chunks: list[Document], finish: str, eol: bytes, at: list[int], single: bool) -> None:
    data = sse(FIRST, *chunks, chunk(finish), LAST, eol=eol)
    answer = replace(ANSWER, single_call=single)
    events = convert(data, answer=answer)
    check_grammar(events)
    assert convert(*cuts(data, at), answer=answer) == events
    assert not single or sum(block["type"] == "tool_use" for block in content(events)) <= 1


@settings(max_examples=100)
@given(bodies, st.integers(0, 10**6))
def test_a_stream_cut_anywhere_is_never_complete(chunks: list[Document], at: int) -> None:
    data = sse(FIRST, *chunks, done=False)
    events = convert(data[: at % (len(data) + 1)])
    assert events[-1]["type"] == "error"
    assert "message_stop" not in [event["type"] for event in events]
    if len(events) > 1:
        check_grammar(events)


@settings(max_examples=100)
@given(bodies, finishes)
def test_no_text_is_lost(chunks: list[Document], finish: str) -> None:
    """All text and all reasoning come out in their order, but for blocks of white space."""
    blocks = content(convert(sse(FIRST, *chunks, chunk(finish), LAST)))
    for kind, names in (("text", ("content",)), ("thinking", ("reasoning", "reasoning_content"))):
        sent = "".join(next((part["choices"][0]["delta"].get(name) for name in names if part["choices"][0]["delta"].get(name)), "") for part in chunks)
        came = "".join(block[kind] for block in blocks if block["type"] == kind)
        assert "".join(came.split()) == "".join(sent.split())


calls = st.lists(st.dictionaries(texts, st.integers() | texts, max_size=3), max_size=4)


@settings(max_examples=60)
@given(st.text(max_size=20), st.text(max_size=20), calls, st.data())
def test_stream_and_whole_say_the_same(reasoning: str, said: str, arguments: list[Document], data: st.DataObject) -> None:
    """The parts of a whole answer, cut into any fragments and with the calls' fragments in any order of turns."""
    made = [{"id": f"call_{n}", "function": {"name": "read", "arguments": json.dumps(each)}} for n, each in enumerate(arguments)]
    whole = {"choices": [{"message": {"reasoning": reasoning, "content": said, "tool_calls": made}, "finish_reason": "stop"}], "usage": LAST["usage"]}
    chunks = [chunk(reasoning=letter) for letter in reasoning] + [chunk(content=letter) for letter in said]
    queues = [[call(n, name="read", id=each["id"])] + [call(n, letter) for letter in each["function"]["arguments"]] for n, each in enumerate(made)]
    chunks += [chunk(tool_calls=[queue.pop(0)]) for queue in queues]
    while queues := [queue for queue in queues if queue]:
        chunks.append(chunk(tool_calls=[data.draw(st.sampled_from(queues)).pop(0)]))
    events = convert(sse(FIRST, *chunks, chunk("stop"), LAST))
    message = whole_message(whole)
    streamed = [{**block, "input": json.loads(block["input"])} if block["type"] == "tool_use" else block for block in content(events)]
    assert streamed == msgspec.to_builtins(message.content)
    assert stop_of(events) == message.stop_reason
    assert events[-2]["usage"]["output_tokens"] == message.usage.output_tokens


def rendered(session: list[Document], turn: int) -> str:
    """The prompt's text, as a template that writes message after message would make it."""
    head = [text(f"x-anthropic-billing-header: cc_version=2.1; cch={turn:05x};"), text("You are an agent.")]
    given = messages(*session, system=head, tools=[READ])
    return "".join(f"<{message['role']}>{json.dumps({k: v for k, v in message.items() if k != 'role'}, ensure_ascii=False)}" for message in given)


def strip_tail(prompt: str) -> str:
    """Without what closes the last message, which a later turn may continue."""
    return prompt.rstrip('"}')


steps = st.lists(st.sampled_from(["call", "two calls", "answer", "thinking"]), min_size=1, max_size=8)


@settings(max_examples=100)
@given(steps, st.booleans(), st.booleans())
def test_C03_request_n_plus_1_extends_request_n(script: list[str], reminders: bool, image: bool) -> None:
    """A session as Claude Code sends it: a system message on almost every turn, another billing nonce on each."""
    session: list[Document] = [user(text("<system-reminder>context</system-reminder>"), text("do it")), system("# Environment")]
    prompts = [rendered(session, 0)]
    for turn, step in enumerate(script, 1):
        said: list[Any] = [{"type": "thinking", "thinking": "hm", "signature": "s"}] if step == "thinking" else []
        if step == "answer":
            session += [assistant("done"), user("more")]
        else:
            ids = [f"t{turn}a", f"t{turn}b"] if step == "two calls" else [f"t{turn}a"]
            shown: Any = [text("out"), {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}] if image else "out"
            session += [assistant(*said, "I call.", *(use(each, path="/x") for each in ids)), user(*(result(each, shown) for each in ids))]
        if reminders:
            session.append(system(f"<total_tokens>{100000 - turn} tokens left</total_tokens>"))
        prompts.append(rendered(session, turn))
    for before, after in pairwise(prompts):
        assert after.startswith(before), "the engine's cached prefix would be lost"


@settings(max_examples=50)
@given(st.lists(st.sampled_from(["U", "S", "A", "C", "R", "E"]), min_size=1, max_size=10))
def test_any_history_is_one_that_templates_take(script: list[str]) -> None:
    """Whatever a client sends: system first and once, calls with their results right behind them, never two user messages in a row."""
    kinds = {"U": user("u"), "S": system("s"), "A": assistant("a"), "C": assistant("c", use("t")), "R": user(result("t", "r")), "E": assistant("")}
    roles: list[str] = []
    given = messages(*(kinds[letter] for letter in script))
    for message in given:
        roles.append(message["role"])
        if message.get("tool_calls"):
            place = given.index(message)
            wanted = [each["id"] for each in message["tool_calls"]]
            following = given[place + 1 : place + 1 + len(wanted)]
            assert [each.get("tool_call_id") for each in following] == wanted
    assert "system" not in roles[1:]
    assert ("user", "user") not in list(pairwise(roles))
    assert ("assistant", "assistant") not in list(pairwise(roles))


NAMES = [
    "type",
    "role",
    "content",
    "text",
    "id",
    "name",
    "input",
    "tool_use_id",
    "source",
    "data",
    "media_type",
    "url",
    "title",
    "is_error",
    "thinking",
    "error_code",
]
TYPES = ["text", "image", "document", "tool_use", "tool_result", "server_tool_use", "web_search_tool_result", "web_search_tool_result_error", "thinking"]
TYPES += ["redacted_thinking", "tool_reference", "search_result", "web_search_result", "base64", "url", "content", "file", "zzz"]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["", "a", "user", "assistant", "system", "t1", "aGk=", "text/plain", *TYPES]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=10,
)
blocks = st.fixed_dictionaries({"type": st.sampled_from(TYPES)}, optional=dict.fromkeys(NAMES[2:], values))
turns = st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant", "system", "ctx"]), "content": st.text(max_size=3) | st.lists(blocks, max_size=4)})
MEMBERS = ["system", "stream", "tools", "tool_choice", "thinking", "output_config", "output_format", "stop_sequences", "temperature", "metadata"]
requests = st.fixed_dictionaries(
    {"model": st.just("m"), "max_tokens": st.just(5), "messages": st.lists(turns, max_size=6) | values},
    optional=dict.fromkeys(MEMBERS, values),
)


@settings(max_examples=100)
@given(requests, st.sampled_from(["fold", "hoist", "preserve"]))
def test_any_request_is_converted_or_refused(document: Document, inline: Any) -> None:
    """Nothing but a chat request or an error with a reason comes out of whatever a client sends."""
    try:
        request = anthropic_request.parse(json.dumps(document).encode())
        body = anthropic_request.complete(request, anthropic_request.chat(request, inline), None)
    except Fault as refusal:
        assert (refusal.status, refusal.kind) == (400, "invalid_request")
        assert refusal.message
        return
    json.loads(msgspec.json.encode(body))
    json.loads(msgspec.json.encode(tokens.tokenize_body(body)))
    for message in body["messages"]:
        assert message["role"] in ("system", "user", "assistant", "tool")
        assert "content" in message or message["tool_calls"]


def test_the_scripted_session_is_not_trivial() -> None:
    """With hoisting, the same session loses its prefix: the property above can fail."""
    first = [user("do it"), system("9 left")]
    second = [*first, assistant(use("t1")), user(result("t1", "out")), system("8 left")]
    hoisted = [json.dumps(messages(*session, inline="hoist")) for session in (first, second)]
    assert not hoisted[1].startswith(strip_tail(hoisted[0])[:40])
