# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Broken hosts, one for each row of the ledger, and what is found on them. All documents are constructed."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._causes import CAUSES, CRITICAL, ERROR
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._expectations import EXPECTATIONS
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._facts import Inputs
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._fixes import words
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._verify import is_asked, verify
from ansible_collections.inferhost.llm.tests.unit.plugins import gpu_documents as made
from ansible_collections.inferhost.llm.tests.unit.plugins.gpu_broken_hosts import CASES, CONTAINER, CUDA, MIXED_BRANCHES, NO_HEADERS, REMAINS
from ansible_collections.inferhost.llm.tests.unit.plugins.host_tree import RELEASE

Document = t.Dict[str, t.Any]


def judge(facts: Document, asked: Document, **more: t.Any) -> Document:
    return verify(Inputs(facts, **more), asked)


@pytest.mark.parametrize("name", CASES)
def test_a_broken_host_is_explained(name: str) -> None:
    case = CASES[name]
    result = judge(case.facts, case.asked, container_cuda=case.container)
    found = [finding for finding in result["findings"] if (finding["id"], finding["title"]) == (case.id, case.title)]
    assert len(found) == 1, result["text"]
    # One fault has one finding; whatever else is seen at most warns.
    assert [finding["title"] for finding in result["findings"] if finding["severity"] != "warning"] == [case.title], result["text"]
    assert [words for words in case.seen if words not in found[0]["seen"]] == []
    assert [words for words in case.fix if words not in found[0]["fix"]] == []
    assert not result["ok"] and result["worst"] in (ERROR, CRITICAL)
    # Everything that was asked is explained: no symptom is left to stand alone.
    assert [row["name"] for row in result["expectations"] if not row["explained_by"]] == [], result["text"]
    assert case.id in {one for row in result["expectations"] for one in row["explained_by"]}
    assert case.id in result["text"] and found[0]["fix"] in result["text"]


@pytest.mark.parametrize("name", CASES)
def test_what_was_not_asked_for_never_fails(name: str) -> None:
    case = CASES[name]
    result = judge(case.facts, {}, container_cuda=case.container)
    assert result["ok"] and result["expectations"] == []
    assert {finding["severity"] for finding in result["findings"]} == {"warning"}
    assert result["worst"] == "warning"


EVERYTHING = {
    "gpu_count": 1,
    "model": "rtx 4000 *",
    "compute_capability": "8.9",
    "min_compute_capability": "8.0",
    "min_memory_bytes": 16 << 30,
    "min_driver_version": "580.95",
    "max_driver_version": "580",
    "driver_branch": "580",
    "open_module": True,
    "module_licence": "Dual MIT/GPL",
    "same_version": ["module", "user_space"],
    "cuda_init": True,
    "cuda_major": 13,
    "container_cuda_init": True,
    "no_new_xids": True,
    "no_new_refusals": True,
    "ecc_clean": True,
    "pcie_link": True,
    "min_pcie_width": 8,
    "persistence": True,
    "fabric_manager": True,
    "secure_boot": False,
    "no_nouveau": True,
    "min_bandwidth_percent": 80.0,
}


def test_a_healthy_host_meets_everything() -> None:
    assert set(EVERYTHING) == {row.name for row in EXPECTATIONS}
    result = judge(made.healthy(), EVERYTHING, container_cuda=made.cuda(), bandwidth_bytes_per_s=250e9)
    assert (result["ok"], result["worst"], result["findings"]) == (True, "ok", []), result["text"]
    assert [row["name"] for row in result["expectations"] if row["met"] != "yes"] == []
    assert "24 of 24 expectations met; worst: ok" in result["text"]


# A document in which nothing could be read.
BLIND = {
    **dict.fromkeys(made.healthy()),
    "gpus": [],
    "unread": [
        {"what": "/sys/bus/pci/devices", "why": "permission denied"},
        {"what": "driver", "why": "OSError: denied"},
        {"what": "/dev/kmsg", "why": "operation not permitted"},
    ],
}


def test_nothing_that_was_not_read_is_met() -> None:
    result = judge(BLIND, EVERYTHING)
    assert {row["met"] for row in result["expectations"]} == {"unknown"}, result["text"]
    assert [finding["id"] for finding in result["findings"]] == [row.name + "_unknown" for row in EXPECTATIONS]
    assert {finding["severity"] for finding in result["findings"]} == {"error"}
    seen = {row["name"]: row["seen"] for row in result["expectations"]}
    assert "/sys/bus/pci/devices: permission denied" in seen["gpu_count"]
    assert "driver: OSError: denied" in seen["open_module"]
    assert "/dev/kmsg: operation not permitted" in seen["no_new_xids"]
    assert not result["ok"] and judge(BLIND, {})["ok"]


