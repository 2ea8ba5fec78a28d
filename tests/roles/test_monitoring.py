# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the role monitoring writes, rendered by Ansible and judged by the programs that read it, and by names that real exporters export.

`metrics/` holds names captured at /metrics; see the first line of each file.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

HERE = Path(__file__).parent
ROLE = HERE.parents[1] / "roles" / "monitoring"
METRIC = re.compile(r"\b(?:vllm:|nvidia_smi_|node_)\w+")
FOUND = {"state": "running", "source": "package", "reason": ""}

PLAYBOOK = """\
- hosts: localhost
  gather_facts: false
  vars_files: [{role}/defaults/main.yml, {role}/vars/main.yml, {role}/vars/dashboard.yml]
  tasks:
    - ansible.builtin.template:
        src: "{role}/templates/{{{{ item }}}}.j2"
        dest: "{dest}/{{{{ item }}}}"
        mode: "0644"
      loop: [prometheus.yml, dashboard.json, grafana-datasource.yml, grafana-provider.yml]
    - ansible.builtin.template:
        src: "{role}/templates/prometheus-rules.yml.j2"
        dest: "{dest}/etc/prometheus-rules.yml"
        mode: "0644"
        variable_start_string: "[["
        variable_end_string: "]]"
        block_start_string: "[%"
        block_end_string: "%]"
"""


def plan(kind: str) -> dict[str, Any]:
    return {
        "model": {"name": "org/model"},
        "device": {"kind": kind, "name": "NVIDIA H200"},
        "limits": {"max_num_seqs": 4, "kv_tokens": 65536, "max_model_len": 16384},
    }


