# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the monitoring looks: on loopback, as services of the host do, and never at a name that only containers of Docker Desktop know."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
# The role's own variables and templates, rendered as the role does.
PLAY = """
- hosts: localhost
  connection: local
  gather_facts: false
  vars_files:
    - {root}/roles/inferhost/defaults/main.yml
    - {root}/roles/monitoring/defaults/main.yml
    - {root}/roles/monitoring/vars/main.yml
  tasks:
    - ansible.builtin.template:
        src: "{root}/roles/monitoring/templates/{{{{ item }}}}"
        dest: "{{{{ playbook_dir }}}}/{{{{ item }}}}"
        mode: "0600"
      loop: [prometheus.yml.j2, grafana-datasource.yml.j2]
"""
PROGRAMS = {name: {"program": f"/usr/bin/{name}"} for name in ("prometheus", "node_exporter", "gpu_exporter")}


def rendered(folder: Path, **variables: Any) -> dict[str, str]:
    play = folder / "play.yml"
    play.write_text(PLAY.format(root=ROOT), encoding="utf-8")
    known = {"inferhost_plan": {"device": {"kind": "cuda"}}, "__monitoring_programs": PROGRAMS, "ansible_python_interpreter": sys.executable, **variables}
    environment = {**os.environ, "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])}
    command = ["ansible-playbook", "-i", "localhost,", "-e", json.dumps(known), str(play)]
    done = subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return {name: (folder / name).read_text(encoding="utf-8") for name in ("prometheus.yml.j2", "grafana-datasource.yml.j2")}


@pytest.mark.parametrize(("variables", "jobs"), [({}, 5), ({"inferhost_proxy_host": "0.0.0.0"}, 5), ({"monitoring_gpu_exporter": "dcgm"}, 6)])
def test_every_target_is_on_loopback(tmp_path: Path, variables: dict[str, str], jobs: int) -> None:
    texts = rendered(tmp_path, **variables)
    scraped = yaml.safe_load(texts["prometheus.yml.j2"])["scrape_configs"]
    targets = [target for job in scraped for static in job["static_configs"] for target in static["targets"]]
    assert len(targets) == jobs
    assert {target.rpartition(":")[0] for target in targets} == {"127.0.0.1"}
    source = yaml.safe_load(texts["grafana-datasource.yml.j2"])["datasources"][0]
    assert source["url"].startswith("http://127.0.0.1:")
    assert "host.docker.internal" not in "".join(texts.values())


def test_no_role_names_the_desktops_host() -> None:
    """Whatever a role writes later, this name would not resolve in it on Linux."""
    files = [path for path in (ROOT / "roles").rglob("*") if path.is_file() and path.suffix in (".yml", ".j2", ".json", ".py", ".sh", "")]
    assert len(files) > 50
    assert [str(path) for path in files if "host.docker.internal" in path.read_text(encoding="utf-8", errors="replace")] == []
