# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The GPU exporter is a plain service: the real role, with a stand-in for the program that wants a GPU, and traps for the commands it must not call."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
CARD = "NVIDIA RTX 4000 SFF Ada Generation"
TRAPS = ("docker", "dockerd", "nvidia-ctk", "nvidia-container-cli", "systemctl")

EXPORTER = """#!{python}
import http.server, sys
host, port = next(a for a in sys.argv if a.startswith("--web.listen-address=")).split("=")[1].split(":")
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"nvidia_smi_stand_in 1\\n")
http.server.HTTPServer((host, int(port)), Handler).serve_forever()
"""
TRAP = '#!/bin/sh\necho "$0 $*" >>"{log}"\nexit 1\n'

PLAY = """
- hosts: localhost
  connection: local
  gather_facts: true
  roles: [inferhost.llm.monitoring]
"""


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@dataclass
class Host:
    """A folder that stands for a host with a GPU."""

    folder: Path
    variables: dict[str, object]

    @property
    def root(self) -> Path:
        return self.folder / "root"

    @property
    def trapped(self) -> str:
        log = self.folder / "trapped"
        return log.read_text() if log.is_file() else ""

    def play(self, text: str, **variables: object) -> subprocess.CompletedProcess[str]:
        playbook = self.folder / "play.yml"
        playbook.write_text(text)
        environment = {
            **os.environ,
            "PATH": os.pathsep.join([str(self.folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]),
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections"),
        }
        command = ["ansible-playbook", "-i", "localhost,", "-e", json.dumps({**self.variables, **variables}), str(playbook)]
        return subprocess.run(command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture
def host() -> Iterator[Host]:
    # A short path: the supervisor's socket lies below it.
    with tempfile.TemporaryDirectory(prefix="gpu-") as name:
        folder = Path(name)
        (folder / "bin").mkdir()
        programs = {"nvidia_gpu_exporter": EXPORTER.format(python=sys.executable), **{trap: TRAP.format(log=folder / "trapped") for trap in TRAPS}}
        for program, text in programs.items():
            (folder / "bin" / program).write_text(text)
            (folder / "bin" / program).chmod(0o755)
        made = Host(
            folder,
            {
                "ansible_python_interpreter": sys.executable,
                "inferhost_service_manager": "supervisor",
                "inferhost_root": str(folder / "root"),
                "inferhost_gpu_exporter_port": free_port(),
                "inferhost_plan": {
                    "model": {"name": "stand-in"},
                    "device": {"kind": "cuda", "name": CARD, "count": 1, "memory_bytes": 20 * 2**30},
                    "limits": {"max_model_len": 8192, "max_num_seqs": 4, "kv_tokens": 32768},
                },
                "monitoring_prometheus_source": "none",
                "monitoring_node_exporter_source": "none",
            },
        )
        yield made
        python = made.root / "venvs/supervisor/bin/python"
        if python.is_file():
            subprocess.run([str(python), str(made.root / "lib/supervisord_stop.py"), str(made.root / "run/supervisor.sock")], check=True, timeout=60)


def test_it_is_a_plain_service_and_containers_are_left_alone(host: Host) -> None:
    done = host.play(PLAY)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    with urllib.request.urlopen(f"http://127.0.0.1:{host.variables['inferhost_gpu_exporter_port']}/metrics", timeout=5) as answer:
        assert answer.read() == b"nvidia_smi_stand_in 1\n"
    assert (host.root / "run" / "inferhost-gpu-exporter.applied").is_file()
    assert host.trapped == ""


def test_the_other_exporter_is_refused_on_a_card_it_is_not_made_for(host: Host) -> None:
    done = host.play(PLAY, monitoring_gpu_exporter="dcgm")
    assert done.returncode != 0
    said = " ".join((done.stdout + done.stderr).split())
    assert f"{CARD} is not a data-centre card" in said
    assert "Set monitoring_gpu_exporter to nvidia_gpu_exporter" in said
    assert not (host.root / "run" / "inferhost-gpu-exporter.applied").exists()
    assert not (host.root / "etc" / "grafana").exists()
    assert host.trapped == ""
