# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans from tables in. Golden numbers are computed by hand in the comments."""

from __future__ import annotations

import math
import time
import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._lookup import describe
from ansible_collections.inferhost.llm.plugins.module_utils._plan._checkpoint import Checkpoint, from_list
from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_versions import EngineError
from ansible_collections.inferhost.llm.plugins.module_utils._plan._model_config import read_config
from ansible_collections.inferhost.llm.plugins.module_utils._plan._plan import Subject, make_plan
from ansible_collections.inferhost.llm.plugins.module_utils._plan._types import PlanInputError, Wishes
from ansible_collections.inferhost.llm.tests.unit.plugins.model_configs import (
    QWEN3_30B_FP8,
    QWEN25_1B5,
    QWEN25_14B_AWQ,
    QWEN36_27B,
    QWEN36_27B_FILES,
    TINY,
    without,
)

NUMA = [{"file": "libnuma.so.1", "debian": "libnuma1"}]
GIB = 1 << 30
HOST = {"model": "AMD EPYC", "architecture": "x86_64", "cores": 2, "memory_bytes": 24 * GIB, "memory_available_bytes": 20 * GIB}

RTX_4000_SFF_ADA, RTX_PRO_6000, A100_40, T4, V100, H100, RTX_3090 = "27b0", "2bb1", "20b0", "1eb8", "1db5", "2330", "2204"

Document = t.Dict[str, t.Any]


def subject(config: Document, name: str = "a-model", files: t.Optional[t.List[Document]] = None, template: str = "", **more: t.Any) -> Subject:
    return Subject(name, name.rsplit("/", 1)[-1], None, read_config(config), from_list(files) if files else None, template, **more)


def on_cpu(config: Document, host: t.Optional[Document] = None, name: str = "Qwen2-like", template: str = "", **wishes: t.Any) -> Document:
    return make_plan(subject(config, name, template=template), [], host or HOST, Wishes(**{"engine_version": "0.32.0", **wishes}))


def on_gpu(config: Document, cards: t.Sequence[str], name: str = "Qwen2-like", files: t.Optional[t.List[Document]] = None, **wishes: t.Any) -> Document:
    gpus = [describe(card) for card in cards]
    return make_plan(subject(config, name, files), gpus, HOST, Wishes(**{"engine_version": "0.32.0", **wishes}))


def sizes(plan: Document) -> t.Dict[str, t.Any]:
    return {one["name"]: one["value"] for one in plan["sizes"]}


def flags(plan: Document) -> t.Dict[str, t.Any]:
    return {one["flag"]: one["value"] for one in plan["flags"]}


# --- a host without a GPU


def test_the_cpu_profile_of_the_tiny_model() -> None:
    plan = on_cpu(TINY)
    assert plan["refusal"] is None
    # 894,080 parameters (test__memory_geometry) x 4 bytes.
    # Activation: 4,096 x (4 x 384 + 8 x 128) x 4 = 41,943,040, and 4 x 320 x 4 x 4 = 20,480 for the sampler.
    # Cache: 65,536 tokens x 4,096 bytes = 256 MiB, so one whole GiB, which holds 2,048 blocks of 128 tokens.
    assert sizes(plan) == {
        "parameters": 894_080,
        "active_parameters": 894_080,
        "download": 3_576_320,
        "weights": 3_576_320,
        "activation_peak": 41_963_520,
        "runtime": 2 * GIB,
        "kv_bytes_per_token": 4096,
        "kv_cache": GIB,
        "kv_tokens": 262_144,
        "concurrency": 4.0,
        # 95 % of 24 GiB less all of the above
        "headroom": int(24 * GIB * 0.95) - (3_576_320 + 41_963_520 + 3 * GIB),
        # 900, and a second for 3.6 MB.
        "start": 901,
    }
    assert plan["limits"] == {"max_model_len": 65536, "max_num_seqs": 4, "max_num_batched_tokens": 4096, "max_output_tokens": 16384, "kv_tokens": 262_144}
    assert flags(plan) == {
        "--dtype": "float32",
        "--enforce-eager": None,
        "--max-model-len": "65536",
        "--max-num-batched-tokens": "4096",
        "--max-num-seqs": "4",
        "--enable-auto-tool-choice": None,
        "--tool-call-parser": "hermes",
    }
    assert [(one["name"], one["value"]) for one in plan["environment"]] == [("VLLM_CPU_KVCACHE_SPACE", "1")]
    need = {"disk_bytes": int(3_576_320 * 1.1), "memory_bytes": 3_576_320 + 41_963_520 + 3 * GIB, "start_seconds": 901, "libraries": NUMA}
    assert plan["need"] == need
    assert plan["device"]["kind"] == "cpu" and plan["engine"] == {"name": "vllm", "version": "0.32.0", "build": "cpu"}
    # Tied embeddings are read in full for the output, and nothing says how fast this memory is.
    assert plan["roofline"]["bytes_per_token"] == 3_576_320 and plan["roofline"]["tokens_per_s_max"] is None


