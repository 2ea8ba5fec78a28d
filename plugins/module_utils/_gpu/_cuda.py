# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CUDA's own answer: `cuInit` in a child process, so that a crash or a hang is a result and not the end of the run."""

from __future__ import annotations

import json
import sys
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._gpu._process import Ended, run_bounded

# What programs ask the loader for. The plain name without a number belongs to development files and, in CUDA's toolkit, to a stub.
LIBRARY = "libcuda.so.1"

NO_LIBRARY = "the host has no libcuda: the user-mode part of the NVIDIA driver is not installed"

# Loads the library named by its first argument. It prints a JSON object before each call, so that the last line names the one that crashed or hung.
PROBE = """
import ctypes, json, sys
answer = {"call": "dlopen", "code": None, "devices": []}
def tell(**more):
    answer.update(more)
    print(json.dumps(answer), flush=True)
tell()
try:
    lib = ctypes.CDLL(sys.argv[1])
except OSError as error:
    tell(error=str(error))
    sys.exit()
def call(name, *arguments):
    tell(call=name, code=None)
    answer["code"] = getattr(lib, name)(*arguments)
    return answer["code"] == 0
number, device, total, bus = ctypes.c_int(), ctypes.c_int(), ctypes.c_size_t(), ctypes.create_string_buffer(32)
if hasattr(lib, "cuDriverGetVersion") and call("cuDriverGetVersion", ctypes.byref(number)):
    answer["version"] = number.value
if call("cuInit", 0) and call("cuDeviceGetCount", ctypes.byref(number)):
    answer["device_count"] = number.value
    tell(call="cuDeviceGet")
    for index in range(answer["device_count"]):
        if lib.cuDeviceGet(ctypes.byref(device), index) == 0 and lib.cuDeviceTotalMem_v2(ctypes.byref(total), device) == 0 \\
                and lib.cuDeviceGetPCIBusId(bus, 32, device) == 0:
            answer["devices"].append({"address": bus.value.decode().lower(), "memory_bytes": total.value})
tell(ended=True)
"""

# Codes of the driver interface that a broken host really gives: name, cause, what to do.
CODES: t.Dict[int, t.Tuple[str, str, str]] = {
    0: ("CUDA_SUCCESS", "", ""),
    2: ("CUDA_ERROR_OUT_OF_MEMORY", "There was not enough memory, on a card or within the limits of the process.", "nvidia-smi; ulimit -a"),
    3: ("CUDA_ERROR_NOT_INITIALIZED", "The driver was not initialised.", "Load the kernel module: modprobe nvidia"),
    34: (
        "CUDA_ERROR_STUB_LIBRARY",
        "The stub library of the CUDA toolkit was loaded instead of the driver's.",
        "Take the stubs folder out of LD_LIBRARY_PATH.",
    ),
    46: (
        "CUDA_ERROR_DEVICE_UNAVAILABLE",
        "Another process holds the card alone (compute mode exclusive), or the mode forbids computing.",
        "nvidia-smi --compute-mode=DEFAULT",
    ),
    100: ("CUDA_ERROR_NO_DEVICE", "The driver works but shows no GPU to this process.", "Look for CUDA_VISIBLE_DEVICES and at: nvidia-smi -L"),
    101: ("CUDA_ERROR_INVALID_DEVICE", "CUDA_VISIBLE_DEVICES names a GPU that is not there.", "Compare CUDA_VISIBLE_DEVICES with: nvidia-smi -L"),
    102: ("CUDA_ERROR_DEVICE_NOT_LICENSED", "The virtual GPU has no licence.", "nvidia-smi -q | grep -i license; systemctl status nvidia-gridd"),
    214: ("CUDA_ERROR_ECC_UNCORRECTABLE", "The card's memory has an error that could not be corrected.", "nvidia-smi -q -d ECC,ROW_REMAPPER"),
    304: (
        "CUDA_ERROR_OPERATING_SYSTEM",
        "A call to the operating system failed, often opening /dev/nvidia* (permissions, limits).",
        "ls -l /dev/nvidia*; ulimit -a",
    ),
    802: ("CUDA_ERROR_SYSTEM_NOT_READY", "The NVSwitch fabric manager is not running.", "systemctl status nvidia-fabricmanager"),
    803: (
        "CUDA_ERROR_SYSTEM_DRIVER_MISMATCH",
        "The user-mode library and the kernel module are of different versions.",
        "Reboot after a driver upgrade; look for a second library with: ldconfig -p | grep libcuda",
    ),
    804: (
        "CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE",
        "Forward compatibility libraries were used on a card that does not support them.",
        "Install a driver as new as the CUDA version needs, or remove the compat libraries.",
    ),
    805: ("CUDA_ERROR_MPS_CONNECTION_FAILED", "The process was told to use MPS, and its server does not answer.", "echo quit | nvidia-cuda-mps-control"),
    999: ("CUDA_ERROR_UNKNOWN", "Often the device nodes are missing or nvidia_uvm is wedged.", "nvidia-modprobe -u -c 0"),
}


def init(library: str = LIBRARY, timeout: float = 30.0, python: str = sys.executable) -> t.Dict[str, t.Any]:
    """Run the probe; every way it can end is described by the same fields."""
    return described(run_bounded([python, "-c", PROBE, library], timeout), library)


def described(ended: Ended, library: str = LIBRARY, without: str = NO_LIBRARY) -> t.Dict[str, t.Any]:
    """How the probe ended, wherever it ran. `without` is what a missing library means there."""
    answer = last_answer(ended.output)
    call = str(answer.get("call", "cuInit"))
    if ended.how in ("hang", "signal"):
        return _result("hang" if ended.how == "hang" else "crash", call=call, detail="%s: %s" % (call, ended.detail))
    if "error" in answer:
        missing = answer["error"].startswith(library + ": cannot open shared object file: No such file")
        return not_tried("absent", without) if missing else not_tried("not_run", answer["error"])
    if not answer.get("ended"):
        lines = ended.errors.strip().splitlines()
        return not_tried("not_run", ended.detail or (lines[-1] if lines else "the probe printed nothing"))
    code = int(answer["code"])
    return _result("ok" if code == 0 else "error", call, code, int(answer.get("device_count", 0)), answer["devices"], version_name(answer.get("version")))


def last_answer(output: str) -> t.Dict[str, t.Any]:
    """The last whole line of the probe, empty when it did not get to one."""
    for line in reversed(output.splitlines()):
        try:
            answer = json.loads(line)
        except ValueError:
            continue
        if isinstance(answer, dict):
            return answer
    return {}


def version_name(number: t.Optional[int]) -> t.Optional[str]:
    """CUDA's number for a version, 13000, as people write it, 13.0."""
    return "%d.%d" % (number // 1000, number % 1000 // 10) if number else None


def not_tried(outcome: str, detail: str) -> t.Dict[str, t.Any]:
    """The same fields for a host on which there was nothing to call."""
    return _result(outcome, detail=detail)


def _result(
    outcome: str,
    call: t.Optional[str] = None,
    code: t.Optional[int] = None,
    count: t.Optional[int] = None,
    devices: t.Optional[t.List[t.Dict[str, t.Any]]] = None,
    version: t.Optional[str] = None,
    detail: str = "",
) -> t.Dict[str, t.Any]:
    name, cause, fix = CODES.get(code, ("CUDA error %d" % code, "", "")) if code is not None else ("", "", "")
    return {
        "outcome": outcome,
        "call": call,
        "code": code,
        "name": name,
        "cuda_version": version,
        "device_count": count,
        "devices": devices or [],
        "cause": cause or detail,
        "fix": fix,
    }
