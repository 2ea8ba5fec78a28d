# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import typing as t
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._facts import Inputs
from ansible_collections.inferhost.llm.plugins.module_utils._gpu_verify._verify import verify
from ansible_collections.inferhost.llm.plugins.module_utils._report import _report as report
from ansible_collections.inferhost.llm.plugins.module_utils._report import _svg as svg
from ansible_collections.inferhost.llm.plugins.module_utils._report._html import page
from ansible_collections.inferhost.llm.tests.unit.plugins import gpu_documents as made

FINDING = {"id": "L72", "severity": "critical", "title": "A key is in a file", "seen": "a.log holds <it>", "cause": "logged", "fix": "rm 'a.log'"}
PLAN: t.Any = {
    "model": {"name": "tiny<model>", "quantization": None},
    "device": {"kind": "cuda", "name": "Card & Co", "count": 2, "memory_bytes": 20 * 2**30},
    "sizes": [
        {"name": "parameters", "value": 14_769_689_600, "unit": "parameters", "source": "config.json"},
        {"name": "download", "value": 9_979_340_800, "unit": "bytes", "source": "files"},
        {"name": "weights", "value": 10 * 2**30, "unit": "bytes", "source": "files"},
        {"name": "kv_cache", "value": 6 * 2**30, "unit": "bytes", "source": "what is left"},
        {"name": "kv_bytes_per_token", "value": 196608, "unit": "bytes/token", "source": "layers"},
        {"name": "headroom", "value": 2**30, "unit": "bytes", "source": "cache left"},
    ],
    "limits": {"max_model_len": 32768, "kv_tokens": 35072},
    "flags": [{"flag": "--max-model-len", "value": "32768", "reason": "fits"}, {"flag": "--enable-x", "value": None, "reason": "needed"}],
}
ENDPOINT = {"url": "http://127.0.0.1:4000", "key_file": "/opt/key", "report": "/opt/report/verify.html"}
SPEED = {"tokens": 128, "first_token_s": 0.031, "tokens_per_s": 25.0, "inter_token_p50_s": 0.04, "inter_token_p95_s": 0.05, "total_s": 5.1}
VERDICT = {
    "verdict": "ok",
    "reason": "85% of the speed expected",
    "tokens_per_s": 25.0,
    "bytes_per_token": 8e9,
    "implied_bandwidth_bytes_per_s": 200e9,
    "bandwidth_bytes_per_s": 280e9,
    "expected_tokens_per_s": 29.0,
    "roofline_tokens_per_s": 35.0,
}
SEARCHED = {"keys": 2, "files": 40, "bytes": 9, "processes": 90, "journal_bytes": 0}


def good() -> dict[str, t.Any]:
    return {
        "endpoints": {"ok": True, "findings": [], "rows": [{"name": "Proxy is alive", "ok": True, "seen": "200", "elapsed_s": 0.002, "finding": None}]},
        "tool_call": {"ok": True, "findings": [], "answers": [{"streamed": True, "ok": True, "code": "ok", "detail": "read_file({})", "elapsed_s": 1.5}]},
        "throughput": {"ok": True, "findings": [], "speed": SPEED, "verdict": VERDICT},
        "caches": {"ok": True, "findings": [], "pid": 7, "caches": {"TMPDIR": "/opt/inferhost/cache/tmp"}},
        "secrets": {"ok": True, "findings": [], "leaks": [], "modes": [], "skipped": [], "searched": SEARCHED},
    }


def assemble(**changed: t.Any) -> t.Any:
    return report.assemble({**good(), **changed}, PLAN, ENDPOINT, "host1", "2026-11-21 08:00:00 UTC")


def statuses(document: t.Any) -> dict[str, str]:
    return {row["name"]: row["status"] for row in document["rows"]}


def test_a_good_host() -> None:
    document = assemble()
    assert document["ok"] is True
    assert set(statuses(document).values()) == {"ok"}
    assert document["counts"] == {"error": 0, "warning": 0, "info": 0, "ok": 7, "skipped": 0}
    assert json.loads(json.dumps(document)) == document