def test_every_number_names_its_source_and_every_flag_its_reason() -> None:
    for plan in (on_cpu(TINY), on_gpu(QWEN25_14B_AWQ, [RTX_4000_SFF_ADA])):
        assert all(one["source"] and one["unit"] for one in plan["sizes"])
        assert all(one["reason"] for one in plan["flags"] + plan["environment"])


def test_the_cache_is_counted_in_whole_gib() -> None:
    plan = on_cpu(QWEN25_1B5)
    # 2 x 28 layers x 2 KV heads x 128 x 4 bytes = 57,344; 32,768 tokens are 1.75 GiB, so 2 GiB: 292 blocks of 128 tokens.
    assert (sizes(plan)["kv_bytes_per_token"], sizes(plan)["kv_cache"], plan["limits"]["kv_tokens"]) == (57_344, 2 * GIB, 292 * 128)
    assert plan["environment"][0]["value"] == "2"
    assert on_cpu(TINY, kv_cache_bytes=GIB + 1)["environment"][0]["value"] == "2"


def test_the_guides_case_of_victor_on_a_cpu() -> None:
    plan = on_cpu(QWEN25_1B5, client="victor", context=16384)
    assert plan["refusal"] is None and plan["warnings"] == []
    assert flags(plan)["--max-model-len"] == "16384"


@pytest.mark.parametrize(("version", "architecture"), [("0.10.2", "x86_64"), ("0.20.2", "aarch64"), ("0.32.0", "riscv64")])
def test_batched_tokens_match_the_context_where_the_engine_cannot_split_a_prompt(version: str, architecture: str) -> None:
    plan = on_cpu(TINY, host=dict(HOST, architecture=architecture), engine_version=version, context=16384)
    assert (flags(plan)["--max-model-len"], flags(plan)["--max-num-batched-tokens"]) == ("16384", "16384")


def test_batched_tokens_never_below_the_sequences() -> None:
    assert flags(on_cpu(TINY, context=64, concurrency=100))["--max-num-batched-tokens"] == "100"


def test_several_conversations_each_get_their_context() -> None:
    plan = on_cpu(QWEN25_1B5, concurrency=3)
    # 4 GiB at most without a wish: 585 blocks of 7,340,032 bytes, 195 for each of three: 24,960 tokens.
    assert plan["limits"]["max_model_len"] == 24_960
    assert sizes(plan)["concurrency"] >= 3


def test_parameters_counted_in_the_files_win_over_the_shape() -> None:
    counted = Subject("m", "m", "/m", read_config(TINY), Checkpoint(3_599_956, 3_587_720, 895_616, "files in /m"))
    plan = make_plan(counted, [], HOST, Wishes("0.32.0"))
    assert (sizes(plan)["parameters"], sizes(plan)["weights"], sizes(plan)["download"]) == (895_616, 895_616 * 4, 3_599_956)


def test_files_in_place_need_no_disk() -> None:
    plan = make_plan(subject(TINY, in_place=True), [], HOST, Wishes("0.32.0"))
    assert plan["need"]["disk_bytes"] == 0


def test_the_same_host_gives_the_same_plan_while_the_service_runs() -> None:
    idle, busy = (on_cpu(QWEN25_1B5, host=dict(HOST, memory_available_bytes=free)) for free in (20 * GIB, 4 * GIB))
    assert [one["code"] for one in idle["warnings"]] == []
    assert [one["code"] for one in busy["warnings"]] == ["memory_not_free"]
    for name in ("limits", "flags", "environment", "sizes", "need"):
        assert idle[name] == busy[name]


