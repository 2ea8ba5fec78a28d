# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cuInit against a library compiled from a few lines of C that answers what it is told to."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
import typing as t
from pathlib import Path

import pytest

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._cuda import CODES, init, not_tried, version_name

LIBRARY = """
#include <signal.h>
#include <string.h>
#include <unistd.h>
int cuInit(unsigned flags) {
    if (ANSWER == -1) pause();
    if (ANSWER == -2) raise(SIGSEGV);
    return ANSWER < 0 ? 0 : ANSWER;
}
int cuDriverGetVersion(int *version) { *version = 13000; return 0; }
int cuDeviceGetCount(int *count) {
    if (ANSWER == -3) pause();
    *count = ANSWER == -4 ? 0 : 2;
    return ANSWER == -5 ? 100 : 0;
}
int cuDeviceGet(int *device, int index) { *device = index; return 0; }
int cuDeviceTotalMem_v2(size_t *bytes, int device) { *bytes = 85017493504ULL; return 0; }
int cuDeviceGetPCIBusId(char *text, int length, int device) { strcpy(text, device ? "0000:3B:00.0" : "0000:19:00.0"); return 0; }
"""
HANG, CRASH, HANG_AT_COUNT, NO_CARD, NO_COUNT = -1, -2, -3, -4, -5


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
        "call": "cuDeviceGet",
        "code": 0,
        "name": "CUDA_SUCCESS",
        "cuda_version": "13.0",
        "device_count": 2,
        "devices": [{"address": "0000:19:00.0", "memory_bytes": 85017493504}, {"address": "0000:3b:00.0", "memory_bytes": 85017493504}],
        "cause": "",
        "fix": "",
    }


# Names: cuda.h of CUDA 13.
ERRORS = [
    (3, "CUDA_ERROR_NOT_INITIALIZED"),
    (34, "CUDA_ERROR_STUB_LIBRARY"),
    (46, "CUDA_ERROR_DEVICE_UNAVAILABLE"),
    (100, "CUDA_ERROR_NO_DEVICE"),
    (101, "CUDA_ERROR_INVALID_DEVICE"),
    (304, "CUDA_ERROR_OPERATING_SYSTEM"),
    (802, "CUDA_ERROR_SYSTEM_NOT_READY"),
    (803, "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH"),
    (804, "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE"),
    (999, "CUDA_ERROR_UNKNOWN"),
    (12345, "CUDA error 12345"),
]


@pytest.mark.parametrize(("code", "name"), ERRORS)
def test_a_code_is_translated(tmp_path: Path, code: int, name: str) -> None:
    answer = init(library(tmp_path, code))
    assert (answer["outcome"], answer["call"], answer["code"], answer["name"], answer["devices"]) == ("error", "cuInit", code, name, [])
    assert (bool(answer["cause"]), bool(answer["fix"])) == (code != 12345, code != 12345)
    assert answer["cuda_version"] == "13.0"


def test_every_code_but_success_has_cause_and_fix() -> None:
    assert [code for code, (name, cause, fix) in CODES.items() if not (name.startswith("CUDA_") and cause and fix)] == [0]


def test_no_card_is_a_count_and_no_error(tmp_path: Path) -> None:
    answer = init(library(tmp_path, NO_CARD))
    assert (answer["outcome"], answer["device_count"], answer["devices"]) == ("ok", 0, [])


def test_a_count_that_fails_after_a_good_start(tmp_path: Path) -> None:
    answer = init(library(tmp_path, NO_COUNT))
    assert (answer["outcome"], answer["call"], answer["code"], answer["name"]) == ("error", "cuDeviceGetCount", 100, "CUDA_ERROR_NO_DEVICE")


def test_a_crash_is_a_result(tmp_path: Path) -> None:
    answer = init(library(tmp_path, CRASH))
    assert (answer["outcome"], answer["code"], answer["cause"]) == ("crash", None, "cuInit: ended by SIGSEGV")


def test_a_hang_is_a_result_within_the_time(tmp_path: Path) -> None:
    begun = time.monotonic()
    answer = init(library(tmp_path, HANG), timeout=1.0)
    assert (answer["outcome"], answer["cause"]) == ("hang", "cuInit: no answer within 1 s")
    assert time.monotonic() - begun < 10


def test_a_hang_after_cuinit_names_the_call(tmp_path: Path) -> None:
    answer = init(library(tmp_path, HANG_AT_COUNT), timeout=1.0)
    assert (answer["outcome"], answer["call"], answer["cause"]) == ("hang", "cuDeviceGetCount", "cuDeviceGetCount: no answer within 1 s")


def test_no_library_at_all(tmp_path: Path) -> None:
    answer = init(str(tmp_path / "missing.so"))
    assert (answer["outcome"], answer["call"]) == ("absent", None) and "libcuda" in answer["cause"]


def test_a_file_that_is_no_library(tmp_path: Path) -> None:
    (tmp_path / "libcuda.so.1").write_text("text", encoding="ascii")
    answer = init(str(tmp_path / "libcuda.so.1"))
    assert answer["outcome"] == "not_run" and "libcuda.so.1" in answer["cause"]


def test_a_library_without_cuinit(tmp_path: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler, so no stand-in for libcuda can be built")
    (tmp_path / "empty.c").write_text("int other;\n", encoding="ascii")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(tmp_path / "empty.so"), str(tmp_path / "empty.c")], check=True)
    answer = init(str(tmp_path / "empty.so"))
    assert answer["outcome"] == "not_run" and "cuInit" in answer["cause"]


@pytest.mark.parametrize(("number", "name"), [(13000, "13.0"), (12080, "12.8"), (11040, "11.4"), (None, None)])
def test_versions_as_people_write_them(number: t.Optional[int], name: t.Optional[str]) -> None:
    assert version_name(number) == name


def test_an_interpreter_that_does_not_start(tmp_path: Path) -> None:
    answer = init("libcuda.so.1", python=str(tmp_path / "no-python"))
    assert answer["outcome"] == "not_run" and "no-python" in answer["cause"]


def test_not_tried_has_the_same_fields(tmp_path: Path) -> None:
    assert set(not_tried("absent", "why")) == set(init("libcuda.so.1", python=sys.executable + "-missing"))
