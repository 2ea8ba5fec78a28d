# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is said of flags and variables, release by release. That the tables are vLLM's own is shown with its parser: tests/conformance/test_vllm_flags.py."""

from __future__ import annotations

import typing as t
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._plan import _engine_command as command
from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_flags import (
    CHOICES,
    COMPARED,
    DEPRECATED,
    FLAGS,
    FLAGS_GONE,
    INSTEAD,
    KV_CACHE_DTYPES,
    LISTS,
    PLAIN_SWITCHES,
    SHORT,
    SWITCHES,
)
from ansible_collections.inferhost.llm.plugins.module_utils._plan._engine_variables import VARIABLES, VARIABLES_GONE, VARIABLES_INSTEAD
from ansible_collections.inferhost.llm.plugins.module_utils._plan._plan import KV_CACHE_DTYPES as WISHES

ROLES = Path(command.__file__).resolve().parents[3] / "roles"
PLANNED = {"--dtype": "float32", "--enforce-eager": None, "--max-model-len": "8192", "--max-num-batched-tokens": "4096", "--max-num-seqs": "4"}
Values = t.Dict[t.Any, t.Any]


def check(
    flags: t.Optional[Values] = None,
    environment: t.Optional[Values] = None,
    version: str = "0.32.0",
    planned: t.Optional[t.Dict[str, t.Optional[str]]] = None,
) -> command.Verdict:
    wanted = PLANNED if planned is None else planned
    plan = {"engine": {"version": version}, "flags": [{"flag": flag, "value": value, "reason": "x"} for flag, value in wanted.items()]}
    return command.check(plan, flags or {}, environment or {})


@pytest.mark.parametrize(
    "flags",
    [
        {},
        {"--seed": 7},
        {"--enable-prefix-caching": None, "--trust-remote-code": True},
        {"--no-enable-prefix-caching": None},
        {"--structured-outputs-config": {"backend": "xgrammar", "disable_any_whitespace": True}},
        {"--compilation-config.level": 3},
        {"--cudagraph-capture-sizes": [1, 2, 4]},
        {"--allowed-origins": ["*"]},
        {"--quantization": "fp8"},
        {"--max-lora-rank": 16},
    ],
)
def test_what_the_engine_takes_is_left_alone(flags: Values) -> None:
    assert check(flags) == ([], [])


# flag, value, version, what the one error says after the flag
WRONG: t.List[t.Tuple[t.Any, t.Any, str, str]] = [
    ("--dtype", "fp8", "0.32.0", "fp8 is none of auto, bfloat16, float, float16, float32, half; an 8- or 4-bit format comes from the checkpoint's own"),
    ("--dtpye", "auto", "0.32.0", "no flag of vLLM 0.32.0; did you mean --dtype?"),
    ("--zzz", 1, "0.32.0", "no flag of vLLM 0.32.0; `vllm serve --help=all` lists the flags"),
    ("--swap-space", 4, "0.32.0", "vLLM 0.32.0 no longer has it, gone by 0.18.1; leave it out; --kv-offloading-size"),
    ("--task", "embed", "0.13.0", "vLLM 0.13.0 no longer has it, gone by 0.13.0; write --runner"),
    ("--guided-decoding-backend", "xgrammar", "0.32.0", "gone by 0.12.0; write --structured-outputs-config: {backend: …}"),
    ("--preemption-mode", "swap", "0.32.0", "gone by 0.11.2; leave it out: nothing took its place"),
    ("--kv-offloading-size", 4, "0.9.2", "vLLM 0.9.2 does not have it yet; 0.11.2 is the first compared release that does"),
    # Gone before the newest release that was read, so a newer one does not have it either.
    ("--swap-space", 4, "0.40.0", "vLLM 0.40.0 no longer has it"),
    ("--max-model-len", 4096, "0.32.0", "not decided here; set vllm_context"),
    ("--port", 9000, "0.32.0", "not decided here; set inferhost_vllm_port"),
    ("--host", "0.0.0.0", "0.32.0", "not decided here; vLLM stays on loopback; inferhost_proxy_host"),
    ("--chat-template", "/x.jinja", "0.32.0", "not decided here; set vllm_chat_template"),
    ("--no-enable-auto-tool-choice", None, "0.32.0", "not decided here; set vllm_tool_parser"),
    ("--config", "/etc/vllm.yaml", "0.32.0", "not decided here; what stands in a file of its own would not be checked"),
    ("-tp", 2, "0.32.0", "write it in full, as --tensor-parallel-size"),
    ("-zz", 2, "0.32.0", "write it in full; "),
    ("max-num-seqs", 2, "0.32.0", "a flag begins with two dashes"),
    (5, 2, "0.32.0", "a flag begins with two dashes"),
    ("--max_num_seqs", 2, "0.32.0", "write it with dashes, as --max-num-seqs: "),
    ("--seed=7", None, "0.32.0", "its value comes after the colon, as in --seed: …"),
    ("--seed", None, "0.32.0", "it needs a value"),
    ("--seed", True, "0.32.0", "it needs a value"),
    ("--cudagraph-capture-sizes", [], "0.32.0", "it needs a value or more"),
    ("--enable-prefix-caching", False, "0.32.0", "it stands without a value; write --no-enable-prefix-caching: null"),
    ("--no-enable-prefix-caching", False, "0.32.0", "it stands without a value; write --enable-prefix-caching: null"),
    ("--enable-prefix-caching", "yes", "0.32.0", "it stands without a value; write --enable-prefix-caching: null"),
    ("--enable-prefix-caching", 1, "0.32.0", "it stands without a value; write --enable-prefix-caching: null"),
    ("--disable-log-stats", False, "0.32.0", "it stands without a value; leave it out"),
    ("--no-disable-log-stats", None, "0.32.0", "it cannot be switched off; leave out --disable-log-stats"),
    ("--scheduling-policy", "random", "0.32.0", "random is none of fcfs, priority"),
]