LEAK = {**good()["secrets"], "ok": False, "leaks": [{"kind": "file", "where": "a.log", "key_file": "k"}], "findings": [FINDING]}
PROMETHEUS_DOWN = {"name": "Prometheus reaches its targets", "ok": False, "seen": "down: node", "elapsed_s": 0.1, "finding": {**FINDING, "severity": "warning"}}
CUDA = {"name": "cuda_init", "asked": True, "seen": "cuInit works, CUDA 13.0 shows 1 GPUs", "met": "yes", "explained_by": []}
COUNT = {"name": "gpu_count", "asked": 1, "seen": "1 on the PCI bus", "met": "yes", "explained_by": []}
GPU = {"ok": True, "findings": [], "expectations": [COUNT, CUDA]}
MISMATCH = {"id": "L08", "severity": "critical", "title": "Upgraded", "seen": "803", "cause": "apt", "fix": "sudo reboot"}
CHANGES = [
    pytest.param({"secrets": LEAK}, "Keys nowhere but in their files", "error", id="leak"),
    pytest.param(
        {"secrets": {**good()["secrets"], "modes": [{"path": "/k", "mode": "0644", "wanted": "0600"}]}}, "Key files closed to others", "error", id="mode"
    ),
    pytest.param(
        {"endpoints": {"ok": False, "findings": [PROMETHEUS_DOWN["finding"]], "rows": [PROMETHEUS_DOWN]}},
        "Prometheus reaches its targets",
        "warning",
        id="prometheus",
    ),
    pytest.param(
        {"tool_call": {"ok": False, "findings": [], "answers": [{"streamed": False, "ok": False, "code": "plain_text", "detail": "x", "elapsed_s": 1}]}},
        "Tool call",
        "error",
        id="tool-call",
    ),
    pytest.param(
        {"tool_call": {"ok": True, "findings": [], "answers": [{"streamed": False, "ok": True, "code": "other_argument", "detail": "x", "elapsed_s": 1}]}},
        "Tool call",
        "warning",
        id="other-argument",
    ),
    pytest.param({"throughput": {**good()["throughput"], "verdict": {**VERDICT, "verdict": "slow"}}}, "Decoding", "warning", id="slow"),
    pytest.param({"throughput": {**good()["throughput"], "verdict": {**VERDICT, "verdict": "fallback"}}}, "Decoding", "error", id="fallback"),
    pytest.param({"throughput": {**good()["throughput"], "verdict": {**VERDICT, "verdict": "unknown"}}}, "Decoding", "info", id="not-judged"),
    pytest.param({"throughput": {"ok": False, "findings": [FINDING], "speed": {}, "verdict": {}}}, "Decoding", "error", id="no-figure"),
    pytest.param({"caches": {"ok": False, "findings": [FINDING], "pid": 0, "caches": {}}}, "Caches on the persistent path", "error", id="engine-down"),
    pytest.param({"caches": {**good()["caches"], "findings": [FINDING]}}, "Caches on the persistent path", "error", id="cache-elsewhere"),
    pytest.param({"tool_call": {"skipped": True, "changed": False}}, "Tool call", "skipped", id="left-out"),
    pytest.param({"secrets": {"msg": "no key to look for", "failed": False}}, "Keys nowhere but in their files", "error", id="module-failed"),
    pytest.param({"gpu": GPU}, "CUDA starts", "ok", id="cuda"),
    pytest.param({"gpu": {**GPU, "expectations": [COUNT, {**CUDA, "met": "no"}], "findings": [MISMATCH]}}, "CUDA starts", "error", id="803"),
    pytest.param({"gpu": {**GPU, "ok": False, "expectations": [{**CUDA, "met": "unknown", "seen": "not asked"}]}}, "CUDA starts", "error", id="unknown"),
    pytest.param({"gpu": {**GPU, "expectations": [COUNT, {**COUNT, "name": "ecc_clean"}]}}, "Ecc clean", "ok", id="another-expectation"),
    pytest.param({"gpu": {"msg": "expect: not a version", "failed": False}}, "GPUs and CUDA", "error", id="gpu-not-checked"),
]


@pytest.mark.parametrize("changed, name, status", CHANGES)
def test_each_result_becomes_a_row(changed: t.Any, name: str, status: str) -> None:
    document = assemble(**changed)
    assert statuses(document)[name] == status
    assert document["ok"] is (status != "error")


@pytest.mark.parametrize(
    "changed, fail_on, failed",
    [({}, "warning", False), ({"secrets": LEAK}, "error", True), ({"secrets": LEAK}, "never", False)],
)
def test_when_the_run_fails(changed: t.Any, fail_on: str, failed: bool) -> None:
    assert report.failed(assemble(**changed), fail_on) is failed


def test_warnings_fail_only_when_asked() -> None:
    document = assemble(throughput={**good()["throughput"], "verdict": {**VERDICT, "verdict": "slow"}})
    assert (report.failed(document, "error"), report.failed(document, "warning")) == (False, True)


def test_one_message_names_everything_that_is_wrong() -> None:
    message = report.problems(assemble(secrets=LEAK, caches={"msg": "crashed"}))
    assert message.startswith("NOT verified: 2 error")
    assert "A key is in a file: a.log holds <it>. Fix: rm 'a.log'" in message
    assert "could not be checked: crashed" in message