def test_too_little_memory_says_how_much_is_missing() -> None:
    # Qwen2.5-Coder-1.5B in float32: 1,543,656,960 parameters by shape x 4 = 5.75 GiB and 2 GiB of runtime, on a host with 8 GiB.
    host = dict(HOST, memory_bytes=8 * GIB, memory_available_bytes=7 * GIB)
    plan = on_cpu(QWEN25_1B5, host=host, context=32768)
    refusal = plan["refusal"]
    assert refusal["code"] == "memory_short"
    assert refusal["short_by_bytes"] == plan["need"]["memory_bytes"] - int(8 * GIB * 0.95) > 0
    assert "short by" in refusal["message"] and refusal["remedies"]


def test_a_remedy_of_the_refusal_works() -> None:
    host = dict(HOST, memory_bytes=12 * GIB, memory_available_bytes=11 * GIB)
    plan = on_cpu(QWEN25_1B5, host=host, context=32768, concurrency=2)
    assert plan["refusal"]["code"] == "memory_short"
    remedy = plan["refusal"]["remedies"][0]
    assert remedy.startswith("lower context to ")
    context = int(remedy.split()[3].rstrip(","))
    assert on_cpu(QWEN25_1B5, host=host, context=context, concurrency=2)["refusal"] is None


# --- hosts with GPUs


def test_rtx_4000_sff_ada_with_qwen25_14b_awq() -> None:
    plan = on_gpu(QWEN25_14B_AWQ, [RTX_4000_SFF_ADA], name="Qwen/Qwen2.5-14B-Instruct-AWQ", client="opencode")
    assert plan["refusal"] is None
    # May use: 20,475 MiB x 0.97 x 0.9, rounded up = 18,742,955,213.
    # Stored: linear layers 48 x (5120 x (5120 + 2048 + 5120) + 3 x 5120 x 13824) = 13,212,057,600 x (4 + 20 / 128) bits / 8 = 6,864,076,800;
    # tables and norms (2 x 152,064 x 5120 + 97 x 5120) x 2 bytes = 3,115,264,000; together 9,979,340,800.
    # Loaded (test__loaded): 10,052,741,120. A log of vLLM 0.13 has 9.3795 GiB = 10,071,161,372.
    # Activation: a step, 2,048 x (4 x 13,824 + 14 x 5,120) = 260,046,848, is more than 14.6 x 32 x 152,064 + 1.8 x 2 x 2,048 x 5,120 = 108,793,037.
    # Graphs: 48 layers x 4 MiB = 201,326,592. Not torch's: 0.25 GiB = 268,435,456.
    # Left: 18,742,955,213 - 10,052,741,120 - 260,046,848 - 201,326,592 - 268,435,456 = 7,960,405,197,
    # 2,530 blocks of 16 x 2 x 48 x 8 x 128 x 2 = 3,145,728 bytes: 40,480 tokens.
    got = sizes(plan)
    assert got["gpu_memory"] == 18_742_955_213
    assert got["download"] == 9_979_340_800
    assert got["weights"] == 10_052_741_120
    assert got["activation_peak"] == 260_046_848
    assert got["cuda_graphs"] == 201_326_592
    assert got["kv_cache"] == 7_960_405_197
    assert got["kv_tokens"] == 40_480
    assert got["kv_bytes_per_token"] == 196_608
    assert flags(plan)["--quantization"] == "awq_marlin"
    assert flags(plan)["--tool-call-parser"] == "hermes"
    assert flags(plan)["--max-model-len"] == "32768"
    # All but the input table is read: 9,979,340,800 - 152,064 x 5,120 x 2 bytes.
    assert plan["roofline"]["bytes_per_token"] == 8_422_205_440
    assert plan["roofline"]["tokens_per_s_max"] == 33.2


def test_the_context_that_was_reported_for_this_card_fits() -> None:
    # A field report ran 23,232 tokens at 0.95 on vLLM 0.9.2 with its default of 256 sequences, and ran out of memory with more. By its own
    # arithmetic the engine had room for 41,056: there it left CUDA graphs out of its budget, and the 5 % it kept free are less than they take.
    plan = on_gpu(QWEN25_14B_AWQ, [RTX_4000_SFF_ADA], engine_version="0.9.2", gpu_memory_utilization=0.95, context=23_232)
    assert plan["refusal"] is None
    assert flags(plan)["--max-model-len"] == "23232" and sizes(plan)["kv_tokens"] >= 23_232


