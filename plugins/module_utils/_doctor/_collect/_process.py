# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Processes that have to do with serving models: command line, environment, whose they are. Secrets stay where they are."""

from __future__ import annotations

import os
import re
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collector import Collected, Context, collector, unreadable
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._flags import engine_arguments
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._redact import split_secrets

# Values of these variables say how an engine runs; of every other variable only the name is kept.
KEPT_VARIABLES = (
    "CUDA_VISIBLE_DEVICES",
    "HF_HOME",
    "HF_HUB_CACHE",
    "HOME",
    "HUGGINGFACE_HUB_CACHE",
    "NVIDIA_VISIBLE_DEVICES",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONPYCACHEPREFIX",
    "TMPDIR",
    "TORCHINDUCTOR_CACHE_DIR",
    "TRITON_CACHE_DIR",
    "VIRTUAL_ENV",
    "VLLM_CACHE_ROOT",
    "VLLM_CPU_KVCACHE_SPACE",
    "VLLM_CPU_OMP_THREADS_BIND",
    "VLLM_DISABLE_COMPILE_CACHE",
    "VLLM_TARGET_DEVICE",
    "XDG_CACHE_HOME",
)

_PROGRAMS = {
    "dcgm-exporter": "dcgm_exporter",
    "grafana": "grafana",
    "grafana-server": "grafana",
    "node_exporter": "node_exporter",
    "nvidia-gpu-exporter": "gpu_exporter",
    "nvidia_gpu_exporter": "gpu_exporter",
    "prometheus": "prometheus",
    "prometheus-node-exporter": "node_exporter",
}
_MODULES = {"inferhost_proxy": "proxy", "litellm": "litellm", "litellm.proxy.proxy_cli": "litellm"}
_PYTHON = re.compile(r"^python[\d.]*$")
_CONTAINER = re.compile(r"docker|containerd|libpod|kubepods|crio-")


def kind_of(argv: t.Sequence[str]) -> str | None:
    """What a command line runs, None if it is none of our business."""
    if not argv:
        return None
    if engine_arguments(argv) is not None:
        return "vllm"
    first = os.path.basename(argv[0])
    if first in _PROGRAMS:
        return _PROGRAMS[first]
    if first == "litellm":
        return "litellm"
    if not _PYTHON.match(first):
        return None
    if len(argv) > 1 and os.path.basename(argv[1]) == "litellm":
        return "litellm"
    return next((_MODULES.get(name) for option, name in zip(argv[1:3], argv[2:4]) if option == "-m"), None)


@collector("processes", root="helps", cost="files", timeout_s=20)
def processes(context: Context, facts: Facts) -> Collected:
    """The processes of `kind_of`, and any other that carries a secret in its command line."""
    proc = context.path("/proc")
    found: list[dict[str, t.Any]] = []
    gaps: list[str] = []
    if not os.path.isdir(os.path.join(proc, "1")):
        gaps.append("only the processes of this user are visible (/proc is mounted with hidepid); run with --become to see it")
    for name in sorted(filter(str.isdigit, os.listdir(proc)), key=int):
        if int(name) != os.getpid():
            record = _read_process(os.path.join(proc, name), gaps)
            if record is not None:
                found.append(record)
    engines = {record["pid"] for record in found if record["kind"] == "vllm"}
    # A server that forks shows its command line twice; the parent speaks for both.
    return Collected([record for record in found if record["kind"] != "vllm" or record["ppid"] not in engines], gaps)


def _read_process(folder: str, gaps: list[str]) -> dict[str, t.Any] | None:
    pid = int(os.path.basename(folder))
    try:
        argv = _strings(os.path.join(folder, "cmdline"))
        kind = kind_of(argv)
        clean, carriers = split_secrets(argv)
        if kind is None and not carriers:
            return None
        uid = os.stat(folder).st_uid
        with open(os.path.join(folder, "stat"), encoding="utf-8", errors="replace") as handle:
            ppid = int(handle.read().rpartition(")")[2].split()[1])
    except OSError:
        # It ended while we looked.
        return None
    record: dict[str, t.Any] = {
        "pid": pid,
        "ppid": ppid,
        "kind": kind,
        "argv": clean,
        "secret_args": carriers,
        "uid": uid,
        "container": _in_container(folder),
        "cwd": None,
        "env": None,
    }
    if kind in ("vllm", "litellm", "proxy"):
        try:
            variables = dict(entry.split("=", 1) for entry in _strings(os.path.join(folder, "environ")) if "=" in entry)
            record["env"] = {name: variables[name] for name in KEPT_VARIABLES if name in variables}
            record["cwd"] = os.readlink(os.path.join(folder, "cwd"))
        except OSError as error:
            record["closed"] = unreadable(f"the environment of process {pid} ({kind}, uid {uid})", error)
            gaps.append(record["closed"])
    return record


def environment_gap(process: t.Mapping[str, t.Any]) -> str:
    return str(process.get("closed", f"the environment of process {process['pid']} is not known"))


def _in_container(folder: str) -> bool:
    """Whether a process is in a container that we are not in. Its process namespace tells; where that is closed to us, its control group."""
    own = os.path.join(os.path.dirname(folder), "self")
    try:
        return os.readlink(os.path.join(folder, "ns/pid")) != os.readlink(os.path.join(own, "ns/pid"))
    except OSError:
        groups, own_groups = (bool(_CONTAINER.search(_text(os.path.join(place, "cgroup")))) for place in (folder, own))
        return groups and not own_groups


def _strings(path: str) -> list[str]:
    with open(path, "rb") as handle:
        content = handle.read()
    return [part.decode("utf-8", "replace") for part in content.rstrip(b"\0").split(b"\0")] if content else []


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as handle:
            return handle.read()
    except OSError:
        return ""
