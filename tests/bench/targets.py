# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gateways that are compared: each with its own environment and a folder for its files, stopped when its block ends."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from clients import Target

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / ".cache"
UV = ROOT / ".venv/bin/uv"
KEY = "sk-benchmark-0123456789abcdef"
START_SECONDS = 180


class Missing(Exception):
    """A gateway cannot be had here; the message says why."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(name: str, lock: Path) -> Path:
    """The Python of an environment with exactly what a lock file names."""
    folder = CACHE / name
    if not (folder / "bin/python").exists():
        subprocess.run([str(UV), "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
    done = subprocess.run([str(UV), "pip", "sync", "--quiet", "--require-hashes", "--python", f"{folder}/bin/python", str(lock)], check=False)
    if done.returncode != 0:
        raise Missing(f"uv could not install {lock.relative_to(ROOT)}; its message is above")
    return folder / "bin/python"


@contextlib.contextmanager
def running(command: list[str], folder: Path, ready: str, extra: dict[str, str] | None = None) -> Iterator[int]:
    """A process that answers at ``ready``; its output is shown when it does not."""
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=folder, env={**os.environ, **(extra or {})}, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not _answers(ready):
            if process.poll() is not None or time.monotonic() > deadline:
                raise Missing(f"{command[0]} did not start: {log.read_text(errors='replace')[-1000:]}")
            time.sleep(0.2)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": f"Bearer {KEY}"}), timeout=2):
            return True
    except OSError:
        return False


@contextlib.contextmanager
def engine(folder: Path) -> Iterator[Target]:
    """The model server itself, asked directly."""
    port = free_port()
    # Of the proxy's packages, uvloop is what the engine wants.
    python = environment("proxy-venv", ROOT / "roles/proxy/files/proxy.lock")
    command = [str(python), str(Path(__file__).with_name("engine.py")), str(port)]
    with running(command, folder, f"http://127.0.0.1:{port}/v1/models") as pid:
        yield Target("direct", port, pid=pid)


@contextlib.contextmanager
def nginx(folder: Path, upstream: int) -> Iterator[list[Target]]:
    """One worker that hands on what it reads at once."""
    port = free_port()
    folder.joinpath("nginx.conf").write_text(f"""
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log warn;
events {{ worker_connections 8192; }}
http {{
  access_log off; client_max_body_size 64m; client_body_buffer_size 4m;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream engine {{ server 127.0.0.1:{upstream}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ proxy_pass http://engine; proxy_buffering off; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_read_timeout 600s; }}
  }}
}}
""")
    command = [_nginx_binary(), "-p", str(folder), "-c", f"{folder}/nginx.conf", "-e", f"{folder}/error.log"]
    with running(command, folder, f"http://127.0.0.1:{port}/v1/models") as pid:
        yield [Target("nginx", port, pid=pid)]


def _nginx_binary() -> str:
    """That of the machine, else Debian's package unpacked into the cache: nothing is installed and no service started."""
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if found:
        return found
    unpacked = CACHE / "nginx"
    if not (unpacked / "usr/sbin/nginx").exists():
        unpacked.mkdir(parents=True, exist_ok=True)
        try:
            subprocess.run(["apt-get", "download", "-qq", "nginx"], cwd=unpacked, check=True)
            subprocess.run(["dpkg", "-x", str(next(unpacked.glob("nginx_*.deb"))), str(unpacked)], check=True)
        except (OSError, subprocess.CalledProcessError, StopIteration) as error:
            raise Missing(f"nginx is not installed and its package could not be fetched ({error})") from error
    return str(unpacked / "usr/sbin/nginx")


@contextlib.contextmanager
def proxy(folder: Path, upstream: int) -> Iterator[list[Target]]:
    """The proxy of this collection on both surfaces: one worker, and room for more requests at once than it has by default."""
    port = free_port()
    python = environment("proxy-venv", ROOT / "roles/proxy/files/proxy.lock")
    (folder / "key").write_text(KEY)
    settings = {
        "port": port,
        "api_keys": [{"label": "bench", "file": str(folder / "key")}],
        "upstreams": [{"name": "engine", "url": f"http://127.0.0.1:{upstream}"}],
        "limits": {"max_in_flight": 4096},
        "log_level": "warning",
    }
    (folder / "proxy.json").write_text(json.dumps(settings))
    command = [str(python), "-m", "inferhost_proxy", "--config", str(folder / "proxy.json")]
    extra = {"PYTHONPATH": str(ROOT / "roles/proxy/files"), "PYTHONDONTWRITEBYTECODE": "1"}
    with running(command, folder, f"http://127.0.0.1:{port}/v1/models", extra) as pid:
        yield [Target("proxy openai", port, key=KEY, pid=pid), Target("proxy anthropic", port, "anthropic", KEY, pid)]


@contextlib.contextmanager
def litellm(folder: Path, upstream: int) -> Iterator[list[Target]]:
    """LiteLLM's proxy from the lock of the role litellm, with what its guide for production asks for and no database."""
    port = free_port()
    python = environment("venvs/litellm", ROOT / "roles/litellm/files/litellm.lock")
    folder.joinpath("config.yaml").write_text(f"""
model_list:
  - model_name: m
    litellm_params: {{model: hosted_vllm/m, api_base: "http://127.0.0.1:{upstream}/v1", api_key: none}}
litellm_settings: {{set_verbose: false, request_timeout: 600, telemetry: false}}
general_settings: {{master_key: {KEY}, disable_spend_logs: true}}
""")
    extra = {"LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR", "LITELLM_LOCAL_MODEL_COST_MAP": "True", "NO_PROXY": "*"}
    command = [str(python.parent / "litellm"), "--config", f"{folder}/config.yaml", "--host", "127.0.0.1", "--port", str(port), "--telemetry", "False"]
    with running(command, folder, f"http://127.0.0.1:{port}/health/readiness", extra) as pid:
        yield [Target("litellm openai", port, key=KEY, pid=pid), Target("litellm anthropic", port, "anthropic", KEY, pid)]


GATEWAYS = {"nginx": nginx, "proxy": proxy, "litellm": litellm}