def test_rtx_pro_6000_with_qwen36_27b_hybrid() -> None:
    plan = on_gpu(QWEN36_27B, [RTX_PRO_6000], name="Qwen/Qwen3.6-27B", files=QWEN36_27B_FILES, kv_cache_dtype="fp8", client="claude_code")
    assert plan["refusal"] is None
    got = sizes(plan)
    # The report: 262,144 tokens, about 84 GB of the card used.
    assert plan["limits"]["max_model_len"] == 262_144
    assert 83 * GIB < got["gpu_memory"] < 84 * GIB
    # 2 x 16 layers x 4 KV heads x 256 x 1 byte; blocks of 1,568 tokens over 16 layers: 1,568 x 2,048 x 16 = 51,380,224 bytes.
    assert got["kv_bytes_per_token"] == 32_768
    assert got["state_per_sequence"] == 6 * 51_380_224
    # One request: 168 blocks for its length and 6 of state.
    blocks = got["kv_cache"] // 51_380_224
    assert got["concurrency"] == round(blocks / 174, 2) >= 1
    assert plan["limits"]["max_num_seqs"] <= blocks // 7
    assert flags(plan)["--kv-cache-dtype"] == "fp8"
    assert plan["capabilities"] == {"tool_calls": True, "tool_parser": "qwen3_coder", "reasoning": True, "reasoning_parser": "qwen3", "vision": True}


def test_a_hybrids_sequences_are_bounded_by_its_state_blocks() -> None:
    # A card on which little is left beside the weights: the engine would refuse to start with more sequences than blocks.
    plan = on_gpu(QWEN36_27B, [RTX_PRO_6000], files=QWEN36_27B_FILES, gpu_memory_utilization=0.61)
    blocks = sizes(plan)["kv_cache"] // (784 * 4096 * 16)
    assert plan["limits"]["max_num_seqs"] == blocks // 7 < 64


def test_rtx_pro_6000_with_a_30b_mixture_of_experts_in_fp8() -> None:
    plan = on_gpu(QWEN3_30B_FP8, [RTX_PRO_6000], name="Qwen/Qwen3-Coder-30B-A3B-Instruct-FP8", client="hermes")
    got = sizes(plan)
    assert plan["refusal"] is None
    # 3.35 of 30.5 billion parameters are used for a token; 2 x 48 layers x 4 KV heads x 128 x 2 bytes.
    assert (got["parameters"], got["active_parameters"], got["kv_bytes_per_token"]) == (30_532_110_336, 3_353_020_416, 98_304)
    assert plan["limits"]["max_model_len"] == 262_144
    assert "--quantization" not in flags(plan)
    assert flags(plan)["--tool-call-parser"] == "qwen3_coder"


def test_what_cuda_reports_is_taken_before_the_card_s_size() -> None:
    gpu = dict(describe(RTX_3090), cuda_memory_bytes=int(23.58 * GIB))
    plan = make_plan(subject(QWEN25_14B_AWQ), [gpu], HOST, Wishes("0.13.0"))
    assert sizes(plan)["gpu_memory"] == math.ceil(int(23.58 * GIB) * 0.9)
    # A log of vLLM 0.13 has 10.39 GiB with the default of 256 sequences on such a card (in all 21.22 GiB may be used, 9.38 are weights).
    # This plan's own batch is smaller; with the logged one it foresees what the engine found.
    logged = sizes(make_plan(subject(QWEN25_14B_AWQ), [gpu], HOST, Wishes("0.13.0", concurrency=256)))
    assert 0.99 * 10.39 * GIB < logged["kv_cache"] <= 10.39 * GIB


def test_sampling_of_the_checkpoint_itself_and_of_its_makers() -> None:
    own = subject(QWEN25_14B_AWQ, generation={"temperature": 0.7, "top_k": 20, "do_sample": True, "bos_token_id": 1})
    assert make_plan(own, [describe(RTX_4000_SFF_ADA)], HOST, Wishes("0.32.0"))["sampling"] == {
        "ways": {"plain": {"temperature": 0.7, "top_k": 20}},
        "source": "the checkpoint's generation_config.json",
    }
    known = make_plan(subject(QWEN25_14B_AWQ, "Qwen/Qwen3-8B"), [describe(RTX_4000_SFF_ADA)], HOST, Wishes("0.32.0"))["sampling"]
    assert set(known["ways"]) == {"thinking", "plain"} and "makers" in known["source"]
    assert make_plan(subject(QWEN25_14B_AWQ), [describe(RTX_4000_SFF_ADA)], HOST, Wishes("0.32.0"))["sampling"] is None


