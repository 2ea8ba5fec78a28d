# Copyright: (c) 2026, inferhost contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Disks and caches."""

from __future__ import annotations

import shlex
import typing as t

from ansible_collections.inferhost.llm.plugins.module_utils._doctor._model import Facts, Outcome, Seen, Unseen
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._mounts import EPHEMERAL
from ansible_collections.inferhost.llm.plugins.module_utils._doctor._registry import check

GIB = 1 << 30
# A model of a few billion parameters is a download of some 10 GiB.
_LITTLE_BYTES = 20 * GIB
_WORTH_GROWING_BYTES = 10 * GIB
_FULL = 0.02
_NEARLY_FULL = 0.10
# Temporary files in memory are fine, a cache of models is not.
_MAY_BE_IN_MEMORY = ("TMPDIR", "TORCHINDUCTOR_CACHE_DIR")


def gib(count: int) -> str:
    return f"{count / GIB:.1f} GiB"


# Refusals of storage_plan that say that there is room, and what is between.
_ROOM_BEHIND = ("partition_behind", "several_pvs", "too_few_pvs", "mbr_limit")
# Those that say that the layers could not be seen.
_LAYERS_UNSEEN = ("lvm_unreadable", "lv_unknown", "vg_unknown", "pv_unknown", "partition_unknown")


@check("L06", "Models on a volume that could be larger", ("info", "warning", "error"), ["storage"], uses=["growth"])
def growable(facts: Facts) -> t.Iterator[Outcome]:
    planned: set[str] = set()
    unseen: dict[str, str] = {}
    for plan in facts.values.get("growth", ()):
        refusal = plan["refusal"] or {"code": ""}
        if refusal["code"] in _LAYERS_UNSEEN:
            unseen[plan["mount_point"]] = f"{refusal['seen']}; {refusal['remedy']}"
        else:
            planned.add(plan["mount_point"])
            yield from _planned(plan, refusal)
    yield from _by_sysfs(facts, planned)
    if "growth" in facts.missing:
        yield Unseen(facts.missing["growth"])
    # Of a logical volume sysfs alone tells something, without root too.
    known = {one["mount"] for one in facts["storage"]["filesystems"] if one["growable"]}
    yield from (Unseen(why) for mount, why in unseen.items() if mount not in known)
    yield from _gaps(facts)


def _planned(plan: t.Mapping[str, t.Any], refusal: t.Mapping[str, t.Any]) -> t.Iterator[Outcome]:
    """The whole way from the disk to the filesystem, by storage_plan."""
    mount, now, more = plan["mount_point"], plan["free"]["now_bytes"], plan["free"]["growth_bytes"]
    short = now < _LITTLE_BYTES
    if plan["steps"] and more >= _WORTH_GROWING_BYTES:
        layers = ", ".join(dict.fromkeys(step["action"] for step in plan["steps"]))
        yield Seen(
            "error" if short else "info",
            f"{mount} has {gib(now)} free, and {gib(more)} more can be had while it is in use ({layers})",
            "the installer or the image made the partition or the logical volume smaller than the disk",
            " && ".join([*_install(plan["missing"]), *("sudo " + shlex.join(step["command"]) for step in plan["steps"])]),
        )
    elif short and refusal["code"] in _ROOM_BEHIND:
        cause = "the disk has room that the filesystem cannot reach without a person's decision"
        yield Seen("warning", f"{mount} has {gib(now)} free; {refusal['seen']}", cause, f"lsblk; sudo pvs; sudo vgs   # {refusal['remedy']}")


def _install(programs: t.Container[str]) -> list[str]:
    """Of the programs that grow a layer only this one is not where the layer is."""
    return ["sudo apt-get install cloud-guest-utils"] if "growpart" in programs else []


