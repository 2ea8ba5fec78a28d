# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The stand-in programs of the scenarios answer in the words that the parsers of the real programs take."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._gpu import _nvidia_smi as fields
from ansible_collections.inferhost.llm.plugins.module_utils._gpu import _smi_banner as banner
from ansible_collections.inferhost.llm.plugins.module_utils._gpu import _smi_xml as xml
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._containers import parse_yaml
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._cuda import init
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._reader import Reader
from ansible_collections.inferhost.llm.plugins.module_utils._gpu._smi import ask

PROGRAMS = Path(__file__).resolve().parents[3] / "molecule" / "standins" / "programs"
CARDS = [
    {"address": "0000:01:00.0", "name": "NVIDIA RTX 4000 SFF Ada Generation", "memory_mib": 20475, "compute_cap": "8.9"},
    {"address": "0000:3b:00.0", "name": "NVIDIA H200", "memory_mib": 143771, "compute_cap": "9.0"},
]
HEALTHY = {"driver_version": "580.159.03", "cards": CARDS, "cuda": 0}
NEWER = {"driver_version": "610.57.04", "cuda_version": "13.3", "cards": CARDS}


class Standins:
    """The programs, with a state file of their own."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._state = folder / "state.json"
        monkeypatch.setenv("STANDIN_GPU_STATE", str(self._state))

    def __call__(self, state: dict[str, Any], program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        self.told(state)
        return subprocess.run([sys.executable, str(PROGRAMS / program), *arguments], capture_output=True, text=True, check=False)

    def told(self, state: dict[str, Any]) -> None:
        self._state.write_text(json.dumps(state), encoding="utf-8")


@pytest.fixture
def standins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Standins:
    return Standins(tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def libcuda(tmp_path_factory: pytest.TempPathFactory) -> str:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler, so the stand-in for libcuda cannot be built")
    target = tmp_path_factory.mktemp("libcuda") / "libcuda.so.580.159.03"
    subprocess.run([compiler, "-Wall", "-Werror", "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", "-o", str(target), str(PROGRAMS / "libcuda.c")], check=True)
    return str(target)


def test_fields_of_each_card(standins: Standins) -> None:
    found = fields.parse(standins(HEALTHY, "nvidia-smi", *fields.ARGUMENTS).stdout)
    assert list(found) == ["0000:01:00.0", "0000:3b:00.0"]
    assert found["0000:3b:00.0"]["memory_bytes"] == 143771 << 20
    assert (found["0000:01:00.0"]["driver_version"], found["0000:01:00.0"]["compute_capability"]) == ("580.159.03", "8.9")


@pytest.mark.parametrize(("state", "driver", "cuda"), [(HEALTHY, "580.159.03", "13.0"), (NEWER, "610.57.04", "13.3")])
@pytest.mark.parametrize("arguments", [(), ("--version",)])
def test_versions_in_the_words_of_both_generations(standins: Standins, state: dict[str, Any], driver: str, cuda: str, arguments: tuple[str, ...]) -> None:
    output = standins(state, "nvidia-smi", *arguments).stdout
    assert ("KMD" in output) is (state is NEWER)
    found = banner.parse(output)
    assert (found["driver"], found["cuda"], found["nvidia_smi"]) == (driver, cuda, driver)


@pytest.mark.parametrize(("state", "driver"), [(HEALTHY, "580.159.03"), (NEWER, "610.57.04")])
def test_the_document(standins: Standins, state: dict[str, Any], driver: str) -> None:
    log = xml.parse(standins(state, "nvidia-smi", *xml.ARGUMENTS).stdout)
    assert log.driver_version == driver
    assert log.cards["0000:3b:00.0"]["memory"]["total_bytes"] == 143771 << 20
    assert log.cards["0000:01:00.0"]["persistence_mode"] is True


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"error": "no_devices"}, "No devices were found"),
        ({"cards": []}, "No devices were found"),
        ({"error": "unknown"}, "Failed to initialize NVML: Unknown Error"),
        ({"library_version": "580.173.02"}, "Failed to initialize NVML: Driver/library version mismatch"),
        ({"error": "the words of a test"}, "the words of a test"),
    ],
)
def test_why_it_fails(standins: Standins, tmp_path: Path, change: dict[str, Any], words: str) -> None:
    standins.told({**HEALTHY, **change})
    answers = ask(Reader(), str(PROGRAMS / "nvidia-smi"), 30.0)
    assert (answers.result["outcome"], answers.result["detail"]) == ("failed", words)


def test_cards_as_a_list(standins: Standins) -> None:
    output = standins(HEALTHY, "nvidia-smi", "-L").stdout.splitlines()
    assert [line.partition(" (UUID: GPU-")[0] for line in output] == ["GPU 0: NVIDIA RTX 4000 SFF Ada Generation", "GPU 1: NVIDIA H200"]


def test_cuda_shows_the_cards(standins: Standins, libcuda: str) -> None:
    standins.told(HEALTHY)
    found = init(libcuda)
    assert (found["outcome"], found["cuda_version"], found["device_count"]) == ("ok", "13.0", 2)
    assert found["devices"] == [{"address": card["address"], "memory_bytes": int(str(card["memory_mib"])) << 20} for card in CARDS]


@pytest.mark.parametrize("code", [100, 802, 803, 804, 999])
def test_cuda_answers_the_code_it_is_told(standins: Standins, libcuda: str, code: int) -> None:
    standins.told({**HEALTHY, "cuda": code})
    assert (init(libcuda)["outcome"], init(libcuda)["code"]) == ("error", code)


@pytest.mark.parametrize("how", ["hang", "crash"])
def test_cuda_hangs_or_crashes(standins: Standins, libcuda: str, how: str) -> None:
    standins.told({**HEALTHY, "cuda": how})
    assert init(libcuda, timeout=2.0)["outcome"] == how


def test_cuda_in_a_container_may_answer_otherwise(standins: Standins, libcuda: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    standins.told({**HEALTHY, "container_cuda": 803})
    assert init(libcuda)["code"] == 0
    monkeypatch.setenv("STANDIN_GPU_CONTAINER", str(tmp_path))
    assert init(libcuda)["code"] == 803


def test_the_runtime_is_added_to_daemon_json_and_the_rest_stays(standins: Standins, tmp_path: Path) -> None:
    path = tmp_path / "daemon.json"
    path.write_text('{"log-driver": "journald"}', encoding="utf-8")
    done = standins(HEALTHY, "nvidia-ctk", "runtime", "configure", "--runtime=docker", "--config", str(path), "--cdi.enabled")
    assert done.returncode == 0, done.stderr
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "log-driver": "journald",
        "runtimes": {"nvidia": {"args": [], "path": "nvidia-container-runtime"}},
        "features": {"cdi": True},
    }


def test_the_specification_names_every_card_and_the_library(tmp_path: Path) -> None:
    source = (PROGRAMS / "nvidia-ctk").read_text(encoding="utf-8")
    names: dict[str, Any] = {"__name__": "nvidia_ctk"}
    exec(compile(source, "nvidia-ctk", "exec"), names)
    text = names["specification"](["0", "all"], Path("/usr/lib/x86_64-linux-gnu/libcuda.so.580.159.03"))
    assert parse_yaml(text) == ("nvidia.com/gpu", ["0", "all"])


def test_without_a_driver_no_specification_can_be_made(standins: Standins) -> None:
    done = standins({"cards": []}, "nvidia-ctk", "cdi", "generate")
    assert done.returncode == 1 and "ERROR_LIBRARY_NOT_FOUND" in done.stderr