@pytest.mark.parametrize(("flag", "value", "version", "said"), WRONG, ids=["%s-%s-%s" % one[:3] for one in WRONG])
def test_L30_what_it_does_not_take_is_named_with_what_to_write(flag: t.Any, value: t.Any, version: str, said: str) -> None:
    verdict = check({flag: value}, version=version)
    shown = str(flag).partition("=")[0]
    assert len(verdict.errors) == 1 and verdict.errors[0].startswith("vllm_extra_flags: %s: " % shown), verdict
    assert said in verdict.errors[0]


@pytest.mark.parametrize("flag", ["--api-key", "--hf-token", "--api-key=sk-secret", "--api_key"])
def test_a_secret_is_refused_and_not_repeated(flag: str) -> None:
    verdict = check({flag: "sk-secret"})
    assert len(verdict.errors) == 1 and "sk-secret" not in str(verdict)


def test_every_mistake_is_named_at_once() -> None:
    assert len(check({"--dtype": "fp8", "--zzz": 1}, {"VLLM_API_KEY": "x"}).errors) == 3


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"--log-config-file": "/x"}, "vllm_extra_flags: --log-config-file: vLLM 0.32.0 still takes it and will not for long; write --logging-config"),
        ({"--dtype": "bfloat16"}, "vllm_extra_flags: --dtype: in place of the plan's --dtype float32, with which its figures were computed"),
        ({"--no-enforce-eager": None}, "vllm_extra_flags: --no-enforce-eager: in place of the plan's --enforce-eager, with"),
    ],
)
def test_what_works_and_should_be_known(flags: Values, said: str) -> None:
    verdict = check(flags)
    assert verdict.errors == [] and len(verdict.warnings) == 1 and verdict.warnings[0].startswith(said), verdict


def test_the_plans_own_value_is_no_change_of_it() -> None:
    assert check({"--max-num-seqs": 4, "--enforce-eager": True}) == ([], [])


def test_of_a_release_newer_than_the_tables_nothing_unknown_is_sure() -> None:
    verdict = check({"--brand-new": 1}, version="0.99.0")
    assert verdict.errors == [] and verdict.warnings == ["vllm_extra_flags: --brand-new: no flag of vLLM 0.33.0; `vllm serve --help=all` lists the flags"]


@pytest.mark.parametrize(("version", "held"), [("0.17.1", True), ("0.18.0", True), ("0.18.1", False)])
def test_between_compared_releases_both_neighbours_count(version: str, held: bool) -> None:
    assert (check({"--swap-space": 4}, version=version).errors == []) is held


@pytest.mark.parametrize(
    ("planned", "version", "said"),
    [
        ({"--kv-cache-memory-bytes": "1"}, "0.9.2", "the plan sets --kv-cache-memory-bytes 1: vLLM 0.9.2 does not have it yet; 0.10.2 is the first compared"),
        ({"--kv-cache-dtype": "float16"}, "0.13.0", "the plan sets --kv-cache-dtype float16: float16 is none of auto, bfloat16, fp8, "),
    ],
)
def test_a_wish_that_the_release_cannot_grant(planned: t.Dict[str, t.Optional[str]], version: str, said: str) -> None:
    (error,) = check(planned=planned, version=version).errors
    assert error.startswith(said) and ("; set vllm_kv_cache_" in error) and error.endswith(" to something else, or take another vllm_version")


