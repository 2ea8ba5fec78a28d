# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules that look at a running endpoint, run as Ansible runs them."""

from __future__ import annotations

import json
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.tests.unit.plugins.run_module import run_module
from ansible_collections.inferhost.llm.tests.unit.plugins.scripted_server import ScriptedServer, Seen, chunked, http, sse

KEY = "sk-Zq81mWc7Xv5Tn3Rk0PbE"
PATH = "/srv/data/report-2041.txt"


@pytest.fixture(name="key_file")
def make_key_file(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    folder.mkdir(mode=0o700)
    file = folder / "api_key"
    file.write_text(KEY)
    file.chmod(0o600)
    return file


def call(path: str = PATH) -> t.Dict[str, t.Any]:
    return {"index": 0, "id": "c1", "type": "function", "function": {"name": "read_file", "arguments": json.dumps({"path": path})}}


def endpoint(seen: Seen) -> t.Any:
    """A server that calls the tool it is offered; without the key it repeats the wrong one, as some do."""
    given = seen.headers.get("authorization", "")
    if given != f"Bearer {KEY}":
        return http(401, {"error": {"message": f"{given} is not a key"}})
    if seen.path == "/v1/models":
        return http(200, {"data": [{"id": "tiny", "max_model_len": 2048}]})
    body = seen.json()
    if seen.path == "/v1/completions":
        usage = {"choices": [], "usage": {"completion_tokens": body["max_tokens"]}}
        pieces: t.List[t.Any] = []
        for _token in range(body["max_tokens"]):
            pieces += [sse({"choices": [{"text": "x"}]}), 0.01]
        return chunked(*pieces, sse(usage, "[DONE]"))
    if body.get("stream"):
        done = {"choices": [{"delta": {}, "finish_reason": "tool_calls"}]}
        return chunked(sse({"choices": [{"delta": {"tool_calls": [call()]}}]}, done, "[DONE]"))
    return http(200, {"choices": [{"message": {"tool_calls": [call()]}, "finish_reason": "tool_calls"}]})


ROUTES = dict.fromkeys(("/v1/models", "/v1/completions", "/v1/chat/completions"), endpoint)


@pytest.mark.parametrize("check", [False, True])
def test_a_tool_call(key_file: Path, check: bool) -> None:
    with ScriptedServer(ROUTES) as server:
        result = run_module("tool_call_check", {"base_url": server.url, "api_key_file": str(key_file)}, check=check)
    assert result["ok"] is True
    assert result["changed"] is False
    assert [answer["call"]["arguments"] for answer in result["answers"]] == [{"path": PATH}] * 2


def test_a_failed_check_fails_the_task_with_the_fix(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("sk-wrong-wrong-wrong")
    with ScriptedServer(ROUTES) as server:
        options = {"base_url": server.url, "api_key_file": str(wrong)}
        failed = run_module("tool_call_check", options)
        reported = run_module("tool_call_check", {**options, "on_problem": "report"})
    assert failed["failed"] is True
    assert failed["msg"].startswith("The key is refused")
    assert "Fix:" in failed["msg"]
    assert (reported["ok"], reported.get("failed", False)) == (False, False)
    # The server repeated the key, the module does not.
    assert "sk-wrong" not in json.dumps([failed["msg"], failed["answers"], failed["findings"], reported])


@pytest.mark.parametrize(
    "options, says",
    [
        ({"tool": {"type": "function"}, "prompt": "x"}, "tool: a tool is"),
        ({"tool": {}}, "prompt"),
        ({"api_key_file": "/none/there"}, "/none/there cannot be read"),
        ({"api_key_file": "/none", "api_key": "sk-another-key"}, "mutually exclusive"),
        ({"streamed": "maybe"}, "streamed"),
    ],
)
def test_bad_options(options: t.Dict[str, t.Any], says: str) -> None:
    result = run_module("tool_call_check", {"base_url": "http://127.0.0.1:9", **options})
    assert result["failed"] is True
    assert says in result["msg"]


def test_throughput(key_file: Path) -> None:
    plan = {"device": {"kind": "cuda", "name": "Card"}, "model": {"quantization": "awq"}, "roofline": {"bytes_per_token": 1e9, "bandwidth_bytes_per_s": 1e12}}
    with ScriptedServer(ROUTES) as server:
        options = {"base_url": server.url + "/v1", "api_key_file": str(key_file), "tokens": 10, "warm_up_tokens": 2, "plan": plan, "on_problem": "report"}
        judged = run_module("throughput_smoke", options)
        unknown = run_module("throughput_smoke", {**options, "plan": {}})
    assert unknown["verdict"]["verdict"] == "unknown"
    assert (unknown["speed"]["tokens"], unknown["speed"]["tokens_source"]) == (10, "usage")
    assert unknown["speed"]["tokens_per_s"] > 0
    assert judged["verdict"]["implied_bandwidth_bytes_per_s"] == pytest.approx(judged["speed"]["tokens_per_s"] * 1e9, rel=1e-3)


def test_a_fallback_fails_the_task(key_file: Path) -> None:
    plan = {"device": {"kind": "cuda", "name": "Card"}, "model": {"quantization": "awq"}, "roofline": {"bytes_per_token": 1e6, "bandwidth_bytes_per_s": 1e15}}
    options = {"api_key_file": str(key_file), "tokens": 4, "warm_up_tokens": 0, "plan": plan}

    def dripping(seen: Seen) -> t.Any:
        pieces: t.List[t.Any] = []
        for _token in range(4):
            pieces += [sse({"choices": [{"text": "x"}]}), 0.1]
        return chunked(*pieces, sse("[DONE]"))

    with ScriptedServer({**ROUTES, "/v1/completions": dripping}) as server:
        result = run_module("throughput_smoke", {"base_url": server.url, **options})
    assert result["failed"] is True
    assert result["verdict"]["verdict"] == "fallback"
    assert "awq_marlin" in result["msg"]


def test_too_few_tokens_to_measure() -> None:
    result = run_module("throughput_smoke", {"base_url": "http://127.0.0.1:9", "tokens": 1})
    assert "at least 2" in result["msg"]


def test_endpoints_that_are_down(key_file: Path) -> None:
    with ScriptedServer({}) as server:
        url = server.url
    options = {"proxy_url": url, "engine_url": url, "api_key_file": str(key_file)}
    failed = run_module("endpoint_check", options)
    reported = run_module("endpoint_check", {**options, "docs": False, "on_problem": "report"}, check=True)
    assert "nothing listens there" in failed["msg"]
    names = [row["name"] for row in reported["rows"]]
    assert "vLLM serves its API pages" not in names
    # No key of vLLM is given, so none is expected to be asked for.
    assert "vLLM refuses a wrong key" not in names
    assert len(reported["findings"]) == len(names)


def test_endpoints_need_an_address() -> None:
    assert "proxy_url, engine_url, prometheus_url" in run_module("endpoint_check", {})["msg"]


def test_secrets(tmp_path: Path, key_file: Path) -> None:
    log = tmp_path / "log"
    log.mkdir()
    options = {
        "key_files": [str(key_file.parent)],
        "paths": [str(tmp_path)],
        "exclude": [str(key_file.parent)],
        "private": [str(key_file.parent)],
        "processes": False,
    }
    clean = run_module("secret_scan", options)
    (log / "vllm.log").write_text(f"non-default args: {{'api_key': ['{KEY}']}}")
    leaking = run_module("secret_scan", options, check=True)
    assert (clean["ok"], clean["searched"]["keys"]) == (True, 1)
    assert leaking["failed"] is True
    assert leaking["leaks"] == [{"kind": "file", "where": str(log / "vllm.log"), "key_file": str(key_file)}]
    assert KEY[3:] not in json.dumps(leaking)


def test_secrets_need_a_key(tmp_path: Path) -> None:
    assert "cannot be read" in run_module("secret_scan", {"key_files": [str(tmp_path / "none")]})["msg"]


def test_caches_of_no_engine(tmp_path: Path) -> None:
    result = run_module("cache_check", {"program": str(tmp_path), "root": str(tmp_path)})
    assert result["failed"] is True
    assert f"no process runs {tmp_path}" in result["msg"]


def test_caches_of_a_real_process(tmp_path: Path) -> None:
    """The module finds its own interpreter when asked for it, and judges that process's environment."""
    below = {
        name: str(tmp_path / name)
        for name in ("HF_HOME", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME", "TMPDIR", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "VLLM_CACHE_ROOT")
    }
    (tmp_path / "TMPDIR").mkdir()
    python = tmp_path / "python"
    python.symlink_to(sys.executable)
    with subprocess.Popen(
        [str(python), "-c", "import sys; print(flush=True); sys.stdin.read()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=below
    ) as engine:
        assert engine.stdout is not None
        engine.stdout.readline()
        good = run_module("cache_check", {"program": str(python), "root": str(tmp_path)})
        bad = run_module("cache_check", {"program": str(python), "root": str(tmp_path / "other"), "on_problem": "report"})
        engine.kill()
    assert (good["ok"], good["pid"]) == (True, engine.pid)
    assert (bad["ok"], len(bad["findings"])) == (False, 7)


PLAN = {
    "model": {"name": "tiny"},
    "device": {"kind": "cpu", "name": "CPU", "count": 1, "memory_bytes": 2**34},
    "sizes": [],
    "limits": {"max_model_len": 2048, "kv_tokens": 4096},
    "flags": [],
}


def report_options(directory: Path) -> t.Dict[str, t.Any]:
    return {"directory": str(directory), "plan": PLAN, "results": {}, "url": "http://h:1", "api_key_file": "/k", "host": "h"}


def test_the_report_is_written(tmp_path: Path) -> None:
    startup = tmp_path / "startup.json"
    startup.write_text('{"service": "vLLM", "phases": {"load": 2.0}, "ready": 3.0, "unit": "s"}')
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    options = {**report_options(tmp_path), "startup_files": [str(startup), str(broken), str(tmp_path / "none")]}
    result = run_module("verify_report", options)
    assert (result["ok"], result["changed"], result["failure"]) == (True, True, "")
    document = json.loads((tmp_path / "verify.json").read_text())
    assert [one["service"] for one in document["startup"]] == ["vLLM"]
    assert "Last start of vLLM" in (tmp_path / "verify.html").read_text()
    assert oct((tmp_path / "verify.html").stat().st_mode & 0o777) == "0o644"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["broken.json", "startup.json", "verify.html", "verify.json", "verify.txt"]


def test_the_report_is_not_written_in_check_mode(tmp_path: Path) -> None:
    result = run_module("verify_report", report_options(tmp_path), check=True)
    assert result["changed"] is False
    assert result["lines"][0].startswith("endpoint")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "changes, says",
    [
        ({"directory": "/none/there"}, "cannot be written to /none/there"),
        ({"plan": {}}, "not what the modules of this collection return"),
        ({"results": {"endpoints": {"ok": True}}}, "not what the modules of this collection return"),
    ],
)
def test_a_report_that_cannot_be_made(tmp_path: Path, changes: t.Dict[str, t.Any], says: str) -> None:
    result = run_module("verify_report", {**report_options(tmp_path), **changes})
    assert result["failed"] is True
    assert says in result["msg"]