def test_what_a_plan_expects_of_its_gpus_is_verified() -> None:
    """From the plan's expectations through gpu_verify to the table and the message."""
    expect = {"gpu_count": 1, "model": None, "min_memory_bytes": 19 << 30, "cuda_init": True, "cuda_major": 13}
    document = assemble(gpu=verify(Inputs(made.healthy()), expect))
    assert document["ok"] and [row["name"] for row in document["rows"][:4]] == ["GPUs on the bus", "Memory of each GPU", "CUDA starts", "CUDA is new enough"]
    broken = assemble(gpu=verify(Inputs(made.closed_on_blackwell()), expect))
    assert not broken["ok"] and statuses(broken)["CUDA starts"] == "error"
    assert "The closed kernel module cannot drive this GPU" in report.problems(broken) and "nvidia-kernel-open-dkms" in report.problems(broken)


def test_a_host_without_a_gpu_in_its_plan_has_no_row_for_it() -> None:
    assert assemble(gpu={"skipped": True, "changed": False})["rows"] == assemble()["rows"]


def test_the_table_has_what_a_user_needs() -> None:
    text = "\n".join(report.lines(assemble()))
    for wanted in ("http://127.0.0.1:4000/v1", "/opt/key", "tiny<model>", "32768 tokens", "25.0 tokens/s", "verified: 7 ok"):
        assert wanted in text


@pytest.mark.parametrize("seconds, text", [(0.0001, "<1 ms"), (0.0314, "31 ms"), (1.5, "1.5 s"), (75, "1 min 15 s")])
def test_duration(seconds: float, text: str) -> None:
    assert report.duration(seconds) == text


def test_the_memory_bar_is_filled_by_its_parts() -> None:
    parts = svg.memory_parts(PLAN)
    assert [(part.label, part.value / 2**30) for part in parts] == [("Weights", 10), ("KV cache", 6), ("Left free", 4)]
    boxes = [shape for shape in ElementTree.fromstring(svg.stacked_bar(parts, "memory")).iter() if shape.tag.endswith("rect")]
    assert [float(box.get("x", "")) for box in boxes] == [0.0, 450.0, 720.0]


def test_a_part_too_small_to_see_is_still_drawn() -> None:
    parts = [svg.Part("a", 1.0, "c1"), svg.Part("b", 1e9, "c2")]
    boxes = [shape for shape in ElementTree.fromstring(svg.stacked_bar(parts, "x")).iter() if shape.tag.endswith("rect")]
    assert [float(box.get("width", "")) for box in boxes] == [1.5, svg.WIDTH - svg.NARROWEST - 1]


def test_phases_last_until_the_next_one() -> None:
    parts = svg.phase_parts({"service": "vLLM", "phases": {"load": 5.0, "import": 2.0, "server": 9.0}, "ready": 9.5})
    assert [(part.label, part.value) for part in parts] == [("Imports", 2.0), ("Options", 3.0), ("Load weights", 4.0), ("First answer", 0.5)]


def test_speed_lines_show_what_is_known() -> None:
    assert [line.label for line in svg.speed_lines(VERDICT)] == ["Measured", "Expected", "Memory limit"]
    assert [line.label for line in svg.speed_lines({"tokens_per_s": 3.0})] == ["Measured"]


class Outline(HTMLParser):
    """Checks that tags are closed in order, and collects what a page must not have."""

    VOID: t.ClassVar[set[str]] = {"meta", "hr", "img", "link"}

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []
        self.references: list[str] = []

    def handle_starttag(self, tag: str, attrs: t.Any) -> None:
        self.seen.append(tag)
        self.references += [value for name, value in attrs if name in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: t.Any) -> None:
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_else() -> None:
    startup = [{"service": "vLLM", "phases": {"load": 5.0}, "ready": 9.5}]
    results = {**good(), "secrets": LEAK}
    text = page(report.assemble(results, PLAN, ENDPOINT, "host<1>", "now", startup))
    outline = Outline()
    outline.feed(text)
    assert outline.open == []
    assert outline.references == []
    assert "script" not in outline.seen
    assert outline.seen.count("svg") == 3
    assert "http" not in text.replace("http://127.0.0.1:4000", "").replace("http://www.w3.org/2000/svg", "")


def test_the_page_escapes_what_it_is_given() -> None:
    text = page(assemble(secrets=LEAK))
    assert "tiny&lt;model&gt;" in text
    assert "a.log holds &lt;it&gt;" in text
    assert "<model>" not in text
    assert "Card &amp; Co" in text


def test_a_page_without_figures() -> None:
    empty = page(report.assemble({}, PLAN, ENDPOINT, "h", "now"))
    assert "left out" in empty
    assert "Speed of one request" not in empty
