# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tool-parser plugin for vLLM: what is a call, that the cuts of the stream do not matter, and that every layout of vLLM can load and use it."""

from __future__ import annotations

import ast
import itertools
import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rescue_samples import SAMPLES, TOOLS, Sample
from vllm_layouts import EOS, LAYOUTS, PLUGIN, Layout, chat, loaded, made, serve

with loaded(LAYOUTS["0.29"]) as plugin:
    pass

NAMES = frozenset(("read", "write"))
CALL = '{"name": "read", "arguments": {"path": "/a}</tools>\\"{<tools>"}}'
READ = ("read", {"path": '/a}</tools>"{<tools>'})
Item = str | tuple[str, dict[str, Any]]


def run(text: str, cuts: list[int], names: frozenset[str] = NAMES) -> list[Item]:
    """Text and calls, with neighbouring text in one."""
    reader = plugin.Reader(names)
    found: list[Item] = []
    for begin, end in itertools.pairwise([0, *cuts, len(text)]):
        found += reader.feed(text[begin:end])
    found += reader.end()
    grouped = itertools.groupby(found, lambda one: isinstance(one, str))
    return [one for said, group in grouped for one in (["".join(str(part) for part in group)] if said else list(group))]


def content(found: list[Item]) -> str:
    return "".join(one for one in found if isinstance(one, str))


def calls(found: list[Item]) -> list[Item]:
    return [one for one in found if not isinstance(one, str)]


EXAMPLES: dict[str, tuple[str, list[Item]]] = {
    "object": (f"<tools>{CALL}</tools>", [READ]),
    "taught tag": (f"<tool_call>\n{CALL}\n</tool_call>", [READ]),
    "tags of both kinds": (f"<tools>{CALL}</tool_call>", [READ]),
    "array": (f"<tools>[{CALL},\n {CALL}]</tools>", [READ, READ]),
    "several in a block": (f"<tools>\n{CALL}\n{CALL}\n</tools>", [READ, READ]),
    "several blocks": (f"<tools>{CALL}</tools>\n<tool_call>{CALL}</tool_call>", [READ, READ]),
    "text around": (f"I will look. <tools>{CALL}</tools>\nWait.", ["I will look.", READ, " \nWait."]),
    "white space around": (f"\n\n<tools>{CALL}</tools>\n", [READ]),
    "no end": (f"<tools>{CALL}", [READ]),
    "half an end": (f"<tools>{CALL}</to", [READ, "</to"]),
    "arguments as text": ('<tools>{"name": "read", "arguments": "{\\"path\\": 1}"}</tools>', [("read", {"path": 1})]),
    "no arguments": ('<tools>{"name": "read"}</tools>', [("read", {})]),
    "OpenAI's form": (f'<tools>{{"type": "function", "function": {CALL}}}</tools>', [READ]),
    "raw line break": ('<tools>{"name": "read", "arguments": {"path": "a\nb"}}</tools>', [("read", {"path": "a\nb"})]),
    "a call, then other things": (f"<tools>{CALL} and so on</tools>", [READ, "and so on</tools>"]),
}
TEXT = {
    "plain": "No call here, only a < b, <tool>, </tools> and <tool",
    "white space": " \n a \n\n",
    "nothing in the block": "<tools> [ ] </tools>",
    "other words in the block": f"<tools>all of {CALL}</tools>",
    "invalid JSON": '<tools>{"name": "read", "arguments": {"path": }}</tools> then more',
    "the end within": '<tools>{"name": "read", "arguments": {</tools> then more',
    "cut off": '<tools>{"name": "read", "arguments": {"path": "/a',
    "an unknown name": '<tools>{"name": "delete", "arguments": {}}</tools>',
    "a definition": f"<tools>\n{json.dumps(TOOLS[0])}\n</tools>",
    "a bare definition": '<tools>{"name": "read", "description": "Read a file", "parameters": {"type": "object"}}</tools>',
    "arguments that are no object": '<tools>{"name": "read", "arguments": [1]}</tools>',
    "a name that is none": '<tools>{"name": ["read"], "arguments": {}}</tools>',
    "NaN": '<tools>{"name": "read", "arguments": {"path": NaN}}</tools>',
    "half a character": '<tools>{"name": "read", "arguments": {"path": "\\ud83d"}}</tools>',
    "too deep": '<tools>{"name": "read", "arguments": ' + '{"a":' * 20_000 + "1" + "}" * 20_001 + "</tools>",
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_L52_calls(name: str) -> None:
    text, expected = EXAMPLES[name]
    assert run(text, []) == expected
    assert run(text, list(range(1, len(text)))) == expected


@pytest.mark.parametrize("name", TEXT)
def test_L52_what_is_no_call_stays_text(name: str) -> None:
    text = TEXT[name]
    assert run(text, []) == [text]
    assert run(text, list(range(1, len(text), 1 + len(text) // 1000))) == [text]


@pytest.mark.parametrize("sample", [one for one in SAMPLES if one.text.startswith(("<tools>", "<tool_call>\n{", "<tool_call>{"))], ids=lambda one: one.name)
def test_L52_agrees_with_the_proxys_rescue(sample: Sample) -> None:
    """Two readers of one notation: a call is one to both."""
    names = frozenset(tool["function"]["name"] for tool in TOOLS)
    assert calls(run(sample.text, [], names)) == sample.calls


# Pieces of which confusing text is made.
PIECES = ["<tools>", "</tools>", "<tool_call>", "</tool_call>", "</tool", CALL, CALL[:-1], TEXT["a definition"], "say", *'<{}"\\[], \né']
NEAR = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
CUTS = st.lists(st.integers(1, 200), max_size=20).map(lambda sizes: list(itertools.accumulate(sizes)))
PROSE = st.text(st.characters(exclude_characters="<", exclude_categories=["Cs"]), max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])) | st.sampled_from(PIECES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), inner, max_size=3),
    max_leaves=6,
)
ARGUMENTS = st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), JSON, max_size=3)
CALLS = st.lists(st.tuples(st.sampled_from(sorted(NAMES)), ARGUMENTS), min_size=1, max_size=3)