def test_a_card_by_its_name() -> None:
    described = make_plan(subject(QWEN25_14B_AWQ), [describe(RTX_4000_SFF_ADA)], HOST, Wishes("0.32.0"))
    assert make_plan(subject(QWEN25_14B_AWQ), [{"name": "RTX 4000 SFF Ada"}], HOST, Wishes("0.32.0")) == described
    with pytest.raises(PlanInputError) as caught:
        make_plan(subject(QWEN25_14B_AWQ), [{"name": "H100"}, {"name": "Voodoo 2"}], HOST, Wishes("0.32.0"))
    assert "gpus[1].name" in str(caught.value) and "'Voodoo 2'" in str(caught.value)


def test_a_context_that_is_tight_is_warned_of() -> None:
    room = on_gpu(QWEN25_14B_AWQ, [RTX_4000_SFF_ADA], gpu_memory_utilization=0.7)
    fits = sizes(room)["kv_tokens"]
    # The plan itself stays a quarter of a GiB below what it foresees.
    assert 0.2 * GIB < (fits - room["limits"]["max_model_len"]) * 196_608 < 0.3 * GIB
    assert room["warnings"] == []
    asked = on_gpu(QWEN25_14B_AWQ, [RTX_4000_SFF_ADA], gpu_memory_utilization=0.7, context=fits)
    assert asked["refusal"] is None and [one["code"] for one in asked["warnings"]] == ["context_tight"]


def test_two_gpus_share_a_model() -> None:
    plan = on_gpu(without(QWEN3_30B_FP8, "quantization_config"), [H100, H100], name="Qwen/Qwen3-30B-A3B")
    assert (plan["device"]["count"], flags(plan)["--tensor-parallel-size"], plan["environment"]) == (2, "2", [])
    assert sizes(plan)["kv_bytes_per_token"] == 49_152
    # Logs of two H100 since vLLM 0.18: 2.06 to 2.21 GiB outside torch.
    assert sizes(plan)["non_torch"] == int(2.15 * GIB)
    # No NVSwitch there.
    assert sizes(on_gpu(QWEN25_14B_AWQ, [RTX_3090, RTX_3090]))["non_torch"] == int(0.2 * GIB)


def test_gpus_that_do_not_divide_the_heads_are_left_idle_and_hidden() -> None:
    plan = on_gpu(QWEN25_14B_AWQ, [RTX_3090] * 3)
    # 40 heads and 8 KV heads: over 2 but not over 3.
    assert flags(plan)["--tensor-parallel-size"] == "2"
    assert [(one["name"], one["value"]) for one in plan["environment"]] == [("CUDA_DEVICE_ORDER", "PCI_BUS_ID"), ("CUDA_VISIBLE_DEVICES", "0,1")]


def test_experts_whose_blocks_cannot_be_divided_are_dealt_out_whole() -> None:
    # 768 / 4 = 192 is one block and a half; 128 experts go over four GPUs.
    wide, narrow = (flags(on_gpu(QWEN3_30B_FP8, [H100] * count)) for count in (4, 2))
    assert wide["--tensor-parallel-size"] == "4" and "--enable-expert-parallel" in wide
    assert narrow["--tensor-parallel-size"] == "2" and "--enable-expert-parallel" not in narrow


def test_the_larger_card_is_used_where_they_differ() -> None:
    plan = on_gpu(QWEN25_14B_AWQ, [RTX_4000_SFF_ADA, RTX_PRO_6000])
    assert plan["device"]["name"].startswith("NVIDIA RTX PRO 6000")
    assert plan["environment"][1]["value"] == "1"
    assert [one["code"] for one in plan["warnings"]] == ["gpus_left_out"]


def test_an_older_card_computes_in_float16() -> None:
    assert flags(on_gpu(QWEN25_1B5, [T4]))["--dtype"] == "float16"
    assert "--dtype" not in flags(on_gpu(QWEN25_1B5, [RTX_3090]))


def test_an_eight_bit_cache_is_proposed_where_the_card_has_it() -> None:
    assert [one["change"] for one in on_gpu(QWEN25_14B_AWQ, [RTX_4000_SFF_ADA])["alternatives"]] == ["--kv-cache-dtype fp8"]
    assert on_gpu(QWEN25_14B_AWQ, [RTX_3090])["alternatives"] == []


