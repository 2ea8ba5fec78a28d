# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is done to an answer's text: stop strings, stray ends of thoughts, second copies; and a history in Mistral's form."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import anthropic
import pytest
from gateway import CLIENT_KEY, Gateway, eventually
from hypothesis import given, settings
from hypothesis import strategies as st
from search_kit import turn, turn_as_stream
from standin import HANG, StandIn, stream
from standin import whole as whole_reply
from test_openai_stream import DONE, accumulated, chunk, documents, feed, rules

from inferhost_proxy import mistral
from inferhost_proxy.anthropic_conversion import Conversion
from inferhost_proxy.anthropic_message import accumulate
from inferhost_proxy.anthropic_stream import Answer, Reducer
from inferhost_proxy.anthropic_types import TextBlock
from inferhost_proxy.openai_chat import whole
from inferhost_proxy.openai_request import Options, prepare
from inferhost_proxy.text_filters import Filter, Repeats, Stops, StrayEnd
from inferhost_proxy.text_stream import TextRules

SAID = "A file is a named piece of data on a disk."
MODEL = {"model": "m", "messages": [{"role": "user", "content": "x"}]}


def run(one: Filter, pieces: list[str]) -> str:
    return "".join(one.feed(piece) for piece in pieces) + one.end()


def cut(text: str, at: list[int]) -> list[str]:
    places = sorted({0, len(text), *(place % (len(text) + 1) for place in at)})
    return [text[start:end] for start, end in itertools.pairwise(places)]


CUTS = st.lists(st.integers(0, 400), max_size=12)

STRAY = [
    ("</think>\n\nHello.", "Hello."),
    ("\n</think>Hello.", "Hello."),
    ("Hello.</think>", "Hello.</think>"),
    ("The tag </think> ends it.", "The tag </think> ends it."),
    ("<think>Hm.</think>Hello.", "<think>Hm.</think>Hello."),
    ("</thin", "</thin"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "wanted"), STRAY)
@given(at=CUTS)
def test_B14_only_the_end_of_a_thought_that_begins_the_text_goes(text: str, wanted: str, at: list[int]) -> None:
    assert run(StrayEnd(), cut(text, at)) == wanted


STOPPED = [
    (["END"], "one END two", "one ", "END"),
    (["\n\n", "END"], "one\n\ntwo END", "one", "\n\n"),
    (["ab", "abc"], "xabcx", "x", "abc"),
    (["END"], "one EN", "one EN", None),
    (["EE"], "EoE EoEE.", "EoE Eo", "EE"),
]


@pytest.mark.parametrize(("strings", "text", "wanted", "matched"), STOPPED)
@given(at=CUTS)
def test_B19_a_text_ends_at_its_stop_string(strings: list[str], text: str, wanted: str, matched: str | None, at: list[int]) -> None:
    one = Stops(strings)
    found = run(one, cut(text, at))
    # Which of two that begin alike is seen first hangs on where the text is cut.
    assert found == wanted
    assert one.matched == matched or (one.matched, matched) == ("ab", "abc")


def test_B19_the_string_itself_where_the_request_wants_it() -> None:
    assert run(Stops(["END"], include=True), ["one E", "ND two"]) == "one END"


TWICE = [
    (SAID * 2, SAID),
    (f"{SAID}\n\n{SAID}", f"{SAID}\n\n"),
    (f"{SAID} {SAID} {SAID}", f"{SAID} "),
    (f"{SAID} {SAID} But not always.", f"{SAID} {SAID} But not always."),
    (f"{SAID} {SAID[:20]}", f"{SAID} {SAID[:20]}"),
    (f"{SAID} A file is not a folder.", f"{SAID} A file is not a folder."),
    ("Yes. Yes.", "Yes. Yes."),
    ("", ""),
]


@pytest.mark.parametrize(("text", "wanted"), TWICE)
@given(at=CUTS)
def test_L65_a_second_copy_of_everything_goes(text: str, wanted: str, at: list[int]) -> None:
    assert run(Repeats(), cut(text, at)) == wanted


@settings(max_examples=300)
@given(text=st.text(alphabet="ab .\n", max_size=120), at=CUTS)
def test_L65_what_goes_is_always_a_copy(text: str, at: list[int]) -> None:
    found = run(Repeats(), cut(text, at))
    assert text.startswith(found)
    left = text[len(found) :]
    while left.strip():
        assert left.lstrip().startswith(found.strip())
        left = left.lstrip()[len(found.strip()) :]