@given(NEAR, CUTS)
def test_L52_cuts_do_not_matter(text: str, cuts: list[int]) -> None:
    assert run(text, [cut for cut in cuts if cut < len(text)]) == run(text, [])


@given(NEAR, CUTS)
def test_L52_nothing_is_lost(text: str, cuts: list[int]) -> None:
    """Without tools nothing is a call, and all is text."""
    assert content(run(text, [cut for cut in cuts if cut < len(text)], frozenset())) == text


@st.composite
def answers(draw: st.DrawFn) -> tuple[str, list[Item], str]:
    """An answer, its calls, and what is said around them."""
    text = said = draw(PROSE)
    wanted: list[Item] = []
    for _ in range(draw(st.integers(0, 3))):
        made_calls = draw(CALLS)
        indent = draw(st.sampled_from([None, 1]))
        objects = [
            json.dumps({"name": name, "arguments": json.dumps(given) if draw(st.booleans()) else given}, indent=indent, ensure_ascii=draw(st.booleans()))
            for name, given in made_calls
        ]
        tag = draw(st.sampled_from(["tools", "tool_call"]))
        body = f"[{', '.join(objects)}]" if draw(st.booleans()) else "\n".join(objects)
        after = draw(PROSE)
        text, said = f"{text}<{tag}>\n{body}\n</{tag}>{after}", said + after
        wanted += made_calls
    return text, wanted, said


@given(answers(), CUTS)
def test_L52_all_calls_and_all_text(answer: tuple[str, list[Item], str], cuts: list[int]) -> None:
    text, wanted, said = answer
    found = run(text, [cut for cut in cuts if cut < len(text)])
    assert calls(found) == wanted
    assert content(found).strip() == said.strip()
    assert wanted or content(found) == said


# --- as vLLM uses it


@pytest.fixture(scope="module", params=LAYOUTS, name="inside")
def _inside(request: pytest.FixtureRequest) -> Iterator[tuple[Any, Layout]]:
    layout = LAYOUTS[request.param]
    with loaded(layout) as module:
        yield module, layout


def accumulated(deltas: list[dict[str, Any]]) -> tuple[str, list[tuple[str, str]]]:
    """As a client puts a stream together. A call begins with id, type and name."""
    text = "".join(delta.get("content", "") for delta in deltas)
    found: list[list[str]] = []
    ids = set()
    for part in (part for delta in deltas for part in delta.get("tool_calls", [])):
        if part["index"] == len(found):
            assert part["type"] == "function"
            ids.add(part["id"])
            found.append([part["function"]["name"], ""])
        assert part["index"] == len(found) - 1
        found[-1][1] += part["function"].get("arguments", "")
    assert len(ids) == len(found)
    return text, [(name, arguments) for name, arguments in found]