@pytest.mark.parametrize(("config", "card", "code"), [(QWEN25_14B_AWQ, T4, "no_marlin"), (QWEN3_30B_FP8, A100_40, "fp8_weight_only")])
def test_formats_that_an_older_card_runs_badly_are_warned_of(config: Document, card: str, code: str) -> None:
    plan = on_gpu(config, [card])
    assert code in [one["code"] for one in plan["warnings"]]


def test_the_size_of_the_cache_can_be_given() -> None:
    plan = on_gpu(QWEN25_14B_AWQ, [RTX_4000_SFF_ADA], kv_cache_bytes=2 * GIB)
    assert flags(plan)["--kv-cache-memory-bytes"] == str(2 * GIB)
    assert "--gpu-memory-utilization" not in flags(plan)
    # 682 blocks of 3,145,728 bytes
    assert plan["limits"]["max_model_len"] == 682 * 16


# --- refusals: config, cards, wishes, code, words of the message or its remedies

BLOCKS = {"quant_method": "fp8", "weight_block_size": [128, 128]}
REFUSALS: t.List[t.Tuple[Document, t.List[str], Document, str, t.Tuple[str, ...]]] = [
    (TINY, [], {"context": 65537}, "context_above_native", ("65537", "65536")),
    (QWEN25_1B5, [], {"client": "claude_code", "context": 16384}, "context_below_client", ("Claude Code", "20000", "24576")),
    (dict(TINY, max_position_embeddings=2048), [], {"client": "opencode"}, "context_below_client", ("OpenCode", "13000", "2048")),
    (TINY, [], {"kv_cache_dtype": "fp8"}, "kv_cache_dtype_unsupported", ("float32",)),
    (QWEN25_1B5, [], {"kv_cache_bytes": GIB, "context": 32768}, "context_does_not_fit", ("32768", "2147483648")),
    (QWEN25_14B_AWQ, [], {}, "not_planned_yet", ("awq", "CPU")),
    (QWEN36_27B, [], {}, "not_planned_yet", ("state", "CPU")),
    (dict(TINY, head_dim=16), [], {}, "head_size_unsupported", ("16", "32")),
    (dict(TINY, model_type="deepseek_v4"), [], {}, "not_planned_yet", ("compressed caches", "qwen3_moe")),
    (TINY, [], {"engine_build": "cuda"}, "no_gpu", ("no NVIDIA GPU",)),
    (QWEN25_1B5, [V100], {}, "card_too_old", ("7.0", "0.19.1")),
    (QWEN25_1B5, ["2bb7"], {}, "card_memory_unknown", ("2bb7", "driver")),
    (QWEN25_1B5, [RTX_3090], {"kv_cache_dtype": "fp8"}, "kv_cache_dtype_unsupported", ("8.6", "8.9")),
    (QWEN25_14B_AWQ, [RTX_3090] * 3, {"tensor_parallel": 3}, "heads_not_divisible", ("40", "8", "1, 2")),
    (QWEN25_14B_AWQ, [RTX_3090], {"tensor_parallel": 2}, "not_enough_gpus", ("2", "1")),
    (QWEN3_30B_FP8, [RTX_4000_SFF_ADA], {}, "memory_short", ("short by", "smaller or quantised")),
    (QWEN25_14B_AWQ, [RTX_4000_SFF_ADA], {"kv_cache_bytes": 19 * GIB}, "memory_short", ("19.00 GiB", "lower kv_cache_bytes")),
    (dict(QWEN25_1B5, quantization_config=BLOCKS), [H100] * 4, {"tensor_parallel": 4}, "quantization_block_not_divisible", ("128", "8960", "1, 2")),
    (dict(QWEN25_1B5, quantization_config={"quant_method": "aqlm"}), [H100], {}, "files_unknown", ("aqlm", "model_files")),
    (QWEN36_27B, [H100], {}, "files_unknown", ("vision tower", "model_files")),
]


@pytest.mark.parametrize(("config", "cards", "wishes", "code", "words"), REFUSALS)
def test_refusals(config: Document, cards: t.List[str], wishes: Document, code: str, words: t.Tuple[str, ...]) -> None:
    plan = on_gpu(config, cards, **wishes) if cards else on_cpu(config, **wishes)
    refusal = plan["refusal"]
    assert refusal is not None and refusal["code"] == code
    assert refusal["remedies"] and "\n" not in refusal["message"]
    for word in words:
        assert word in " ".join([refusal["message"], *refusal["remedies"]])


