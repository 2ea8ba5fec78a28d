# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module on this machine, beside a real process that was started from a real virtual environment."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import typing as t
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect._venv import inspect
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collector import Context
from ansible_collections.inferhost.llm.tests.unit.plugins.run_module import run_module

SECRET = "sk-neverToBeSeen0123456789"
# Answers like an engine without a tool parser; the name of its module is what makes it one.
SERVER = """
import argparse, http.server, json

class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, document):
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        if self.path == "/health":
            self.answer(200, {})
        elif self.headers.get("Authorization") != "Bearer " + arguments.api_key:
            self.answer(401, {"error": "Unauthorized"})
        else:
            self.answer(200, {"data": [{"id": "m", "max_model_len": 4096}]})
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if body.get("tools"):
            self.answer(400, {"error": {"message": '"auto" tool choice requires --enable-auto-tool-choice; your key is ' + arguments.api_key}})
        else:
            self.answer(200, {"choices": [{"message": {"content": "hello"}, "finish_reason": "stop"}]})
    def log_message(self, *unused):
        pass

parser = argparse.ArgumentParser()
parser.add_argument("--api-key")
parser.add_argument("--max-model-len")
parser.add_argument("--port-file")
arguments = parser.parse_args()
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
open(arguments.port_file, "w").write(str(server.server_address[1]))
server.serve_forever()
"""


def install(site: Path, name: str, version: str, files: t.Mapping[str, str], requires: t.Sequence[str] = ()) -> None:
    """A distribution as an installer leaves it: files, METADATA, RECORD with sizes."""
    info = f"{name}-{version}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {one}" for one in requires), "", "text"]
    written = {**files, f"{info}/METADATA": "\n".join(lines)}
    for path, text in written.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text, encoding="utf-8")
    record = [f"{path},sha256=x,{len(text)}" for path, text in written.items()]
    (site / info / "RECORD").write_text("\n".join([*record, f"{info}/RECORD,,"]) + "\n", encoding="utf-8")


class Engine(t.NamedTuple):
    venv: Path
    site: Path
    pid: int
    url: str


@pytest.fixture
def engine(tmp_path: Path) -> t.Iterator[Engine]:
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    (site,) = (venv / "lib").glob("python3*/site-packages")
    files = {"vllm/__init__.py": "", "vllm/entrypoints/__init__.py": "", "vllm/entrypoints/openai/__init__.py": ""}
    install(site, "vllm", "0.32.0", {**files, "vllm/entrypoints/openai/api_server.py": SERVER}, ["uvicorn[standard]>=0.30", "nothing; extra == 'bench'"])
    install(site, "uvicorn", "0.40.0", {"uvicorn/__init__.py": ""}, ["uvloop>=0.15.1; sys_platform != 'win32' and extra == 'standard'"])
    install(site, "uvloop", "0.23.0", {"uvloop/__init__.py": "", "uvloop/loop.py": "# the loop\n"})
    port_file = tmp_path / "port"
    command = [str(venv / "bin/python"), "-m", "vllm.entrypoints.openai.api_server"]
    server = subprocess.Popen([*command, "--api-key", SECRET, "--max-model-len", "4096", "--port-file", str(port_file)])
    try:
        deadline = time.monotonic() + 20
        while not (port_file.exists() and port_file.read_text()):
            assert time.monotonic() < deadline and server.poll() is None
            time.sleep(0.05)
        yield Engine(venv, site, server.pid, f"http://127.0.0.1:{port_file.read_text()}")
    finally:
        server.kill()
        server.wait()


def doctor(check: bool = False, **options: t.Any) -> dict[str, t.Any]:
    result = run_module("doctor", options, check=check)
    assert SECRET not in json.dumps(result)
    return result


def findings(result: dict[str, t.Any], about: str) -> list[dict[str, str]]:
    """Other processes of the machine may have findings of their own."""
    return [one for one in result["report"]["findings"] if about in one["seen"]]


def test_a_whole_environment_is_no_finding(engine: Engine) -> None:
    result = doctor(only=["L11"])
    assert (result["changed"], findings(result, str(engine.venv)), result["report"]["checked"]) == (False, [], ["L11"])