def render(folder: Path, kind: str, **variables: Any) -> Path:
    programs = ["prometheus", "node_exporter", *(["gpu_exporter"] if kind == "cuda" else [])]
    (folder / "etc").mkdir()
    (folder / "playbook.yml").write_text(PLAYBOOK.format(role=ROLE, dest=folder), encoding="utf-8")
    variables = {
        "ansible_python_interpreter": sys.executable,
        "inferhost_plan": plan(kind),
        "inferhost_root": str(folder),
        "inferhost_service_manager": "systemd",
        "inferhost_proxy_host": "127.0.0.1",
        "inferhost_proxy_port": 4000,
        "inferhost_vllm_port": 8000,
        "inferhost_prometheus_port": 9090,
        "inferhost_gpu_exporter_port": 9835,
        "inferhost_node_exporter_port": 9100,
        "__monitoring_programs": {name: {**FOUND, "program": f"/usr/bin/{name}"} for name in programs},
        **variables,
    }
    (folder / "variables.json").write_text(json.dumps(variables), encoding="utf-8")
    command = [sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", "-c", "local"]
    done = subprocess.run([*command, "-e", f"@{folder}/variables.json", f"{folder}/playbook.yml"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module", params=["cpu", "cuda"])
def rendered(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(tmp_path_factory.mktemp(request.param), request.param)


@pytest.fixture(scope="module")
def with_gpu(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render(tmp_path_factory.mktemp("with_gpu"), "cuda")


@pytest.fixture(scope="module")
def promtool() -> str:
    path = shutil.which("promtool")
    if path is None:
        pytest.skip("promtool is not installed (Debian package prometheus)")
    return path


@pytest.fixture(scope="module")
def exported() -> set[str]:
    lines = [line for file in (HERE / "metrics").iterdir() for line in file.read_text(encoding="utf-8").splitlines()]
    return {line for line in lines if line and not line.startswith("#")}


def panels(folder: Path) -> list[dict[str, Any]]:
    document: list[dict[str, Any]] = json.loads((folder / "dashboard.json").read_text(encoding="utf-8"))["panels"]
    return document


def rules(folder: Path) -> list[dict[str, Any]]:
    (group,) = yaml.safe_load((folder / "etc/prometheus-rules.yml").read_text(encoding="utf-8"))["groups"]
    alerts: list[dict[str, Any]] = group["rules"]
    return alerts


def test_prometheus_accepts_its_configuration(rendered: Path, promtool: str) -> None:
    done = subprocess.run([promtool, "check", "config", str(rendered / "prometheus.yml")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 rule files found" in done.stdout


def test_everything_that_is_scraped_is_on_loopback_and_there(rendered: Path) -> None:
    jobs = yaml.safe_load((rendered / "prometheus.yml").read_text(encoding="utf-8"))["scrape_configs"]
    targets = {job["job_name"]: job["static_configs"][0]["targets"] for job in jobs}
    always = {"vllm": ["127.0.0.1:8000"], "proxy": ["127.0.0.1:4000"], "node": ["127.0.0.1:9100"], "prometheus": ["127.0.0.1:9090"]}
    assert targets == {**always, **({"gpu": ["127.0.0.1:9835"]} if rendered.name.startswith("cuda") else {})}


def test_a_dcgm_exporter_that_is_there_is_scraped(tmp_path: Path) -> None:
    programs = {name: {**FOUND, "program": "x"} for name in ("prometheus", "node_exporter")}
    folder = render(tmp_path, "cuda", monitoring_gpu_exporter="dcgm", __monitoring_programs=programs)
    assert 'job_name: gpu\n    static_configs:\n      - targets: ["127.0.0.1:9400"]' in (folder / "prometheus.yml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("card", "supported"),
    [
        ("NVIDIA H200", True),
        ("NVIDIA L40S", True),
        ("Tesla T4", True),
        ("NVIDIA RTX PRO 6000 Blackwell Server Edition", True),
        ("NVIDIA RTX PRO 6000 Blackwell Workstation Edition", False),
        ("NVIDIA RTX 4000 SFF Ada Generation", False),
        ("NVIDIA GeForce RTX 4090", False),
    ],
)
def test_data_centre_cards_are_told_from_others(card: str, supported: bool) -> None:
    pattern = yaml.safe_load((ROLE / "vars/main.yml").read_text(encoding="utf-8"))["__monitoring_data_centre_card"]
    assert bool(re.search(pattern, card)) is supported


def test_alerts_use_metrics_that_exist(with_gpu: Path, exported: set[str]) -> None:
    used = {metric for rule in rules(with_gpu) for metric in METRIC.findall(rule["expr"])}
    assert len(used) > 8
    assert used - exported == set()


def test_panels_use_metrics_that_exist(with_gpu: Path, exported: set[str]) -> None:
    used = {metric for panel in panels(with_gpu) for target in panel.get("targets", []) for metric in METRIC.findall(target["expr"])}
    assert len(used) > 8
    assert used - exported == set()


def test_queries_of_the_panels_are_promql(with_gpu: Path, promtool: str, tmp_path: Path) -> None:
    queries = [target["expr"] for panel in panels(with_gpu) for target in panel.get("targets", [])]
    document = {"groups": [{"name": "panels", "rules": [{"record": f"panel:{number}", "expr": query} for number, query in enumerate(queries)]}]}
    (tmp_path / "rules.yml").write_text(json.dumps(document), encoding="utf-8")
    done = subprocess.run([promtool, "check", "rules", str(tmp_path / "rules.yml")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(queries)} rules found" in done.stdout


def test_alerts_fire_when_they_should_and_not_before(with_gpu: Path, promtool: str) -> None:
    cases = (HERE / "alerts.test.yml").read_text(encoding="utf-8").replace("RULES", str(with_gpu / "etc/prometheus-rules.yml"))
    (with_gpu / "alerts.test.yml").write_text(cases, encoding="utf-8")
    done = subprocess.run([promtool, "test", "rules", str(with_gpu / "alerts.test.yml")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_is_tested_and_says_what_to_do(with_gpu: Path) -> None:
    tests = yaml.safe_load((HERE / "alerts.test.yml").read_text(encoding="utf-8"))["tests"]
    fired = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case["exp_alerts"]}
    assert {rule["alert"] for rule in rules(with_gpu)} == fired
    assert all(rule["annotations"]["summary"] and rule["annotations"]["fix"] and rule["labels"]["severity"] for rule in rules(with_gpu))


def test_the_dashboard_has_the_three_rows(with_gpu: Path) -> None:
    rows = [panel["title"] for panel in panels(with_gpu) if panel["type"] == "row"]
    assert rows == ["At a glance", "GPU over time", "Model performance"]


def test_panels_have_what_grafana_needs_and_do_not_overlap(with_gpu: Path) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in panels(with_gpu):
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken and place["x"] + place["w"] <= 24, panel["title"]
        taken |= cells
        if panel["type"] == "row":
            continue
        assert panel["type"] in ("stat", "gauge", "timeseries")
        assert panel["datasource"] == {"type": "prometheus", "uid": "inferhost-prometheus"}
        assert panel["fieldConfig"]["defaults"]["unit"] and panel["options"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
        legends = {target["legendFormat"] for target in panel["targets"]}
        assert {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]} <= legends
    assert len({panel["id"] for panel in panels(with_gpu)}) == len(panels(with_gpu))


def test_the_dashboard_carries_the_limits_of_the_plan(with_gpu: Path) -> None:
    titles = [panel["title"] for panel in panels(with_gpu)]
    assert "Queue (runs at most 4 at once)" in titles and "KV cache (65536 tokens)" in titles
    (active,) = [panel for panel in panels(with_gpu) if panel["title"] == "Active requests"]
    assert active["fieldConfig"]["defaults"]["thresholds"]["steps"][1] == {"color": "red", "value": 4.0}


def test_grafana_finds_data_source_and_dashboard(with_gpu: Path) -> None:
    (source,) = yaml.safe_load((with_gpu / "grafana-datasource.yml").read_text(encoding="utf-8"))["datasources"]
    assert (source["type"], source["uid"], source["url"]) == ("prometheus", "inferhost-prometheus", "http://127.0.0.1:9090")
    (provider,) = yaml.safe_load((with_gpu / "grafana-provider.yml").read_text(encoding="utf-8"))["providers"]
    assert (provider["type"], provider["options"]["path"]) == ("file", f"{with_gpu}/etc/grafana/dashboards")
