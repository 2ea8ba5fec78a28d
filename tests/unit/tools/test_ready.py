# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import argparse
import http.server
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import threading

import pytest

SCRIPT = pathlib.Path(__file__).parents[3] / "roles" / "inferhost" / "files" / "lib" / "ready.py"
SPEC = importlib.util.spec_from_file_location("ready", SCRIPT)
ready = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(ready)


class Engine(http.server.BaseHTTPRequestHandler):
    """Stand-in for an engine: 503 for the first two requests, then a completion; without the key 401."""

    asked = 0

    def do_POST(self):
        type(self).asked += 1
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, answer = 200, {"choices": [{"text": "x"}], "model": body["model"]}
        if self.headers.get("Authorization") != "Bearer secret-key":
            status, answer = 401, {"error": "key"}
        elif type(self).asked <= 2:
            status, answer = 503, {"error": "loading"}
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *arguments):
        pass


@pytest.fixture
def engine():
    Engine.asked = 0
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Engine)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def options(**changes):
    defaults = {"name": "x", "get": None, "completion": None, "model": "m", "key": None, "deadline": 20.0, "log": None, "timeline": None}
    return argparse.Namespace(**{**defaults, **changes})


def test_waits_for_an_answer_of_the_model(engine, tmp_path, monkeypatch):
    (tmp_path / "engine_key").write_text("secret-key\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.delenv("MAINPID", raising=False)
    timeline = tmp_path / "t.json"
    assert ready.wait(options(completion=engine, key="engine_key", timeline=str(timeline))) == ""
    assert Engine.asked == 3
    assert json.loads(timeline.read_text())["service"] == "x"


def test_the_last_reason_is_given_when_the_deadline_passes(engine, monkeypatch):
    monkeypatch.delenv("MAINPID", raising=False)
    assert "HTTP 401" in ready.wait(options(completion=engine, deadline=1.0))


def test_a_process_that_ended_is_not_waited_for():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "--name", "x", "--get", "http://127.0.0.1:1/", "--deadline", "600"],
        env={**os.environ, "MAINPID": str(child.pid)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "the process ended while starting" in done.stderr


def test_phases_keep_the_time_they_were_first_seen():
    first = ready.phases_in("INFO Starting to load model x", {}, 3.0)
    assert first == {"load": 3.0}
    assert ready.phases_in("Starting to load model x\nApplication startup complete", first, 9.0) == {"server": 9.0, "load": 3.0}
