# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CUDA's own answer: `cuInit` in a child process, so that a crash or a hang is a result and not the end of the run."""

from __future__ import annotations

import ctypes.util
import json
import sys
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._gpu_process import run_bounded

# Loads the library named by its first argument and prints one JSON object.
PROBE = """
import ctypes, json, sys
lib = ctypes.CDLL(sys.argv[1])
answer = {"code": lib.cuInit(0), "devices": []}
if answer["code"] == 0:
    count, device, total, bus = ctypes.c_int(), ctypes.c_int(), ctypes.c_size_t(), ctypes.create_string_buffer(32)
    answer["code"] = lib.cuDeviceGetCount(ctypes.byref(count))
    for index in range(count.value):
        if lib.cuDeviceGet(ctypes.byref(device), index) == 0 and lib.cuDeviceTotalMem_v2(ctypes.byref(total), device) == 0 \\
                and lib.cuDeviceGetPCIBusId(bus, 32, device) == 0:
            answer["devices"].append({"address": bus.value.decode().lower(), "memory_bytes": total.value})
    answer["device_count"] = count.value
print(json.dumps(answer))
"""

# Codes of the driver interface that a broken host really gives: name, cause, what to do.
CODES: t.Dict[int, t.Tuple[str, str, str]] = {
    0: ("CUDA_SUCCESS", "", ""),
    3: ("CUDA_ERROR_NOT_INITIALIZED", "The driver was not initialised.", "Load the kernel module: modprobe nvidia"),
    34: (
        "CUDA_ERROR_STUB_LIBRARY",
        "The stub library of the CUDA toolkit was loaded instead of the driver's.",
        "Take the stubs folder out of LD_LIBRARY_PATH.",
    ),
    100: ("CUDA_ERROR_NO_DEVICE", "The driver works but shows no GPU to this process.", "Look for CUDA_VISIBLE_DEVICES and at: nvidia-smi -L"),
    101: ("CUDA_ERROR_INVALID_DEVICE", "CUDA_VISIBLE_DEVICES names a GPU that is not there.", "Compare CUDA_VISIBLE_DEVICES with: nvidia-smi -L"),
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
    999: ("CUDA_ERROR_UNKNOWN", "Often the device nodes are missing or nvidia_uvm is wedged.", "nvidia-modprobe -u -c 0"),
}


def find_library() -> t.Optional[str]:
    """Name of the CUDA driver library, None where the host has none."""
    return ctypes.util.find_library("cuda")


def init(library: str, timeout: float = 30.0, python: str = sys.executable) -> t.Dict[str, t.Any]:
    """Run the probe; every way it can end is described by the same fields."""
    ended = run_bounded([python, "-c", PROBE, library], timeout)
    if ended.how in ("hang", "signal"):
        return _result("hang" if ended.how == "hang" else "crash", detail="cuInit: " + ended.detail)
    try:
        answer = json.loads(ended.output)
        code, count, devices = int(answer["code"]), int(answer.get("device_count", 0)), answer["devices"]
    except (ValueError, KeyError, TypeError):
        lines = ended.errors.strip().splitlines()
        return _result("not_run", detail=ended.detail or (lines[-1] if lines else "the probe printed nothing"))
    return _result("ok" if code == 0 else "error", code=code, count=count, devices=devices)


def not_tried(outcome: str, detail: str) -> t.Dict[str, t.Any]:
    """The same fields for a host on which there was nothing to call."""
    return _result(outcome, detail=detail)


def _result(
    outcome: str,
    code: t.Optional[int] = None,
    count: t.Optional[int] = None,
    devices: t.Optional[t.List[t.Dict[str, t.Any]]] = None,
    detail: str = "",
) -> t.Dict[str, t.Any]:
    name, cause, fix = CODES.get(code, ("CUDA error %d" % code, "", "")) if code is not None else ("", "", "")
    return {
        "outcome": outcome,
        "code": code,
        "name": name,
        "device_count": count,
        "devices": devices or [],
        "cause": cause or detail,
        "fix": fix,
    }
