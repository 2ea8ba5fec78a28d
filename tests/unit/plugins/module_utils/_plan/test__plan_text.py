# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._lookup import describe
from ansible_collections.inferhost.llm.plugins.module_utils._plan._model_config import read_config
from ansible_collections.inferhost.llm.plugins.module_utils._plan._plan import Subject, make_plan
from ansible_collections.inferhost.llm.plugins.module_utils._plan._text import amount, lines
from ansible_collections.inferhost.llm.plugins.module_utils._plan._types import Wishes
from ansible_collections.inferhost.llm.tests.unit.plugins.model_configs import QWEN25_14B_AWQ, TINY


def plan(config: t.Dict[str, t.Any], card: str, **wishes: t.Any) -> t.Dict[str, t.Any]:
    subject = Subject("a-model", "a-model", None, read_config(config), None)
    return make_plan(subject, [describe(card)], {}, Wishes(**{"engine_version": "0.32.0", **wishes}))


def test_a_plan_that_fits() -> None:
    text = lines(plan(QWEN25_14B_AWQ, "27b0"))
    assert text[0] == "model   a-model (Qwen2ForCausalLM, awq)"
    assert text[1].startswith("device  1 x NVIDIA RTX 4000 SFF Ada Generation: 20.00 GiB")
    assert any(line.startswith("KV cache a token") and "192 KiB" in line for line in text)
    assert any(line.startswith("--max-model-len") and "32768" in line for line in text)
    assert any(line.startswith("at most 33.2 tokens/s") for line in text)
    assert any(line.startswith("could do better: --kv-cache-dtype fp8") for line in text)
    assert text[-1] == "fits: 32768 tokens of context; the host needs 6.00 GiB of memory and 10.22 GiB of disk"


def test_a_refusal_comes_last_with_what_would_help() -> None:
    text = lines(plan(TINY, "27b0", context=65_537))
    assert text[-1] == (
        "refused: a context of 65537 was asked for and a-model was trained for 65536. What would help: lower context to 65536 or less;"
        " or set yarn to true to stretch the positions, which costs quality on short texts"
    )
    assert not any(line.startswith("--") for line in text)


def test_no_line_ends_in_blanks_or_breaks() -> None:
    for line in lines(plan(QWEN25_14B_AWQ, "27b0")):
        assert line == line.rstrip() and "\n" not in line


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (10 << 30, "bytes", "10.00 GiB"),
        (3 << 20, "bytes", "3.0 MiB"),
        (-(2 << 30), "bytes", "-2.00 GiB"),
        (196_608, "bytes/token", "192 KiB"),
        (100, "bytes/token", "100 bytes"),
        (14_770_000_000, "parameters", "14.77 billion"),
        (894_080, "parameters", "0.89 million"),
        (35_072, "tokens", "35072 tokens"),
        (1.07, "sequences", "1.07 sequences"),
        (901, "seconds", "901 seconds"),
    ],
)
def test_amounts(value: t.Union[int, float], unit: str, text: str) -> None:
    assert amount(value, unit) == text