def content(data: bytes) -> str:
    text: str = accumulated(data)[0]["content"]
    return text


def spoken(*pieces: str, finish: str = "stop") -> list[bytes]:
    return [chunk({"role": "assistant", "content": ""}), *(chunk({"content": piece}) for piece in pieces), chunk({}, finish), DONE]


def test_B19_a_stop_string_in_the_reasoning_ends_nothing() -> None:
    blocks = [chunk({"reasoning": "First END."}), *spoken("Hello. E", "ND and more")]
    out = feed(blocks, rules(tools=False, texts=TextRules(stops=("END",))))
    message = accumulated(out)[0]
    assert (message["reasoning"], message["content"], message["finish"]) == ("First END.", "Hello. ", "stop")
    assert [choice["stop_reason"] for document in documents(out) for choice in document["choices"] if choice["finish_reason"]] == ["END"]
    # The client leaves at the end marker, and so ends the engine's work.
    assert out.endswith(DONE)
    assert out.count(DONE) == 1


def test_B19_with_usage_the_stream_goes_on_to_its_figures() -> None:
    figures = b'data: {"choices":[],"usage":{"completion_tokens":4}}\n\n'
    blocks = spoken("Hello. END and more")
    out = feed([*blocks[:-1], figures, DONE], rules(tools=False, texts=TextRules(stops=("END",), with_usage=True)))
    assert content(out) == "Hello. "
    assert out.endswith(figures + DONE)
    assert sum(bool(choice["finish_reason"]) for document in documents(out) for choice in document["choices"]) == 1


def test_what_is_held_comes_with_the_end() -> None:
    texts = TextRules(stops=("END",), deduplicate=True)
    assert content(feed(spoken("Hello. E", "N"), rules(tools=False, texts=texts))) == "Hello. EN"
    # Without a finish reason, too, and when the stream breaks.
    assert content(feed([chunk({"content": "Hello. EN"}), DONE], rules(tools=False, texts=texts))) == "Hello. EN"


def test_L65_streamed_and_whole() -> None:
    texts = TextRules(deduplicate=True)
    assert content(feed(spoken(*cut(SAID * 2, [5, 47, 60])), rules(tools=False, texts=texts))) == SAID
    body = json.dumps({"choices": [{"index": 0, "message": {"content": SAID * 2}, "finish_reason": "stop"}]}).encode()
    assert json.loads(whole(body, rules(tools=False, texts=texts)).body)["choices"][0]["message"]["content"] == SAID


def test_L65_off_by_default_and_never_where_data_was_asked_for() -> None:
    body = json.dumps({**MODEL, "response_format": {"type": "json_object"}}).encode()
    assert prepare(json.dumps(MODEL).encode(), True, None).texts.active is False
    assert prepare(json.dumps(MODEL).encode(), True, None, Options(deduplicate=True)).texts.deduplicate is True
    assert prepare(body, True, None, Options(deduplicate=True)).texts.active is False


def test_B14_with_tool_choice_none_nothing_is_rescued_and_the_tag_goes() -> None:
    tools = [{"type": "function", "function": {"name": "read", "parameters": {}}}]
    ask = prepare(json.dumps({**MODEL, "tools": tools, "tool_choice": "none"}).encode(), True, None)
    assert ask.offer is None
    left = '</think>\n\n<tool_call>{"name": "read", "arguments": {}}</tool_call>'
    out = feed(spoken("</thi", "nk>", "\n\n", left[10:]), rules(tools=False, texts=ask.texts))
    assert accumulated(out)[0]["calls"] == []
    assert content(out).strip() == left[10:]
    assert prepare(json.dumps({**MODEL, "tools": tools}).encode(), True, None).texts.active is False


@pytest.mark.parametrize(("stop", "kept"), [("END", False), (["END", "\n"], False), ([], True), (None, True), ([1], True)])
def test_B19_stop_strings_are_kept_from_the_engine(stop: Any, kept: bool) -> None:
    ask = prepare(json.dumps({**MODEL, "stop": stop}).encode(), True, None, Options(stop_in_text_only=True))
    assert ("stop" in json.loads(ask.body)) is kept
    assert ask.texts.active is not kept
    assert prepare(json.dumps({**MODEL, "stop": stop}).encode(), True, None).body == json.dumps({**MODEL, "stop": stop}).encode()