def _by_sysfs(facts: Facts, planned: t.Container[str]) -> t.Iterator[Outcome]:
    """What is left of the volume group, where the plan could not be made."""
    for one in facts["storage"]["filesystems"]:
        room = None if one["mount"] in planned else one["growable"]
        if room and room["bytes"] >= _WORTH_GROWING_BYTES:
            short = one["free_bytes"] < _LITTLE_BYTES
            yield Seen(
                "error" if short else "info",
                f"{one['mount']} ({gib(one['total_bytes'])}, {gib(one['free_bytes'])} free) holds models; its volume group has {gib(room['bytes'])} more",
                "the installer made the logical volume smaller than the disk",
                f"sudo lvextend --resizefs --extents +100%FREE {room['device']}",
            )


@check("L22", "No room for a model", ("warning", "error"), ["storage"])
def free_space(facts: Facts) -> t.Iterator[Outcome]:
    for one in facts["storage"]["filesystems"]:
        share = one["free_bytes"] / one["total_bytes"] if one["total_bytes"] else 1.0
        if share >= _NEARLY_FULL or one["free_bytes"] >= _LITTLE_BYTES:
            continue
        yield Seen(
            "error" if share < _FULL else "warning",
            f"{one['mount']} has {gib(one['free_bytes'])} of {gib(one['total_bytes'])} left ({share:.0%}); models are kept in {', '.join(one['holds'])}",
            "a download needs the whole checkpoint's size; quantising at load time does not make it smaller",
            f"du -xh --max-depth=2 {' '.join(one['holds'])} | sort -h | tail",
        )
    yield from _gaps(facts)


@check("L23", "Partial downloads", ("warning",), ["storage"])
def partial_downloads(facts: Facts) -> t.Iterator[Outcome]:
    partial = sorted(facts["storage"]["partial"], key=lambda one: -one["bytes"])
    if partial:
        folder = partial[0]["path"].rpartition("/")[0]
        yield Seen(
            "warning",
            f"{len(partial)} partial downloads hold {gib(sum(one['bytes'] for one in partial))}, the largest in {folder}",
            "a download broke off, or one is running; a retry that starts anew may find no room",
            "rm -i " + " ".join(one["path"] for one in partial[:3]) + "   # only while no download is running",
        )
    yield from _gaps(facts)


@check("L70", "Caches that do not outlive the machine", ("info", "warning"), ["caches"])
def caches(facts: Facts) -> t.Iterator[Outcome]:
    for engine in facts["caches"]:
        yield from _engine(engine)
    for gap in facts.gaps.get("caches", ()):
        yield Unseen(gap)


def _engine(engine: t.Mapping[str, t.Any]) -> t.Iterator[Outcome]:
    lost = [one for one in engine["caches"] if one["type"] in EPHEMERAL and not (one["type"] == "tmpfs" and one["variable"] in _MAY_BE_IN_MEMORY)]
    elsewhere = engine["root_mount"] not in (None, "/")
    beside = [one for one in engine["caches"] if elsewhere and one["mount"] == "/" and one not in lost and one["variable"] not in _MAY_BE_IN_MEMORY]
    places = [point for point in engine["persistent"] if point != "/"]
    target = engine["root_mount"] if elsewhere else next(iter(places), None)
    if not lost and not beside:
        return
    chosen = all(one["set"] for one in lost + beside)
    shown = ", ".join(f"{one['variable']} {'=' if one['set'] else '(not set)'} {one['path']} on {one['type']}" for one in lost + beside)
    settings = " ".join(f"{one['variable']}={target}/cache/{one['variable'].lower()}" for one in lost + beside)
    yield Seen(
        "warning" if target else "info",
        f"vLLM (process {engine['pid']}) keeps caches where they are {'lost with the container' if lost else 'not on the data volume'}: {shown}",
        f"the variables {'point there' if chosen else 'are not set for the service'}, so downloads and compiled kernels are made anew",
        f"env {settings} vllm serve …   # set them in the service" if target else "df -hT   # attach a volume, then point the cache variables at it",
    )


def _gaps(facts: Facts) -> t.Iterator[Outcome]:
    for gap in facts.gaps.get("storage", ()):
        yield Unseen(gap)
