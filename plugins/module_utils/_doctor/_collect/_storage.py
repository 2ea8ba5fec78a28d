# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks: where models and caches lie, how full it is there, what could still grow, what a broken download left behind."""

from __future__ import annotations

import glob
import os
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor import _access, _mounts
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect._process import environment_gap
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect._venv import environment_of
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collector import Collected, Context, collector, unreadable
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._flags import engine_arguments, parse
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts

# Cache variable and, where it is not set, the place below another variable or (None) an absolute one. As their programs document it.
CACHES: tuple[tuple[str, tuple[str, ...], tuple[str | None, str]], ...] = (
    ("XDG_CACHE_HOME", ("XDG_CACHE_HOME",), ("HOME", ".cache")),
    ("HF_HOME", ("HF_HOME",), ("XDG_CACHE_HOME", "huggingface")),
    ("HF_HUB_CACHE", ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"), ("HF_HOME", "hub")),
    ("TMPDIR", ("TMPDIR",), (None, "/tmp")),
    ("TORCHINDUCTOR_CACHE_DIR", ("TORCHINDUCTOR_CACHE_DIR",), ("TMPDIR", "torchinductor_cache")),
    ("TRITON_CACHE_DIR", ("TRITON_CACHE_DIR",), ("HOME", ".triton/cache")),
    ("VLLM_CACHE_ROOT", ("VLLM_CACHE_ROOT",), ("XDG_CACHE_HOME", "vllm")),
)
PARTIAL_PATTERNS = ("blobs/*.incomplete", ".cache/huggingface/download/**/*.incomplete", ".inferhost/partial/*.part", "*.part", "*.partial")
_SECTOR = 512


def cache_paths(variables: t.Mapping[str, str]) -> list[tuple[str, str, bool]]:
    """Variable, the path that counts, and whether it was set. A process without HOME counts as root's."""
    paths: dict[str, str] = {"HOME": variables.get("HOME", "/root")}
    found = []
    for name, aliases, (base, rest) in CACHES:
        value = next((variables[alias] for alias in aliases if variables.get(alias)), None)
        paths[name] = value or (rest if base is None else os.path.join(paths[base], rest))
        found.append((name, paths[name], value is not None))
    return found


@collector("caches", root="helps", cost="files", timeout_s=10, after=["processes"])
def caches(context: Context, facts: Facts) -> Collected:
    """For each running engine: its cache folders as it sees them, container or not, and where else it could keep them."""
    found: list[dict[str, t.Any]] = []
    gaps: list[str] = []
    for process in facts["processes"]:
        if process["kind"] != "vllm":
            continue
        if process["env"] is None:
            gaps.append(environment_gap(process))
            continue
        try:
            with open(context.path(f"/proc/{process['pid']}/mountinfo"), encoding="utf-8", errors="replace") as handle:
                mounts = _mounts.parse(handle.read())
        except OSError as error:
            gaps.append(unreadable(f"the mounts of process {process['pid']}", error))
            continue
        places = []
        for name, path, is_set in cache_paths(process["env"]):
            mount = _mounts.of(path, mounts)
            place = {"variable": name, "path": path, "set": is_set, "mount": mount.point if mount else "/", "type": mount.type if mount else "unknown"}
            places.append({**place, "writable": _writable(context, process, path, mount)})
        root_mount = None if process["container"] or not os.path.isdir(context.path(context.root)) else _mounts.of(context.root, mounts)
        lasting = root_mount is not None and root_mount.type not in _mounts.EPHEMERAL
        found.append(
            {
                "pid": process["pid"],
                "caches": places,
                "persistent": _mounts.persistent(mounts),
                "root_mount": root_mount.point if root_mount and lasting else None,
                "bytecode": None if process["container"] else _bytecode(context, process),
            }
        )
    return Collected(found, gaps)


def _writable(context: Context, process: t.Mapping[str, t.Any], path: str, mount: _mounts.Mount | None) -> bool | None:
    """Whether the process may make files there, or make the folder; None where that is not seen."""
    if mount is not None and not mount.writable:
        return False
    root = context.path(f"/proc/{process['pid']}/root") if process["container"] else context.path("/")
    place = path.rstrip("/")
    while place and not os.path.isdir(root + place):
        place = os.path.dirname(place).rstrip("/")
    if not place:
        return None
    return _access.may(os.path.normpath(root + place), process["uid"], _access.groups(process["uid"]), os.W_OK | os.X_OK)


def _bytecode(context: Context, process: t.Mapping[str, t.Any]) -> bool | None:
    """Whether compiled modules of the engine are kept: there, or possible; None where the environment is not seen."""
    env = process["env"]
    venv = environment_of([context.path(word) for word in process["argv"][:2]], {}, process["cwd"])
    package = next(iter(glob.glob(os.path.join(venv, "lib/python3*/site-packages/vllm"))), None) if venv else None
    if package is None:
        return None
    prefix = env.get("PYTHONPYCACHEPREFIX")
    inside = "/" + os.path.relpath(package, context.fs)
    kept = context.path(prefix + inside) if prefix else os.path.join(package, "__pycache__")
    if glob.glob(os.path.join(glob.escape(kept), "*.pyc")):
        return True
    if env.get("PYTHONDONTWRITEBYTECODE"):
        return False
    target = kept if prefix else package
    while not os.path.isdir(target):
        target = os.path.dirname(target)
    return None if _access.may(target, process["uid"], _access.groups(process["uid"]), os.W_OK) else False


@collector("storage", root="helps", cost="files", timeout_s=20, after=["processes"])
def storage(context: Context, facts: Facts) -> Collected:
    """The file systems that hold models, their free space, and partial downloads in the model folders."""
    gaps: list[str] = []
    with open(context.path("/proc/self/mountinfo"), encoding="utf-8", errors="replace") as handle:
        mounts = _mounts.parse(handle.read())
    folders = model_folders(context, facts["processes"])
    systems: dict[str, dict[str, t.Any]] = {}
    for folder in folders:
        mount = _mounts.of(os.path.realpath(folder), mounts)
        place = context.path(folder)
        if mount is None or not os.path.exists(place):
            continue
        if mount.point in systems:
            systems[mount.point]["holds"].append(folder)
            continue
        try:
            figures = os.statvfs(place)
        except OSError as error:
            gaps.append(unreadable(folder, error))
            continue
        systems[mount.point] = {
            "mount": mount.point,
            "type": mount.type,
            "holds": [folder],
            "total_bytes": figures.f_blocks * figures.f_frsize,
            "free_bytes": figures.f_bavail * figures.f_frsize,
            "growable": _growable(context, mount.device),
        }
    return Collected({"filesystems": list(systems.values()), "partial": _partial_files(context, folders, gaps)}, gaps)


def model_folders(context: Context, processes: t.Sequence[t.Mapping[str, t.Any]]) -> list[str]:
    """Where models are kept: ours, the Hub cache of whoever looks and of each engine, and the folder an engine serves from."""
    folders = [os.path.join(context.root, "models"), os.path.join(context.root, "cache/hf")]
    own = {name: value for name, value in os.environ.items() if name.startswith(("HF_", "HUGGINGFACE_", "XDG_")) or name == "HOME"}
    environments: list[t.Mapping[str, str]] = [own]
    for process in processes:
        if process["kind"] == "vllm" and not process["container"]:
            environments.append(process["env"] or own)
            model = parse(engine_arguments(process["argv"]) or []).get("--model", "")
            if model.startswith("/"):
                folders.append(os.path.dirname(model.rstrip("/")))
    folders += [path for variables in environments for name, path, _set in cache_paths(variables) if name == "HF_HUB_CACHE"]
    return [folder for folder in dict.fromkeys(folders) if os.path.isdir(context.path(folder))]


def _partial_files(context: Context, folders: t.Sequence[str], gaps: list[str]) -> list[dict[str, t.Any]]:
    found: dict[str, dict[str, t.Any]] = {}
    for folder in folders:
        for pattern in PARTIAL_PATTERNS:
            for path in sorted(glob.glob(os.path.join(context.path(folder), "*", pattern), recursive=True)):
                try:
                    figures = os.stat(path)
                except OSError as error:
                    gaps.append(unreadable(path, error))
                    continue
                shown = "/" + os.path.relpath(path, context.fs)
                found[os.path.realpath(path)] = {"path": shown, "bytes": figures.st_size, "modified": int(figures.st_mtime)}
    return list(found.values())


def _growable(context: Context, device: str) -> dict[str, t.Any] | None:
    """Room that the volume group of a logical volume still has, from sysfs alone: physical volumes less everything mapped onto them."""
    block = context.path(f"/sys/dev/block/{device}")
    name, uuid = _line(os.path.join(block, "dm/name")), _line(os.path.join(block, "dm/uuid"))
    if not name or not (uuid or "").startswith("LVM-"):
        return None
    physical = os.listdir(os.path.join(block, "slaves"))
    # The kernel knows volume groups only by the first half of the volumes' identifiers.
    group = str(uuid)[4:36]
    volumes = [path for path in glob.glob(context.path("/sys/block/dm-*")) if (_line(os.path.join(path, "dm/uuid")) or "")[4:36] == group]
    room = sum(_size(os.path.join(block, "slaves", one)) for one in physical) - sum(_size(path) for path in volumes)
    return {"device": f"/dev/mapper/{name}", "bytes": max(0, room)}


def _size(folder: str) -> int:
    return int(_line(os.path.join(folder, "size")) or 0) * _SECTOR


def _line(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as handle:
            return handle.read().strip()
    except OSError:
        return None