def test_a_context_that_does_not_fit_on_a_card_names_remedies_that_work() -> None:
    def planned(context: int = 32_768, gpu_memory_utilization: float = 0.8) -> Document:
        return on_gpu(QWEN25_14B_AWQ, [RTX_4000_SFF_ADA], concurrency=32, context=context, gpu_memory_utilization=gpu_memory_utilization)

    plan = planned()
    refusal = plan["refusal"]
    assert (refusal["code"], plan["flags"]) == ("context_does_not_fit", [])
    # 32,768 tokens are 6 GiB.
    assert refusal["short_by_bytes"] == 6 * GIB - sizes(plan)["kv_cache"]
    shorter = int(refusal["remedies"][0].split()[-1])
    assert planned(context=shorter)["refusal"] is None
    assert planned(context=shorter + 16)["refusal"] is not None
    assert refusal["remedies"][1].startswith("raise gpu_memory_utilization to 0.95: then 32768 tokens fit")
    assert planned(gpu_memory_utilization=0.95)["refusal"] is None


# --- warnings and wishes


def test_a_tight_context_is_warned_of() -> None:
    plan = on_cpu(QWEN25_1B5, client="opencode", context=16384)
    assert [one["code"] for one in plan["warnings"]] == ["context_small_for_client"]


def test_more_conversations_than_the_cache_holds_are_warned_of() -> None:
    plan = on_gpu(QWEN25_14B_AWQ, [RTX_4000_SFF_ADA], context=32768, concurrency=4)
    assert plan["refusal"] is None
    assert [one["code"] for one in plan["warnings"]] == ["concurrency_below_wish"]


def test_parsers_can_be_given_or_switched_off() -> None:
    plan = on_cpu(TINY, tool_parser="nobodys")
    assert flags(plan)["--tool-call-parser"] == "nobodys" and "--tool-parser-plugin" not in flags(plan)
    assert [one["code"] for one in plan["warnings"]] == ["parser_not_built_in"]
    off = on_cpu(TINY, tool_parser="none")
    assert "--enable-auto-tool-choice" not in flags(off) and off["capabilities"]["tool_calls"] is False and off["warnings"] == []


def test_L52_the_collections_parser_is_loaded_where_it_is_the_one() -> None:
    plugin = "/srv/i/lib/inferhost_tool_parser.py"
    for plan in (on_cpu(QWEN25_1B5, name="Qwen/Qwen2.5-Coder-1.5B-Instruct", root="/srv/i"), on_cpu(TINY, tool_parser="qwen_tools", root="/srv/i")):
        assert (flags(plan)["--tool-call-parser"], flags(plan)["--tool-parser-plugin"]) == ("qwen_tools", plugin)
        assert (plan["capabilities"]["tool_parser"], plan["warnings"]) == ("qwen_tools", [])
    assert "--tool-parser-plugin" not in flags(on_cpu(TINY))


def test_a_plugin_of_the_users_own_is_loaded() -> None:
    own = {"tool_parser_plugin": "/home/me/parsers.py", "root": "/srv/i"}
    for wishes, parser in (({"tool_parser": "mine"}, "mine"), ({}, "hermes"), ({"tool_parser": "qwen_tools"}, "qwen_tools")):
        plan = on_cpu(TINY, **own, **wishes)
        assert flags(plan)["--tool-call-parser"] == parser
        reasons = {one["flag"]: one["reason"] for one in plan["flags"]}
        assert flags(plan)["--tool-parser-plugin"] == "/srv/i/lib/inferhost_tool_parser.py" and "/home/me/parsers.py" in reasons["--tool-parser-plugin"]
        assert plan["warnings"] == []
    assert "--tool-parser-plugin" not in flags(on_cpu(TINY, tool_parser="none", **own))


def test_a_model_without_a_known_parser_says_so() -> None:
    plan = on_cpu(dict(TINY, model_type="phi3"), name="something")
    assert [one["code"] for one in plan["warnings"]] == ["no_tool_parser"]
    assert plan["capabilities"]["tool_calls"] is False


def test_a_release_newer_than_the_tables_is_warned_of() -> None:
    assert [one["code"] for one in on_cpu(TINY, engine_version="0.99.0")["warnings"]] == ["engine_newer_than_tables"]


@pytest.mark.parametrize(("context", "wanted", "expected"), [(65536, 0, 16384), (512, 0, 256), (128, 0, 127), (4096, 8192, 4095), (4096, 100, 100)])
def test_the_longest_answer(context: int, wanted: int, expected: int) -> None:
    assert on_cpu(TINY, context=context, max_output_tokens=wanted)["limits"]["max_output_tokens"] == expected


