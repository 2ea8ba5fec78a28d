# Copyright: inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The built-in model's data, prompt, files and evaluation. No torch and no server here."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT))
from tools.demo_model import checksums, codec, evaluate, offers, tables, tasks, values  # noqa: E402

MODEL = ROOT / "roles" / "model" / "files" / "inferhost-tiny"
TEMPLATE = ROOT / "tools" / "demo_model" / "chat_template.jinja"
FULL = tasks.level_at(1.0)


def made(seed, count=300):
    rng = random.Random(seed)
    return [tasks.make_task(rng, FULL) for _ in range(count)]


def render(messages, tools=None, **options):
    pytest.importorskip("jinja2")
    from tools.demo_model import prompt

    return prompt.render(messages, tools, **options)


# --- training data


def test_the_same_seed_makes_the_same_examples():
    assert made("a") == made("a")
    assert made("a") != made("b")


def test_every_call_is_to_an_offered_tool_and_carries_a_value_of_the_question():
    calls = [task for task in made("calls", 1000) if task.answer.startswith("<tool_call>")]
    assert len(calls) > 400
    for task in calls:
        call = json.loads(task.answer.removeprefix("<tool_call>").removesuffix("</tool_call>"))
        offered = {tool["function"]["name"]: tool["function"]["parameters"] for tool in task.tools}
        assert list(call["arguments"]) == offered[call["name"]]["required"]
        assert all(value in task.messages[-1]["content"] for value in call["arguments"].values())


def test_training_begins_with_one_tool_and_ends_with_many():
    assert tasks.level_at(0.0) == tasks.Level(copy_share=0.8, most_tools=1, filler_share=0.0)
    assert tasks.level_at(1.0).most_tools == 24


def test_no_path_of_evaluation_can_be_trained_on():
    asked = values.evaluation_paths(500, seed=7)
    assert len(set(asked)) == 500
    assert all(values.is_held_out(path) for path in asked)
    rng = random.Random(3)
    for kind in tables.TOOL_NAMES:
        assert not any(values.is_held_out(values.training_value(rng, kind)) for _ in range(300))
    assert not set(tables.WORDS) & set(tables.HELD_OUT_WORDS)


def test_what_is_held_out_depends_on_the_value_alone():
    share = sum(values.is_held_out(f"/srv/{number}") for number in range(16000)) / 16000
    assert 0.05 < share < 0.075


# --- tokens


def test_a_token_is_a_byte_or_a_marker():
    assert codec.encode("é<|end|>") == [0xC3, 0xA9, codec.END_ID]
    assert codec.encode("<tool_call>\n") == [codec.MARKER_IDS["<tool_call>"], 10]
    assert max(codec.MARKER_IDS.values()) < codec.VOCABULARY


def test_tool_call_markers_reach_the_parser_as_text():
    special = {token["content"]: token["special"] for token in codec.tokenizer_json()["added_tokens"]}
    assert special["<|end|>"] and not special["<tool_call>"] and not special["</tool_call>"]
    assert len(set(codec.byte_symbols())) == 256


# --- prompt


def test_a_tool_is_shown_as_its_name_twice_and_one_parameter():
    text = render([{"role": "user", "content": "Read a.txt"}], offers.OFFERS["opencode"].definitions())
    assert "\nread read filePath\n" in text and "\nwrite write content\n" in text
    assert len(text) < 400
    assert text.endswith("<|user|>Read a.txt<|end|><|assistant|>")


def test_reminders_and_bulk_are_left_out_unless_asked_for():
    messages = [
        {"role": "system", "content": "s" * 500},
        {"role": "user", "content": "<system-reminder>a\nb</system-reminder>Read a.txt<system-reminder>c</system-reminder>"},
        {"role": "user", "content": [{"type": "text", "text": "<system-reminder>only this</system-reminder>"}]},
    ]
    assert render(messages) == "<|system|>" + "s" * 80 + "<|end|><|user|>Read a.txt<|end|><|assistant|>"
    whole = render(messages, full_prompt=True)
    assert "s" * 500 in whole and "only this" in whole