def test_uvloop_uninstalled_in_the_wrong_environment(engine: Engine) -> None:
    for path in ("uvloop", "uvloop-0.23.0.dist-info"):
        shutil.rmtree(engine.site / path)
    result = doctor(check=True, only=["L11"])
    (found,) = findings(result, str(engine.venv))
    assert (found["id"], found["severity"]) == ("L11", "error")
    assert f"{engine.venv} (process {engine.pid}) lacks uvloop (needed by uvicorn)" in found["seen"]
    assert "pip uninstall in the wrong environment" in found["cause"]
    assert found["fix"] == f"uv pip install --python {engine.venv}/bin/python 'uvloop>=0.15.1'"
    assert result["worst"] == "error"
    assert any(line.startswith("ERROR    L11") for line in result["text"])


def test_files_of_uvloop_deleted(engine: Engine) -> None:
    (engine.site / "uvloop/loop.py").unlink()
    (found,) = findings(doctor(only=["L11"]), str(engine.venv))
    assert "uvloop (1: uvloop/loop.py)" in found["seen"]
    assert found["fix"].endswith("--reinstall --no-deps 'uvloop==0.23.0'")


def test_an_interpreter_that_went_away(engine: Engine) -> None:
    for path in (engine.venv / "bin").glob("python*"):
        path.unlink()
    (found,) = findings(doctor(only=["L11"]), str(engine.venv))
    assert "bin/python leads nowhere" in found["seen"]


def test_an_interpreter_behind_a_closed_door_is_no_finding(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = os.path.join(engine.venv, "bin", "python")
    real = os.stat

    def stat(path: t.Any, **options: t.Any) -> os.stat_result:
        if path == closed:
            raise PermissionError(13, "Permission denied", path)
        return real(path, **options)

    monkeypatch.setattr("os.stat", stat)
    assert inspect(Context(), str(engine.venv), "process 1")["interpreter"] is True


def test_the_key_on_the_command_line(engine: Engine) -> None:
    (found,) = findings(doctor(only=["L72"]), f"process {engine.pid} ")
    assert (found["severity"], found["title"]) == ("error", "A key that others can read")
    assert "(--api-key)" in found["seen"]


def test_without_the_key_the_endpoint_is_not_checked(engine: Engine) -> None:
    result = doctor(endpoint=engine.url, only=["L50", "L75"])
    assert result["report"]["findings"] == [] and result["report"]["checked"] == []
    assert {one["id"] for one in result["report"]["not_checked"]} == {"L50", "L75"}
    assert all("api_key_file=FILE" in one["why"] for one in result["report"]["not_checked"])
    assert "no findings; 0 checked, 2 could not be checked" in result["summary"]


def test_with_the_key_the_missing_parser_is_found_and_the_key_stays_hidden(engine: Engine, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(SECRET + "\n")
    result = doctor(endpoint=engine.url + "/v1", api_key_file=str(key), only=["L27", "L50", "L75"])
    assert result["report"]["checked"] == ["L27", "L50", "L75"]
    ids = [one["id"] for one in result["report"]["findings"]]
    assert ids == ["L50", "L27"]
    assert "your key is ***" in result["report"]["findings"][0]["seen"]


def test_nothing_is_asked_when_probing_is_off(engine: Engine, tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text(SECRET)
    result = doctor(endpoint=engine.url, api_key_file=str(key), probe=False, only=["L50"])
    assert [one["why"].partition(": ")[2] for one in result["report"]["not_checked"]] == ["probing is switched off (probe=false)"]


def test_the_stand_in_refuses_a_wrong_key(engine: Engine) -> None:
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(engine.url + "/v1/models")


def test_an_unknown_id_is_refused() -> None:
    result = run_module("doctor", {"only": ["L111"]})
    assert result["failed"] is True
    assert "there is no check 'L111'; did you mean L11" in result["msg"]


def test_every_check_answers_or_says_why_on_this_machine() -> None:
    result = doctor(probe=False)
    report = result["report"]
    accounted = set(report["checked"]) | {one["id"] for one in report["not_checked"]}
    assert {f"L{number:02d}" for number in range(1, 11)} | {"gpu"} <= accounted
    assert {f"L{number}" for number in range(50, 67)} | {"L12"} <= accounted
    assert {"L10", "L11", "L13", "L14", "L22", "L23", "L24", "L25", "L27", "L29", "L30", "L37", "L50", "L51", "L54", "L70", "L72", "L74", "L75"} <= accounted
    assert not any("failed:" in one["why"] for one in report["not_checked"]) and not any("failed:" in gap for gap in report["gaps"])
    assert max(map(len, result["text"])) <= 100
