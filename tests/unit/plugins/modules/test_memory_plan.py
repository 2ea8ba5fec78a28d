# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module on model folders, and the options it refuses."""

from __future__ import annotations

import json
import struct
import typing as t
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.tests.unit.plugins.model_configs import QWEN3_30B_FP8, QWEN25_14B_AWQ, TINY
from ansible_collections.inferhost.llm.tests.unit.plugins.run_module import run_module

GIB = 1 << 30
HOST = {"model": "AMD EPYC", "architecture": "x86_64", "memory_bytes": 24 * GIB, "memory_available_bytes": 20 * GIB}
ADA = {"name": "NVIDIA RTX 4000 SFF Ada Generation", "memory_bytes": 20475 << 20, "compute_capability": "8.9", "bandwidth_bytes_per_s": 280 * 10**9}

# What the contract promises to every reader of the plan.
KEYS = {
    "": "schema model device engine sizes limits flags environment capabilities sampling roofline need expect warnings alternatives refusal",
    "model": "id name path architecture dtype quantization native_context layers hidden_size vocab_size heads kv_heads head_dim",
    "device": "kind name count memory_bytes bandwidth_bytes_per_s source",
    "engine": "name version build",
    "limits": "max_model_len max_num_seqs max_num_batched_tokens max_output_tokens kv_tokens",
    "capabilities": "tool_calls tool_parser reasoning reasoning_parser vision",
    "roofline": "bytes_per_token bandwidth_bytes_per_s tokens_per_s_max source",
    "need": "disk_bytes libraries memory_bytes start_seconds",
}


def a_model(folder: Path, template: str = "{% if tools %}<tool_call>{% endif %}") -> str:
    path = folder / "my-agent"
    path.mkdir()
    header = json.dumps({"embed": {"dtype": "F32", "shape": [320, 128], "data_offsets": [0, 163840]}}).encode()
    (path / "config.json").write_text(json.dumps(TINY), encoding="utf-8")
    (path / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 32768, "chat_template": template}), encoding="utf-8")
    (path / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + b"\0" * 163840)
    return str(path)


def memory_plan(**options: t.Any) -> t.Dict[str, t.Any]:
    return run_module("memory_plan", {"cpu": HOST, **options}, check=True)


def check_shape(plan: t.Dict[str, t.Any]) -> None:
    for part, names in KEYS.items():
        assert set(plan[part] if part else plan) == set(names.split()), part
    assert all(set(one) == {"name", "value", "unit", "source"} for one in plan["sizes"])
    assert all(set(one) == {"flag", "value", "reason"} for one in plan["flags"])
    assert all(set(one) == {"name", "value", "reason"} for one in plan["environment"])


def test_a_model_folder_on_a_cpu(tmp_path: Path) -> None:
    path = a_model(tmp_path)
    result = memory_plan(model_path=path, engine_version="0.32.0")
    plan = result["plan"]
    check_shape(plan)
    assert result["changed"] is False and "refusal" not in result
    assert (plan["model"]["name"], plan["model"]["path"], plan["model"]["native_context"]) == ("my-agent", path, 32768)
    assert plan["device"]["kind"] == "cpu"
    assert {one["name"]: one["value"] for one in plan["sizes"]}["parameters"] == 320 * 128
    assert plan["capabilities"]["tool_parser"] == "hermes"
    assert result["text"][-1].startswith("fits: 32768 tokens")


def test_the_same_input_gives_the_same_plan(tmp_path: Path) -> None:
    path = a_model(tmp_path)
    assert memory_plan(model_path=path) == memory_plan(model_path=path)


def test_a_model_that_is_not_on_the_host() -> None:
    result = memory_plan(
        model_config=QWEN25_14B_AWQ, model_id="Qwen/Qwen2.5-14B-Instruct-AWQ", gpus=[ADA], model_files=[{"name": "m.safetensors", "size": 9_980_000_000}]
    )
    plan = result["plan"]
    check_shape(plan)
    assert (plan["model"]["id"], plan["model"]["name"], plan["model"]["path"]) == ("Qwen/Qwen2.5-14B-Instruct-AWQ", "Qwen2.5-14B-Instruct-AWQ", None)
    assert (plan["device"]["kind"], plan["engine"]["build"]) == ("cuda", "cuda")
    assert {one["name"]: one["value"] for one in plan["sizes"]}["download"] == 9_980_000_000


