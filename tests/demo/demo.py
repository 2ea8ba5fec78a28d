# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A demo in a folder and on ports of its own, driven by the commands that the README names."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

REPO = pathlib.Path(__file__).parents[2]
SERVICES = ("proxy", "vllm", "prometheus", "node_exporter")


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago; held together, so that all differ."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [server.getsockname()[1] for server in sockets]
    for server in sockets:
        server.close()
    return ports


@dataclasses.dataclass
class Demo:
    root: pathlib.Path
    ports: dict[str, int]

    @classmethod
    def at(cls, root: pathlib.Path) -> Demo:
        return cls(root, dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True)))

    @property
    def arguments(self) -> list[str]:
        return [word for name, port in self.ports.items() for word in ("-e", f"inferhost_{name}_port={port}")]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "INFERHOST_DEMO_ROOT": str(self.root), "ANSIBLE_NOCOLOR": "1", "PYTHONDONTWRITEBYTECODE": "1"}

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.ports['proxy']}"

    @property
    def key_file(self) -> pathlib.Path:
        return self.root / "etc" / "secrets" / "api_key"

    @property
    def key(self) -> str:
        return self.key_file.read_text(encoding="ascii").strip()

    def make(self, target: str) -> subprocess.CompletedProcess[str]:
        arguments = " ".join(self.arguments)
        return run(["make", target, f"DEMO_ROOT={self.root}", f"DEMO_ARGS={arguments}"], env=self.environment)

    def command(self, *extra: str, playbook: str = "site") -> list[str]:
        return [str(REPO / ".venv/bin/ansible-playbook"), f"{playbook}.yml", "-i", "local", *self.arguments, *extra]

    def play(self, *extra: str, playbook: str = "site") -> subprocess.CompletedProcess[str]:
        return run(self.command(*extra, playbook=playbook), cwd=REPO / "inventories", env=self.play_environment)

    @property
    def play_environment(self) -> dict[str, str]:
        """What the Makefile exports for a playbook."""
        shown = run(["make", "--silent", "print-env"], env=self.environment).stdout
        return {**self.environment, **dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)}

    def status(self) -> dict[str, tuple[str, int]]:
        """State and process id of each program that supervisord runs."""
        shown = run(
            [str(self.root / "venvs/supervisor/bin/supervisorctl"), "-c", str(self.root / "etc/supervisord.conf"), "status"],
        ).stdout
        found: dict[str, tuple[str, int]] = {}
        for line in shown.splitlines():
            words = line.split()
            pid = re.search(r"pid (\d+)", line)
            found[words[0]] = (words[1], int(pid[1]) if pid else 0)
        return found

    def request(self, path: str, body: dict[str, Any] | None = None, key: str | None = None) -> tuple[int, Any]:
        """Status and decoded answer of one request to the proxy."""
        headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {key}"} if key else {})}
        data = None if body is None else json.dumps(body).encode()
        try:
            with urllib.request.urlopen(urllib.request.Request(self.endpoint + path, data, headers), timeout=120) as answer:
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read() or b"null")


def run(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
    """Run to the end; standard error goes into standard output, as a person sees it."""
    options = {"cwd": REPO, "timeout": 1500, **options}
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)


def wait_until(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Poll until true. The limit only ends a test that would hang; nothing is measured."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.2)


def recap(output: str) -> dict[str, int]:
    """The counts of the play's last line."""
    lines = re.findall(r"ok=\d+ .*", output)
    assert lines, f"no recap in: {output[-3000:]}"
    return {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", lines[-1])}
