# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an engine was told to serve, as it lies on disk: the model's configuration and sizes, the chat template, the version.

Paths are those of the engine: of a container that runs, below its own root; of one that does not, through its mounts.
"""

from __future__ import annotations

import glob
import json
import os
import pwd
import re
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor import _access
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect._storage import cache_paths
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collect._venv import environment_of
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._collector import Collected, Context, collector, unreadable
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._engines import Engine, engines
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts
from ansible_collections.inferhost.llm.plugins.module_utils._plan._checkpoint import weight_files

_MAX_CONFIG = 4 << 20
_WEIGHTS = (".safetensors", ".bin", ".pt", ".pth", ".gguf")
_IMAGE_VERSION = re.compile(r"vllm[^:]*:v?(\d+\.\d+\.\d+)")
_DISTRIBUTION = re.compile(r"^vllm(?:_cpu)?-(\d+\.\d+\.\d+)[^/]*\.dist-info$")
# vLLM takes a template's text too; a path has none of these.
_TEMPLATE_TEXT = re.compile(r"[{}\n]")


@collector("engine_files", root="helps", cost="files", timeout_s=30, after=["processes", "services"], maybe=["containers"])
def engine_files(context: Context, facts: Facts) -> Collected:
    gaps: list[str] = []
    found = []
    for one in engines(facts):
        place = _Place(context, facts, one)
        record: dict[str, t.Any] = {"where": one.where, "version": _version(place), "model": None, "template": None}
        try:
            record["model"] = _model(place)
        except (OSError, ValueError) as error:
            why = unreadable("it", error) if isinstance(error, OSError) else str(error)
            gaps.append(f"the model of {one.where} is not known: {why}")
        record["template"] = _template(place)
        found.append(record)
    return Collected(found, gaps)


class _Place:
    """The file system as one engine sees it."""

    def __init__(self, context: Context, facts: Facts, engine: Engine) -> None:
        self.context = context
        self.engine = engine
        containers = facts.values.get("containers", ())
        self.container = next((one for one in containers if one["name"] == engine.container), None)
        process = next((one for one in facts.values.get("processes", ()) if one["pid"] == engine.pid), None)
        self.cwd = str((process or {}).get("cwd") or "/")
        self.inside = bool(process and process["container"])
        self.uid: int | None = process["uid"] if process else _uid(engine.user)

    def path(self, path: str) -> str | None:
        """Where we find what the engine calls by this path; None where we cannot."""
        absolute = os.path.join(self.cwd, path)
        if self.inside:
            return self.context.path(f"/proc/{self.engine.pid}/root{absolute}")
        if self.container is None:
            return self.context.path(absolute)
        for mount in sorted(self.container["mounts"], key=lambda one: -len(one["destination"])):
            rest = os.path.relpath(absolute, mount["destination"] or "/")
            if mount["source"].startswith("/") and not rest.startswith(".."):
                return self.context.path(os.path.normpath(os.path.join(mount["source"], rest)))
        return None


def _uid(user: str | None) -> int | None:
    try:
        return pwd.getpwnam(user).pw_uid if user else None
    except KeyError:
        return None


def _model(place: _Place) -> dict[str, t.Any] | None:
    name = place.engine.flags.get("--model", "")
    if not name:
        raise ValueError("its command line names none")
    folder = place.path(name)
    if folder is not None and os.path.isfile(os.path.join(folder, "config.json")):
        return {"id": None, "name": os.path.basename(name.rstrip("/")), "on_disk": True, **_read_folder(folder)}
    if name.startswith(("/", ".", "~")) or name.count("/") != 1:
        raise ValueError(f"{name} is no folder with a config.json, as far as can be seen from here")
    snapshot = _snapshot(place, name)
    if snapshot is not None:
        return {"id": name, "name": name.rsplit("/", 1)[-1], "on_disk": True, **_read_folder(snapshot)}
    return {"id": name, "name": name.rsplit("/", 1)[-1], "on_disk": False, "config": None, "weight_bytes": None, "other_bytes": 0}


def _snapshot(place: _Place, model_id: str) -> str | None:
    """The checkpoint in the hub's cache that the engine uses."""
    hub = place.engine.flags.get("--download-dir") or next(path for name, path, _set in cache_paths(place.engine.env or {}) if name == "HF_HUB_CACHE")
    folder = place.path(os.path.join(hub, "models--" + model_id.replace("/", "--")))
    if folder is None:
        return None
    names = sorted(glob.glob(os.path.join(folder, "snapshots", "*")), key=os.path.getmtime)
    main = _line(os.path.join(folder, "refs/main"))
    chosen = [one for one in names if os.path.basename(one) == main] or names[-1:]
    return next((one for one in chosen if os.path.isfile(os.path.join(one, "config.json"))), None)


def _read_folder(folder: str) -> dict[str, t.Any]:
    with open(os.path.join(folder, "config.json"), encoding="utf-8") as handle:
        config = json.loads(handle.read(_MAX_CONFIG))
    if not isinstance(config, dict):
        raise ValueError("its config.json holds no object")
    sizes = {one.name: one.stat().st_size for one in os.scandir(folder) if one.name.endswith(_WEIGHTS) and one.is_file()}
    used = weight_files(sizes)
    loaded = sum(sizes[name] for name in used)
    others = sorted(name for name in sizes if name not in used and "training_args" not in name)
    return {"config": config, "weight_bytes": loaded or None, "other_bytes": sum(sizes[name] for name in others), "others": others[:3]}


def _template(place: _Place) -> dict[str, str] | None:
    """The state of a chat template that is named by its path."""
    value = place.engine.flags.get("--chat-template", "")
    if not value or _TEMPLATE_TEXT.search(value) or not ("/" in value or value.endswith(".jinja")):
        return None
    path = place.path(value)
    if path is None:
        # Not mounted into a container that is not running: the image may bring it.
        return None
    try:
        state = "folder" if os.path.isdir(path) else "ok" if os.path.isfile(path) else "missing"
        os.stat(os.path.dirname(path))
    except FileNotFoundError:
        state = "missing"
    except OSError:
        return {"path": value, "state": "unseen"}
    if state == "ok" and not place.engine.running and place.uid is not None and not _access.may(path, place.uid, _access.groups(place.uid), os.R_OK):
        state = "closed"
    return {"path": value, "state": state}


def _version(place: _Place) -> str | None:
    """Of the engine's own environment, or by its image's tag."""
    one = place.engine
    patterns = ["/usr/local/lib/python3*/dist-packages", "/opt/venv/lib/python3*/site-packages"] if place.inside else []
    venv = None if place.inside or place.container is not None else environment_of([place.context.path(word) for word in one.argv[:2]], {}, place.cwd)
    if venv:
        patterns = [os.path.join(venv, "lib/python3*/site-packages")]
    for pattern in patterns:
        base = pattern if venv else place.path(pattern) or pattern
        for folder in glob.glob(os.path.join(base, "vllm*.dist-info")):
            match = _DISTRIBUTION.match(os.path.basename(folder))
            if match:
                return match[1]
    tag = _IMAGE_VERSION.search(place.container["image"]) if place.container is not None else None
    return tag[1] if tag else None


def _line(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as handle:
            return handle.read(100).strip()
    except OSError:
        return None