def test_a_model_on_its_hub_is_planned_like_its_folder(tmp_path: Path) -> None:
    """Its tokenizer limits the context there, too."""
    path = a_model(tmp_path)
    files = [{"name": one.name, "size": one.stat().st_size} for one in Path(path).iterdir()]
    tokenizer = json.loads((Path(path) / "tokenizer_config.json").read_text(encoding="utf-8"))
    told = {"model_config": TINY, "model_files": files, "model_tokenizer_config": tokenizer, "model_chat_template": tokenizer["chat_template"]}
    here, there = memory_plan(model_path=path)["plan"], memory_plan(model_name="my-agent", **told)["plan"]
    for part in ("limits", "flags", "capabilities"):
        assert there[part] == here[part]
    longer = memory_plan(**{name: value for name, value in told.items() if name != "model_tokenizer_config"})["plan"]
    assert here["model"]["native_context"] == there["model"]["native_context"] == 32768 < longer["model"]["native_context"]


def test_a_refusal_fails_with_one_message_that_helps() -> None:
    result = memory_plan(model_config=QWEN3_30B_FP8, gpus=[ADA])
    assert result["failed"] and result["refusal"]["code"] == "memory_short"
    assert "short by" in result["msg"] and "What would help:" in result["msg"] and "\n" not in result["msg"]
    assert result["text"][-1] == "refused: " + result["msg"]


def test_a_refusal_can_be_asked_for_as_a_result() -> None:
    result = memory_plan(model_config=QWEN3_30B_FP8, gpus=[ADA], refuse=False)
    assert not result.get("failed")
    check_shape(result["plan"])
    assert result["plan"]["refusal"] == result["refusal"]
    assert result["plan"]["flags"] == [] and result["plan"]["refusal"]["short_by_bytes"] > 0


def test_an_early_refusal_still_has_the_whole_document() -> None:
    plan = memory_plan(model_config=dict(TINY, model_type="deepseek_v4"), refuse=False)["plan"]
    check_shape(plan)
    assert plan["refusal"]["code"] == "not_planned_yet" and set(plan["limits"].values()) == {0}


# options, and what the message must name
BAD: t.List[t.Tuple[t.Dict[str, t.Any], t.Tuple[str, ...]]] = [
    ({}, ("model_path", "model_config")),
    ({"model_path": "/m", "model_config": TINY}, ("mutually exclusive",)),
    ({"model_path": "/nonexistent/model"}, ("/nonexistent/model", "no such folder")),
    ({"model_config": TINY, "context": "much"}, ("context",)),
    ({"model_config": TINY, "context": -5}, ("context", "-5")),
    ({"model_config": TINY, "client": "emacs"}, ("client", "emacs")),
    ({"model_config": TINY, "engine_version": "latest"}, ("engine_version", "latest")),
    ({"model_config": TINY, "gpu_memory_utilization": 1.0}, ("gpu_memory_utilization",)),
    ({"model_config": TINY, "cpu": {}}, ("cpu.memory_bytes",)),
    ({"model_config": {"model_type": "qwen2"}}, ("model_config", "architectures")),
    ({"model_config": dict(TINY, num_hidden_layers=None)}, ("model_config", "num_hidden_layers")),
    ({"model_config": TINY, "model_files": [{"name": "a.safetensors"}]}, ("size",)),
    ({"model_config": TINY, "model_files": [{"name": "README.md", "size": 3}]}, ("no file of weights",)),
]


@pytest.mark.parametrize(("options", "words"), BAD)
def test_bad_input_is_one_clear_error(options: t.Dict[str, t.Any], words: t.Tuple[str, ...]) -> None:
    result = memory_plan(**options)
    assert result["failed"] and "Traceback" not in result["msg"]
    for word in words:
        assert word in result["msg"]