def test_an_unknown_answer_says_what_to_do_and_what_may_be_the_reason() -> None:
    result = judge(made.closed_on_blackwell(), {"ecc_clean": True})
    assert [row["met"] for row in result["expectations"]] == ["unknown"]
    (unknown,) = [finding for finding in result["findings"] if finding["id"] == "ecc_clean_unknown"]
    assert "did not report" in unknown["seen"] and "closed kernel module cannot drive" in unknown["cause"] and "--ecc-config=1" in unknown["cause"]
    assert unknown["fix"].startswith("nvidia-smi -q")


def test_a_message_of_an_earlier_module_is_no_cause() -> None:
    """The closed module was replaced and CUDA works since; the kernel's log still has the refusal."""
    result = judge(made.changed(gpus=[made.blackwell()], kernel_log=made.log(*made.OPEN_REQUIRED)), CUDA)
    assert (result["ok"], result["findings"]) == (True, [])


def test_what_nothing_explains_has_a_finding_of_its_own() -> None:
    result = judge(made.healthy(), {"min_memory_bytes": 40 << 30})
    (finding,) = result["findings"]
    assert (finding["id"], finding["severity"]) == ("min_memory_bytes", "error")
    assert finding["seen"] == "asked: %d; seen: 0000:01:00.0: 20.0 GiB (nvidia-smi)" % (40 << 30)


def test_a_missing_driver_does_not_excuse_a_small_card() -> None:
    result = judge(NO_HEADERS, {"min_memory_bytes": 40 << 30})
    assert next((finding["id"], finding["severity"]) for finding in result["findings"]) == ("min_memory_bytes", "error")


def test_the_worst_stands_first_and_remains_only_warn_beside_another_cause() -> None:
    result = judge(REMAINS, {"cuda_init": True, "min_memory_bytes": 40 << 30})
    assert [(finding["id"], finding["severity"]) for finding in result["findings"]] == [
        ("unified_memory", "critical"),
        ("min_memory_bytes", "error"),
        ("L02", "warning"),
    ], result["text"]
    assert result["findings"][2]["fix"] == "sudo apt-get purge libnvidia-compute-535 nvidia-utils-550"


def test_a_container_that_shares_the_fault_of_its_host_has_not_lost_the_card() -> None:
    result = judge(made.closed_on_blackwell(), CONTAINER, container_cuda=made.cuda(100))
    assert [finding["id"] for finding in result["findings"]] == ["L01"], result["text"]


def test_remains_do_not_excuse_a_driver_of_another_branch() -> None:
    result = judge(MIXED_BRANCHES, {"driver_branch": "595"})
    assert [(finding["id"], finding["severity"]) for finding in result["findings"]] == [("driver_branch", "error"), ("L02", "warning")]


def test_another_kernel_without_a_module_warns() -> None:
    facts = made.changed(kernel__installed=[made.kernel(RELEASE), made.kernel("6.12.57+deb13-amd64", headers=None, nvidia_module=None)])
    (finding,) = judge(facts, CUDA)["findings"]
    assert (finding["id"], finding["severity"]) == ("L03", "warning")
    assert finding["fix"] == "sudo apt-get install linux-headers-6.12.57+deb13-amd64 linux-headers-amd64 && sudo dkms autoinstall -k 6.12.57+deb13-amd64"


@pytest.mark.parametrize(
    ("name", "wanted", "asked"),
    [
        ("gpu_count", 0, True),
        ("gpu_count", None, False),
        ("cuda_init", False, False),
        ("open_module", False, True),
        ("secure_boot", False, True),
        ("same_version", [], False),
        ("model", "", False),
    ],
)
def test_what_counts_as_asked(name: str, wanted: t.Any, asked: bool) -> None:
    assert is_asked(name, wanted) is asked


def test_the_table_speaks_of_expectations_that_exist_and_its_commands_can_be_filled() -> None:
    names = {row.name for row in EXPECTATIONS}
    for cause in CAUSES:
        assert set(cause.explains) <= names, cause.title
        assert cause.fix.format(**words(made.healthy())) and cause.severity in (ERROR, CRITICAL)
