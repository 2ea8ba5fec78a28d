# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rescue of tool calls from text: what is a call, what is not, and that the cuts of the stream do not matter."""

from __future__ import annotations

import importlib.util
import itertools
import json
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rescue_samples import LIST, NO_CALLS, PATH, READ, SAMPLES, TOOLS, Sample

from inferhost_proxy.call_readers import Tool, Tools
from inferhost_proxy.call_scanner import Balance, Scanner
from inferhost_proxy.notations import NOTATIONS
from inferhost_proxy.openai_request import offered
from inferhost_proxy.rescue import Call, Channel, Delta, Offer, Part, Rescue

HERE = Path(__file__).resolve().parent


def offer(tools: list[dict[str, Any]] = TOOLS, **more: Any) -> Offer | None:
    return offered({key: msgspec.Raw(json.dumps(value).encode()) for key, value in {"tools": tools, **more}.items()})


def run(pieces: list[tuple[Channel, str]], complete: bool = True, given_offer: Offer | None = None, max_held: int = 2**18) -> tuple[list[Part], Rescue]:
    chosen = given_offer or offer()
    assert chosen is not None
    numbers = itertools.count()
    rescue = Rescue(chosen, lambda: f"call_{next(numbers)}", max_held)
    parts: list[Part] = []
    for channel, text in pieces:
        out = rescue.feed(channel, text)
        parts += [Delta(channel, text)] if out is None else out
    return joined([part for part in parts + rescue.end(complete) if not isinstance(part, Delta) or part.text]), rescue


def joined(parts: list[Part]) -> list[Part]:
    """Without the cuts."""
    out: list[Part] = []
    for part in parts:
        last = out[-1] if out else None
        if isinstance(part, Delta) and isinstance(last, Delta) and last.channel == part.channel:
            out[-1] = Delta(part.channel, last.text + part.text)
        else:
            out.append(part)
    return out


def cut(text: str, at: list[int]) -> list[str]:
    places = sorted({0, len(text), *(place % (len(text) + 1) for place in at)})
    return [text[start:end] for start, end in itertools.pairwise(places)]


def calls_of(parts: list[Part]) -> list[tuple[str, Any]]:
    return [(part.name, json.loads(part.arguments)) for part in parts if isinstance(part, Call)]


def text_of(parts: list[Part], channel: Channel = "content") -> str:
    return "".join(part.text for part in parts if isinstance(part, Delta) and part.channel == channel)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
@pytest.mark.parametrize("size", [1, 2, 7, 10**6])
def test_every_notation(sample: Sample, size: int) -> None:
    pieces: list[tuple[Channel, str]] = [("content", sample.text[at : at + size]) for at in range(0, len(sample.text), size)]
    parts, _rescue = run(pieces)
    assert calls_of(parts) == sample.calls
    assert text_of(parts) == sample.rest
    assert {part.notation for part in parts if isinstance(part, Call)} == {sample.notation}


def test_every_notation_has_a_sample() -> None:
    assert {notation.name for notation in NOTATIONS} == {sample.notation for sample in SAMPLES}


def test_diagnosis_knows_every_notation() -> None:
    """The doctor's table names notations, this one reads them; neither may know less than it should."""
    path = HERE.parents[1] / "plugins/module_utils/_endpoint/_tool_markup.py"
    spec = importlib.util.spec_from_file_location("tool_markup", path)
    assert spec is not None
    assert spec.loader is not None
    markup = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(markup)
    unknown = {sample.name for sample in SAMPLES if markup.find_markup(sample.text) is None}
    assert unknown == {
        "function calls",
        "qwen3 coder, no argument",
        "json, arguments first",
        "glm, no argument",
    }


def test_code_before_a_call_does_not_hide_it() -> None:
    code = "{\n[\n<a>\n" * 2000
    assert calls_of(run([("content", code + SAMPLES[0].text)])[0]) == [READ]


@pytest.mark.parametrize("text", NO_CALLS.values(), ids=NO_CALLS.keys())
@pytest.mark.parametrize("size", [1, 3, 10**6])
def test_no_call(text: str, size: int) -> None:
    pieces: list[tuple[Channel, str]] = [("content", text[at : at + size]) for at in range(0, len(text), size)]
    parts, _rescue = run(pieces)
    assert parts == [Delta("content", text)]


