# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cuInit against a library compiled from a few lines of C that answers what it is told to."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._gpu_cuda import init, not_tried

LIBRARY = """
#include <signal.h>
#include <string.h>
#include <unistd.h>
int cuInit(unsigned flags) {
    if (ANSWER == -1) pause();
    if (ANSWER == -2) raise(SIGSEGV);
    return ANSWER;
}
int cuDeviceGetCount(int *count) { *count = 2; return 0; }
int cuDeviceGet(int *device, int index) { *device = index; return 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = 85017493504ULL; return 0; }
int cuDeviceGetPCIBusId(char *text, int length, int device) { strcpy(text, device ? "0000:3B:00.0" : "0000:19:00.0"); return 0; }
"""
HANG, CRASH = -1, -2


def library(folder: Path, answer: int) -> str:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler, so no stand-in for libcuda can be built")
    source, target = folder / "cuda.c", folder / "libcuda.so"
    source.write_text(LIBRARY, encoding="ascii")
    subprocess.run([compiler, "-shared", "-fPIC", "-DANSWER=%d" % answer, "-o", str(target), str(source)], check=True)
    return str(target)


def test_success_with_what_cuda_offers_of_each_card(tmp_path: Path) -> None:
    assert init(library(tmp_path, 0)) == {
        "outcome": "ok",
        "code": 0,
        "name": "CUDA_SUCCESS",
        "device_count": 2,
        "devices": [{"address": "0000:19:00.0", "memory_bytes": 85017493504}, {"address": "0000:3b:00.0", "memory_bytes": 85017493504}],
        "cause": "",
        "fix": "",
    }


@pytest.mark.parametrize(("code", "name"), [(100, "CUDA_ERROR_NO_DEVICE"), (803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"), (12345, "CUDA error 12345")])
def test_a_code_is_translated(tmp_path: Path, code: int, name: str) -> None:
    answer = init(library(tmp_path, code))
    assert (answer["outcome"], answer["code"], answer["name"], answer["devices"]) == ("error", code, name, [])
    assert bool(answer["cause"]) is (code != 12345)


def test_a_crash_is_a_result(tmp_path: Path) -> None:
    answer = init(library(tmp_path, CRASH))
    assert (answer["outcome"], answer["code"], answer["cause"]) == ("crash", None, "cuInit: ended by SIGSEGV")


def test_a_hang_is_a_result_within_the_time(tmp_path: Path) -> None:
    begun = time.monotonic()
    answer = init(library(tmp_path, HANG), timeout=1.0)
    assert (answer["outcome"], answer["cause"]) == ("hang", "cuInit: no answer within 1 s")
    assert time.monotonic() - begun < 10


def test_a_library_without_cuinit_or_none_at_all(tmp_path: Path) -> None:
    answer = init(str(tmp_path / "missing.so"))
    assert answer["outcome"] == "not_run" and "missing.so" in answer["cause"]


def test_an_interpreter_that_does_not_start(tmp_path: Path) -> None:
    answer = init("libcuda.so.1", python=str(tmp_path / "no-python"))
    assert answer["outcome"] == "not_run" and "no-python" in answer["cause"]


def test_not_tried_has_the_same_fields(tmp_path: Path) -> None:
    assert set(not_tried("absent", "why")) == set(init("libcuda.so.1", python=sys.executable + "-missing"))
