# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gateway as a process of its own, started the way an operator starts it."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parents[2] / "roles/proxy/files"
CLIENT_KEY = "sk-test-0123456789abcdef-client"
SECOND_KEY = "sk-test-0123456789abcdef-second"
ENGINE_KEY = "engine-0123456789abcdef-secret"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(**more: str) -> dict[str, str]:
    """Of a gateway. Its code is compiled once, in a folder beside the working tree: a process then starts in a third of the time."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    compiled = str(Path(tempfile.gettempdir()) / f"inferhost-conformance-{os.getuid()}")
    return {**kept, "PYTHONPATH": str(PACKAGE), "PYTHONPYCACHEPREFIX": compiled, **more}


def run_cli(*arguments: str, timeout: float = 20, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "inferhost_proxy", *arguments],
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


class Answer:
    def __init__(self, response: http.client.HTTPResponse, body: bytes) -> None:
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        self.body = body

    def json(self) -> Any:
        return json.loads(self.body)


class Gateway:
    def __init__(self, folder: Path, upstream_url: str, **overrides: Any) -> None:
        self.folder = folder
        self.port = free_port()
        secrets = folder / "secrets"
        secrets.mkdir(parents=True)
        for name, key in (("api_key", CLIENT_KEY), ("second_key", SECOND_KEY), ("engine_key", ENGINE_KEY)):
            (secrets / name).write_text(key + "\n")
        config = {
            "host": "127.0.0.1",
            "port": self.port,
            "api_keys": [{"label": "main", "file": "api_key"}, {"label": "second", "file": "second_key"}],
            "secrets_dir": str(secrets),
            "upstreams": [{"name": "engine", "url": upstream_url, "key_file": "engine_key"}],
            "models": ["m"],
            "log_level": "debug",
            **overrides,
        }
        (folder / "proxy.json").write_text(json.dumps(config))
        with (folder / "stderr").open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "inferhost_proxy", "--config", str(folder / "proxy.json")],
                env=environment(),
                stdout=subprocess.PIPE,
                stderr=log,
            )
        self._wait()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _wait(self) -> None:
        end = time.monotonic() + 15
        while time.monotonic() < end:
            assert self.process.poll() is None, f"the gateway ended at once: {self.log()}"
            try:
                if self.request("GET", "/livez").status == 200:
                    return
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"the gateway did not listen: {self.log()}")

    def workers(self) -> list[int]:
        """The process ids of those that serve; the process itself only looks after them."""
        pid = self.process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def tell(self, number: int) -> None:
        self.process.send_signal(number)

    def configure(self, **changes: Any) -> None:
        """Change the configuration file; what runs has to be told."""
        file = self.folder / "proxy.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))

    def reload(self, **changes: Any) -> None:
        """Change the configuration, and return when every worker has it."""
        before = self.log().count('"reloaded"')
        self.configure(**changes)
        self.tell(signal.SIGHUP)
        eventually(lambda: self.log().count('"reloaded"') == before + len(self.workers()))

    def log(self) -> str:
        return (self.folder / "stderr").read_text()

    def lines(self) -> list[dict[str, Any]]:
        complete = self.log().rpartition("\n")[0]  # the last line may still be on its way
        return [json.loads(line) for line in complete.splitlines()]

    def request_line(self, request_id: str) -> dict[str, Any]:
        """The log line of a request; it is written after the answer, so it may be a moment late."""
        found: dict[str, Any] = eventually(lambda: next((line for line in self.lines() if line.get("id") == request_id), None))
        return found

    def connect(self, timeout: float = 20) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def request(self, method: str, target: str, body: object = None, headers: dict[str, str] | None = None, key: str | None = None) -> Answer:
        raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        sent = {"authorization": f"Bearer {key}"} if key else {}
        connection = self.connect()
        try:
            connection.request(method, target, raw, {**sent, **(headers or {})})
            response = connection.getresponse()
            return Answer(response, response.read())
        finally:
            connection.close()

    def post(self, target: str, body: object, **headers: str) -> Answer:
        return self.request("POST", target, body, {"content-type": "application/json", **headers}, CLIENT_KEY)

    def metric(self, sample: str) -> float:
        """The value of a sample, written as in the exposition."""
        text = self.request("GET", "/metrics").body.decode()
        return next((float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(sample + " ")), 0.0)

    def open_stream(self, target: str, body: object, key: str = CLIENT_KEY) -> socket.socket:
        """Send a request over a bare socket and leave the answer to the test."""
        raw = json.dumps(body).encode()
        client = socket.create_connection(("127.0.0.1", self.port), timeout=20)
        head = f"POST {target} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
        head += f"content-type: application/json\r\ncontent-length: {len(raw)}\r\n\r\n"
        client.sendall(head.encode() + raw)
        return client

    def stop(self, number: int = signal.SIGTERM, timeout: float = 15) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            assert self.process.stdout is not None
            self.process.stdout.close()


def eventually(probe: Any, seconds: float = 5) -> Any:
    """The first truthy value of the probe within so many seconds."""
    end = time.monotonic() + seconds
    while True:
        value = probe()
        if value:
            return value
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