fragments = st.one_of(
    st.sampled_from([sample.text for sample in SAMPLES] + list(NO_CALLS.values())),
    st.sampled_from(["\n", "\n\n", " ", "```", "```json\n", "`", "~~~\n", '"', "</tool_call>", "<tool_call>", "{", "[", "I will.", "</think>", "\\", "<"]),
    st.text(max_size=12),
)
texts = st.lists(fragments, max_size=6).map("".join)


@settings(max_examples=600)
@given(texts, st.lists(st.integers(0, 10**6), max_size=60), st.sampled_from(["content", "reasoning"]), st.booleans())
def test_any_cut_gives_the_same(text: str, at: list[int], channel: Channel, complete: bool) -> None:
    whole, _rescue = run([(channel, text)], complete)
    pieces, rescue = run([(channel, piece) for piece in cut(text, at)], complete)
    assert pieces == whole
    assert not rescue.holds


@settings(max_examples=400)
@given(st.lists(st.tuples(st.sampled_from(["content", "reasoning"]), texts), max_size=4), st.lists(st.integers(0, 10**6), max_size=30))
def test_nothing_is_lost_or_invented(channels: list[tuple[Channel, str]], at: list[int]) -> None:
    """Without a call the texts are what came; with calls, what came less what the calls were written in."""
    pieces = [(channel, piece) for channel, text in channels for piece in cut(text, at)]
    parts, _rescue = run(pieces)
    for channel in ("reasoning", "content"):
        came = "".join(text for name, text in pieces if name == channel)
        left = text_of(parts, channel)
        assert is_subsequence(left, came)
        if not calls_of(parts):
            assert left == came
    for name, arguments in calls_of(parts):
        assert name in ("read", "list")
        assert isinstance(arguments, dict)


def is_subsequence(part: str, text: str) -> bool:
    characters = iter(text)
    return all(character in characters for character in part)


@settings(max_examples=200)
@given(texts, st.sampled_from(["other", "Read", "rea", "reads"]))
def test_never_a_tool_that_was_not_offered(text: str, name: str) -> None:
    tools: Tools = {name: Tool(name)}
    parts, _rescue = run([("content", text)], given_offer=Offer(tools))
    assert parts == ([Delta("content", text)] if text else [])


prose = st.text(alphabet="abc .,\n", min_size=1, max_size=20).filter(lambda text: text.strip())


@settings(max_examples=200)
@given(prose, st.sampled_from(SAMPLES), prose, st.sampled_from(["```", "~~~", "````", "```json"]), st.lists(st.integers(0, 10**6), max_size=20))
def test_never_in_a_fence_that_prose_quotes(before: str, sample: Sample, after: str, fence: str, at: list[int]) -> None:
    inner = sample.text.replace("```", "'''")
    text = f"{before}\n{fence}\n{inner}\n{fence.rstrip('json')}\n{after}"
    parts, _rescue = run([("content", piece) for piece in cut(text, at)])
    assert parts == [Delta("content", text)]


def test_none_offered() -> None:
    assert offer(tool_choice="none") is None
    assert offer(tools=[]) is None


def test_named_choice() -> None:
    only = offer(tool_choice={"type": "function", "function": {"name": "list"}})
    text = f"<tool_call>{json.dumps({'name': 'read', 'arguments': READ[1]})}</tool_call>"
    assert calls_of(run([("content", text)], given_offer=only)[0]) == []
    assert calls_of(run([("content", '<tool_call>{"name": "list"}</tool_call>')], given_offer=only)[0]) == [LIST]


def test_one_call_where_only_one_is_wanted() -> None:
    one = offer(parallel_tool_calls=False)
    sample = next(sample for sample in SAMPLES if sample.name == "hermes twice")
    assert calls_of(run([("content", sample.text)], given_offer=one)[0]) == [READ]


CALL_TEXT = SAMPLES[0].text


def test_B09_call_in_the_reasoning() -> None:
    parts, _rescue = run([("reasoning", f"I have to read it. {CALL_TEXT}\n"), ("content", "\n")])
    assert calls_of(parts) == [READ]
    assert text_of(parts, "reasoning") == "I have to read it. "