def test_a_long_question_keeps_both_its_ends():
    text = render([{"role": "user", "content": "Read a.txt " + "x" * 5000 + " the end"}])
    assert len(text) < 500 and "Read a.txt" in text and "the end<|end|>" in text


def test_only_the_last_call_and_its_result_are_shown():
    call = {"id": "1", "type": "function", "function": {"name": "read", "arguments": {"path": "b"}}}
    messages = [{"role": "user", "content": "Read b"}]
    for result in ("first", "second"):
        messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": "1", "content": result})
    text = render(messages)
    assert "first" not in text and text.endswith("<|tool|>second<|end|><|assistant|>")
    assert text.count(tasks.call_text("read", {"path": "b"})) == 1


# --- evaluation


CASE = evaluate.cases(1, 7, "single")[0]
GOOD = evaluate.Answer("", [(CASE.name, json.dumps(CASE.arguments))], "tool_calls")


def test_the_right_call_counts():
    assert evaluate.fault(CASE, GOOD) is None


@pytest.mark.parametrize(
    "answer",
    [
        evaluate.Answer("The file says hello.", [], "stop"),
        evaluate.Answer("", [(CASE.name, '{"path": "/etc/other"}')], "tool_calls"),
        evaluate.Answer("", [(CASE.name, json.dumps({"file": CASE.arguments["path"]}))], "tool_calls"),
        evaluate.Answer("", [(CASE.name, '{"path": "/etc')], "tool_calls"),
        evaluate.Answer("", [("open_file", GOOD.calls[0][1])], "tool_calls"),
        evaluate.Answer("", GOOD.calls * 2, "tool_calls"),
        evaluate.Answer("", GOOD.calls, "stop"),
        evaluate.Answer("<tool_call>", GOOD.calls, "tool_calls"),
    ],
    ids=["text", "path", "parameter", "cut", "tool", "twice", "finish", "markup"],
)
def test_a_wrong_answer_does_not_count(answer):
    assert evaluate.fault(CASE, answer)


def test_a_stream_is_put_together():
    def chunk(delta, finish=None):
        return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}

    def part(**function):
        return chunk({"tool_calls": [{"index": 0, "function": function}]})

    text = json.dumps(CASE.arguments)
    lines = [chunk({"role": "assistant"}), part(name=CASE.name), part(arguments=text[:9]), part(arguments=text[9:])]
    lines += [chunk({}, "tool_calls"), {"choices": [], "usage": {}}]
    stream = [f"data: {json.dumps(line)}\n".encode() for line in lines] + [b"\n", b"data: [DONE]\n"]
    assert evaluate.streamed_answer(evaluate.events(stream)) == GOOD


def test_failures_are_counted_and_told(monkeypatch):
    monkeypatch.setattr(evaluate, "ask", lambda *given: GOOD if given[-1] else evaluate.Answer("no", [], "stop"))
    result = evaluate.evaluate("", "", "m", [CASE])
    assert (result["n"], result["correct_streamed"], result["correct_whole"]) == (1, 1, 0)
    assert result["failures"][0]["question"] == CASE.question


# --- the files in the repository


def test_the_model_is_small_and_its_files_are_the_ones_named():
    assert sum(path.stat().st_size for path in MODEL.iterdir()) <= 8 * 2**20
    assert checksums.lines(MODEL) == (MODEL / checksums.NAME).read_text().splitlines()


def test_template_and_tokenizer_are_those_of_the_tools():
    assert (MODEL / "chat_template.jinja").read_text() == TEMPLATE.read_text()
    assert json.loads((MODEL / "tokenizer.json").read_text()) == codec.tokenizer_json()


def test_a_model_serves_long_requests_without_code_of_its_own():
    config = json.loads((MODEL / "config.json").read_text())
    assert config["architectures"] == ["Qwen2ForCausalLM"]
    assert config["max_position_embeddings"] == 65536
    assert "auto_map" not in config
