# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Collectors of engines' files, logs, caches and tokens on hosts made of real files, and the reader of logs."""

from __future__ import annotations

import json
import os
import stat
import typing as t
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._doctor import _access
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._catalogue import COLLECTORS
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect._container import unframed
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collector import Context, collect
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._log_signs import last, read
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts
from ansible_collections.inferhost.llm.tests.unit.plugins import doctor_models as models
from ansible_collections.inferhost.llm.tests.unit.plugins.docker_socket import DockerSocket

API_SERVER = "vllm.entrypoints.openai.api_server"
KEY = "sk-walrus-walrus-walrus-walrus"
CONFIG = json.dumps({"model_type": "qwen2", "hidden_size": 64})


def gather(name: str, root: Path) -> Facts:
    return collect(Context(fs=str(root)), COLLECTORS, [name])


def put(path: Path, text: str, mode: int = 0o644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def running(root: Path, *flags: str, environ: str = "HOME=/root\0") -> None:
    put(root / "proc/1/cmdline", "init\0")
    put(root / "proc/77/cmdline", "\0".join(["/v/bin/python", "-m", API_SERVER, *flags, ""]))
    put(root / "proc/77/stat", "77 (python) S 1 77")
    put(root / "proc/77/environ", environ)
    put(root / "proc/77/mountinfo", "25 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n26 25 254:1 / /closed ro - ext4 /dev/vdb rw\n")
    (root / "proc/77/cwd").symlink_to("/srv")


def unit(root: Path, command: str, more: str = "") -> None:
    put(root / "etc/systemd/system/vllm.service", f"[Service]\n{more}ExecStart={command}\n")


def checkpoint(folder: Path) -> None:
    put(folder / "config.json", CONFIG)
    put(folder / "model.safetensors", "x" * 100)
    put(folder / "consolidated.safetensors", "x" * 90)
    put(folder / "tokenizer.json", "{}")


def test_a_model_in_a_folder(tmp_path: Path) -> None:
    running(tmp_path, "--model", "m")
    checkpoint(tmp_path / "srv/m")
    put(tmp_path / "v/lib/python3.12/site-packages/vllm-0.31.2+cu129.dist-info/METADATA", "")
    put(tmp_path / "v/pyvenv.cfg", "")
    (found,) = gather("engine_files", tmp_path)["engine_files"]
    assert (found["where"], found["version"]) == ("process 77", "0.31.2")
    expected = {"id": None, "name": "m", "on_disk": True, "config": json.loads(CONFIG), "weight_bytes": 100, "other_bytes": 90}
    assert found["model"] == {**expected, "others": ["consolidated.safetensors"]}


def test_a_model_in_the_hubs_cache(tmp_path: Path) -> None:
    running(tmp_path, "--model", "org/m", environ="HOME=/root\0HF_HOME=/data/hf\0HF_TOKEN=hf_abcdefghijkl\0")
    folder = tmp_path / "data/hf/hub/models--org--m"
    checkpoint(folder / "snapshots/aaa")
    put(folder / "snapshots/bbb/config.json", '{"model_type": "other"}')
    put(folder / "refs/main", "aaa\n")
    facts = gather("engine_files", tmp_path)
    (found,) = facts["engine_files"]
    assert (found["model"]["id"], found["model"]["config"]["model_type"]) == ("org/m", "qwen2")
    assert "hf_abcdefghijkl" not in json.dumps(facts.values)


def test_a_model_that_is_not_there_yet(tmp_path: Path) -> None:
    running(tmp_path, "--model", "org/m")
    (found,) = gather("engine_files", tmp_path)["engine_files"]
    assert (found["model"]["on_disk"], found["model"]["config"]) == (False, None)


@pytest.mark.parametrize(("model", "why"), [("/no/such", "/no/such is no folder with a config.json"), ("/broken", "its config.json holds no object")])
def test_what_is_no_model_is_a_gap(tmp_path: Path, model: str, why: str) -> None:
    unit(tmp_path, f"/v/bin/vllm serve {model}")
    put(tmp_path / "proc/1/cmdline", "init\0")
    put(tmp_path / "broken/config.json", "[]")
    facts = gather("engine_files", tmp_path)
    assert facts["engine_files"][0]["model"] is None
    assert [gap.startswith(f"the model of systemd service vllm.service is not known: {why}") for gap in facts.gaps["engine_files"]] == [True]


def open_to_all(folder: Path) -> None:
    """pytest's folders, however deep they are, are closed to other accounts."""
    while not folder.stat().st_mode & stat.S_IXOTH:
        folder.chmod(0o755)
        folder = folder.parent


@pytest.mark.parametrize(
    ("template", "state"),
    [
        ("/t/own.jinja", "ok"),
        ("/t/other.jinja", "missing"),
        ("/t/folder", "folder"),
        ("/t/closed.jinja", "closed"),
        ("{{ messages }}", None),
        ("tool_use", None),
    ],
)
def test_a_chat_template(tmp_path: Path, template: str, state: str | None) -> None:
    unit(tmp_path, f'/v/bin/vllm serve /m --chat-template "{template}"', "User=nobody\n")
    put(tmp_path / "proc/1/cmdline", "init\0")
    put(tmp_path / "t/own.jinja", "x")
    put(tmp_path / "t/closed.jinja", "x", 0o600)
    (tmp_path / "t/folder").mkdir()
    open_to_all(tmp_path)
    (found,) = gather("engine_files", tmp_path)["engine_files"]
    assert (found["template"] or {}).get("state") == state


def test_a_model_that_a_stopped_container_mounts(tmp_path: Path) -> None:
    checkpoint(tmp_path / "data/models/m")
    put(tmp_path / "proc/1/cmdline", "init\0")
    inspected = {
        "Name": "/vllm",
        "Path": "vllm",
        "Args": ["serve", "/models/m"],
        "Config": {"Image": "vllm/vllm-openai:v0.11.2"},
        "State": {"Running": False},
        "Mounts": [{"Source": "/data/models", "Destination": "/models"}],
    }
    frame = b"\2\0\0\0" + len(models.TOO_LONG).to_bytes(4, "big") + models.TOO_LONG.encode()
    with DockerSocket(tmp_path / "var/run/docker.sock", {"abc": inspected}, logs={"vllm": frame}):
        facts = collect(Context(fs=str(tmp_path)), COLLECTORS, ["containers", "engine_files", "engine_logs"])
    (found,) = facts["engine_files"]
    assert (found["version"], found["model"]["weight_bytes"]) == ("0.11.2", 100)
    (log,) = facts["engine_logs"]
    assert (log["source"], log["starts"][0]["signs"]["longest"]) == ("docker logs vllm", ["22400"])


def test_pieces_of_a_containers_log() -> None:
    assert unframed(b"\1\0\0\0\0\0\0\2ab\2\0\0\0\0\0\0\1c") == b"abc"
    assert unframed(b"plain text of a terminal") == b"plain text of a terminal"


def test_the_log_of_a_supervisor_program_and_a_key_in_it(tmp_path: Path) -> None:
    put(tmp_path / "proc/1/cmdline", "init\0")
    put(tmp_path / "etc/supervisor/conf.d/vllm.conf", "[program:vllm]\ncommand=/v/bin/vllm serve /m\nstdout_logfile=/var/log/vllm.log\n")
    put(tmp_path / "opt/inferhost/etc/secrets/engine_key", KEY + "\n", 0o600)
    put(tmp_path / "var/log/vllm.log", models.BEGIN + f"INFO key {KEY}\n" + models.READY)
    facts = gather("engine_logs", tmp_path)
    (found,) = facts["engine_logs"]
    assert (found["source"], found["keys"], found["starts"][0]["ready"]) == ("/var/log/vllm.log", ["engine_key"], True)
    assert KEY[3:] not in json.dumps(facts.values)


def test_the_end_of_a_long_log_is_read(tmp_path: Path) -> None:
    unit(tmp_path, "/v/bin/vllm serve /m", "StandardOutput=append:/var/log/vllm.log\n")
    put(tmp_path / "proc/1/cmdline", "init\0")
    put(tmp_path / "var/log/vllm.log", models.BEGIN + "x" * (3 << 20) + "\n" + models.TOO_LONG)
    (found,) = gather("engine_logs", tmp_path)["engine_logs"]
    assert [(one["arguments"], one["signs"]["longest"]) for one in found["starts"]] == [(None, ["22400"])]


def test_the_file_that_a_process_writes_to(tmp_path: Path) -> None:
    running(tmp_path, "--model", "/m")
    log = put(tmp_path / "nohup.out", models.BEGIN + models.READY)
    assert "its output goes to no file" in gather("engine_logs", tmp_path).gaps["engine_logs"][0]
    (tmp_path / "proc/77/fd").mkdir()
    (tmp_path / "proc/77/fd/1").symlink_to(log)
    (found,) = gather("engine_logs", tmp_path)["engine_logs"]
    assert (found["where"], found["starts"][0]["ready"]) == ("process 77", True)


def test_caches_that_cannot_be_written(tmp_path: Path) -> None:
    running(tmp_path, "--model", "/m", environ="HOME=/root\0VLLM_CACHE_ROOT=/closed/vllm\0TRITON_CACHE_DIR=/open/triton\0")
    (tmp_path / "open").mkdir()
    (found,) = gather("caches", tmp_path)["caches"]
    writable = {one["variable"]: one["writable"] for one in found["caches"]}
    assert (writable["VLLM_CACHE_ROOT"], writable["TRITON_CACHE_DIR"]) == (False, True)


@pytest.mark.parametrize(
    ("environ", "compiled", "kept"),
    [("", True, True), ("PYTHONDONTWRITEBYTECODE=1\0", True, True), ("PYTHONDONTWRITEBYTECODE=1\0", False, False), ("", False, None)],
)
def test_bytecode_of_an_engine(tmp_path: Path, environ: str, compiled: bool, kept: bool | None) -> None:
    running(tmp_path, "--model", "/m", environ="HOME=/root\0" + environ)
    put(tmp_path / "v/pyvenv.cfg", "")
    package = tmp_path / "v/lib/python3.12/site-packages/vllm"
    put(package / "__init__.py", "")
    if compiled:
        put(package / "__pycache__/__init__.cpython-312.pyc", "")
    (found,) = gather("caches", tmp_path)["caches"]
    assert found["bytecode"] is kept


def test_access_by_owner_group_and_others(tmp_path: Path) -> None:
    open_to_all(tmp_path)
    path = put(tmp_path / "a/b", "x", 0o640)
    own = os.stat(path)
    assert _access.may(str(path), 0, (), os.W_OK)
    assert _access.may(str(path), 12345, (own.st_gid,), os.R_OK)
    assert not _access.may(str(path), 12345, (own.st_gid,), os.W_OK)
    assert not _access.may(str(path), 12345, (), os.R_OK)
    path.parent.chmod(0o700)
    assert not _access.may(str(path), 12345, (own.st_gid,), os.R_OK)
    assert _access.may(str(tmp_path / "nothing"), 12345, (), os.R_OK)


@pytest.mark.parametrize(
    ("text", "name", "groups"),
    [
        (
            "(KV) the model's max seq len (131072) is larger than the maximum number of tokens that can be stored in KV cache (4096)",
            "cache_tokens",
            ["131072", "4096"],
        ),
        ("torch.compile takes 31.07 s in total for None", "compiled", ["31.07"]),
        ("torch.cuda.OutOfMemoryError: CUDA out of memory. Tried to allocate 512.00 MiB", "out_of_memory", ["512.00 MiB"]),
        (
            "Detected that the model can run with awq_marlin, however you specified quantization=awq explicitly, so forcing awq.",
            "plain_kernel",
            ["awq"],
        ),
    ],
)
def test_signs(text: str, name: str, groups: t.Sequence[str]) -> None:
    (start,) = read(text)["starts"]
    assert start["signs"][name] == groups


def test_the_version_and_the_starts_of_a_log() -> None:
    banner = "(APIServer pid=1) INFO [utils.py:299]   version 0.31.2\n"
    found = read(banner + (models.BEGIN + models.READY) * 4 + models.BEGIN)
    assert found["version"] == "0.31.2"
    assert [one["ready"] for one in found["starts"]] == [True, True, False]
    start = last(found)
    assert start is not None and start["ready"]
    assert last({"starts": []}) is None


def test_only_pure_decoding_counts() -> None:
    lines = [
        "Avg prompt throughput: 0.0 tokens/s, Avg generation throughput: 1.0 tokens/s, Running: 1 reqs",
        "Avg prompt throughput: 0.0 tokens/s, Avg generation throughput: 30.0 tokens/s, Running: 2 reqs",
        "Avg prompt throughput: 9.0 tokens/s, Avg generation throughput: 2.0 tokens/s, Running: 2 reqs",
        "Avg prompt throughput: 0.0 tokens/s, Avg generation throughput: 3.0 tokens/s, Running: 0 reqs",
        "Avg prompt throughput: 0.0 tokens/s, Avg generation throughput: 4.0 tokens/s, Running: 1 reqs",
    ]
    (start,) = read("\n".join(lines))["starts"]
    assert start["decoding"] == [30.0]