@pytest.mark.parametrize(
    "pieces",
    [
        [("reasoning", f"Maybe {CALL_TEXT}, or not."), ("content", "")],
        [("reasoning", CALL_TEXT), ("content", "The answer is 4.")],
        [("content", "The answer is 4."), ("reasoning", CALL_TEXT)],
        [("reasoning", '{"name": "list", "arguments": {}}')],
    ],
)
def test_a_thought_about_a_call_is_none(pieces: list[tuple[Channel, str]]) -> None:
    parts, _rescue = run(pieces)
    assert calls_of(parts) == []
    for channel in ("reasoning", "content"):
        assert text_of(parts, channel) == "".join(text for name, text in pieces if name == channel)


def test_a_call_of_the_engine_makes_a_thought_of_it() -> None:
    chosen = offer()
    assert chosen is not None
    rescue = Rescue(chosen)
    assert rescue.feed("reasoning", CALL_TEXT) == []
    assert rescue.engine_called() == [Delta("reasoning", CALL_TEXT)]
    assert rescue.end(True) == []


def test_a_broken_answer_makes_no_call_of_what_waits() -> None:
    text = '{"name": "list", "arguments": {}}'
    assert calls_of(run([("content", text)], complete=True)[0]) == [LIST]
    assert run([("content", text)], complete=False)[0] == [Delta("content", text)]


def test_only_a_beginning_is_held() -> None:
    scanner = Scanner({"read": Tool("read")}, prose=False)
    assert scanner.feed("a <b> and <tool") == ["a <b> and "]
    assert scanner.feed("box> it") == ["<toolbox> it"]
    assert scanner.feed("\n<tool_call> is a") is None, "as it is"
    assert scanner.feed("\n<function=write>") is None, "the name decides at once"
    assert scanner.feed('\n{"name": "wri') == ["\n"]
    assert scanner.feed('te"') == ['{"name": "write"']


def test_what_is_held_is_bounded() -> None:
    head = '<tool_call>{"name": "read", "arguments": {"path": "'
    parts, rescue = run([("content", head), *[("content", "x" * 100)] * 20], complete=False, max_held=1000)
    assert parts == [Delta("content", head + "x" * 2000)]
    assert not rescue.holds


LONG = ['<tool_call>{"name": "read", "arguments": {"path": "', "</tool_call>", '{"name": "read",\n', "[[[[", "<function=read>\n</function>x", "{" + " " * 50]


@pytest.mark.parametrize("held", LONG)
def test_E06_time_grows_with_the_text_alone(held: str) -> None:
    """Neither a long call nor thousands of beginnings that become none are read again and again."""

    def seconds(number: int) -> float:
        start = time.process_time()
        run([("content", held), *[("content", held[-10:] + "\n")] * number], complete=False, max_held=10**6)
        return time.process_time() - start

    seconds(500)
    assert seconds(8000) < 40 * seconds(1000) + 0.5


def test_values_follow_the_schema() -> None:
    schema = {"type": "object", "properties": {"s": {"type": "string"}, "n": {"type": ["integer", "null"]}, "b": {"type": "boolean"}, "o": {"type": "object"}}}
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    pairs = {"s": "5", "n": "5", "b": "True", "o": '{"a": [1]}', "x": "plain", "y": '"quoted"'}
    text = "<function=f>" + "".join(f"<parameter={key}>{value}</parameter>" for key, value in pairs.items()) + "</function>"
    wanted = {"s": "5", "n": 5, "b": True, "o": {"a": [1]}, "x": "plain", "y": '"quoted"'}
    assert calls_of(run([("content", text)], given_offer=offer([tool]))[0]) == [("f", wanted)]


@settings(max_examples=300)
@given(st.recursive(st.one_of(st.none(), st.integers(), st.text()), lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)), max_leaves=8))
def test_balance_finds_the_end(value: Any) -> None:
    text = json.dumps([value], ensure_ascii=False)
    balance = Balance(0)
    ends = [balance.end(text[:count] + ("" if count < len(text) else ' "]')) for count in range(len(text) + 1)]
    assert ends[-1] == len(text)
    assert not any(ends[:-1])
    assert json.loads(text + Balance(0).missing(text)) == [value]


def test_path_is_what_it_was() -> None:
    assert READ[1]["path"] == PATH