# wishes or facts that make no sense, and what the error must name
BAD: t.List[t.Tuple[Document, Document, str]] = [
    ({"context": -1}, {}, "context"),
    ({"concurrency": -2}, {}, "concurrency"),
    ({"kv_cache_bytes": -1}, {}, "kv_cache_bytes"),
    ({"max_output_tokens": -1}, {}, "max_output_tokens"),
    ({"gpu_memory_utilization": 1.0}, {}, "gpu_memory_utilization"),
    ({"gpu_memory_utilization": 0.0}, {}, "gpu_memory_utilization"),
    ({"kv_cache_dtype": "int4"}, {}, "kv_cache_dtype"),
    ({"client": "vim"}, {}, "client"),
    ({"engine_build": "rocm"}, {}, "engine_build"),
    ({}, {"cpu": {}}, "cpu.memory_bytes"),
    ({}, {"cpu": {"memory_bytes": "24G"}}, "'24G'"),
    ({}, {"gpus": [{"memory_bytes": 1}]}, "gpus[0].name"),
    ({}, {"gpus": [{"name": "X", "memory_bytes": "20 GB"}]}, "gpus[0].memory_bytes"),
    ({}, {"gpus": [{"name": "X", "memory_bytes": 20 * GIB, "compute_capability": "eight"}]}, "gpus[0].compute_capability"),
]


@pytest.mark.parametrize(("wishes", "facts", "word"), BAD)
def test_what_makes_no_sense_is_one_clear_error(wishes: Document, facts: Document, word: str) -> None:
    with pytest.raises(PlanInputError) as caught:
        make_plan(subject(TINY), facts.get("gpus", []), facts.get("cpu", HOST), Wishes(**{"engine_version": "0.32.0", **wishes}))
    assert word in str(caught.value) and "\n" not in str(caught.value)


def test_a_version_that_is_none() -> None:
    with pytest.raises(EngineError):
        on_cpu(TINY, engine_version="latest")


def test_a_plan_takes_less_than_fifty_milliseconds() -> None:
    on_gpu(QWEN36_27B, [RTX_PRO_6000], files=QWEN36_27B_FILES)
    # Processor time, so that a busy machine does not decide.
    begun = time.process_time()
    for _round in range(20):
        on_gpu(QWEN36_27B, [RTX_PRO_6000], files=QWEN36_27B_FILES, context=262_144, gpu_memory_utilization=0.7)
    assert (time.process_time() - begun) / 20 < 0.050


# --- what the host has to show for it


def test_a_plan_says_what_its_gpus_have_to_show() -> None:
    plan = on_gpu(QWEN25_14B_AWQ, [RTX_4000_SFF_ADA])
    assert plan["expect"] == {
        "gpu_count": 1,
        "model": "NVIDIA RTX 4000 SFF Ada Generation",
        "min_memory_bytes": int(plan["device"]["memory_bytes"] * 0.97),
        "cuda_init": True,
        "cuda_major": 13,
    }
    assert on_gpu(QWEN25_14B_AWQ, [RTX_4000_SFF_ADA], engine_version="0.19.1")["expect"]["cuda_major"] == 12
    assert on_cpu(TINY)["expect"] is None
    assert on_gpu(QWEN36_27B, [RTX_4000_SFF_ADA], files=QWEN36_27B_FILES)["expect"] is None


def test_cards_of_several_kinds_have_no_common_name() -> None:
    expect = on_gpu(QWEN25_1B5, [RTX_4000_SFF_ADA, RTX_3090])["expect"]
    assert (expect["gpu_count"], expect["model"]) == (2, None)
    assert expect["min_memory_bytes"] == int(min(describe(card)["memory_bytes"] for card in (RTX_4000_SFF_ADA, RTX_3090)) * 0.97)


def test_a_driver_changes_nothing_that_is_expected() -> None:
    """The plan is made before there is a driver, and again with one that says the card's name and memory itself."""
    model, wishes = subject(QWEN25_14B_AWQ), Wishes(engine_version="0.32.0")
    before = make_plan(model, [describe(RTX_4000_SFF_ADA)], HOST, wishes)["expect"]
    after = make_plan(model, [dict(describe(RTX_4000_SFF_ADA), driver_version="580.1", memory_source="nvidia-smi")], HOST, wishes)["expect"]
    assert before == after
