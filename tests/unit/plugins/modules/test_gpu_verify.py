# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module as Ansible runs it, on constructed facts and on a constructed sysfs."""

from __future__ import annotations

import json
import typing as t
from pathlib import Path

import pytest
import yaml

from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._expectations import EXPECTATIONS
from ansible_collections.inferhost.llm.plugins.modules import gpu_verify as module
from ansible_collections.inferhost.llm.tests.unit.plugins import gpu_documents as made
from ansible_collections.inferhost.llm.tests.unit.plugins import sysfs_tree
from ansible_collections.inferhost.llm.tests.unit.plugins.run_module import run_module


def gpu_verify(**options: t.Any) -> t.Dict[str, t.Any]:
    return run_module("gpu_verify", options, check=True)


def test_a_healthy_host_passes() -> None:
    result = gpu_verify(facts=made.healthy(), expect={"count": 1, "cuda_init": True, "same_version": ["module", "user_space"]})
    assert (result.get("failed"), result["changed"], result["ok"], result["worst"], result["findings"]) == (None, False, True, "ok", [])
    assert [(row["name"], row["asked"], row["met"]) for row in result["expectations"]] == [
        ("gpu_count", 1, "yes"),
        ("same_version", ["module", "user_space"], "yes"),
        ("cuda_init", True, "yes"),
    ]


def test_a_broken_host_fails_with_cause_and_fix() -> None:
    result = gpu_verify(facts=made.closed_on_blackwell(), expect={"cuda_init": True})
    assert result["failed"] and not result["ok"] and result["worst"] == "critical"
    assert result["findings"][0]["id"] == "L01"
    assert set(result["findings"][0]) == {"id", "severity", "title", "seen", "cause", "fix"}
    assert "closed kernel module" in result["msg"] and "nvidia-kernel-open-dkms" in result["msg"]


def test_a_broken_host_is_only_reported_on_request() -> None:
    result = gpu_verify(facts=made.closed_on_blackwell(), expect={"cuda_init": True}, on_problem="report")
    assert (result.get("failed"), result["changed"], result["ok"], result["findings"][0]["id"]) == (None, False, False, "L01")


def test_nothing_asked_for_is_nothing_failed() -> None:
    result = gpu_verify(facts=made.closed_on_blackwell())
    assert (result.get("failed"), result["ok"], result["expectations"], result["worst"]) == (None, True, [], "warning")


def test_what_a_driver_plan_promises_can_be_asked_for() -> None:
    promised = {
        "gpu_count": 1,
        "driver_branch": "580",
        "min_driver_version": "580.0",
        "open_module": True,
        "module_licence": "Dual MIT/GPL",
        "same_version": ["module", "user_space"],
        "cuda_init": True,
        "cuda_major": None,
        "fabric_manager": False,
    }
    result = gpu_verify(facts=made.healthy(), expect=promised)
    assert result["ok"] and [row["name"] for row in result["expectations"]] == [
        "gpu_count",
        "min_driver_version",
        "driver_branch",
        "open_module",
        "module_licence",
        "same_version",
        "cuda_init",
    ]


def test_a_container_and_a_baseline_are_given_as_data() -> None:
    log = made.log("[ 9.0] NVRM: Xid (PCI:0000:01:00): 31, pid=7")
    asked = {"container_cuda_init": True, "no_new_xids": True, "min_bandwidth_percent": 50}
    facts = made.changed(kernel_log=log)
    assert gpu_verify(facts=facts, expect=asked, container_cuda=made.cuda(), baseline=log, bandwidth_bytes_per_s=200e9)["ok"]
    result = gpu_verify(facts=facts, expect=asked, container_cuda=made.cuda(100), on_problem="report")
    assert [(row["name"], row["met"]) for row in result["expectations"]] == [
        ("container_cuda_init", "no"),
        ("no_new_xids", "no"),
        ("min_bandwidth_percent", "unknown"),
    ]


def test_it_collects_the_facts_itself(tmp_path: Path) -> None:
    """A sysfs below a folder, where no CUDA can be called: what cannot be known there is not met."""
    sysfs_tree.build(tmp_path / "sys", sysfs_tree.ADA_UNBOUND)
    options = {"root": str(tmp_path), "nvidia_smi": "/nonexistent/nvidia-smi", "on_problem": "report"}
    result = gpu_verify(expect={"gpu_count": 1, "min_compute_capability": "8.0", "cuda_init": True, "no_nouveau": True}, **options)
    assert [(row["name"], row["met"]) for row in result["expectations"]] == [
        ("gpu_count", "yes"),
        ("min_compute_capability", "yes"),
        ("cuda_init", "unknown"),
        ("no_nouveau", "yes"),
    ]
    assert [finding["id"] for finding in result["findings"]] == ["cuda_init_unknown", "no_driver"]
    assert "host's file system is seen below" in result["findings"][0]["seen"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"facts": {"gpus": []}}, "not what gpu_info returns, it has no driver"),
        ({"expect": {"min_driver_version": "latest"}}, "not a version: min_driver_version: latest"),
        ({"expect": {"driver_branch": "580.1"}}, "not a version: driver_branch"),
        ({"baseline": {"gpus": []}}, "baseline: not the kernel_log"),
        ({"expect": {"gpu_cuont": 1}}, "Unsupported parameters"),
    ],
)
def test_options_that_make_no_sense_fail(options: t.Dict[str, t.Any], message: str) -> None:
    result = gpu_verify(**{"facts": made.healthy(), **options})
    assert result["failed"] and message in result["msg"]


def test_no_field_of_a_finding_is_empty() -> None:
    result = gpu_verify(facts=made.without_module(), expect={"cuda_init": True, "ecc_clean": True}, on_problem="report")
    assert len(result["findings"]) == 2 and all(all(finding.values()) for finding in result["findings"]), json.dumps(result["findings"])


def test_the_options_are_documented_and_the_table_has_a_check_for_each() -> None:
    documented = yaml.safe_load(module.DOCUMENTATION)["options"]["expect"]["suboptions"]
    assert list(documented) == list(module.EXPECT)
    assert set(documented) == {row.name for row in EXPECTATIONS}