def test_L29_a_prompt_that_cannot_be_split_has_to_fit_into_one_batch() -> None:
    (error,) = check({"--no-enable-chunked-prefill": None}).errors
    assert "--max-num-batched-tokens is 4096, below --max-model-len 8192" in error and "write --max-num-batched-tokens: 8192" in error
    assert check({"--no-enable-chunked-prefill": None, "--max-num-batched-tokens": "8k"}).errors != []
    assert check({"--no-enable-chunked-prefill": None, "--max-num-batched-tokens": "8K"}).errors == []


@pytest.mark.parametrize(
    ("name", "value", "version", "error", "warning"),
    [
        ("VLLM_LOGGING_LEVEL", "DEBUG", "0.32.0", "", ""),
        ("OMP_NUM_THREADS", 2, "0.32.0", "", ""),
        ("VLLM_LOGING_LEVEL", "DEBUG", "0.32.0", "", "vLLM 0.32.0 does not read it; did you mean VLLM_LOGGING_LEVEL?"),
        ("VLLM_USE_V1", "1", "0.32.0", "", "vLLM 0.32.0 no longer reads it, gone by 0.11.2; leave it out: there is no other engine"),
        ("VLLM_ATTENTION_BACKEND", "x", "0.32.0", "", "gone by 0.16.0; write --attention-backend in vllm_extra_flags"),
        ("VLLM_MEDIA_CONNECTOR", "x", "0.9.2", "", "vLLM 0.9.2 does not read it yet; 0.11.2 is the first compared release that does"),
        ("VLLM_NO_USAGE_STATS", True, "0.32.0", 'it needs a text or a number; a switch is "1" or "0"', ""),
        ("VLLM_API_KEY", "sk-secret", "0.32.0", "a secret would lie in the service's definition", ""),
        ("HF_TOKEN", "sk-secret", "0.32.0", "a secret would lie in the service's definition", ""),
        ("VLLM_CPU_KVCACHE_SPACE", 8, "0.32.0", "the plan decides it; set vllm_kv_cache_bytes", ""),
        ("A B", "x", "0.32.0", "this cannot be the name of a variable", ""),
    ],
)
def test_variables(name: str, value: t.Any, version: str, error: str, warning: str) -> None:
    verdict = check(None, {name: value}, version)
    for sentences, said in ((verdict.errors, error), (verdict.warnings, warning)):
        assert len(sentences) == bool(said)
        assert all(one.startswith("vllm_extra_environment: %s: " % name) and said in one for one in sentences)
    assert "sk-secret" not in str(verdict)


def names(*tables: t.Any) -> t.Set[str]:
    return {name for table in tables for _since, listed in table for name in listed.split()}


def test_the_tables_agree_with_each_other() -> None:
    for table, gone in ((FLAGS, FLAGS_GONE), (VARIABLES, VARIABLES_GONE)):
        since = {name: release for release, listed in table for name in listed.split()}
        assert sum(len(listed.split()) for _release, listed in table) == len(since), "a name stands twice"
        assert all(since[name] < release for release, listed in gone for name in listed.split())
        assert {release for release, _listed in table + gone} <= set(COMPARED)
    flags = names(FLAGS)
    assert names(DEPRECATED) | set(INSTEAD) | SWITCHES | PLAIN_SWITCHES | LISTS | set(CHOICES) | set(SHORT.values()) <= flags
    assert not (SWITCHES & PLAIN_SWITCHES or SWITCHES & LISTS or PLAIN_SWITCHES & LISTS)
    assert set(INSTEAD) <= names(DEPRECATED, FLAGS_GONE) and set(VARIABLES_INSTEAD) <= names(VARIABLES_GONE)
    assert set(command.DECIDED) | set(command.SECRET) <= flags
    assert list(COMPARED) == sorted(COMPARED)


def test_every_flag_is_decided_by_a_variable_that_there_is() -> None:
    specs = "".join((ROLES / role / "meta/argument_specs.yml").read_text(encoding="utf-8") for role in ("inferhost", "model", "vllm"))
    texts = " ".join([*command.DECIDED.values(), *command.DECIDED_VARIABLES.values(), *INSTEAD.values(), *VARIABLES_INSTEAD.values()])
    named = {word.strip(";,.") for word in texts.split() if word.startswith(("vllm_", "inferhost_", "model_"))}
    assert len(named) >= 10 and all("      %s:\n" % name in specs for name in named), named


def test_what_can_be_wished_of_the_cache_is_in_the_newest_release() -> None:
    assert set(WISHES) <= names(KV_CACHE_DTYPES)