HISTORY: list[dict[str, Any]] = [
    {"role": "user", "content": "Read it."},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "call_0123456789abcdef", "type": "function", "function": {"name": "read", "arguments": "{}"}}],
    },
    {"role": "tool", "tool_call_id": "call_0123456789abcdef", "content": "text"},
    {"role": "assistant", "content": ""},
]


def test_B21_no_empty_text_beside_a_call() -> None:
    found = json.loads(mistral.adapted(json.dumps(HISTORY).encode()) or b"")
    assert "content" not in found[1]
    # Without a call the empty text is all there is.
    assert (found[0], found[3]) == (HISTORY[0], HISTORY[3])


def test_B22_ids_of_nine_letters_the_same_in_call_and_result() -> None:
    found = json.loads(mistral.adapted(json.dumps(HISTORY).encode()) or b"")
    short = found[1]["tool_calls"][0]["id"]
    assert short == found[2]["tool_call_id"]
    assert len(short) == 9 and short.isalnum() and short.isascii()
    assert mistral.adapted(json.dumps(found).encode()) is None
    assert mistral.adapted(b'[{"role":"user","content":"x"}]') is None


@given(st.text(max_size=40))
def test_B22_any_id_gets_one_and_always_the_same(given_id: str) -> None:
    assert mistral.short_id(given_id) == mistral.short_id(given_id)
    assert mistral.short_id(mistral.short_id(given_id)) == mistral.short_id(given_id)


def test_B21_B22_the_history_grows_by_what_is_new() -> None:
    """The prompt's beginning stays the same in each turn, so the prefix cache holds."""
    options = Options(mistral_history=True)
    turns = [json.dumps({"model": "m", "messages": HISTORY[:length]}).encode() for length in (3, 4)]
    first, second = (json.loads(prepare(turn, True, None, options).body)["messages"] for turn in turns)
    assert second[: len(first)] == first
    # Off by default: the very same bytes.
    assert prepare(turns[0], True, None).body == turns[0]


def test_through_sockets(standin: StandIn, start: Callable[..., Gateway]) -> None:
    gateway = start(openai={"stop_in_text_only": True, "deduplicate": True, "mistral_history": True})
    standin.replies["/v1/chat/completions"] = stream(b"".join([chunk({"reasoning": "END?"}), *spoken(SAID, " END of it")]))
    seen = gateway.post("/v1/chat/completions", {**MODEL, "messages": HISTORY[:3], "stop": "END", "stream": True})
    message = accumulated(seen.body)[0]
    assert (message["reasoning"], message["content"], message["finish"]) == ("END?", SAID + " ", "stop")
    sent = json.loads(standin.last("/v1/chat/completions").body)
    assert "stop" not in sent
    assert sent["messages"][2]["tool_call_id"] == mistral.short_id("call_0123456789abcdef")
    reply = {"choices": [{"index": 0, "message": {"role": "assistant", "content": f"{SAID} {SAID}"}, "finish_reason": "stop"}]}
    standin.replies["/v1/chat/completions"] = whole_reply(reply)
    assert gateway.post("/v1/chat/completions", MODEL).json()["choices"][0]["message"]["content"] == f"{SAID} "


CHAT = "/v1/chat/completions"
TOOLS: Any = [{"name": "read", "input_schema": {"type": "object"}}]


@pytest.fixture(scope="module")
def filtering(standin_server: StandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """With all that is a matter of configuration."""
    wanted = {"stop_in_text_only": True, "deduplicate": True, "mistral_history": True}
    gateway = Gateway(tmp_path_factory.mktemp("filtering") / "gateway", standin_server.url, openai=wanted)
    yield gateway
    assert gateway.stop() == 0


def message(gateway: Gateway, standin: StandIn, engine: dict[str, Any], **asked: Any) -> anthropic.types.Message:
    """The message that a stream and a whole answer make alike."""
    client = anthropic.Anthropic(base_url=gateway.url, api_key=CLIENT_KEY, max_retries=0)
    members: Any = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "x"}], **asked}
    standin.replies[CHAT] = whole_reply(engine)
    complete = client.messages.create(**members)
    standin.replies[CHAT] = stream(turn_as_stream(engine))
    with client.messages.stream(**members) as events:
        streamed = events.get_final_message()
    found = [[block.to_dict() for block in one.content] for one in (complete, streamed)]
    assert [{**block, "signature": ""} for block in found[0]] == [{**block, "signature": ""} for block in found[1]]
    assert (complete.stop_reason, complete.stop_sequence) == (streamed.stop_reason, streamed.stop_sequence)
    return complete


