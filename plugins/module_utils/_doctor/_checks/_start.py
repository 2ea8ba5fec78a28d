# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an engine starts: whether what a start made is there at the next one, and what it was told of positions."""

from __future__ import annotations

import json
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._checks._memory import change
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._fit import Subject, subjects
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._log_signs import Start
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts, Outcome, Seen, Unseen
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._mounts import EPHEMERAL
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._registry import check

_NEEDS = ("processes", "services", "engine_files", "engine_logs")
_STRETCHING = ("yarn", "linear", "dynamic")
# Makers ship these without stretching; where their configuration has it, somebody put it there.
_PLAIN_FAMILIES = ("qwen2", "qwen2_moe", "qwen3", "qwen3_moe")
# A compilation that takes less is not worth keeping.
_LONG_COMPILATION_S = 5.0
_COMPILED = ("VLLM_CACHE_ROOT",)


@check("L35", "Positions stretched for nothing", ("warning",), _NEEDS, uses=["containers"])
def stretched(facts: Facts) -> t.Iterator[Outcome]:
    for one in subjects(facts):
        found = _stretching(one)
        length = one.engine.number("--max-model-len")
        if found is None or length is None or length > found[1]:
            continue
        kind, native, place = found
        yield Seen(
            "warning",
            f"{one.engine.where}: {place} stretches the positions ({kind}), and --max-model-len {length} is within the model's own {native:,}",
            "every text is stretched by the same factor, so short ones get worse and nothing is gained",
            change(one, [f"without it ({place})", "a context above the model's own"]),
        )


def _stretching(one: Subject) -> tuple[str, int, str] | None:
    """Kind, the length that the model was trained for, and what sets it; None where nothing is stretched, or its makers did it."""
    config = ((one.files or {}).get("model") or {}).get("config") or {}
    for flag in ("--rope-scaling", "--hf-overrides"):
        try:
            given = json.loads(one.engine.flags.get(flag, "null"))
        except ValueError:
            given = None
        if isinstance(given, dict):
            found = _rope(given if flag == "--rope-scaling" else given.get("rope_parameters") or given.get("rope_scaling"), config)
            if found is not None:
                return (*found, flag)
    text = config.get("text_config") or config
    if text.get("model_type") not in _PLAIN_FAMILIES:
        return None
    found = _rope(text.get("rope_scaling") or text.get("rope_parameters"), text)
    return (*found, "config.json") if found is not None else None


def _rope(settings: t.Any, config: t.Mapping[str, t.Any]) -> tuple[str, int] | None:
    if not isinstance(settings, dict):
        return None
    kind = str(settings.get("rope_type") or settings.get("type") or "")
    native = settings.get("original_max_position_embeddings") or config.get("max_position_embeddings")
    return (kind, native) if kind in _STRETCHING and isinstance(native, int) else None


@check("L71", "Each start does the last one's work again", ("info", "warning"), ("processes", "services", "engine_logs", "caches"), uses=["containers"])
def cold_starts(facts: Facts) -> t.Iterator[Outcome]:
    caches = {one["pid"]: one for one in facts["caches"]}
    for one in subjects(facts):
        eager = "--enforce-eager" in one.engine.flags and not one.engine.is_off("--enforce-eager")
        if not eager:
            yield from _compilation(one, facts, caches.get(one.engine.pid))
        yield from _bytecode(one, caches.get(one.engine.pid))
    yield from map(Unseen, (*facts.gaps.get("caches", ()), *facts.gaps.get("engine_logs", ())))


def _compilation(one: Subject, facts: Facts, caches: t.Mapping[str, t.Any] | None) -> t.Iterator[Outcome]:
    where = one.engine.where
    if (one.engine.env or {}).get("VLLM_DISABLE_COMPILE_CACHE", "0").lower() in ("1", "true"):
        yield Seen(
            "warning",
            f"{where}: VLLM_DISABLE_COMPILE_CACHE is set",
            "what torch.compile makes is thrown away, so each start compiles the model anew",
            f"{one.engine.edit}   # without VLLM_DISABLE_COMPILE_CACHE",
        )
        return
    closed = [place for place in (caches or {}).get("caches", ()) if place["variable"] in _COMPILED and place.get("writable") is False]
    for place in closed:
        yield Seen(
            "warning",
            f"{where} cannot write {place['path']}, where compiled graphs are kept ({place['variable']})",
            "the folder belongs to another account, or the service's sandbox closes it, so each start compiles the model anew",
            f"{one.engine.edit}   # {place['variable']} in a folder that the service may write",
        )
    starts: list[Start] = next((log["starts"] for log in facts["engine_logs"] if log["where"] == where), [])
    seconds = [_compiled_s(start) for start in starts if start["arguments"] is not None and start["arguments"] == starts[-1]["arguments"]]
    lost = any(place["variable"] in _COMPILED and place["type"] in EPHEMERAL for place in (caches or {}).get("caches", ()))
    if len(seconds) > 1 and min(seconds) >= _LONG_COMPILATION_S and not closed and not lost:
        yield Seen(
            "warning",
            f"{where}: the last {len(seconds)} starts with the same arguments compiled the model anew, {seconds[-1]:.0f} s the last time",
            "the folder of compiled graphs is emptied between starts, or is another one each time",
            f"{one.engine.edit}   # VLLM_CACHE_ROOT on a disk that stays",
        )


def _compiled_s(start: t.Mapping[str, t.Any]) -> float:
    """Seconds that a start spent compiling; none where it took what an earlier one left."""
    found = start["signs"].get("compiled")
    return float(found[0]) if found and "from_cache" not in start["signs"] else 0.0


def _bytecode(one: Subject, caches: t.Mapping[str, t.Any] | None) -> t.Iterator[Outcome]:
    if caches is not None and caches.get("bytecode") is False:
        yield Seen(
            "info",
            f"{one.engine.where}: Python keeps no bytecode of the engine's packages",
            "PYTHONDONTWRITEBYTECODE is set, or the service may not write into its environment, so each start compiles thousands of modules",
            f"{one.engine.edit}   # PYTHONPYCACHEPREFIX in a folder that the service may write, without PYTHONDONTWRITEBYTECODE",
        )
