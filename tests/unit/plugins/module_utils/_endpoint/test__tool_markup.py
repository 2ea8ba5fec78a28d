# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import re

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._endpoint._tool_markup import MARKUPS, find_markup

CALL = '{"name": "read_file", "arguments": {"path": "/a"}}'
WRITTEN = [
    (f"Sure.\n<tool_call>\n{CALL}\n</tool_call>", "hermes"),
    ("<tool_call>\n<function=read_file>\n<parameter=path>\n/a\n</parameter>\n</function>\n</tool_call>", "qwen3_coder"),
    ("<function=read_file>\n<parameter=path>/a</parameter></function>", "qwen3_coder"),
    ('<function=read_file>{"path": "/a"}</function>', None),
    ("<tool_call>read_file\n<arg_key>path</arg_key>\n<arg_value>/a</arg_value>\n</tool_call>", "glm45"),
    (f"<tools>\n{CALL}\n</tools>", "qwen_tools"),
    ('[TOOL_CALLS][{"name": "read_file", "arguments": {"path": "/a"}}]', "mistral"),
    ('[TOOL_CALLS]read_file{"path": "/a"}', "mistral"),
    ('<|python_tag|>{"name": "read_file", "parameters": {"path": "/a"}}', "llama3_json"),
    ('{"name": "read_file", "parameters": {"path": "/a"}}', "llama3_json"),
    ('[read_file(path="/a")]', "pythonic"),
    (f"```json\n{CALL}\n```", None),
    ('<|tool_calls_section_begin|><|tool_call_begin|>functions.read_file:0<|tool_call_argument_begin|>{"path": "/a"}', "kimi_k2"),
    ("<\uff5ctool\u2581calls\u2581begin\uff5c><\uff5ctool\u2581call\u2581begin\uff5c>function<\uff5ctool\u2581sep\uff5c>read_file", "deepseek_v3"),
    ("<\uff5ctool\u2581calls\u2581begin\uff5c><\uff5ctool\u2581call\u2581begin\uff5c>read_file<\uff5ctool\u2581sep\uff5c>{}", "deepseek_v31"),
    ('<minimax:tool_call><invoke name="read_file">', "minimax_m2"),
    ("<seed:tool_call><function=read_file><parameter=path>/a</parameter>", "seed_oss"),
    ('<|tool_call>call:read_file{path:<|"|>/a<|"|>}<tool_call|>', "gemma4"),
    (f"<|tool_call|>[{CALL}]", "granite"),
]


@pytest.mark.parametrize("text, parser", WRITTEN)
def test_the_parser_for_a_notation(text: str, parser: object) -> None:
    found = find_markup(text)
    assert found is not None
    assert found.parser == parser


@pytest.mark.parametrize(
    "text",
    [
        "",
        "I would call read_file now.",
        "The list [1, 2] has two entries.",
        "See [the manual](https://example.org).",
        "A function(x) is called in `main`.",
        "```python\nprint('name')\n```",
        '{"answer": 42}',
        "Use <tools> wisely.",
        "[read(2)](https://example.org/read) explains it.",
    ],
)
def test_ordinary_text_is_no_call(text: str) -> None:
    assert find_markup(text) is None


@pytest.mark.parametrize("text, parser", WRITTEN)
def test_none_of_these_is_broken(text: str, parser: object) -> None:
    found = find_markup(text)
    assert found is not None
    assert found.broken_in(text) is False


@pytest.mark.parametrize("text", ["<tool_call>{'name': 'f'}</tool_call>", "functools[{]", '<tools>{"name": </tools>'])
def test_broken_json_is_seen(text: str) -> None:
    found = find_markup(text)
    assert found is not None
    assert found.broken_in(text) is True


def test_a_notation_without_parser_says_what_to_do() -> None:
    silent = [markup.name for markup in MARKUPS if markup.parser is None and not markup.note]
    assert silent == []


def test_every_pattern_compiles_and_no_name_is_used_twice() -> None:
    assert [markup.name for markup in MARKUPS if not re.compile(markup.pattern)] == []
    names = [markup.name for markup in MARKUPS]
    assert len(names) == len(set(names))