def said(one: anthropic.types.Message) -> list[str]:
    return [str(getattr(block, block.type, "") or block.to_dict().get("name")) for block in one.content]


def test_B19_messages_end_at_a_stop_string_of_the_text(filtering: Gateway, standin: StandIn) -> None:
    found = message(filtering, standin, turn("Hello. END and more", reasoning="First END.", finish="length"), stop_sequences=["END"])
    assert (said(found), found.stop_reason, found.stop_sequence) == (["First END.", "Hello. "], "stop_sequence", "END")
    assert "stop" not in json.loads(standin.last(CHAT).body)
    found = message(filtering, standin, turn("Hello. EN", ("read", "{}")), stop_sequences=["END"], tools=TOOLS)
    assert (said(found), found.stop_reason) == (["Hello. EN", "read"], "tool_use"), "what is held comes before the call"


def test_B19_the_engines_work_ends_with_the_message(filtering: Gateway, standin: StandIn) -> None:
    standin.replies[CHAT] = stream(b"".join(spoken("Hello. ", "END", " and more")[:-2]), HANG)
    asked = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "x"}], "stop_sequences": ["END"], "stream": True}
    answer = filtering.post("/v1/messages", asked)
    assert b"message_stop" in answer.body and b"more" not in answer.body
    eventually(lambda: standin.last(CHAT).closed.is_set())


def test_L65_messages_without_a_second_copy(filtering: Gateway, standin: StandIn) -> None:
    assert said(message(filtering, standin, turn(SAID * 2))) == [SAID]
    assert said(message(filtering, standin, turn(SAID + SAID[:20]))) == [SAID + SAID[:20]]


def test_B14_messages_with_tool_choice_none(gateway: Gateway, standin: StandIn) -> None:
    """No matter of configuration."""
    assert said(message(gateway, standin, turn("</think>\n\nHello."), tools=TOOLS, tool_choice={"type": "none"})) == ["Hello."]
    assert said(message(gateway, standin, turn("</think>\n\nHello."), tools=TOOLS)) == ["</think>\n\nHello."]


def test_B21_B22_messages_in_mistrals_form(filtering: Gateway, standin: StandIn) -> None:
    used = {"type": "tool_use", "id": "toolu_0123456789abcdef", "name": "read", "input": {}}
    result = {"type": "tool_result", "tool_use_id": used["id"], "content": "text"}
    history = [{"role": "user", "content": "x"}, {"role": "assistant", "content": [used]}, {"role": "user", "content": [result]}]
    message(filtering, standin, turn("ok"), messages=history, tools=TOOLS)
    _asked, call, told = json.loads(standin.last(CHAT).body)["messages"]
    assert call["tool_calls"][0]["id"] == told["tool_call_id"] == mistral.short_id(str(used["id"]))
    standin.replies["/tokenize"] = whole_reply({"count": 9, "max_model_len": 2048})
    assert filtering.post("/v1/messages/count_tokens", {"model": "m", "messages": history, "tools": TOOLS}).status == 200
    assert json.loads(standin.last("/tokenize").body)["messages"] == [_asked, call, told], "what is counted is what is sent"


@settings(max_examples=60)
@given(text=st.lists(st.sampled_from(["Hello ", "END", "E", "N", SAID]), max_size=6).map("".join), at=CUTS)
def test_any_cut_gives_the_same_message(text: str, at: list[int]) -> None:
    answer = Answer("msg_1", "m", lambda _thought: "", texts=TextRules(stops=("END",), deduplicate=True))

    def run_through(pieces: list[str]) -> tuple[str, str | None]:
        source = Conversion(Reducer(answer), 10**6)
        events = [event for block in spoken(*pieces) if not source.done for event in source.feed(block)]
        made = accumulate(events)
        return "".join(block.text for block in made.content if isinstance(block, TextBlock)).strip(), made.stop_sequence

    assert run_through(cut(text, at)) == run_through([text])
