# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The main job: `make demo` in a fresh folder leaves a working, verified, tool-calling endpoint; a second run changes nothing."""

from __future__ import annotations

import json
import os
import pathlib
import re
import stat

import pytest
from demo import Demo, recap, run

TOOL = {
    "type": "function",
    "function": {
        "name": "read_file",
        "description": "Read a file",
        "parameters": {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
    },
}


def test_it_ends_with_endpoint_key_file_and_the_verification(demo: Demo, first_run: str) -> None:
    tail = first_run[first_run.index("PLAY RECAP") :]
    assert demo.endpoint in tail
    assert str(demo.key_file) in tail
    assert "inferhost-tiny" in tail
    assert "tool call" in tail.lower()


def test_no_failure_and_no_key_in_what_was_printed(demo: Demo, first_run: str) -> None:
    assert recap(first_run)["failed"] == 0
    assert demo.key not in first_run
    assert (demo.root / "etc/secrets/engine_key").read_text(encoding="ascii").strip() not in first_run


def test_a_second_run_changes_nothing(demo: Demo, first_run: str, record_property: pytest.RecordProperty) -> None:
    again = demo.make("demo")
    assert again.returncode == 0, again.stdout[-4000:]
    assert recap(again.stdout)["changed"] == 0, [line for line in again.stdout.splitlines() if "changed" in line]


def test_a_dry_run_on_the_converged_folder_changes_nothing(demo: Demo) -> None:
    done = demo.play("--check", "--diff")
    assert done.returncode == 0, done.stdout[-4000:]
    assert recap(done.stdout)["changed"] == 0, [line for line in done.stdout.splitlines() if "changed" in line]
    assert demo.key not in done.stdout


def test_a_tool_call_comes_back_structured(demo: Demo) -> None:
    body = {
        "model": "inferhost-tiny",
        "messages": [{"role": "user", "content": "Read the file /var/log/dpkg.log"}],
        "tools": [TOOL],
        "temperature": 0,
    }
    status, answer = demo.request("/v1/chat/completions", body, demo.key)
    assert status == 200, answer
    choice = answer["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    call = choice["message"]["tool_calls"][0]["function"]
    assert (call["name"], json.loads(call["arguments"])) == ("read_file", {"path": "/var/log/dpkg.log"})


@pytest.mark.parametrize("key", [None, "", "sk-wrong"])
def test_without_the_key_the_answer_is_401_in_the_form_of_openai(demo: Demo, key: str | None) -> None:
    status, answer = demo.request("/v1/models", key=key)
    assert status == 401
    assert set(answer["error"]) >= {"message", "type", "code"}
    assert answer["error"]["code"] == "invalid_api_key"


def test_the_served_context_is_the_planned_one(demo: Demo) -> None:
    plan = json.loads((demo.root / "etc/plan.json").read_text(encoding="utf-8"))
    _status, models = demo.request("/v1/models", key=demo.key)
    assert models["data"][0]["max_model_len"] == plan["limits"]["max_model_len"]


def test_the_engine_runs_with_the_flags_of_the_plan(demo: Demo) -> None:
    plan = json.loads((demo.root / "etc/plan.json").read_text(encoding="utf-8"))
    _state, pid = demo.status()["inferhost-vllm"]
    words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    for flag in plan["flags"]:
        assert flag["flag"] in words, flag
        if flag["value"] is not None:
            assert words[words.index(flag["flag"]) + 1] == str(flag["value"])


def test_the_engine_finds_the_room_that_the_plan_foresaw(demo: Demo) -> None:
    plan = json.loads((demo.root / "etc/plan.json").read_text(encoding="utf-8"))
    sizes = {one["name"]: one["value"] for one in plan["sizes"]}
    log = (demo.root / "log/inferhost-vllm.log").read_text(encoding="utf-8", errors="replace")
    said = re.findall(r"KV cache size: ([\d,]+) tokens, Maximum concurrency for ([\d,]+) tokens per request: ([\d.]+)x", log)
    assert said
    tokens, length, times = said[-1]
    assert (int(tokens.replace(",", "")), int(length.replace(",", ""))) == (plan["limits"]["kv_tokens"], plan["limits"]["max_model_len"])
    assert float(times) == round(sizes["concurrency"], 2)


def test_nothing_listens_beyond_loopback(demo: Demo) -> None:
    shown = run(["ss", "-Hltn"]).stdout
    for name, port in demo.ports.items():
        lines = [line.split()[3] for line in shown.splitlines() if line.split()[3].endswith(f":{port}")]
        assert all(address.startswith(("127.0.0.1:", "[::1]:")) for address in lines), (name, lines)
    assert f"127.0.0.1:{demo.ports['proxy']}" in shown


def test_secrets_are_for_their_owner_only(demo: Demo) -> None:
    folder = demo.root / "etc" / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for path in folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_the_keys_are_in_no_command_line_and_no_log(demo: Demo) -> None:
    keys = [path.read_bytes().strip() for path in (demo.root / "etc" / "secrets").iterdir() if path.stat().st_size > 16]
    assert len(keys) >= 2
    lines = [pathlib.Path(f"/proc/{entry}/cmdline") for entry in os.listdir("/proc") if entry.isdigit()]
    files = [path for path in (demo.root / "log").rglob("*") if path.is_file()] + list((demo.root / "etc").glob("*.*"))
    for path in lines + files:
        try:
            content = path.read_bytes()
        except OSError:
            continue
        assert not any(key in content for key in keys), path


def test_every_cache_is_below_the_folder(demo: Demo) -> None:
    _state, pid = demo.status()["inferhost-vllm"]
    pairs = pathlib.Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0")
    environment = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    for name in ("HF_HOME", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME", "TMPDIR", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "VLLM_CACHE_ROOT"):
        assert environment[name].startswith(str(demo.root)), name


def test_the_engine_keeps_its_bytecode_also_where_none_is_wanted(demo: Demo) -> None:
    """Without it each of its processes compiles vLLM and torch anew, which more than doubles a start."""
    assert demo.environment["PYTHONDONTWRITEBYTECODE"]
    assert len(list((demo.root / "cache/python").rglob("vllm/v1/**/*.pyc"))) > 100