def pieces(text: str, size: int, last: list[int]) -> list[tuple[str, list[int]]]:
    """A token for each piece. The token that ends an answer has no text; it comes alone, or with the last piece when several come at once."""
    cut = [(text[at : at + size], [7]) for at in range(0, len(text), size)] or [("", [7])]
    return [*cut[:-1], (cut[-1][0], [7, *last])] if size > 3 else [*cut, ("", last)]


@pytest.mark.parametrize("size", [1, 3, 5, 10_000])
@pytest.mark.parametrize("name", [*EXAMPLES, *[name for name in TEXT if name != "too deep"]])
def test_L52_streamed_is_whole(inside: tuple[Any, Layout], name: str, size: int) -> None:
    module, layout = inside
    text = EXAMPLES[name][0] if name in EXAMPLES else TEXT[name]
    request = chat(*NAMES)
    whole = made(module, layout).extract_tool_calls(text, request)
    found = [(call.function.name, call.function.arguments) for call in whole.tool_calls]
    assert accumulated(serve(made(module, layout), layout, pieces(text, size, [EOS]), request)) == (whole.content or "", found)
    assert [(name, json.loads(arguments)) for name, arguments in found] == calls(run(text, []))
    assert whole.tools_called is bool(found)
    assert len({call.id for call in whole.tool_calls}) == len(found)


CUT = 'Now <tools>{"name": "read", "argum'


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
def test_L52_a_call_that_is_cut_off_by_the_limit_is_text(inside: tuple[Any, Layout], limit: str) -> None:
    module, layout = inside
    request = chat(*NAMES, **{limit: len(CUT)})
    assert accumulated(serve(made(module, layout), layout, [(one, [7]) for one in CUT], request)) == (CUT, [])


def test_L52_a_call_that_is_cut_off_by_a_stop_token_is_text(inside: tuple[Any, Layout]) -> None:
    module, layout = inside
    assert accumulated(serve(made(module, layout), layout, pieces(CUT, 1, [9]), chat(*NAMES, stop_token_ids=[9]))) == (CUT, [])


def test_L52_a_call_that_is_cut_off_by_anything_else_is_text_where_vllm_asks_for_it(inside: tuple[Any, Layout]) -> None:
    """A stop string, or a full context: before 0.25 no parser is told."""
    module, layout = inside
    expected = CUT if layout.asks_for_rest else CUT[: CUT.index(" <")]
    assert accumulated(serve(made(module, layout), layout, [(one, [7]) for one in CUT], chat(*NAMES))) == (expected, [])


def test_L52_a_chat_sees_signs_of_life_in_a_long_call(inside: tuple[Any, Layout]) -> None:
    module, layout = inside
    text = f"<tools>{CALL}</tools>"
    assert len(serve(made(module, layout), layout, pieces(text, 1, [EOS]), chat(*NAMES))) == len(text) + 1


def test_L52_the_responses_api_gets_no_empty_deltas(inside: tuple[Any, Layout]) -> None:
    """There, up to 0.20, one opens a message."""
    module, layout = inside
    request = chat(*NAMES)
    del request.messages
    parser = made(module, layout)
    assert parser.extract_tool_calls_streaming("", "<tools>", "<tools>", [], [7], [7], request) is None


def test_L52_the_tools_of_the_responses_api_have_their_names_in_themselves(inside: tuple[Any, Layout]) -> None:
    module, layout = inside
    request = chat(*NAMES)
    request.tools = [tool.function for tool in request.tools]
    assert made(module, layout).extract_tool_calls(f"<tools>{CALL}</tools>", request).tools_called


def test_L52_the_plugin_needs_the_standard_library_and_vllm() -> None:
    """And Python 3.9, which vLLM had up to 0.10."""
    tree = ast.parse(PLUGIN.read_text(encoding="utf-8"), feature_version=(3, 9))
    modules = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    modules |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in modules} <= {"__future__", *sys.stdlib_module_names}
